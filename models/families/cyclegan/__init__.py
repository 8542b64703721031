"""CycleGAN (Zhu et al. 2017; junyanz/pytorch-CycleGAN-and-pix2pix, BSD) and CUT (Park et al. 2020, arXiv:2007.15651;
taesungp/contrastive-unpaired-translation, BSD): ResNet generators, and the discriminators of CycleGAN and pix2pix.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from ...architecture import STATISTICS, Architecture, Tensors, shape
from .discriminator import PatchConfig, PatchDiscriminator, PixelDiscriminator
from .layout import SECOND, binomial, layout_of, places
from .network import ResnetConfig, ResnetGenerator
from .translate import CycleGAN

# trained by this project: docs/training.md
BUILT_IN = Path(__file__).with_name("night.safetensors")


def is_resnet(tensors: Tensors) -> bool:
    """A ResNet generator without filters."""
    layout = layout_of(tensors)
    return layout is not None and not layout.filtered and layout.up != "filtered"


def is_filtered(tensors: Tensors) -> bool:
    """A ResNet generator with filters against aliasing."""
    layout = layout_of(tensors)
    return layout is not None and (layout.filtered or layout.up == "filtered")


def resnet_config(tensors: Tensors) -> ResnetConfig:
    """Width, depth and kinds of layers."""
    layout = layout_of(tensors)
    assert layout is not None
    first = shape(tensors, "model.1.weight")
    affine = "model.2.weight" in tensors
    batch = affine and "model.2.running_mean" in tensors
    block = f"model.{layout.blocks[0]}.{layout.inner}"
    return ResnetConfig(
        width=first[0],
        blocks=len(layout.blocks),
        inputs=first[1],
        outputs=shape(tensors, f"model.{layout.last}.weight")[0],
        batch=batch,
        affine=affine and not batch,
        biased="model.1.bias" in tensors,
        dropout=len(shape(tensors, f"{block}.{SECOND[1]}.weight")) == 4,
        filtered=layout.filtered,
        up=layout.up,
    )


def rename(tensors: Tensors, config: ResnetConfig) -> dict[str, Tensor]:
    """The parameters under CycleGAN's names; filters are constants, and instance norms of old files also hold running
    statistics, which nothing uses. Raises ValueError for other filters than CUT's.
    """
    for key, filters in tensors.items():
        if key.endswith(".filt") and not torch.allclose(
            filters.float(), binomial(filters.shape[-1]).expand_as(filters), atol=1e-4
        ):
            raise ValueError(f"{key} is another filter than CUT's")
    unused = (".filt", *(STATISTICS[2:] if config.batch else STATISTICS))
    return {key.replace(".block.", ".conv_block."): t for key, t in tensors.items() if not key.endswith(unused)}


def is_patch(tensors: Tensors) -> bool:
    """A PatchGAN: nothing but 4x4 convolutions (and norms), the last to one channel."""
    numbers = places(tensors, "model.")
    weights = [shape(tensors, f"model.{n}.weight") for n in numbers]
    plain = all(len(k.split(".")) == 3 and k.startswith("model.") and k.split(".")[1].isdecimal() for k in tensors)
    return plain and len(numbers) > 2 and numbers[0] == 0 and all(w[2:] == (4, 4) for w in weights) and weights[-1][0] == 1


def patch_config(tensors: Tensors) -> PatchConfig:
    """Widths and norm of a PatchGAN."""
    weights = [shape(tensors, f"model.{n}.weight") for n in places(tensors, "model.")]
    return PatchConfig(tuple(w[0] for w in weights[:-1]), weights[0][1], batch="model.3.weight" in tensors)


def is_pixel(tensors: Tensors) -> bool:
    """A PixelGAN: three 1x1 convolutions."""
    numbers = places(tensors, "net.")
    return numbers == [0, 2, 5] and all(shape(tensors, f"net.{n}.weight")[2:] == (1, 1) for n in numbers)


def pixel_config(tensors: Tensors) -> PatchConfig:
    """Widths and norm of a PixelGAN."""
    weights = [shape(tensors, f"net.{n}.weight") for n in (0, 2)]
    return PatchConfig(tuple(w[0] for w in weights), weights[0][1], batch="net.3.weight" in tensors)


def without_instance_statistics(tensors: Tensors, config: PatchConfig) -> dict[str, Tensor]:
    """The parameters; running statistics only of batch norms."""
    return dict(tensors) if config.batch else {k: t for k, t in tensors.items() if not k.endswith(STATISTICS)}


RESNET = Architecture(
    id="cyclegan-resnet",
    kind="translator",
    title="CycleGAN",
    recognize=is_resnet,
    configure=resnet_config,
    build=ResnetGenerator,
    rename=rename,
    license="BSD-2-Clause",
    value_range="RGB -1..1",
    multiple=4,
    translator=CycleGAN,
)

ARCHITECTURES = (
    RESNET,
    replace(RESNET, id="cut", title="CUT", recognize=is_filtered),
    Architecture(
        id="cyclegan-patch-discriminator",
        kind="discriminator",
        title="PatchGAN discriminator (CycleGAN, pix2pix)",
        recognize=is_patch,
        configure=patch_config,
        build=PatchDiscriminator,
        rename=without_instance_statistics,
        license="BSD-2-Clause",
        value_range="RGB -1..1",
    ),
    Architecture(
        id="cyclegan-pixel-discriminator",
        kind="discriminator",
        title="PixelGAN discriminator (CycleGAN, pix2pix)",
        recognize=is_pixel,
        configure=pixel_config,
        build=PixelDiscriminator,
        rename=without_instance_statistics,
        license="BSD-2-Clause",
        value_range="RGB -1..1",
    ),
)
