"""Run by the host's own Python: the diffusion nodes on tiny models of Stable Diffusion's shapes. Prints one line of JSON.

python diffusion_checks.py COMFYUI ROOT FOLDER
"""

import json
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
import comfy.controlnet
import comfy.hooks
import comfy.model_base
import comfy.model_patcher
import comfy.sample
import comfy.supported_models
import comfy.utils
import folder_paths
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

import nodes as core
from style_atelier.models.families.controlnext import ControlNeXt, ControlNeXtConfig
from style_atelier.models.lora.blocks import BLOCKS, UNET_SETS, block_of
from style_atelier.nodes.diffusion.controlnext import ControlNeXtWeights, LoadControlNeXt
from style_atelier.nodes.diffusion.lora import LoadLora, LoraInfo, MergeLora
from style_atelier.nodes.host.folders import register_folder
from style_atelier.tests.host.checks import refused, run_all
from style_atelier.tests.host.tiny_models import DEEP_SD15, DEEP_SDXL, FULL_SD15, SD15, SDXL, model, seeded, text_encoder

folder_paths.models_dir = str(FOLDER / "models")
register_folder()
OWN = FOLDER / "models" / "style_atelier"
LORAS = FOLDER / "loras"
for made in (OWN, LORAS):
    made.mkdir(parents=True, exist_ok=True)
folder_paths.folder_names_and_paths["loras"] = ([str(LORAS)], {".safetensors", ".pt"})
folder_paths.folder_names_and_paths["style_atelier"] = ([str(OWN)], {".safetensors"})


def weights_now(patcher: Any) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in patcher.model.state_dict().items() if torch.is_floating_point(tensor)}


def patched(patcher: Any) -> dict[str, Tensor]:
    """The weights with all patches, as they are while the model samples."""
    core_lora: Any = __import__("comfy.lora", fromlist=["lora"])
    found = weights_now(patcher)
    for key, patches in patcher.patches.items():
        found[key] = core_lora.calculate_weight(patches, found[key].clone(), key)
    return found


def changed(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    return {name for name in before if not torch.equal(before[name], after[name])}


def condition(kind: str, seed: int) -> list[Any]:
    drawn = torch.Generator().manual_seed(seed)
    facts = {"pooled_output": torch.randn(1, 1280, generator=drawn)} if kind == "SDXL" else {}
    return [[torch.randn(1, 7, 32, generator=drawn), facts]]


def sampled(patcher: Any, positive: Any, negative: Any, batch: int = 2, steps: int = 3) -> Tensor:
    latent = torch.zeros(batch, 4, 8, 8)
    noise = torch.randn(latent.shape, generator=torch.Generator().manual_seed(5))
    return comfy.sample.sample(patcher, noise, steps, 2.0, "euler", "normal", positive, negative, latent, seed=5)


def network(variant: str, seed: int = 3) -> ControlNeXt:
    """A small ControlNeXt whose width fits the tiny models."""
    if variant == "SD1.5 v1":
        made = ControlNeXt(ControlNeXtConfig(((3, 128, 1), (128, 256, 8), (256, 256, 8)), 128, False, True))
    else:
        made = ControlNeXt(ControlNeXtConfig(((128, 128, 4), (128, 256, 8)), 32, True, False))
    seeded(made, seed)
    if made.scale is not None:
        made.scale.data.fill_(0.7)
    return made.requires_grad_(False)


def control_of(variant: str, seed: int = 3, **settings: Any) -> tuple[Any, ControlNeXt]:
    made = network(variant, seed)
    name = f"{variant.replace(' ', '_').replace('.', '')}_{seed}.safetensors"
    if not (OWN / name).exists():
        save_file(made.state_dict(), str(OWN / name))
    chosen = variant if variant != "SD1.5 v1" else "automatic"
    wanted = {"controlnext": name, "variant": chosen, "normalisation": "code", **settings}
    return LoadControlNeXt.execute(**wanted).result[0], made


HINT = torch.rand(1, 64, 64, 3, generator=torch.Generator().manual_seed(9))


def with_control(control: Any, positive: Any, negative: Any, strength: float, end: float = 1.0) -> tuple[Any, Any]:
    return core.ControlNetApplyAdvanced().apply_controlnet(positive, negative, control, HINT, strength, 0.0, end)


CASES = {"SD1.5 v1": ("SD15", SD15), "SD1.5 v2": ("SD15", SD15), "SDXL": ("SDXL", SDXL)}


def by_hooks(patcher: Any, made: ControlNeXt, variant: str, strength: float) -> list[Any]:
    """The same injection written down again, as hooks on the layer behind the place where it enters."""
    unet = patcher.model.diffusion_model
    time: list[Tensor] = []
    hooks = [unet.register_forward_pre_hook(lambda module, args, kwargs: time.append(args[1]), with_kwargs=True)]
    layer = {"SD1.5 v1": unet.output_blocks[0][0], "SD1.5 v2": unet.input_blocks[3][0], "SDXL": unet.input_blocks[1][0]}[variant]
    width = made.config.outputs

    def enter(module: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
        h, rest = args[0][:, :width], args[0][:, width:]
        c = made(HINT.movedim(-1, 1), time[-1].float()[:1])
        if variant != "SDXL":
            c = F.adaptive_avg_pool2d(c, h.shape[-2:])
        dims = (1, 2, 3)
        c = (c - c.mean(dims, True)) * h.std(dims, keepdim=True) / (c.std(dims, keepdim=True) + 1e-12) + h.mean(dims, True)
        scale = 1.0 if made.scale is None else float(made.scale)
        return (torch.cat([h + c * strength * scale, rest], dim=1), *args[1:])

    return [*hooks, layer.register_forward_pre_hook(enter)]


def check_controlnext_is_its_recomputation() -> None:
    """A whole sampling run through core's Apply ControlNet against hooks, 1e-4; and it changes the picture."""
    for variant, (kind, config) in CASES.items():
        patcher = model(kind, config)
        control, made = control_of(variant)
        plain = sampled(patcher, condition(kind, 1), condition(kind, 2))
        ours = sampled(patcher, *with_control(control, condition(kind, 1), condition(kind, 2), 0.8))
        hooks = by_hooks(patcher, made, variant, 0.8)
        again = sampled(patcher, condition(kind, 1), condition(kind, 2))
        for hook in hooks:
            hook.remove()
        size = float(again.abs().max())
        difference, effect = float((ours - again).abs().max()) / size, float((ours - plain).abs().max()) / size
        assert difference <= 1e-4, (variant, difference)
        assert effect > 1e-2, (variant, effect)
        MEASURED[f"sampling, {variant}"] = difference


def check_strength_zero_and_end_zero_are_bit_identical() -> None:
    for variant, (kind, config) in CASES.items():
        patcher = model(kind, config)
        before = weights_now(patcher)
        control, _ = control_of(variant)
        plain = sampled(patcher, condition(kind, 1), condition(kind, 2))
        for strength, end in ((0.0, 1.0), (1e-9 * 0, 0.5), (1.0, 0.0)):
            made = sampled(patcher, *with_control(control, condition(kind, 1), condition(kind, 2), strength, end))
            assert torch.equal(made, plain), (variant, strength, end)
        assert not changed(before, weights_now(patcher)), variant
        direct = control.copy().set_cond_hint(HINT.movedim(-1, 1), 0.0, (0.0, 1.0))
        own = [
            [[c, {**facts, "control": direct, "control_apply_to_uncond": False}] for c, facts in condition(kind, seed)]
            for seed in (1, 2)
        ]
        assert torch.equal(sampled(patcher, *own), plain), variant


def check_two_controls_lora_and_freeu_stack() -> None:
    """Two ControlNeXts are the sum of two hooks; with FreeU and a LoRA beside them every one still acts."""
    patcher = model("SDXL", SDXL)
    (one, first), (two, second) = control_of("SDXL", 3), control_of("SDXL", 4)
    both = with_control(two, *with_control(one, condition("SDXL", 1), condition("SDXL", 2), 0.8), 0.5)
    ours = sampled(patcher, *both)
    hooks = [*by_hooks(patcher, first, "SDXL", 0.8), *by_hooks(patcher, second, "SDXL", 0.5)]
    again = sampled(patcher, condition("SDXL", 1), condition("SDXL", 2))
    for hook in hooks:
        hook.remove()
    assert float((ours - again).abs().max()) <= 1e-4 * float(again.abs().max())
    freeu: Any = __import__("comfy_extras.nodes_freelunch", fromlist=["FreeU"]).FreeU
    made = (
        freeu.execute(patcher, 1.3, 1.4, 0.9, 0.2).result[0]
        if hasattr(freeu, "execute")
        else freeu().patch(patcher, 1.3, 1.4, 0.9, 0.2)[0]
    )
    write_lora(patcher, "beside.safetensors", "kohya")
    made = load_lora(made, "beside.safetensors")[0]
    seen = [sampled(made, *both), sampled(made, condition("SDXL", 1), condition("SDXL", 2)), sampled(patcher, *both)]
    assert float((seen[0] - seen[1]).abs().max()) > 1e-3
    assert float((seen[0] - seen[2]).abs().max()) > 1e-3


class Before(comfy.controlnet.ControlBase):
    """An ordinary control, as ControlNet is one: something for the middle block."""

    def get_control(self, x_noisy: Tensor, *_: Any) -> Any:
        return {"input": [], "middle": [torch.full((len(x_noisy), 128, 1, 1), 0.5)], "output": []}

    def copy(self) -> Any:
        made = Before()
        self.copy_to(made)
        return made


def check_an_ordinary_control_before_it_acts_as_by_itself() -> None:
    """With ControlNeXt at strength 0 behind it the result is its own; at strength both act, as by hooks."""
    patcher = model("SDXL", SDXL)
    control, made = control_of("SDXL")
    one = with_control(Before(), condition("SDXL", 1), condition("SDXL", 2), 1.0)
    alone = sampled(patcher, *one)
    assert torch.equal(sampled(patcher, *with_control(control, *one, 0.0)), alone)
    both = sampled(patcher, *with_control(control, *one, 0.8))
    hooks = by_hooks(patcher, made, "SDXL", 0.8)
    again = sampled(patcher, *one)
    for hook in hooks:
        hook.remove()
    assert float((both - again).abs().max()) <= 1e-4 * float(again.abs().max())
    assert float((both - alone).abs().max()) > 1e-3


def check_batches_and_previews() -> None:
    """A batch of hints goes to a batch of latents row by row; sampling calls the preview."""
    patcher = model("SDXL", SDXL)
    control, _ = control_of("SDXL")
    hints = torch.cat([HINT, HINT.flip(1)])
    apply = core.ControlNetApplyAdvanced().apply_controlnet
    pair = sampled(patcher, *apply(condition("SDXL", 1), condition("SDXL", 2), control, hints, 0.8, 0.0, 1.0))
    alike = sampled(patcher, *apply(condition("SDXL", 1), condition("SDXL", 2), control, HINT, 0.8, 0.0, 1.0))
    assert float((pair[0] - alike[0]).abs().max()) < 1e-4 * float(pair.abs().max())
    assert float((pair[1] - alike[1]).abs().max()) > 1e-3


def check_wrong_models_are_refused_in_a_sentence() -> None:
    patcher = model("SDXL", SDXL)
    control, _ = control_of("SD1.5 v1")
    message = refused(lambda: sampled(patcher, *with_control(control, condition("SDXL", 1), condition("SDXL", 2), 1.0)))
    assert "channels" in message, message


def check_controlnext_weights() -> None:
    """Increments and full weights, by both naming schemes, found out by themselves; the base stays as it was."""
    for kind, config in (("SD15", SD15), ("SDXL", SDXL)):
        patcher = model(kind, config)
        before = weights_now(patcher)
        to_ldm = comfy.utils.unet_to_diffusers(patcher.model.model_config.unet_config)
        from_ldm = {ldm: name for name, ldm in to_ldm.items()}
        chosen = [n for n in before if ".attn2.to_out.0.weight" in n]
        drawn = torch.Generator().manual_seed(1)
        for scheme in ("diffusers", "ldm"):
            for meaning in ("increments", "full"):
                tensors = {}
                for name in chosen:
                    change = 0.3 * before[name].std() * torch.randn(before[name].shape, generator=drawn)
                    short = name.removeprefix("diffusion_model.")
                    key = from_ldm[short] if scheme == "diffusers" else short
                    tensors[key] = (before[name] + 0.1 * change if meaning == "full" else change).contiguous()
                file = f"unet_{kind}_{scheme}_{meaning}.safetensors"
                save_file(tensors, str(OWN / file))
                made, report = ControlNeXtWeights.execute(patcher, file, 0.6, "automatic").result
                assert meaning in report, report
                after = patched(made)
                assert changed(before, after) == set(chosen)
                for name in chosen:
                    short = name.removeprefix("diffusion_model.")
                    w = tensors[from_ldm[short] if scheme == "diffusers" else short]
                    expected = before[name] * 0.4 + w * 0.6 if meaning == "full" else before[name] + 0.6 * w
                    assert float((after[name] - expected).abs().max()) < 1e-5
                assert ControlNeXtWeights.execute(patcher, file, 0.0, "automatic").result[0] is patcher
        assert not changed(before, weights_now(patcher))
    message = refused(lambda: ControlNeXtWeights.execute(model("SDXL", SDXL), "unet_SD15_ldm_full.safetensors", 1.0, "automatic"))
    assert "do not fit the model" in message, message


def targets(patcher: Any) -> list[str]:
    """Every attention and projection weight, as trainings choose them."""
    names = [n for n in patcher.model.state_dict() if "transformer_blocks" in n and n.endswith("weight") and "norm" not in n]
    return [n for n in names if patcher.model.state_dict()[n].ndim == 2]


NAMED = {
    "kohya": ("lora_unet_{under}", ".lora_up.weight", ".lora_down.weight"),
    "kohya ldm": ("lora_unet_{ldm_under}", ".lora_up.weight", ".lora_down.weight"),
    "lycoris": ("lycoris_{under}", ".lora_up.weight", ".lora_down.weight"),
    "diffusers": ("unet.{dots}", ".lora.up.weight", ".lora.down.weight"),
    "peft": ("unet.{dots}", ".lora_B.weight", ".lora_A.weight"),
    "peft adapter": ("unet.{dots}", ".lora_B.default.weight", ".lora_A.default.weight"),
    "peft bare": ("{dots}", ".lora_B.weight", ".lora_A.weight"),
    "base model": ("base_model.model.{dots}", ".lora_B.weight", ".lora_A.weight"),
    "unet base model": ("unet.base_model.model.{dots}", ".lora_B.weight", ".lora_A.weight"),
    "b-lora": ("unet.unet.{dots}", ".lora.up.weight", ".lora.down.weight"),
}


def write_lora(
    patcher: Any, file: str, scheme: str, names: list[str] | None = None, rank: int = 4, seed: int = 1
) -> dict[str, Tensor]:
    """A LoRA by this naming scheme; the change that it stands for, by the model's names."""
    state = patcher.model.state_dict()
    from_ldm = {ldm: name for name, ldm in comfy.utils.unet_to_diffusers(patcher.model.model_config.unet_config).items()}
    pattern, up_end, down_end = NAMED[scheme]
    drawn = torch.Generator().manual_seed(seed)
    tensors, changes = {}, {}
    for name in names or targets(patcher):
        ldm = name.removeprefix("diffusion_model.").removesuffix(".weight")
        dots = from_ldm[f"{ldm}.weight"].removesuffix(".weight")
        module = pattern.format(dots=dots, under=dots.replace(".", "_"), ldm_under=ldm.replace(".", "_"))
        up = torch.randn(state[name].shape[0], rank, generator=drawn) * 0.1
        down = torch.randn(rank, state[name].shape[1], generator=drawn) * 0.1
        tensors[module + up_end], tensors[module + down_end] = up, down
        changes[name] = up @ down
        if "kohya" in scheme:
            tensors[f"{module}.alpha"] = torch.tensor(2.0)
            changes[name] = changes[name] * (2.0 / rank)
    save_file(tensors, str(LORAS / file), {"ss_output_name": file})
    return changes


def load_lora(patcher: Any, file: str, strength: float = 1.0, **settings: Any) -> tuple[Any, ...]:
    wanted = {"blocks": "all", "block_weights": "", "curve": "", "strength_model": strength, "strength_clip": 1.0, **settings}
    return LoadLora.execute(model=patcher, lora=file, **wanted).result


def check_every_naming_scheme_loads_in_full() -> None:
    for kind, config in (("SD15", SD15), ("SDXL", SDXL)):
        patcher = model(kind, config)
        before = weights_now(patcher)
        for scheme in NAMED:
            file = f"{kind}_{scheme.replace(' ', '_')}.safetensors"
            changes = write_lora(patcher, file, scheme)
            made, _, hooks, stack, report = load_lora(patcher, file, 0.7)
            assert "every module is matched" in report, (kind, scheme, report)
            assert hooks is None
            assert stack == [(file, 0.7, 1.0)]
            after = patched(made)
            assert changed(before, after) == set(changes), (kind, scheme)
            for name, change in changes.items():
                assert float((after[name] - before[name] - 0.7 * change).abs().max()) < 1e-5, (kind, scheme, name)
        assert not changed(before, weights_now(patcher))


def check_other_kinds_load() -> None:
    """LoHa, LoKr, DoRA, full differences by kohya's names."""
    patcher = model("SD15", SD15)
    state, drawn = patcher.model.state_dict(), torch.Generator().manual_seed(2)

    def make(*size: int) -> Tensor:
        return torch.randn(size, generator=drawn) * 0.1

    for kind in ("LoHa", "LoKr", "DoRA", "full difference"):
        tensors = {}
        for name in targets(patcher):
            out, inputs = state[name].shape
            module = "lora_unet_" + name.removeprefix("diffusion_model.").removesuffix(".weight").replace(".", "_")
            if kind == "LoHa":
                own = {
                    "hada_w1_a": make(out, 3),
                    "hada_w1_b": make(3, inputs),
                    "hada_w2_a": make(out, 3),
                    "hada_w2_b": make(3, inputs),
                }
            elif kind == "LoKr":
                own = {"lokr_w1": make(4, 4), "lokr_w2": make(out // 4, inputs // 4)}
            elif kind == "DoRA":
                own = {
                    "lora_up.weight": make(out, 3),
                    "lora_down.weight": make(3, inputs),
                    "dora_scale": make(1, inputs).abs() + 1,
                }
            else:
                own = {"diff": make(out, inputs)}
            tensors |= {f"{module}.{part}": tensor for part, tensor in own.items()}
            if kind != "full difference":
                tensors[f"{module}.alpha"] = torch.tensor(3.0)
        file = f"{kind.replace(' ', '_')}.safetensors"
        save_file(tensors, str(LORAS / file))
        made, *_, report = load_lora(patcher, file)
        assert f"{kind} ({len(targets(patcher))} modules)" in report, report
        assert "every module is matched" in report, report
        assert set(made.patches) == set(targets(patcher))


def check_one_block_touches_that_block_alone() -> None:
    """Every block by itself and every set, by both naming schemes, on the patched weights."""
    for kind, config, family in (("SD15", DEEP_SD15, "SD1.5"), ("SDXL", DEEP_SDXL, "SDXL")):
        patcher = model(kind, config)
        before = weights_now(patcher)
        for scheme in ("kohya", "kohya ldm"):
            file = f"blocks_{kind}_{scheme.replace(' ', '_')}.safetensors"
            changes = write_lora(patcher, file, scheme, rank=1)
            present = {block_of(name) for name in changes}
            for block in BLOCKS[family]:
                made = load_lora(patcher, file, block_weights=f"{block}=1, rest=0")[0]
                wanted = {name for name in changes if block_of(name) == block}
                assert set(made.patches) == wanted, (kind, block)
                if block in ("IN04", "M00", "OUT01") and wanted:
                    assert changed(before, patched(made)) == wanted
            for preset, blocks in UNET_SETS[family].items():
                made = load_lora(patcher, file, blocks=preset)[0]
                assert changed(before, patched(made)) == {n for n in changes if block_of(n) in blocks}, (kind, preset)
                assert set(blocks) & present, (kind, preset)
            half = patched(load_lora(patcher, file, block_weights="OUT=0.5, rest=0")[0])
            name = next(n for n in changes if "output_blocks" in n)
            assert float((half[name] - before[name] - 0.5 * changes[name]).abs().max()) < 1e-5
    for wrong, words in (("1, 2", "has 2 numbers"), ("IN99=1", "names IN99"), ("IN04=a", "is no number")):
        assert words in refused(lambda text=wrong: load_lora(patcher, file, block_weights=text))
    assert "has no such set" in refused(lambda: load_lora(model("SD15", SD15), "SD15_kohya.safetensors", blocks="B-LoRA style"))


def check_files_of_other_models_are_refused() -> None:
    patcher = model("SDXL", SDXL)
    flux = {f"transformer.single_transformer_blocks.0.attn.to_q.lora_{x}.weight": torch.ones(4, 4) for x in "AB"}
    save_file(flux, str(LORAS / "flux.safetensors"))
    message = refused(lambda: load_lora(patcher, "flux.safetensors"))
    assert "Flux" in message, message
    assert "SDXL" in message, message
    save_file({"some.weight": torch.ones(2)}, str(LORAS / "none.safetensors"))
    assert "holds no LoRA" in refused(lambda: load_lora(patcher, "none.safetensors"))
    save_file(
        {f"lora_te_text_model_encoder_layers_0_mlp_fc1.lora_{x}.weight": torch.ones(4, 4) for x in ("up", "down")},
        str(LORAS / "te.safetensors"),
    )
    assert "clip is not connected" in refused(lambda: load_lora(patcher, "te.safetensors"))
    extra = {"lora_unet_nowhere.lora_up.weight": torch.ones(4, 1), "lora_unet_nowhere.lora_down.weight": torch.ones(1, 4)}
    write_lora(patcher, "some.safetensors", "kohya")
    save_file({**comfy.utils.load_torch_file(str(LORAS / "some.safetensors")), **extra}, str(LORAS / "some.safetensors"))
    report = load_lora(patcher, "some.safetensors")[4]
    assert "not matched: 1 of 111 modules, such as lora_unet_nowhere" in report, report


def check_the_real_lora_on_full_width() -> None:
    """Every key of the published file is matched on SD1.5's own layout (no numbers are needed: the weights are on no device)."""
    real = ROOT.parent / "shared" / "weights" / "lora" / "sd15_rank4_diffusers.safetensors"
    if not real.is_file():
        MEASURED["real LoRA"] = "not at hand"
        return
    (LORAS / real.name).write_bytes(real.read_bytes())
    patcher = model("SD15", FULL_SD15, torch.device("meta"))
    made, *_, report = load_lora(patcher, real.name)
    assert "every module is matched" in report, report
    assert len(made.patches) == 128, len(made.patches)
    assert "rank 4" in report
    MEASURED["real LoRA"] = report.splitlines()[1]


def check_a_stack_is_its_parts() -> None:
    patcher = model("SD15", SD15)
    one, two = (write_lora(patcher, f"stack{i}.safetensors", "kohya", seed=i) for i in (1, 2))
    before = weights_now(patcher)
    stack = load_lora(patcher, "stack1.safetensors", 0.5)[3]
    after = patched(load_lora(patcher, "stack2.safetensors", 0.25, lora_stack=stack)[0])
    for name in one:
        assert float((after[name] - before[name] - 0.5 * one[name] - 0.25 * two[name]).abs().max()) < 1e-5


def check_merging() -> None:
    """At full rank the merge is both; at a lower one the report's energy is what is really kept."""
    patcher = model("SD15", SD15)
    one = write_lora(patcher, "merge1.safetensors", "kohya", seed=1)
    two = write_lora(patcher, "merge2.safetensors", "peft", rank=6, seed=2)
    before = weights_now(patcher)
    stack = [("merge1.safetensors", 0.8, 1.0), ("merge2.safetensors", -0.5, 1.0)]
    for precision, most in (("full", 1e-5), ("half", 1e-3)):
        file, energy, _ = MergeLora.execute(stack, "1, 2", 0, precision, "out/both").result
        assert energy == 1.0
        after = patched(load_lora(patcher, file)[0])
        worst = max(float((after[n] - before[n] - 0.8 * one[n] + two[n]).abs().max()) for n in one)
        MEASURED[f"merge, {precision}"] = worst
        assert worst < most, (precision, worst)
    from style_atelier.models.lora.merge import merge
    from style_atelier.models.lora.names import canonical
    from style_atelier.nodes.diffusion.stable_diffusion import read_lora

    whole = merge([(read_lora(f)[0], w) for f, w in (("merge1.safetensors", 0.8), ("merge2.safetensors", -1.0))], 0, canonical)
    small = merge([(read_lora(f)[0], w) for f, w in (("merge1.safetensors", 0.8), ("merge2.safetensors", -1.0))], 3, canonical)
    save_file(whole.tensors, str(LORAS / "whole.safetensors"))
    exact = patched(load_lora(patcher, "whole.safetensors")[0])
    assert max(float((exact[n] - before[n] - 0.8 * one[n] + two[n]).abs().max()) for n in one) < 1e-5
    save_file(small.tensors, str(LORAS / "small.safetensors"))
    reduced = patched(load_lora(patcher, "small.safetensors")[0])
    from_ldm = {ldm: name for name, ldm in comfy.utils.unet_to_diffusers(patcher.model.model_config.unet_config).items()}
    for name in one:
        energy = small.energy[canonical(from_ldm[name.removeprefix("diffusion_model.")].removesuffix(".weight"))]
        full, left = 0.8 * one[name] - two[name], reduced[name] - before[name]
        kept = 1 - float((full - left).square().sum() / full.square().sum())
        assert abs(kept - energy) < 1e-4, (name, kept, energy)
    assert "leads out of" in refused(lambda: MergeLora.execute(stack, "", 0, "full", "../../out"))


def check_a_curve_is_followed() -> None:
    """All of it is the plain LoRA, none of it is none, half the time is something else; through the host's hooks."""
    patcher = model("SD15", SD15)
    write_lora(patcher, "curve.safetensors", "kohya")
    plain = sampled(patcher, condition("SD15", 1), condition("SD15", 2))
    patched_model = load_lora(patcher, "curve.safetensors", 3.0)[0]
    full = sampled(patched_model, condition("SD15", 1), condition("SD15", 2))
    seen = {}
    for curve in ("0: 1", "0: 0", "0: 1, 0.5: 0"):
        hooks = load_lora(patcher, "curve.safetensors", 3.0, curve=curve)[2]
        given = [comfy.hooks.set_hooks_for_conditioning(condition("SD15", seed), hooks) for seed in (1, 2)]
        seen[curve] = sampled(patcher, *given)
    assert float((seen["0: 1"] - full).abs().max()) < 1e-4 * float(full.abs().max())
    assert float((seen["0: 0"] - plain).abs().max()) < 1e-4 * float(plain.abs().max())
    assert min(float((seen["0: 1, 0.5: 0"] - other).abs().max()) for other in (plain, full)) > 1e-3
    assert "curve has" in refused(lambda: load_lora(patcher, "curve.safetensors", curve="soon"))


TEXT = {
    "kohya": ("lora_te_{under}", ".lora_up.weight", ".lora_down.weight"),
    "diffusers": ("text_encoder.{dots}", ".lora_linear_layer.up.weight", ".lora_linear_layer.down.weight"),
    "newer diffusers": ("text_encoder.{dots}", ".lora_B.weight", ".lora_A.weight"),
    "peft": ("text_encoder.base_model.model.{dots}", ".lora_B.weight", ".lora_A.weight"),
}


def text_lora(clip: Any, file: str, scheme: str) -> int:
    """A LoRA of the text encoder beside one of the UNet; how many of the encoder's weights it changes."""
    state = clip.cond_stage_model.state_dict()
    chosen = [k for k in state if "text_model.encoder.layers" in k and k.endswith("weight") and ("mlp" in k or "proj" in k)]
    pattern, up_end, down_end = TEXT[scheme]
    tensors = comfy.utils.load_torch_file(str(LORAS / "text_unet.safetensors"))
    drawn = torch.Generator().manual_seed(3)
    for key in chosen:
        dots = key[key.index("text_model") :].removesuffix(".weight")
        module = pattern.format(dots=dots, under=dots.replace(".", "_"))
        tensors[module + up_end] = torch.randn(state[key].shape[0], 2, generator=drawn)
        tensors[module + down_end] = torch.randn(2, state[key].shape[1], generator=drawn)
    save_file(tensors, str(LORAS / file))
    return len(chosen)


def check_text_encoders() -> None:
    """Every naming scheme of the encoder's part; its strength, BASE, and what is said without clip."""
    patcher, clip = model("SD15", SD15), text_encoder()
    write_lora(patcher, "text_unet.safetensors", "kohya")
    for scheme in TEXT:
        file = f"text_{scheme.replace(' ', '_')}.safetensors"
        count = text_lora(clip, file, scheme)
        made, encoder, *_, report = load_lora(patcher, file, clip=clip)
        assert "every module is matched" in report, (scheme, report)
        assert f"text encoder: {count} weights" in report, (scheme, report)
        assert len(encoder.patcher.patches) == count, scheme
        assert set(made.patches) == set(targets(patcher)), scheme
        assert not load_lora(patcher, file, clip=clip, block_weights="rest=1, BASE=0")[1].patcher.patches
        alone = load_lora(patcher, file)
        assert alone[1] is None
        assert f"{count} modules are for the text encoder" in alone[4], alone[4]
        plain, changed_one = (each.encode_from_tokens(each.tokenize("a cat")) for each in (clip, encoder))
        assert float((plain - changed_one).abs().max()) > 1e-3, scheme


def check_a_curve_travels_with_the_text_encoder() -> None:
    """What the returned CLIP encodes carries the LoRA over time: all of it is the plain LoRA on the model."""
    patcher, clip = model("SD15", SD15), text_encoder()
    write_lora(patcher, "curve2.safetensors", "kohya")
    encode = core.CLIPTextEncode().encode
    seen = {}
    for curve in ("", "0: 1", "0: 0"):
        made, encoder = load_lora(patcher, "curve2.safetensors", 3.0, clip=clip, curve=curve)[:2]
        seen[curve] = sampled(made, encode(encoder, "a cat")[0], encode(encoder, "a dog")[0])
    plain = sampled(patcher, encode(clip, "a cat")[0], encode(clip, "a dog")[0])
    size = float(plain.abs().max())
    assert float((seen["0: 1"] - seen[""]).abs().max()) < 1e-3 * size
    assert float((seen["0: 0"] - plain).abs().max()) < 1e-3 * size
    assert float((seen["0: 1"] - plain).abs().max()) > 1e-2 * size


def check_info() -> None:
    tags = {"10_cat": {"a cat": 12, "sofa": 3}, "2_x": {"a cat": 8}}
    header = {
        "ss_tag_frequency": json.dumps(tags),
        "ss_num_train_images": "20",
        "ss_base_model_version": "sd_v1-5",
        "ss_output_name": "Cats",
    }
    save_file({f"lora_unet_x.lora_{x}.weight": torch.ones(2, 2) for x in ("up", "down")}, str(LORAS / "info.safetensors"), header)
    trigger, listed, report = LoraInfo.execute("info.safetensors").result
    assert trigger == "a cat"
    assert listed == "a cat, sofa"
    assert "Cats" in report
    assert "for sd_v1-5" in report
    assert "a cat (20)" in report


MEASURED: dict[str, Any] = {}


if __name__ == "__main__":
    run_all(globals(), MEASURED)
