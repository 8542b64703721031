"""Run by the host's own Python: StyleID on tiny models, against its authors' whole runs.

python styleid_checks.py COMFYUI ROOT FOLDER
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
import comfy.model_management as mm
import torch
from torch import Tensor

from style_atelier.models.diffusion.injection import Injection, initial
from style_atelier.models.diffusion.schedule import variance_preserving
from style_atelier.models.diffusion.trajectory import lost
from style_atelier.nodes.diffusion.sampling import Steps
from style_atelier.nodes.diffusion.style_injection import InvertLatent, StyleInjection
from style_atelier.nodes.diffusion.style_transfer import StyleTransferSD
from style_atelier.nodes.diffusion.styleid import brought_back, inverted, painted
from style_atelier.nodes.diffusion.unets import fine_output_blocks
from style_atelier.tests.host.checks import run_all
from style_atelier.tests.host.diffusion_parts import condition, filled, golden, latent, relative, unchanged, weights_now
from style_atelier.tests.host.tiny_models import DEEP_SD15, DEEP_SDXL, SD15, TinyVAE, model, text_encoder

MEASURED: dict[str, float] = {}


def check_styleid_is_the_authors() -> None:
    """The whole method, 10 and 50 steps, by the nodes' own code: trajectories, the start, the picture, and the way back."""
    found, meta = golden("styleid_transfer")
    patcher, _ = filled(meta)
    before = weights_now(patcher)
    text = [[found["empty_text"], {}]]
    blocks = fine_output_blocks(patcher)
    assert blocks == tuple(("output", number) for number in meta["layers"])
    for count in (10, 50):
        ways = {}
        for name in ("content", "style"):
            way = inverted(patcher, text, found[name], count, Steps(patcher, count))
            MEASURED[f"{name} inverted, {count}"] = relative(way.end, found[f"{name}_inverted_{count}"])
            ways[name] = way
            middle = found[f"{name}_inverted_half_{count}"]
            nearest = min(relative(variance_preserving(p, s), middle) for p, s in zip(way.points, way.sigmas, strict=False))
            MEASURED[f"{name} half way, {count}"] = nearest
        back = brought_back(patcher, ways["content"], Steps(patcher, count))
        MEASURED[f"content back, {count}"] = relative(back, found[f"content_back_{count}"])
        start = initial(ways["content"].end, [ways["style"].end], Injection())
        MEASURED[f"start, {count}"] = relative(start, found[f"initial_{count}"])
        for gamma in (0.75, 0.3):
            wanted = Injection(gamma, meta["T"])
            made = painted(patcher, ways["content"], [ways["style"]], wanted, blocks, Steps(patcher, count))
            MEASURED[f"gamma {gamma:g}, {count}"] = relative(made, found[f"out_{gamma:g}_{count}"])
    assert max(MEASURED.values()) <= 1e-4, MEASURED
    assert unchanged(before, patcher)


INJECT = {"style_weights": "", "strength": 1.0, "gamma": 0.75, "temperature": 1.5, "blocks": ""}


def inject(patcher: Any, content: Any, styles: dict[str, Any], **settings: Any) -> Any:
    return StyleInjection.execute(patcher, content, styles, **{**INJECT, **settings})


def check_styleids_nodes() -> None:
    """The three nodes on both kinds of model: the box is its parts, strength 0 is the photo, masks keep the rest to the bit."""
    for kind, config in (("SD15", DEEP_SD15), ("SDXL", DEEP_SDXL)):
        patcher = model(kind, config)
        before, text = weights_now(patcher), condition(kind)
        ways = [InvertLatent.execute(patcher, text, latent(i), 6, i == 0).result[0] for i in range(3)]
        assert ways[0].error is not None
        one, report = inject(patcher, ways[0], {"style0": ways[1]}).result
        assert "output" in report
        assert "MiB" in report
        back = inject(patcher, ways[0], {"style0": ways[1]}, strength=0.0).result[0]["samples"]
        assert relative(back, one["samples"]) > 1e-3
        assert abs(ways[0].error - lost(back, latent(0)["samples"])) < 1e-5
        left = torch.zeros(1, 16, 16)
        left[..., :8] = 1
        masked = inject(patcher, ways[0], {"style0": ways[1]}, masks={"mask0": left}).result[0]["samples"]
        assert float((masked[..., 8:] - latent(0)["samples"][..., 8:]).abs().max()) < 1e-5
        assert float((masked[..., :8] - latent(0)["samples"][..., :8]).abs().max()) > 1e-2
        styles = {"style0": ways[1], "style1": ways[2]}
        both = inject(patcher, ways[0], styles, style_weights="1, 0").result[0]["samples"]
        assert relative(both, one["samples"]) < 1e-4
        narrow = inject(patcher, ways[0], {"style0": ways[1]}, blocks="output 3").result[0]
        assert relative(narrow["samples"], one["samples"]) > 1e-4
        batch = {"samples": torch.cat([latent(0)["samples"], latent(2)["samples"]])}
        pair = InvertLatent.execute(patcher, text, batch, 6, False).result[0]
        two = inject(patcher, pair, {"style0": ways[1]}).result[0]["samples"]
        assert relative(two[:1], one["samples"]) < 1e-4
        assert unchanged(before, patcher)


def counting(patcher: Any) -> tuple[Any, list[int]]:
    """The patcher, and how many rows each call of its network had."""
    rows: list[int] = []

    def counted(apply: Any, given: dict[str, Any]) -> Tensor:
        rows.append(len(given["input"]))
        return apply(given["input"], given["timestep"], **given["c"])

    made = patcher.clone()
    made.set_model_unet_function_wrapper(counted)
    return made, rows


def check_what_it_costs() -> None:
    """As the help page counts: N + S N single pictures, N - 1 batches of S + 2; N + 1 latents are kept of each picture."""
    for kind, config, side in (("SD15", DEEP_SD15, 16), ("SDXL", DEEP_SDXL, 32)):
        patcher, rows = counting(model(kind, config))
        text = condition(kind)
        ways = [InvertLatent.execute(patcher, text, latent(i, 1, 4, side, side), 5, False).result[0] for i in range(3)]
        assert rows == [1] * 15
        rows.clear()
        inject(patcher, ways[0], {"style0": ways[1], "style1": ways[2]})
        assert rows == [4] * 4
        assert ways[0].bytes == 4 * 5 * 4 * side * side
        assert ways[0].end.numel() == 4 * side * side
    assert 4 * 51 * 4 * 64 * 64 / 1024**2 == 3.1875  # SD1.5 at 512 x 512, 50 steps
    assert 4 * 51 * 4 * 128 * 128 / 1024**2 == 12.75  # SDXL at 1024 x 1024


def check_styleids_box() -> None:
    patcher, clip, vae = model("SD15", DEEP_SD15), text_encoder(), TinyVAE()
    photo, painting, other = (torch.rand(1, 96, 128, 3, generator=torch.Generator().manual_seed(i)) for i in range(3))
    settings = {"preset": "balanced (as published)", "strength": 1.0, "style_weights": "", "steps": 6, "size": 64}

    def boxed(content: Tensor, **changes: Any) -> tuple[Tensor, str]:
        return StyleTransferSD.execute(patcher, clip, vae, content, {"style0": painting}, **{**settings, **changes}).result

    made, report = boxed(photo)
    assert made.shape == (1, 64, 88, 3)
    assert "StyleID" in report
    for preset in ("keep the drawing", "most style"):
        freer = StyleTransferSD.execute(patcher, clip, vae, photo, {"style0": painting}, **{**settings, "preset": preset}).result[
            0
        ]
        assert float((freer - made).abs().max()) > 1e-4
    report = StyleTransferSD.execute(patcher, clip, vae, photo, {"style0": painting}, **{**settings, "strength": 0.0}).result[1]
    assert "loses" in report
    top = torch.zeros(1, 96, 128)
    top[:, :48] = 1
    regions = StyleTransferSD.execute(
        patcher,
        clip,
        vae,
        torch.cat([photo, photo.flip(1)]),
        {"style0": painting, "style1": other},
        **settings,
        content_masks={"content_mask0": top, "content_mask1": 1 - top},
    ).result[0]
    assert regions.shape == (2, 64, 88, 3)
    assert bool(torch.isfinite(regions).all())
    alpha = torch.cat([photo, torch.ones(1, 96, 128, 1)], dim=3)
    assert boxed(alpha)[0].shape == (1, 64, 88, 4)


def check_a_stop_is_heard() -> None:
    """Between two steps, by the host's own exception."""
    patcher = model("SD15", SD15)
    mm.interrupt_current_processing(True)
    try:
        InvertLatent.execute(patcher, condition("SD15"), latent(0), 6, False)
    except mm.InterruptProcessingException:
        return
    finally:
        mm.interrupt_current_processing(False)
    raise AssertionError("it went on")


if __name__ == "__main__":
    run_all(globals(), MEASURED)
