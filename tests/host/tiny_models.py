"""Small models of Stable Diffusion's shapes with seeded weights, on the host's own model code; and a loader node for them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import comfy.clip_vision
import comfy.model_base
import comfy.model_patcher
import comfy.sd
import comfy.sd1_clip
import comfy.supported_models
import folder_paths
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from style_atelier.models.families.controlnext import ControlNeXt, ControlNeXtConfig
from style_atelier.tests.families.deadiff_files import deadiff_file

CPU = torch.device("cpu")
COMMON = {
    **{"image_size": 32, "in_channels": 4, "out_channels": 4, "model_channels": 32, "use_spatial_transformer": True},
    **{"legacy": False, "dtype": torch.float32, "use_temporal_attention": False, "context_dim": 32},
}
SD15 = {
    **COMMON,
    **{"channel_mult": (1, 2, 4, 4), "num_res_blocks": [1, 1, 1, 1], "transformer_depth": [1, 1, 1, 0]},
    **{"transformer_depth_output": [1, 1, 1, 1, 1, 1, 0, 0], "transformer_depth_middle": 1, "adm_in_channels": None},
    **{"use_linear_in_transformer": False, "num_heads": 4, "num_head_channels": -1},
}
SDXL = {
    **COMMON,
    **{"channel_mult": (1, 2, 4), "num_res_blocks": [1, 1, 1], "transformer_depth": [0, 1, 2]},
    **{"transformer_depth_output": [0, 0, 1, 1, 2, 2], "transformer_depth_middle": 2, "adm_in_channels": 2816},
    **{"num_classes": "sequential", "use_linear_in_transformer": True, "num_heads": -1, "num_head_channels": 16},
}
# Blocks as in the published models, so that the names of the classic sets are all there.
FULL_SD15 = {
    **{**SD15, "model_channels": 320, "context_dim": 768, "num_heads": 8, "num_res_blocks": [2, 2, 2, 2]},
    **{"transformer_depth": [1, 1, 1, 1, 1, 1, 0, 0], "transformer_depth_output": [1] * 9 + [0] * 3},
}
DEEP_SD15 = {**FULL_SD15, "model_channels": 32, "context_dim": 32, "num_heads": 4}
DEEP_SDXL = {
    **{**SDXL, "num_res_blocks": [2, 2, 2], "transformer_depth": [0, 0, 1, 1, 2, 2]},
    "transformer_depth_output": [0, 0, 0, 1, 1, 1, 2, 2, 2],
}


def model(kind: str, config: dict[str, Any], device: torch.device = CPU) -> Any:
    """A patcher around a model with seeded weights, as the host's loader makes it."""
    known: Any = {"SD15": comfy.supported_models.SD15, "SDXL": comfy.supported_models.SDXL}[kind](dict(config))
    known.set_inference_dtype(torch.float32, None)
    network = comfy.model_base.SDXL(known, device=device) if kind == "SDXL" else known.get_model({}, device=device)
    if device == CPU:
        seeded(network)
    return comfy.model_patcher.CoreModelPatcher(network, load_device=CPU, offload_device=CPU)


def seeded(network: nn.Module, seed: int = 0) -> None:
    """Weights that keep the size of what passes; norms about one."""
    drawn = torch.Generator().manual_seed(seed)
    for name, tensor in network.named_parameters():
        size = 0.2 if tensor.ndim < 2 else tensor[0].numel() ** -0.5
        tensor.data.copy_(torch.randn(tensor.shape, generator=drawn) * size + ("norm" in name and name.endswith("weight")))


def text_encoder() -> Any:
    """A CLIP of two narrow layers behind the host's own tokenizer."""
    layers = {
        **{"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2, "num_hidden_layers": 2},
        **{"max_position_embeddings": 77, "vocab_size": 49408, "eos_token_id": 49407, "projection_dim": 32},
        **{"layer_norm_eps": 1e-5, "num_positions": 77, "hidden_act": "quick_gelu", "model_type": "clip_text_model"},
    }
    narrow = partial(comfy.sd1_clip.SDClipModel, textmodel_json_config=layers, layer="last", layer_idx=None)

    class Target:
        params: ClassVar[dict[str, Any]] = {}
        clip = partial(comfy.sd1_clip.SD1ClipModel, clip_model=narrow)
        tokenizer = comfy.sd1_clip.SD1Tokenizer

    made = comfy.sd.CLIP(Target())
    seeded(made.cond_stage_model)
    return made


CLIP_SIDE, CLIP_WIDTH = 28, 32
CLIP_LAYERS = {"num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 64, "hidden_act": "quick_gelu"}
CLIP_TEXT = {
    **{**CLIP_LAYERS, "hidden_size": CLIP_WIDTH, "vocab_size": 49408, "max_position_embeddings": 77},
    **{"eos_token_id": 49407, "bos_token_id": 49406},
}
CLIP_VISION = {**CLIP_LAYERS, "hidden_size": 48, "image_size": CLIP_SIDE, "patch_size": 7, "num_channels": 3}


def clip_file(folder: Path, seed: int = 0) -> tuple[Any, Path]:
    """transformers' CLIP with seeded weights that half precision holds, and a file of them."""
    import transformers

    with torch.inference_mode(False), torch.no_grad():
        config = transformers.CLIPConfig(text_config=CLIP_TEXT, vision_config=CLIP_VISION, projection_dim=CLIP_WIDTH)
        made = transformers.CLIPModel(config)
        seeded(made, seed)
        for tensor in made.parameters():
            tensor.copy_(tensor.half())
    path = folder / f"clip{seed}.safetensors"
    if not path.exists():
        save_file({name: tensor.contiguous() for name, tensor in made.state_dict().items()}, str(path))
    return made.eval(), path


def clip_text(path: Path) -> Any:
    """What Load CLIP makes of a file with these layers, by the loader's own door for other sizes."""
    return comfy.sd.load_clip([str(path)], model_options={"model_config": dict(CLIP_TEXT)})


def clip_vision(state: dict[str, Tensor] | None, **changes: Any) -> Any:
    """The host's vision model with these weights, or seeded ones; its loader knows the published sizes only."""
    sizes = {**CLIP_VISION, "projection_dim": CLIP_WIDTH, "model_type": "clip_vision_model", **changes}
    made = comfy.clip_vision.ClipVisionModel(sizes)
    if state is None:
        seeded(made.model)
    else:
        made.load_sd(dict(state))
    return made


class Picture:
    """Stands for a VAE: the first three channels of a latent, enlarged."""

    def decode(self, latent: Tensor) -> Tensor:
        small = torch.sigmoid(latent[:, :3])
        return F.interpolate(small, scale_factor=8, mode="nearest").movedim(1, -1)

    def spacial_compression_encode(self) -> int:
        return 8


class TinyVAE(Picture):
    """The same with a way in: averages of eight by eight pixels, as many channels as are asked for."""

    def __init__(self, channels: int = 4) -> None:
        self.channels = channels

    def encode(self, pixels: Tensor) -> Tensor:
        small = F.avg_pool2d(pixels.movedim(-1, 1)[:, :3], 8).clamp(0.01, 0.99)
        return torch.logit(small)[:, torch.arange(self.channels) % 3]


class TinyCLIP:
    """Stands where a workflow has CLIPLoader."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {}}

    RETURN_TYPES = ("CLIP",)
    FUNCTION = "load"
    CATEGORY = "tests"

    def load(self) -> tuple[Any]:
        return (clip_text(clip_file(Path(folder_paths.get_output_directory()))[1]),)


class TinyCLIPVision:
    """Stands where a workflow has CLIPVisionLoader."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {}}

    RETURN_TYPES = ("CLIP_VISION",)
    FUNCTION = "load"
    CATEGORY = "tests"

    def load(self) -> tuple[Any]:
        return (clip_vision(clip_file(Path(folder_paths.get_output_directory()))[0].state_dict()),)


class TinyCheckpoint:
    """Stands where a workflow has CheckpointLoaderSimple."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"kind": (["SD15", "DEEP_SD15", "SDXL"],)}}

    RETURN_TYPES = ("MODEL", "CLIP", "VAE")
    FUNCTION = "load"
    CATEGORY = "tests"

    def load(self, kind: str) -> tuple[Any, Any, Any]:
        # The text encoder's pooled output is 32 wide, and six sizes of 256 are behind it.
        config = {"SD15": SD15, "DEEP_SD15": DEEP_SD15}.get(kind, {**SDXL, "adm_in_channels": 32 + 6 * 256})
        # In inference mode, as the host's own loader makes a model.
        return model("SDXL" if kind == "SDXL" else "SD15", config), text_encoder(), TinyVAE()


def place_loras(folder: Path, names: Iterable[str]) -> None:
    """LoRAs for the tiny SDXL by kohya's names, under these names."""
    drawn = torch.Generator().manual_seed(1)
    state = model("SDXL", SDXL).model.state_dict()
    for name in names:
        tensors = {}
        for key, tensor in state.items():
            if "transformer_blocks" in key and tensor.ndim == 2:
                module = f"lora_unet_{key.removeprefix('diffusion_model.').removesuffix('.weight').replace('.', '_')}"
                tensors[f"{module}.lora_up.weight"] = torch.randn(tensor.shape[0], 2, generator=drawn) * 0.2
                tensors[f"{module}.lora_down.weight"] = torch.randn(2, tensor.shape[1], generator=drawn) * 0.2
        save_file(tensors, str(folder / name), {"ss_output_name": name})


def place_deadiff(path: Path) -> None:
    """A small file as DEADiff's authors write it, which fits the deep tiny SD1.5."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"state_dict": deadiff_file()}, path)


def place_controlnext(folder: Path) -> None:
    """A small ControlNeXt and UNet increments that fit the tiny SDXL."""
    made = ControlNeXt(ControlNeXtConfig(((128, 128, 4), (128, 256, 8)), SDXL["model_channels"], True, False))
    seeded(made)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(made.state_dict(), str(folder / "controlnet.safetensors"))
    state = model("SDXL", SDXL).model.state_dict()
    drawn = torch.Generator().manual_seed(2)
    chosen = {key: tensor for key, tensor in state.items() if ".attn2.to_out.0.weight" in key}
    increments = {k.removeprefix("diffusion_model."): 0.1 * torch.randn(t.shape, generator=drawn) for k, t in chosen.items()}
    save_file(increments, str(folder / "unet.safetensors"))
