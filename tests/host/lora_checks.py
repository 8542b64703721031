"""Run by the host's own Python: LoRA files as people have them, on tiny models. Prints one line of JSON.

python lora_checks.py COMFYUI ROOT FOLDER [CASES]; CASES: the folder of report cases, where it is at hand.
"""

import json
import pickle
import shutil
import sys
import types
from pathlib import Path
from typing import Any

COMFYUI, ROOT, FOLDER = (Path(argument) for argument in sys.argv[1:4])
CASES = ROOT.parent / "shared" / "cases" / "reports"
sys.argv = sys.argv[:1]
sys.path[0] = str(COMFYUI)  # instead of this folder, which has a comfy.py of its own
pack = types.ModuleType("style_atelier")
pack.__path__ = [str(ROOT)]
sys.modules["style_atelier"] = pack

import comfy.cli_args

comfy.cli_args.args.cpu = True
import comfy.utils
import folder_paths
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from style_atelier.nodes.diffusion.lora import LoadLora, LoraInfo, MergeLora
from style_atelier.tests.host.checks import refused, run_all
from style_atelier.tests.host.tiny_models import DEEP_SD15, SD15, model, text_encoder

LORAS = FOLDER / "loras"
LORAS.mkdir(parents=True, exist_ok=True)
folder_paths.folder_names_and_paths["loras"] = ([str(LORAS)], {".safetensors", ".pt", ".bin"})
# Down block 1 is 640 wide, as the cases want it.
WIDE = {
    **{**SD15, "model_channels": 320, "channel_mult": (1, 2), "num_res_blocks": [2, 2], "num_heads": 8},
    **{"transformer_depth": [1] * 4, "transformer_depth_output": [1] * 6},
}
LAYER = "down_blocks.1.attentions.0.transformer_blocks.0"
RANK = 2


def patched(patcher: Any) -> dict[str, Tensor]:
    """The weights that have patches, as they are while the model samples."""
    core_lora: Any = __import__("comfy.lora", fromlist=["lora"])
    state = patcher.model.state_dict()
    return {k: core_lora.calculate_weight(patches, state[k].clone(), k) for k, patches in patcher.patches.items()}


def load(patcher: Any, file: str, clip: Any = None, strength: float = 1.0) -> tuple[Any, Any, str]:
    settings = {"blocks": "all", "block_weights": "", "curve": "", "strength_model": strength, "strength_clip": 1.0}
    made, encoder, _, _, report = LoadLora.execute(model=patcher, lora=file, clip=clip, **settings).result
    return made, encoder, report


def case(name: str) -> str:
    """A report's file in the folder of LoRAs; "" where the cases are not at hand."""
    if not CASES.is_dir():
        return ""
    shutil.copy(CASES / name, LORAS / name)
    return name


def key_of(patcher: Any, layer: str) -> str:
    """The model's name of a layer of diffusers."""
    return "diffusion_model." + comfy.utils.unet_to_diffusers(patcher.model.model_config.unet_config)[f"{layer}.weight"]


def factors(out: int, inputs: int, seed: int) -> tuple[Tensor, Tensor]:
    drawn = torch.Generator().manual_seed(seed)
    return torch.randn(out, RANK, generator=drawn) * 0.1, torch.randn(RANK, inputs, generator=drawn) * 0.1


def close(a: Tensor, b: Tensor, tolerance: float = 1e-5) -> None:
    assert a.shape == b.shape
    assert float((a - b).abs().max()) < tolerance, float((a - b).abs().max())


def check_dora_of_peft_has_its_magnitude() -> None:
    if not case("l01_peft_dora.safetensors"):
        return
    patcher = model("SD15", WIDE)
    before = {k: t.clone() for k, t in patcher.model.state_dict().items()}
    tensors = load_file(LORAS / "l01_peft_dora.safetensors")
    names = {key.split(".lora_")[0] for key in tensors}
    for strength in (1.0, 0.5):
        made, _, report = load(patcher, "l01_peft_dora.safetensors", strength=strength)
        assert "DoRA" in report, report
        assert "every module is matched" in report, report
        after = patched(made)
        assert len(after) == len(names)
        for name in names:
            key = key_of(patcher, name.removeprefix("unet."))
            full = before[key] + tensors[f"{name}.lora_B.weight"] @ tensors[f"{name}.lora_A.weight"]
            wanted = tensors[f"{name}.lora_magnitude_vector"][:, None] * full / full.norm(dim=1, keepdim=True)
            close(after[key], before[key] + strength * (wanted - before[key]))


def check_alpha_in_the_header() -> None:
    if not case("l02_alpha_in_header.safetensors"):
        return
    patcher = model("SD15", WIDE)
    before = {k: t.clone() for k, t in patcher.model.state_dict().items()}
    tensors = load_file(LORAS / "l02_alpha_in_header.safetensors")
    made, _, report = load(patcher, "l02_alpha_in_header.safetensors")
    assert "alpha 16" in report, report
    assert "every module is matched" in report, report
    for key, after in patched(made).items():
        found = [n for n in {k.split(".lora_")[0] for k in tensors} if key_of(patcher, n.removeprefix("unet.")) == key]
        close(after - before[key], 8 * tensors[f"{found[0]}.lora_B.weight"] @ tensors[f"{found[0]}.lora_A.weight"], 1e-4)


def check_reports_say_what_does_not_act() -> None:
    if not case("l03_half_of_it_unknown.safetensors"):
        return
    patcher = model("SD15", WIDE)
    made, _, report = load(patcher, "l03_half_of_it_unknown.safetensors")
    assert "2 of 4 modules are of a kind that is not known (oft_blocks.0)" in report, report
    assert "attn2_to_q" in report, report
    assert "every module" not in report, report
    assert len(made.patches) == 2
    made, _, report = load(patcher, case("l12_missing_half_of_a_module.safetensors"))
    assert "1 of 4 modules is incomplete, without lora_up" in report, report
    assert "attn2_to_out_0" in report, report
    assert len(made.patches) == 3
    message = refused(lambda: load(patcher, case("l05_other_width.safetensors")))
    assert "another kind of model" in message, message
    assert "4 of 4 modules have 648 where the model has 640" in message, message
    made, _, report = load(patcher, case("l06_unet_and_ldm_names.safetensors"))
    assert "every module is matched" in report, report
    assert len(made.patches) == 4


def check_damaged_files_have_the_first_doors_sentences() -> None:
    patcher = model("SD15", SD15)
    words = {
        "l08_empty.safetensors": "is empty; download it again",
        "l09_lfs_pointer.safetensors": "only points to the weights",
        "l10_web_page.safetensors": "is a web page",
        "l11_cut_short.safetensors": "cut short",
    }
    for file, said in words.items() if CASES.is_dir() else ():
        for door in (lambda file=case(file): load(patcher, file), lambda file=file: LoraInfo.execute(file)):
            message = refused(door)
            assert said in message, message
            assert file in message, message


def check_a_few_other_sizes_are_reported() -> None:
    """One layer of an inpainting model has more channels; the LoRA still acts everywhere else."""
    patcher = model("SD15", DEEP_SD15)
    tensors = {}
    layers = [n for n in patcher.model.state_dict() if n.endswith("attn1.to_q.weight")]
    for number, name in enumerate(layers):
        size = patcher.model.state_dict()[name].shape[0]
        up, down = factors(size, size + (number == 0), number)
        module = "lora_unet_" + name.removeprefix("diffusion_model.").removesuffix(".weight").replace(".", "_")
        tensors |= {f"{module}.lora_up.weight": up, f"{module}.lora_down.weight": down}
    save_file(tensors, LORAS / "almost.safetensors")
    made, _, report = load(patcher, "almost.safetensors")
    assert len(made.patches) == len(layers) - 1
    assert f"1 of {len(layers)} modules has 33 where the model has 32" in report, report


def unet_layers(patcher: Any) -> list[str]:
    """Attention layers and GEGLU in the order of diffusers' modules: down, up, middle; attn1, ff, attn2."""
    inside = [f"attn1.{n}" for n in ("to_q", "to_k", "to_v", "to_out.0")]
    inside += ["ff.net.0.proj", *(f"attn2.{n}" for n in ("to_q", "to_k", "to_v", "to_out.0"))]
    blocks = [f"down_blocks.{b}.attentions.{a}" for b in range(3) for a in range(2)]
    blocks += [f"up_blocks.{b}.attentions.{a}" for b in (1, 2, 3) for a in range(3)] + ["mid_block.attentions.0"]
    return [f"{block}.transformer_blocks.0.{name}" for block in blocks for name in inside]


def pairs_for(patcher: Any, layers: list[str], seed: int = 3) -> dict[str, tuple[Tensor, Tensor]]:
    state = patcher.model.state_dict()
    return {layer: factors(*state[key_of(patcher, layer)].shape, seed + i) for i, layer in enumerate(layers)}


def check_cloneofsimo_by_number() -> None:
    patcher = model("SD15", DEEP_SD15)
    before = {k: t.clone() for k, t in patcher.model.state_dict().items()}
    pairs = pairs_for(patcher, unet_layers(patcher))
    named = {}
    for number, (up, down) in enumerate(pairs.values()):
        named |= {f"unet:{number}:up": up, f"unet:{number}:down": down}
    save_file(named, LORAS / "simo.safetensors", {"unet": '["CrossAttention", "Attention", "GEGLU"]'})
    torch.save([tensor for pair in pairs.values() for tensor in pair], LORAS / "simo.pt")
    for file in ("simo.safetensors", "simo.pt"):
        made, _, report = load(patcher, file)
        assert "every module is matched" in report, report
        after = patched(made)
        for layer, (up, down) in pairs.items():
            key = key_of(patcher, layer)
            close(after[key] - before[key], up @ down)


def check_cloneofsimo_text_encoder() -> None:
    clip, patcher = text_encoder(), model("SD15", SD15)
    state = clip.cond_stage_model.state_dict()
    names = [f"layers.{i}.self_attn.{n}" for i in range(2) for n in ("k_proj", "v_proj", "q_proj", "out_proj")]
    keys = [next(k for k in state if k.endswith(f"{name}.weight")) for name in names]
    pairs = [factors(32, 32, i) for i in range(len(keys))]
    tensors = {
        f"text_encoder:{i}:{what}": t for i, pair in enumerate(pairs) for what, t in zip(("up", "down"), pair, strict=True)
    }
    save_file(tensors | {"<token>": torch.zeros(768)}, LORAS / "simo_text.safetensors", {"<token>": "<embed>"})
    _, encoder, report = load(patcher, "simo_text.safetensors", clip)
    assert "every module is matched" in report, report
    assert "token" in report, report
    after = patched(encoder.patcher)
    for key, (up, down) in zip(keys, pairs, strict=True):
        close(after[key].float() - state[key].float(), up @ down, 1e-3)  # the encoder is in half precision
    assert "clip is not connected" in refused(lambda: load(patcher, "simo_text.safetensors"))


FORMS = {
    "diffusers' oldest": ("{attn}.processor.{to}_lora.up.weight", "{attn}.processor.{to}_lora.down.weight"),
    "diffusers' oldest with unet": ("unet.{attn}.processor.{to}_lora.up.weight", "unet.{attn}.processor.{to}_lora.down.weight"),
    "diffusers of 0.17": ("unet.{attn}.{to}.lora.up.weight", "unet.{attn}.{to}.lora.down.weight"),
    "named adapter": ("unet.{attn}.{to}.lora_B.my_style.weight", "unet.{attn}.{to}.lora_A.my_style.weight"),
    "peft's own file": ("base_model.model.{attn}.{to}.lora_B.weight", "base_model.model.{attn}.{to}.lora_A.weight"),
    "unet twice": ("lora_unet_unet_{under}.lora_up.weight", "lora_unet_unet_{under}.lora_down.weight"),
    "processor with a base model": (
        "base_model.model.{attn}.{to}.lora_linear_layer.up.weight",
        "base_model.model.{attn}.{to}.lora_linear_layer.down.weight",
    ),
}


def check_forms_of_names() -> None:
    patcher = model("SD15", DEEP_SD15)
    before = {k: t.clone() for k, t in patcher.model.state_dict().items()}
    layers = [n for n in unet_layers(patcher) if "attn" in n.rsplit(".transformer_blocks", 1)[1]]
    pairs = pairs_for(patcher, layers)
    for number, (form, (up_name, down_name)) in enumerate(FORMS.items()):
        tensors = {}
        for layer, (up, down) in pairs.items():
            short = layer.removesuffix(".0") if "under" not in up_name else layer
            attn, _, to = short.rpartition(".")
            words = {"attn": attn, "to": to, "under": short.replace(".", "_")}
            tensors |= {up_name.format(**words): up, down_name.format(**words): down}
        file = f"form_{number}.bin" if "oldest" in form else f"form_{number}.safetensors"
        if file.endswith(".bin"):
            torch.save(tensors, LORAS / file)
        else:
            save_file(tensors, LORAS / file)
        made, _, report = load(patcher, file)
        assert "every module is matched" in report, (form, report)
        after = patched(made)
        assert len(after) == len(pairs), form
        for layer, (up, down) in pairs.items():
            close(after[key_of(patcher, layer)] - before[key_of(patcher, layer)], up @ down)


def check_onetrainer_with_embeddings() -> None:
    patcher = model("SD15", SD15)
    up, down = factors(64, 64, 1)
    module = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q"
    tensors = {f"{module}.lora_up.weight": up, f"{module}.lora_down.weight": down, f"{module}.alpha": torch.tensor(2.0)}
    save_file(tensors | {"bundle_emb.mystyle.string_to_param.*": torch.zeros(2, 768)}, LORAS / "one.safetensors")
    made, _, report = load(patcher, "one.safetensors")
    assert len(made.patches) == 1
    assert "every module is matched" in report, report
    assert "mystyle" in report, report
    assert "mystyle" in LoraInfo.execute("one.safetensors").result[2]


def check_sd2_on_sd15() -> None:
    """Names fit and cross-attention reads another width of text."""
    patcher = model("SD15", {**WIDE, "context_dim": 768})
    tensors = {}
    for attn, name, inputs in (("attn1", "to_q", 640), ("attn1", "to_k", 640), ("attn2", "to_k", 1024), ("attn2", "to_v", 1024)):
        up, down = factors(640, inputs, inputs)
        module = f"lora_unet_{LAYER.replace('.', '_')}_{attn}_{name}"
        tensors |= {f"{module}.lora_up.weight": up, f"{module}.lora_down.weight": down}
    save_file(tensors, LORAS / "sd2.safetensors", {"ss_base_model_version": "sd_v1"})
    message = refused(lambda: load(patcher, "sd2.safetensors"))
    assert "another kind of model (SD2.x): 2 of 4 modules have 1024 where the model has 768" in message, message
    assert "SD2.x" in LoraInfo.execute("sd2.safetensors").result[2]


def check_other_files_are_named() -> None:
    patcher = model("SD15", SD15)
    files = {
        "checkpoint.safetensors": (
            {"model.diffusion_model.input_blocks.0.0.weight": torch.zeros(2, 2)},
            "a Stable Diffusion checkpoint",
        ),
        "vae.safetensors": ({"encoder.down.0.x": torch.zeros(1), "decoder.up.0.x": torch.zeros(1)}, "a VAE"),
        "odd.safetensors": ({"thing.weight": torch.zeros(2, 2)}, "it has thing.weight"),
    }
    for file, (tensors, said) in files.items():
        save_file(tensors, LORAS / file)
        message = refused(lambda file=file: load(patcher, file))
        assert said in message, message
        assert "holds no LoRA" in message, message
    (LORAS / "evil.pt").write_bytes(pickle.dumps({"lora": print}))
    assert "evil.pt" in refused(lambda: load(patcher, "evil.pt"))


def check_merging_names_what_it_leaves_out() -> None:
    up, down = factors(64, 64, 1)
    module = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q"
    save_file({f"{module}.lora_down.weight": down}, LORAS / "half.safetensors")
    message = refused(lambda: MergeLora.execute([("half.safetensors", 1.0, 1.0)], "", 0, "full", "merged"))
    assert "has no lora_up" in message, message
    whole = {f"{module}.lora_up.weight": up, f"{module}.lora_down.weight": down, "mystery": torch.zeros(2)}
    save_file(whole, LORAS / "whole.safetensors")
    report = MergeLora.execute([("whole.safetensors", 1.0, 1.0)], "", 0, "full", "merged").result[2]
    assert "mystery" in report, report


def check_alpha_beside_the_file() -> None:
    patcher = model("SD15", SD15)
    before = {k: t.clone() for k, t in patcher.model.state_dict().items()}
    folder = LORAS / "my_adapter"
    folder.mkdir(exist_ok=True)
    up, down = factors(64, 64, 1)
    name = f"base_model.model.{LAYER}.attn1.to_q"
    save_file({f"{name}.lora_B.weight": up, f"{name}.lora_A.weight": down}, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 2, "lora_alpha": 8, "use_rslora": False}))
    made, _, report = load(patcher, "my_adapter/adapter_model.safetensors")
    assert "alpha 8" in report, report
    key = key_of(patcher, f"{LAYER}.attn1.to_q")
    close(patched(made)[key] - before[key], 4 * up @ down)


run_all(globals(), {})
