"""Pocket, the built-in stylizer: trained by this project (training/builtin.py), so its weights carry the pack's license."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from ...architecture import Architecture, Tensors, shape
from ...decoders.decoder import Decoder
from ...encoders.encoder import Encoder
from ...ops.moments import Moments
from ...stylization.stages import FeatureStylizer, Stage
from .network import Pocket, PocketConfig

TAPS = {"half": 2, "quarter": 4, "eighth": 8}
MULTIPLE = 8
BUILT_IN = Path(__file__).with_name("pocket.safetensors")


class PocketEncoding:
    """The encoder half behind the encoders' common interface."""

    strides = TAPS

    def __init__(self, network: Pocket) -> None:
        self.network = network

    def __call__(self, images: Tensor, taps: Sequence[str]) -> dict[str, Tensor]:
        features = dict(zip(TAPS, self.network.encode(images), strict=True))
        return {tap: features[tap] for tap in taps}

    def halo(self, taps: Sequence[str]) -> int:
        """Strides summed over the convolutions: 1 + 1, 2 + 2*4, 4 + 2*8."""
        return 32

    def size(self, height: int, width: int, tap: str) -> tuple[int, int]:
        """Sides over the stride; pictures are padded to multiples of 8 before."""
        return -(-height // TAPS[tap]), -(-width // TAPS[tap])

    def bytes_per_pixel(self, taps: Sequence[str]) -> float:
        """The stem's padded input and output at full size dominate."""
        widths = self.network.config.widths
        return 4.0 * (3 * widths[0] + widths[1])


class PocketRendering:
    """The decoder half behind the decoders' common interface."""

    strides = TAPS
    halo = 56

    def __init__(self, network: Pocket) -> None:
        self.network = network
        widths = network.config.widths
        self.bytes_per_pixel = 4.0 * (2 * widths[1] + 2 * widths[0])

    def condition(self, moments: Mapping[str, Moments]) -> Tensor:
        """The style code, [B, K]: it is computed from the statistics the features have once they are transferred."""
        return self.network.code([moments[tap] for tap in TAPS])

    def render(self, levels: Mapping[str, Tensor], condition: Tensor | None) -> Tensor:
        """Three levels and the code (per picture or per point of the deepest level) -> [B, 3, H, W]."""
        if condition is None:
            raise ValueError("Pocket's decoder needs the style code of the whole picture")
        return self.network.decode([levels[tap] for tap in TAPS], self.network.split(condition))


def recognize(tensors: Tensors) -> bool:
    """The stem of the encoder and the style code's layer."""
    return "encoder.stem.weight" in tensors and "code_in.weight" in tensors and "skip2.weight" in tensors


def configure(tensors: Tensors) -> PocketConfig:
    """Widths from the shapes."""
    names = ("encoder.stem", "encoder.down1", "encoder.down2", "encoder.down3")
    full, half, quarter, eighth = (shape(tensors, f"{name}.weight")[0] for name in names)
    return PocketConfig((full, half, quarter, eighth), shape(tensors, "code_in.weight")[0])


ARCHITECTURE = Architecture(
    id="pocket",
    kind="stylizer",
    title="Pocket",
    recognize=recognize,
    configure=configure,
    build=Pocket,
    rename=lambda tensors, config: {name: tensor.float() for name, tensor in tensors.items()},
    license="MIT",
    multiple=MULTIPLE,
)
ARCHITECTURES = (ARCHITECTURE,)


def as_encoder(network: Pocket, name: str = "pocket", title: str = "Pocket") -> Encoder:
    """Pocket's encoder, three taps at once."""
    return Encoder(name, title, network, PocketEncoding(network), list(TAPS), MULTIPLE)


def as_decoder(network: Pocket, name: str = "pocket", title: str = "Pocket") -> Decoder:
    """Pocket's decoder for the encoder of the same name."""
    return Decoder(name, title, name, network, PocketRendering(network))


def stylizer(network: Pocket, name: str = "pocket", title: str = "Pocket") -> FeatureStylizer:
    """The stylizer from its one network.

    Trained with AdaIN between its levels, used with ZCA: on pictures it never saw the style distance is a ninth smaller and
    the palette truer (docs/training.md).
    """
    stage = Stage(as_encoder(network, name, title), as_decoder(network, name, title))
    return FeatureStylizer(name, title, "MIT", [stage], own="zca")
