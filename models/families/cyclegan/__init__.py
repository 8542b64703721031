"""CycleGAN (Zhu et al. 2017; junyanz/pytorch-CycleGAN-and-pix2pix, BSD): ResNet generators, and the discriminators of both
papers.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from ...architecture import STATISTICS, Architecture, Tensors, shape
from .discriminator import PatchConfig, PatchDiscriminator, PixelDiscriminator
from .network import ResnetConfig, ResnetGenerator
from .translate import CycleGAN

# trained by this project: docs/training.md
BUILT_IN = Path(__file__).with_name("night.safetensors")


def places(tensors: Tensors, start: str) -> list[int]:
    """Numbers N of the keys `startN.weight` with four dimensions, in order."""
    found = (k[len(start) :].removesuffix(".weight") for k, t in tensors.items() if k.startswith(start) and t.dim() == 4)
    return sorted({int(n) for n in found if n.isdecimal()})


def blocks_of(tensors: Tensors) -> list[int]:
    """Numbers of the residual blocks, in order."""
    heads = {k.split(".")[1] for k in tensors if k.startswith("model.") and ".conv_block." in k}
    return sorted(int(n) for n in heads if n.isdecimal())


def is_resnet(tensors: Tensors) -> bool:
    """A ResNet generator: convolutions 1, 4, 7, blocks from 10, two transposed ones and the last."""
    blocks = blocks_of(tensors)
    last = 10 + len(blocks)
    return bool(blocks) and blocks == list(range(10, last)) and places(tensors, "model.") == [1, 4, 7, last, last + 3, last + 7]


def resnet_config(tensors: Tensors) -> ResnetConfig:
    """Width, depth and kinds of layers."""
    first, blocks = shape(tensors, "model.1.weight"), len(blocks_of(tensors))
    affine = "model.2.weight" in tensors
    batch = affine and "model.2.running_mean" in tensors
    return ResnetConfig(
        width=first[0],
        blocks=blocks,
        inputs=first[1],
        outputs=shape(tensors, f"model.{17 + blocks}.weight")[0],
        batch=batch,
        affine=affine and not batch,
        biased="model.1.bias" in tensors,
        dropout="model.10.conv_block.6.weight" in tensors and tensors["model.10.conv_block.6.weight"].dim() == 4,
    )


def without_statistics(tensors: Tensors, config: ResnetConfig) -> dict[str, Tensor]:
    """The parameters; instance norms of old files also hold running statistics, which nothing uses."""
    unused = STATISTICS[2:] if config.batch else STATISTICS
    return {k: t for k, t in tensors.items() if not k.endswith(unused)}


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
    rename=without_statistics,
    license="BSD-2-Clause",
    value_range="RGB -1..1",
    multiple=4,
    translator=CycleGAN,
)

ARCHITECTURES = (
    RESNET,
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
