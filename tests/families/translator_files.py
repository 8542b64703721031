"""Small files of every translator in its published names, filled with seeded numbers."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from style_atelier.models.families.animegan2.network import AnimeConfig
from style_atelier.models.families.cartoongan.network import CartoonGANConfig
from style_atelier.models.families.cyclegan.discriminator import PatchConfig
from style_atelier.models.families.cyclegan.layout import binomial
from style_atelier.models.families.cyclegan.network import ResnetConfig
from style_atelier.models.families.funit import FewShotConfig
from style_atelier.models.families.munit.network import AdaINGenConfig, ContentConfig
from style_atelier.models.families.photo2cartoon.network import CartoonConfig
from style_atelier.models.families.pix2pix.network import UnetConfig
from style_atelier.models.families.stargan.network import DiscriminatorConfig, StarGANConfig
from style_atelier.models.families.stargan2 import StarGAN2Config
from style_atelier.models.families.stargan2.network import GeneratorConfig
from style_atelier.models.families.ugatit.discriminator import DiscriminatorConfig as AttentionConfig
from style_atelier.models.families.ugatit.network import UGATITConfig
from style_atelier.models.library.registry import architecture

fill = runpy.run_path(str(Path(__file__).parent.parent / "golden" / "fill.py"))["fill"]
CONTENT = ContentConfig(4, 2, 2)
CONFIGS: dict[str, Any] = {
    "cyclegan-resnet": ResnetConfig(4, 6),
    "cyclegan-patch-discriminator": PatchConfig((4, 8, 16, 32), 3, batch=True),
    "cyclegan-pixel-discriminator": PatchConfig((4, 8), 3, batch=False),
    "cut": ResnetConfig(4, 6, filtered=True, up="filtered"),
    "cartoongan": CartoonGANConfig((4, 6, 8), 2),
    "pix2pix-unet": UnetConfig((4, 8, 8, 8, 8, 8), batch=True, biased=False),
    "ugatit": (("genA2B", UGATITConfig(4, 2)), ("genB2A", UGATITConfig(4, 2))),
    "ugatit-tensorflow": (("genA2B", UGATITConfig(4, 2, 32, True)), ("genB2A", UGATITConfig(4, 2, 32, True))),
    "ugatit-discriminator": AttentionConfig((4, 8, 16)),
    "photo2cartoon": CartoonConfig(8),
    "animegan2": AnimeConfig(4),
    "stargan": StarGANConfig(4, 2, 5),
    "stargan-discriminator": DiscriminatorConfig((4, 8), 2, 5),
    "stargan2": StarGAN2Config(GeneratorConfig(256, (8, 8, 8, 8), 6, False), (8, 8, 8, 8), (5, 7, 4, 4), 2, None),
    "stargan2-fan": (98, 16),
    "munit": tuple((name, AdaINGenConfig(CONTENT, 3, (8, 6, 6, 2 * 2 * 2 * CONTENT.deep))) for name in "ab"),
    "unit": (("a", CONTENT), ("b", CONTENT)),
    "funit": FewShotConfig(CONTENT, 4, 3, (5, 6, 6, 2 * 2 * 2 * CONTENT.deep)),
}


def small(identity: str, seed: int = 3) -> dict[str, Tensor]:
    """A file of this architecture."""
    if identity == "ugatit-tensorflow":
        return tensorflow_variables(CONFIGS[identity], seed)
    tensors = {k: t.clone() for k, t in architecture(identity).build(CONFIGS[identity]).state_dict().items()}
    if identity == "ugatit-discriminator":
        tensors = with_spectral_norm(tensors)
    if identity == "funit":
        tensors = {f"gen_test.{k}": t for k, t in tensors.items()}
    if identity == "cartoongan":
        tensors = {cartoongan_name(k): t for k, t in tensors.items()}
    fill(tensors, seed)
    return tensors | (cut_filters(CONFIGS[identity]) if identity == "cut" else {})


def cartoongan_name(key: str) -> str:
    """Norms have a scale and a shift."""
    layer, _, last = key.removeprefix("layers.").rpartition(".")
    return f"{layer}.{ {'weight': 'scale', 'bias': 'shift'}[last] if layer.startswith('in') else last }"


def cut_filters(config: ResnetConfig) -> dict[str, Tensor]:
    """The constant filters that CUT's files hold."""
    width, last = config.width, 12 + config.blocks
    places = {7: (2 * width, 3), 11: (4 * width, 3), last: (4 * width, 4), last + 4: (2 * width, 4)}
    return {f"model.{n}.filt": binomial(taps).repeat(channels, 1, 1, 1) for n, (channels, taps) in places.items()}


def with_spectral_norm(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The names that torch.nn.utils.spectral_norm gives."""
    out = {}
    for key, tensor in tensors.items():
        if key.endswith(".weight") and not key.startswith("conv1x1"):
            flat = tensor.flatten(1)
            out |= {f"{key}_orig": tensor, f"{key}_u": torch.zeros(flat.shape[0]), f"{key}_v": torch.zeros(flat.shape[1])}
        elif not key.endswith("_scale"):
            out[key] = tensor
    return out


def tensorflow_variables(config: tuple[tuple[str, UGATITConfig], ...], seed: int) -> dict[str, Tensor]:
    """U-GAT-IT's generators as taki0112/UGATIT names and lays out their variables."""
    out: dict[str, Tensor] = {}
    for name, own in config:
        start, width = {"genA2B": "generator_B/", "genB2A": "generator_A/"}[name], own.width
        deep = 4 * width

        def conv(scope: str, inputs: int, outputs: int, kernel: int, start: str = start) -> None:
            out[f"{start}{scope}/conv2d/kernel"] = torch.zeros(kernel, kernel, inputs, outputs)
            out[f"{start}{scope}/conv2d/bias"] = torch.zeros(outputs)

        def values(scope: str, channels: int, *names: str, start: str = start) -> None:
            out.update({f"{start}{scope}/{n}": torch.zeros(channels) for n in names})

        conv("conv", 3, width, 7)
        values("ins_norm", width, "gamma", "beta")
        for i in (0, 1):
            conv(f"conv_{i}", width << i, width << (i + 1), 3)
            values(f"ins_norm_{i}", width << (i + 1), "gamma", "beta")
        for i in range(own.blocks):
            for res in ("res1", "res2"):
                conv(f"resblock_{i}/{res}/conv_0", deep, deep, 3)
                values(f"resblock_{i}/{res}/instance_norm", deep, "gamma", "beta")
                conv(f"adaptive_resblock{i}/{res}/conv_0", deep, deep, 3)
                values(f"adaptive_resblock{i}/{res}/instance_layer_norm", deep, "rho")
        out[f"{start}CAM_logit/kernel"], out[f"{start}CAM_logit/bias"] = torch.zeros(deep, 1), torch.zeros(1)
        conv("conv_1x1", 2 * deep, deep, 1)
        flat = deep * (own.size // 4) ** 2 if own.size else deep
        for scope, inputs in (("linear_0", flat), ("linear_1", deep), ("gamma", deep), ("beta", deep)):
            out[f"{start}MLP/{scope}/dense/kernel"] = torch.zeros(inputs, deep)
            out[f"{start}MLP/{scope}/dense/bias"] = torch.zeros(deep)
        for i in (0, 1):
            conv(f"up_conv_{i}", deep >> i, deep >> (i + 1), 3)
            values(f"layer_ins_norm_{i}", deep >> (i + 1), "rho", "gamma", "beta")
        conv("G_logit", width, 3, 7)
    fill(out, seed)
    for key, tensor in out.items():
        if key.endswith("/gamma"):
            tensor.add_(1)
        elif key.endswith("/rho"):
            tensor.mul_(5).add_(0.5).clamp_(0, 1)
    return out
