"""FUNIT (Liu et al. 2019, arXiv:1905.01723; NVlabs/FUNIT, CC BY-NC-SA 4.0): an animal becomes one of a kind seen in a few
pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from ...architecture import Architecture, Tensors, split
from ...canvas import Canvas
from ...canvas.whole import Whole
from ...translation.style_code import StyleCode
from ...translation.translator import Painted, Sizes, TranslateOptions, Translator
from ..munit import content_config, mlp_widths, style_downs, without_statistics
from ..munit.network import MLP, ContentConfig, ContentEncoder, Decoder, StyleEncoder, adaptive
from ..munit.translate import with_shorter_side_at_most

# gen_test is the average over training that the authors test with
CONTAINED = ("gen_test", "gen")


@dataclass(frozen=True)
class FewShotConfig:
    """class_downs: strided layers of the class encoder. mlp: widths from code to parameters."""

    content: ContentConfig
    class_width: int
    class_downs: int
    mlp: tuple[int, ...]


class FewShotGen(nn.Module):
    """Content of one picture, class of others."""

    def __init__(self, config: FewShotConfig) -> None:
        super().__init__()
        self.config = config
        self.enc_class_model = StyleEncoder(config.class_width, config.class_downs, config.mlp[0])
        self.enc_content = ContentEncoder(config.content)
        self.dec = Decoder(config.content, "instance")
        self.mlp = MLP(config.mlp)

    def render(self, canvas: Any, content: Any, codes: Tensor) -> Any:
        """A map of the pictures with this content (used up) of these classes [B, latent]."""
        return self.dec(canvas, content, adaptive(self.mlp(codes), self.config.content.deep))

    def forward(self, x: Tensor, model_set: Tensor) -> Tensor:
        """x [B, 3, H, W] as one of the kind shown in model_set [K, 3, h, w]; all in -1..1."""
        canvas = Whole()
        code = self.enc_class_model(model_set).mean(dim=0, keepdim=True).expand(len(x), -1)
        return canvas.close(self.render(canvas, self.enc_content(canvas, canvas.open(x)), code))


class FUNIT(Translator):
    """Wants pictures of one kind: their codes' mean is the kind's code. Made for 128 pixels."""

    needs = "reference"
    feature_strength = True

    def __init__(self, network: FewShotGen, name: str, title: str, license: str) -> None:
        self.name, self.title, self.license, self.module = name, title, license, network
        self.network = network
        config = network.config
        self.code_family, self.code_size = "FUNIT", config.mlp[0]
        self.sizes = Sizes(own=128, multiple=1 << config.content.downs, usual="network")
        self.bytes_per_pixel = 16.0 * config.content.width
        self.resident_bytes_per_pixel = 40 + 4.2 * config.content.width

    def encode(self, canvas: Canvas, picture: Any, options: TranslateOptions) -> Any:
        return self.network.enc_content(canvas, picture)

    def decode(self, canvas: Canvas, content: Any, code: Tensor | None, options: TranslateOptions) -> Painted:
        assert code is not None
        return Painted(canvas.close(self.network.render(canvas, canvas.fresh(content, len(code)), code)))

    def style_of(self, images: Tensor, domain: str) -> StyleCode:
        """One code, the mean over the pictures. Those above 128 pixels are made smaller."""
        x = with_shorter_side_at_most(images, self.sizes.own) * 2 - 1
        return StyleCode(self.network.enc_class_model(x).mean(dim=0, keepdim=True).cpu(), self.code_family)


def is_generator(tensors: Tensors) -> bool:
    """A few-shot generator in its container or bare."""
    part = next(iter(split(tensors, CONTAINED).values()))
    return {"enc_class_model.model.0.conv.weight", "enc_content.model.0.conv.weight", "mlp.model.0.fc.weight"} <= part.keys()


def configure(tensors: Tensors) -> FewShotConfig:
    """Widths and depths."""
    part = next(iter(split(tensors, CONTAINED).values()))
    width = part["enc_class_model.model.0.conv.weight"].shape[0]
    return FewShotConfig(content_config(part, "enc_content"), width, style_downs(part, "enc_class_model"), mlp_widths(part))


ARCHITECTURES = (
    Architecture(
        id="funit",
        kind="translator",
        title="FUNIT",
        recognize=is_generator,
        configure=configure,
        build=FewShotGen,
        rename=lambda tensors, config: without_statistics(next(iter(split(tensors, CONTAINED).values()))),
        license="CC-BY-NC-SA-4.0",
        value_range="RGB -1..1",
        multiple=8,
        translator=FUNIT,
    ),
)
