"""Run by the host's own Python: DEADiff on tiny models of SD1.5's shape.

python deadiff_checks.py COMFYUI ROOT FOLDER
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
import comfy.model_patcher
import comfy.sample
import comfy.samplers
import comfy.supported_models
import folder_paths
import torch
from torch import Tensor

from style_atelier.models.families.deadiff.network import CONTENT_PLACES
from style_atelier.nodes.diffusion.deadiff import ApplyDEADiff, LoadDEADiff, entry_of
from style_atelier.nodes.diffusion.joint_attention import JointAttention
from style_atelier.nodes.diffusion.unets import attend, attention_blocks, replace, replaced
from style_atelier.nodes.host.folders import register_folder
from style_atelier.tests.families.deadiff_files import deadiff_file
from style_atelier.tests.host.checks import refused, run_all
from style_atelier.tests.host.diffusion_parts import filled, golden, unchanged, weights_now
from style_atelier.tests.host.tiny_models import DEEP_SD15, DEEP_SDXL, SD15, clip_vision, model

MEASURED: dict[str, float] = {}
PREFIX = {"input": "input_blocks", "output": "output_blocks"}
NAME = "deadiff_v1.ckpt"
folder_paths.models_dir = str(FOLDER / "models")
register_folder()
OWN = FOLDER / "models" / "style_atelier"
OWN.mkdir(parents=True, exist_ok=True)
folder_paths.folder_names_and_paths["style_atelier"] = ([str(OWN)], {".safetensors", ".ckpt"})


def attended(patcher: Any, tensors: dict[str, Tensor], tokens: dict[str, Tensor | None], weight: float) -> Any:
    """The patcher with tokens for each word in its layers, by the node's own replacement; None for zeros."""
    made = patcher.clone()
    for place in attention_blocks(patcher):
        word = "content" if place in CONTENT_PLACES else "style"
        block = "middle_block.1" if place[0] == "middle" else f"{PREFIX[place[0]]}.{place[1]}.1"
        name = f"model.diffusion_model.{block}.transformer_blocks.0.attn2"
        given = tokens[word]
        pair = None if given is None else tuple(given @ tensors[f"{name}.i_to_{each}.weight"].T for each in "kv")
        replace(made, "attn2", place, 0, JointAttention((entry_of(pair, 16, weight, float("inf"), -1.0),)))
    return made


MODES = {"style": ("style",), "content": ("content",), "both": ("style", "content")}


def check_a_step_is_the_authors() -> None:
    found, meta = golden("deadiff_unet_tiny")
    patcher, tensors = filled(meta)
    before = weights_now(patcher)
    unet, time = patcher.model.diffusion_model, torch.tensor(meta["t"])
    MEASURED["plain"] = float((unet(found["x"], time, context=found["text"]) - found["plain"]).abs().max())
    for mode, words in MODES.items():
        tokens = {word: found[word] if word in words else None for word in MODES}
        for weight in (0.0, 1.0, 1.6):
            made = attended(patcher, tensors, tokens, weight)
            options = {**made.model_options["transformer_options"], "cond_or_uncond": [0], "sigmas": torch.ones(1)}
            out = unet(found["x"], time, context=found["text"], transformer_options=options)
            MEASURED[f"step, {mode} {weight:g}"] = float((out - found[f"{mode}_{weight:g}"]).abs().max())
    assert max(MEASURED.values()) <= 1e-4, MEASURED
    assert unchanged(before, patcher)


def check_sampling_is_the_authors() -> None:
    """Five guided DDIM steps to 1e-4 of the largest value, with no pictures in the negative prompt's rows."""
    found, meta = golden("deadiff_sampling_tiny")
    patcher, tensors = filled(golden("deadiff_unet_tiny")[1])
    sampling = patcher.model.model_sampling
    for mode in ("style", "both"):
        made = attended(patcher, tensors, {w: found[w] if w in MODES[mode] else None for w in MODES}, meta["img_weight"])
        # The authors' sampling ends at the first timestep, not without noise, and begins with unit variance.
        sigmas = torch.cat([sampling.sigmas[meta["timesteps"]].flip(0), sampling.sigmas[:1]])
        guider = comfy.samplers.CFGGuider(made)
        guider.set_conds([[found["text"], {}]], [[found["negative"], {}]])
        guider.set_cfg(meta["cfg"])
        noise = found["x_T"] * (1 + sigmas[0] ** 2) ** 0.5 / sigmas[0]
        euler = comfy.samplers.sampler_object("euler")
        out = guider.sample(noise, torch.zeros_like(noise), euler, sigmas, disable_pbar=True)
        ours = patcher.model.process_latent_in(out) / (1 + sigmas[-1] ** 2) ** 0.5
        wanted = found[f"{mode}_out"]
        MEASURED[f"sampling, {mode}"] = float((ours - wanted).abs().max() / wanted.abs().max())
        assert MEASURED[f"sampling, {mode}"] <= 1e-4, MEASURED


def file() -> None:
    if not (OWN / NAME).exists():
        torch.save({"state_dict": deadiff_file()}, OWN / NAME)


def vision(width: int = 48) -> Any:
    return clip_vision(None, hidden_size=width)


def apply(patcher: Any, **settings: Any) -> tuple[Any, ...]:
    file()
    pictures = {"picture0": torch.rand(1, 40, 60, 3, generator=torch.Generator().manual_seed(0))}
    defaults = {"pictures": pictures, "word": "style", "weight": 1.0, "start": 0.0, "end": 1.0, "clip_vision": vision()}
    return ApplyDEADiff.execute(patcher, LoadDEADiff.execute(NAME).result[0], **{**defaults, **settings}).result


def condition(seed: int) -> list[Any]:
    return [[torch.randn(1, 7, 32, generator=torch.Generator().manual_seed(seed)), {}]]


def sampled(patcher: Any, callback: Any = None) -> Tensor:
    noise = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(5))
    return comfy.sample.sample(
        patcher, noise, 4, 2.0, "euler", "normal", condition(1), condition(2), torch.zeros(2, 4, 8, 8), seed=5, callback=callback
    )


def check_the_nodes() -> None:
    """Through the authors' kind of file: weights, words, ranges, stacking, and the model as it was."""
    patcher = model("SD15", DEEP_SD15)
    before, plain = weights_now(patcher), sampled(patcher)
    made, report = apply(patcher)
    assert "style of 1 pictures in 11 of 16" in report, report
    styled = sampled(made)
    assert not torch.equal(styled, plain)
    assert (OWN / f"{NAME}.style.converted.safetensors").is_file()
    assert not (OWN / f"{NAME}.content.converted.safetensors").exists()
    content = sampled(apply(patcher, word="content")[0])
    assert not torch.equal(content, styled)
    assert torch.equal(sampled(apply(patcher, weight=0.0)[0]), plain)
    assert torch.equal(sampled(apply(patcher, start=0.0, end=0.0)[0]), plain)
    assert torch.equal(sampled(patcher), plain)
    seen: dict[str, list[Tensor]] = {}
    for name, chosen in (("plain", patcher), ("late", apply(patcher, start=0.6)[0])):
        kept: list[Tensor] = []
        sampled(chosen, lambda i, x0, x, n, kept=kept: kept.append(x0.clone()))
        seen[name] = kept
    assert torch.equal(seen["late"][0], seen["plain"][0])
    assert not torch.equal(seen["late"][-1], seen["plain"][-1])
    # The style of one and the content of another: tokens in every layer, and in either order the same.
    orders = [sampled(apply(apply(patcher, word=a)[0], word=b)[0]) for a, b in (("style", "content"), ("content", "style"))]
    assert torch.equal(*orders)
    assert not torch.equal(orders[0], styled)
    assert unchanged(before, patcher)


def check_it_stacks_with_others() -> None:
    """What another node had put there gets the joined keys, and what comes later is added as IPAdapter nodes do."""
    patcher = model("SD15", DEEP_SD15)
    lengths: list[int] = []

    def noting(q: Tensor, k: Tensor, v: Tensor, options: dict[str, Any]) -> Tensor:
        lengths.append(k.shape[1])
        return attend(q, k, v, options)

    first = patcher.clone()
    first.set_model_attn2_replace(noting, "output", 4)
    made = apply(first)[0]
    assert torch.equal(sampled(made), sampled(apply(patcher)[0]))
    assert set(lengths) == {7 + 4}
    late = apply(patcher)[0]
    found: Any = replaced(late, "attn2", ("output", 4), 0)
    found.add(lambda out, q, k, v, options, **_: out * 0 + 1.0, sigma_start=1e9, sigma_end=0.0)
    assert not torch.equal(sampled(late), sampled(apply(patcher)[0]))


def check_several_pictures_are_averaged() -> None:
    patcher = model("SD15", DEEP_SD15)
    one = torch.rand(1, 40, 60, 3, generator=torch.Generator().manual_seed(0))
    wide = torch.rand(1, 20, 90, 3, generator=torch.Generator().manual_seed(1))
    both, report = apply(patcher, pictures={"picture0": one, "picture1": wide})
    assert "2 pictures" in report
    twice = apply(patcher, pictures={"picture0": torch.cat([one, one])})[0]
    torch.testing.assert_close(sampled(twice), sampled(apply(patcher)[0]), rtol=1e-4, atol=1e-4)
    assert not torch.equal(sampled(both), sampled(twice))


def check_bad_input() -> None:
    patcher = model("SD15", DEEP_SD15)
    (OWN / "other.safetensors").write_bytes(b"nothing")
    cases = {
        "is SDXL and DEADiff is for SD1.5": lambda: apply(model("SDXL", DEEP_SDXL)),
        "and DEADiff is for SD1.5": lambda: apply(model("SD15", SD15)),
        "DEADiff reads CLIP ViT-L/14": lambda: apply(patcher, clip_vision=vision(64)),
        "connect Load CLIP Vision": lambda: apply(patcher, clip_vision=object()),
        "pictures holds no picture": lambda: apply(patcher, pictures={}),
        "picture0 holds no picture": lambda: apply(patcher, pictures={"picture0": torch.zeros(0, 8, 8, 3)}),
        "is before start": lambda: apply(patcher, start=0.5, end=0.1),
        "connect Load DEADiff": lambda: ApplyDEADiff.execute(
            patcher, object(), vision(), {"picture0": torch.zeros(1, 8, 8, 3)}, "style", 1.0, 0.0, 1.0
        ),
    }
    for words, work in cases.items():
        said = refused(work)
        assert words in said, (words, said)


if __name__ == "__main__":
    run_all(globals(), MEASURED)
