"""Run by the host's own Python: style noise, guidance by moments, Attention Distillation, and what is refused, on tiny models.

python style_checks.py COMFYUI ROOT FOLDER
"""

import sys
import types
from pathlib import Path
from typing import Any

COMFYUI, ROOT, FOLDER = (Path(argument) for argument in sys.argv[1:4])
sys.argv = sys.argv[:1]
sys.path[0] = str(COMFYUI)  # instead of this folder, which has a comfy.py of its own
pack = types.ModuleType("style_atelier")
pack.__path__ = [str(ROOT)]
sys.modules["style_atelier"] = pack

import comfy.cli_args

comfy.cli_args.args.cpu = True
import comfy.model_sampling
import comfy.sample
import comfy.samplers
import torch
from torch import Tensor

from style_atelier.models.diffusion.schedule import variance_preserving
from style_atelier.models.diffusion.style_noise import draw
from style_atelier.nodes.diffusion.attention_objective import AttentionObjective
from style_atelier.nodes.diffusion.optimize_latent import OptimizeLatent
from style_atelier.nodes.diffusion.style_guidance import StyleGuidance
from style_atelier.nodes.diffusion.style_injection import InvertLatent, StyleInjection
from style_atelier.nodes.diffusion.style_noise import StyleNoise
from style_atelier.nodes.diffusion.style_transfer import StyleTransferSD
from style_atelier.tests.host.checks import refused, run_all
from style_atelier.tests.host.diffusion_parts import condition, drawn, latent, relative, unchanged, weights_now
from style_atelier.tests.host.tiny_models import DEEP_SD15, DEEP_SDXL, SD15, SDXL, TinyVAE, model, text_encoder

MEASURED: dict[str, float] = {}


def sampled(patcher: Any, kind: str, start: Tensor, seed: int = 5, **settings: Any) -> Tensor:
    chosen = {"steps": 4, "cfg": 2.0, "sampler_name": "euler", "scheduler": "normal", **settings}
    noise = drawn(*start.shape, seed=seed)
    return comfy.sample.sample(
        patcher, noise, positive=condition(kind), negative=condition(kind, 2), latent_image=start, seed=seed, **chosen
    )


def guide(patcher: Any, style: Any, **settings: Any) -> Any:
    return StyleGuidance.execute(
        patcher, style, **{"method": "adain", "strength": 1.0, "start": 0.0, "end": 1.0, **settings}
    ).result[0]


def check_guidance_by_moments() -> None:
    """The prediction has the style's moments at the last step; strength 0 and empty ranges are no node, to the bit."""
    for kind, config in (("SD15", SD15), ("SDXL", SDXL)):
        patcher, empty = model(kind, config), torch.zeros(2, 4, 8, 8)
        before, plain = weights_now(patcher), sampled(patcher, kind, empty)
        style = {"samples": drawn(1, 4, 12, 20, seed=3) * 2 + 5}
        for method in ("adain", "zca", "cholesky", "optimal_transport"):
            made = sampled(guide(patcher, style, method=method), kind, empty)
            assert float((made.mean((2, 3)) - style["samples"].mean((2, 3))).abs().max()) < 1e-2
            assert float((made.std((2, 3)) / style["samples"].std((2, 3)) - 1).abs().max()) < 1e-2
        assert torch.equal(sampled(guide(patcher, style, strength=0.0), kind, empty), plain)
        assert torch.equal(sampled(guide(patcher, style, start=0.0, end=0.0), kind, empty), plain)
        # Until the range begins it is the plain sampling to the bit.
        seen: dict[str, list[Tensor]] = {}
        for name, chosen in (
            ("plain", patcher),
            ("late", guide(patcher, style, start=0.6)),
            ("early", guide(patcher, style, end=0.4)),
        ):
            kept: list[Tensor] = []
            sampled(chosen, kind, empty, callback=lambda i, x0, x, n, kept=kept: kept.append(x0.clone()))
            seen[name] = kept
        assert torch.equal(seen["late"][0], seen["plain"][0])
        assert not torch.equal(seen["late"][-1], seen["plain"][-1])
        assert not torch.equal(seen["early"][0], seen["plain"][0])
        left = torch.zeros(1, 64, 64)
        left[..., :32] = 1
        kept = []
        sampled(guide(patcher, style, mask=left), kind, empty, callback=lambda i, x0, x, n, kept=kept: kept.append(x0.clone()))
        assert torch.equal(kept[0][..., 4:], seen["plain"][0][..., 4:])
        assert not torch.equal(kept[0][..., :4], seen["plain"][0][..., :4])
        assert unchanged(before, patcher)


def flow() -> Any:
    """A patcher that samples as flow models do."""

    class Sampling(comfy.model_sampling.ModelSamplingDiscreteFlow, comfy.model_sampling.CONST):
        pass

    patcher = model("SD15", SD15).clone()
    patcher.add_object_patch("model_sampling", Sampling())
    return patcher


def start_with(patcher: Any, **settings: Any) -> tuple[Any, ...]:
    defaults = {
        "statistics": "by element",
        "components": 3,
        "strength": 1.0,
        "width": 64,
        "height": 64,
        "batch_size": 2,
        "seed": 7,
    }
    return StyleNoise.execute(patcher, **{**defaults, **settings}).result


def check_style_noise() -> None:
    """What sampling begins with is the paper's x_T at ddim_uniform, 1e-6; strength 0 is an empty latent to the bit."""
    patcher = model("SD15", SD15)
    pictures = {"samples": drawn(5, 4, 8, 8, seed=2) + 1}
    for statistics in ("by element", "by channel", "lowest frequencies"):
        made, style, report = start_with(patcher, latents=pictures, statistics=statistics)
        assert "5 pictures" in report
        leak = draw(style.values, 1, 8, 8, torch.Generator().manual_seed(7))
        assert relative(patcher.model.process_latent_in(made["samples"][:1]), leak) < 1e-5
        again = start_with(patcher, style=style)[0]["samples"]
        assert torch.equal(again, made["samples"])
    seen: list[Tensor] = []

    def look(i: int, x0: Tensor, x: Tensor, n: int) -> None:
        seen.append(x.clone())

    start = made["samples"]
    noise = drawn(*start.shape, seed=5)
    sampled(patcher, "SD15", start, scheduler="ddim_uniform", callback=look)
    sigma = comfy.samplers.calculate_sigmas(patcher.model.model_sampling, "ddim_uniform", 4)[0]
    abar = 1 / (1 + sigma**2)
    wanted = abar**0.5 * patcher.model.process_latent_in(start) + (1 - abar) ** 0.5 * noise
    MEASURED["x_T"] = relative(variance_preserving(seen[0], sigma), wanted)
    assert MEASURED["x_T"] < 1e-5, MEASURED
    empty = start_with(patcher, latents=pictures, strength=0.0)[0]["samples"]
    assert torch.equal(sampled(patcher, "SD15", empty), sampled(patcher, "SD15", torch.zeros(2, 4, 8, 8)))
    images = {f"image{i}": torch.rand(1, 40 + 8 * i, 90, 3, generator=torch.Generator().manual_seed(i)) for i in range(3)}
    made = start_with(patcher, images=images, vae=TinyVAE(), width=96)[0]["samples"]
    assert made.shape == (2, 4, 8, 12)


def first_loss(objective: Any, start: Any) -> float:
    """The loss of a latent at the noisiest level, from the report of a single step."""
    report = OptimizeLatent.execute(objective, TinyVAE(), "content", 0, 0, 1, 0.05, False, 0, start_latent=start).result[2]
    return float(report.split("loss ")[1].split(" ")[0])


def check_attention_distillation() -> None:
    """The loss falls through the real UNet, weights stay to the bit, the same seed gives the same; textures of another size."""
    for kind, config in (("SD15", DEEP_SD15), ("SDXL", DEEP_SDXL)):
        patcher = model(kind, config)
        assert next(patcher.model.parameters()).is_inference()
        before = weights_now(patcher)
        content, style = latent(0), {"samples": drawn(2, 4, 8, 12, seed=1) * 2}
        weights = {"style_weight": 1.0, "content_weight": 0.25, "blocks": ""}
        wanted = AttentionObjective.execute(patcher, condition(kind), {"style0": style}, **weights, content=content).result[0]
        steps = {"width": 0, "height": 0, "steps": 8, "learning_rate": 0.05, "tileable": False, "seed": 3}
        made, image, report, curve = OptimizeLatent.execute(wanted, TinyVAE(), "content", **steps).result
        assert "8 steps" in report
        assert image.shape == (1, 128, 128, 3)
        assert curve.shape[-1] == 3
        again = OptimizeLatent.execute(wanted, TinyVAE(), "content", **steps).result[0]
        assert torch.equal(made["samples"], again["samples"])
        texture = AttentionObjective.execute(patcher, condition(kind), {"style0": style}, **weights).result[0]
        at: Any = content
        for _ in range(6):  # the gradient is the loss's: one level of noise over and over
            step = {**steps, "steps": 1, "learning_rate": 0.01}
            at = OptimizeLatent.execute(texture, TinyVAE(), "content", **step, start_latent=at).result[0]
        MEASURED[f"distillation, {kind}"] = first_loss(texture, at) / first_loss(texture, content)
        assert MEASURED[f"distillation, {kind}"] < 0.85, MEASURED
        chosen = {**steps, "width": 96, "height": 160, "tileable": True}
        tile, picture, *_ = OptimizeLatent.execute(texture, TinyVAE(), "noise", **chosen).result
        assert tile["samples"].shape == (1, 4, 20, 12)
        assert picture.shape == (1, 160, 96, 3)
        assert unchanged(before, patcher)
        assert all(tensor.is_inference() for tensor in patcher.model.diffusion_model.parameters())


INJECT = {"style_weights": "", "strength": 1.0, "gamma": 0.75, "temperature": 1.5, "blocks": ""}


def check_bad_input() -> None:
    """One sentence each, that names the input and what to do."""
    patcher, text = model("SD15", SD15), condition("SD15")
    way = InvertLatent.execute(patcher, text, latent(0), 4, False).result[0]
    weights = {"style_weight": 1.0, "content_weight": 0.25, "blocks": ""}

    def inverting(chosen: Any, prompt: Any, given: Any, steps: int = 4) -> Any:
        return InvertLatent.execute(chosen, prompt, given, steps, False).result[0]

    def injecting(content: Any, style: Any, **changes: Any) -> Any:
        return StyleInjection.execute(patcher, content, {"style0": style}, **{**INJECT, **changes})

    other = model("SDXL", SDXL)
    cases = {
        "a UNet such as SD1.5's": lambda: inverting(flow(), text, latent(0)),
        "is not a latent": lambda: inverting(patcher, text, object()),
        "has 4 channels: encode": lambda: inverting(patcher, text, latent(0, 1, 16, 8, 8)),
        "is 64 wide and the model reads 32": lambda: inverting(patcher, [[drawn(1, 7, 64), {}]], latent(0)),
        "conditioning is not a conditioning": lambda: inverting(patcher, None, latent(0)),
        "style0 is not a trajectory": lambda: injecting(way, latent(0)),
        "invert both with as many": lambda: injecting(way, inverting(patcher, text, latent(1), 5)),
        "scale the pictures to one size": lambda: injecting(way, inverting(patcher, text, latent(1, 1, 4, 16, 8))),
        "use one model for all": lambda: injecting(way, inverting(other, condition("SDXL"), latent(1))),
        "has no attention in this model": lambda: injecting(way, way, blocks="output 0"),
        "styles holds no trajectory": lambda: StyleInjection.execute(patcher, way, {}, **INJECT),
        "a flow model": lambda: start_with(flow(), latents=latent(0)),
        "images holds no picture": lambda: start_with(patcher),
        "vae is not connected": lambda: start_with(patcher, images={"image0": torch.rand(1, 8, 8, 3)}),
        "set width and height": lambda: start_with(
            patcher, latents=latent(0), images={"image0": torch.rand(1, 8, 8, 3)}, vae=TinyVAE()
        ),
        "are needed: take them": lambda: start_with(patcher, style=start_with(other, latents=latent(0))[1]),
        "is before start": lambda: guide(patcher, latent(0), start=0.5, end=0.2),
        "holds too little": lambda: guide(patcher, latent(0, 1, 4, 1, 1)),
        "style_weight is 0": lambda: AttentionObjective.execute(
            patcher, text, {"style0": latent(0)}, **{**weights, "style_weight": 0.0}
        ),
        "objective is not of a latent": lambda: OptimizeLatent.execute(object(), TinyVAE(), "noise", 0, 0, 1, 0.1, False, 0),
        "connect the VAE of the model's checkpoint": lambda: StyleTransferSD.execute(
            patcher,
            text_encoder(),
            TinyVAE(16),
            torch.rand(1, 64, 64, 3),
            {"style0": torch.rand(1, 64, 64, 3)},
            "balanced (as published)",
            1.0,
            "",
            4,
            64,
        ),
    }
    for words, work in cases.items():
        try:
            said = refused(work)
        except AssertionError as error:
            raise AssertionError(words) from error
        assert words in said, (words, said)


if __name__ == "__main__":
    run_all(globals(), MEASURED)
