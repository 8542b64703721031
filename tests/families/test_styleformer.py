"""StyleFormer: agreement with the authors' code, exchange of stroke and background, tiles, regions, strengths, styles."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest
import torch
from torch import Tensor

from style_atelier.models.encoders.encoder import no_gradients
from style_atelier.models.families.styleformer import ARCHITECTURE
from style_atelier.models.families.styleformer.network import StyleFormerConfig, StyleFormerNetworks
from style_atelier.models.families.styleformer.stylize import StyleFormerStylizer
from style_atelier.models.library import stylizers
from style_atelier.models.stylization.style import SHARES, Style, blend
from style_atelier.models.stylization.stylizer import StylizeOptions
from style_atelier.models.weights.catalogue import FileSpec
from style_atelier.tests.families.styleformer_files import SMALL, SMALL_GAINS, filled, styleformer_file

GOLDEN = Path(__file__).parent.parent / "golden"
filling = runpy.run_path(str(GOLDEN / "fill.py"))
fill, image = filling["fill"], filling["image"]
TOLERANCE = 1e-4
PUBLISHED = StyleFormerConfig(256, 4, 2, 128, (256, 256, 256, 128, 128, 64, 64, 3), (64, 64, 128, 128, 256))
PUBLISHED_NUMBERS = 14_664_009 + 2_325_315


def made(config: StyleFormerConfig, seed: int, gains: dict[str, float], side: int) -> StyleFormerStylizer:
    tensors = filled(config, seed, gains)
    assert ARCHITECTURE.recognize(tensors)
    assert ARCHITECTURE.configure(tensors) == config
    networks = StyleFormerNetworks(config)
    networks.load_state_dict(ARCHITECTURE.rename(tensors, config))
    no_gradients(networks)
    stylizer = StyleFormerStylizer(networks, "small", "StyleFormer", "none")
    stylizer.style_side = side
    return stylizer


@pytest.fixture(scope="module")
def golden() -> dict[str, Tensor]:
    return torch.load(GOLDEN / "styleformer.golden.pt", weights_only=True)


@pytest.fixture(scope="module")
def pictures(golden) -> dict[str, Tensor]:
    meta = json.loads(golden["meta"])
    return {name: image(name, tuple(meta[name]), meta["seed"]) for name in ("content", "style", "style2")}


@pytest.fixture(scope="module")
def published(golden) -> StyleFormerStylizer:
    """At full width: the authors' groups are fixed."""
    meta = json.loads(golden["meta"])
    return made(PUBLISHED, meta["seed"], dict(zip(("encoder.", "a.", "b."), meta["gains"], strict=True)), 64)


@pytest.fixture(scope="module")
def small() -> StyleFormerStylizer:
    return made(SMALL, 3, SMALL_GAINS, 64)


def far(a: Tensor, b: Tensor) -> float:
    assert a.shape == b.shape
    return float((a - b).abs().max())


def test_it_is_as_large_as_published(published) -> None:
    found = sum(p.numel() for n in (published.module.a, published.module.b) for p in n.parameters())
    assert found == PUBLISHED_NUMBERS


def test_pictures_are_the_authors(published, golden, pictures) -> None:
    style, other = (published.style_of(pictures[name]) for name in ("style", "style2"))
    weaker = Style(style.kind, style.values | {"stroke": torch.full((1, 1), 0.8)}, "")
    for key, chosen in (("Ax+b", style), ("aAx+b", weaker), ("A1x+b2", published.exchange(style, other))):
        result = published.stylize(pictures["content"], [chosen])
        assert far(result[..., ::4, ::4], golden[key].clamp(0, 1)) < TOLERANCE, key
    assert far(golden["Ax+b"].clamp(0, 1), golden["A1x+b2"].clamp(0, 1)) > 0.1


@pytest.mark.parametrize("size", [(101, 83), (64, 96), (9, 5), (1, 1)])
def test_any_size(small, pictures, size: tuple[int, int]) -> None:
    result = small.stylize(torch.rand(1, 3, *size), [pictures["style"]])
    assert result.shape == (1, 3, *size)
    assert bool(((result >= 0) & (result <= 1)).all())


def test_tiles_are_the_whole(small) -> None:
    content, styles = image("a", (1, 3, 203, 150), 1), [image("b", (1, 3, 70, 90), 2), image("c", (1, 3, 64, 64), 3)]
    masks = (image("m", (1, 1, 203, 150), 4), image("n", (1, 1, 60, 50), 5))
    for options in ({}, {"content_masks": masks}):
        whole = small.stylize(content, styles, StylizeOptions(**options))
        assert far(whole, small.stylize(content, styles, StylizeOptions(**options, tile=64))) < TOLERANCE
        assert float(whole.std()) > 0.02


def test_a_style_is_the_picture_it_was_taken_from(small, pictures) -> None:
    taken = small.style_of(pictures["style"])
    assert torch.equal(small.stylize(pictures["content"], [pictures["style"]]), small.stylize(pictures["content"], [taken]))


def test_mixes_weigh_what_is_found(small, pictures) -> None:
    a, b = (small.style_of(pictures[name]) for name in ("style", "style2"))
    mixed = blend([a, b], [0.3, 0.7])
    assert mixed.values[SHARES].tolist() == [[pytest.approx(0.3), pytest.approx(0.7)]]
    weighed = small.stylize(pictures["content"], [a, b], StylizeOptions(weights=(3, 7)))
    assert far(small.stylize(pictures["content"], [mixed]), weighed) < 1e-5


def test_exchanging_twice_gives_the_style_back(small, pictures) -> None:
    a, b = (small.style_of(pictures[name]) for name in ("style", "style2"))
    ab, ba = small.exchange(a, b), small.exchange(b, a)
    content = pictures["content"]
    assert far(small.stylize(content, [small.exchange(ab, ba)]), small.stylize(content, [a])) < 1e-5
    assert far(small.stylize(content, [ab]), small.stylize(content, [a])) > 1e-2
    # A Z + b is linear in A and b: half of each exchange is half of each style
    halves = small.stylize(content, [blend([ab, ba], [1, 1])])
    assert far(halves, small.stylize(content, [a, b])) < 1e-5


def test_another_stylizers_style_is_not_exchanged(small, pictures) -> None:
    style = small.style_of(pictures["style"])
    with pytest.raises(ValueError, match="take it with this stylizer"):
        small.exchange(style, Style("adain", style.values, ""))


def test_batches_repeat_the_shorter(small) -> None:
    contents, styles = image("a", (2, 3, 40, 48), 1), image("b", (3, 3, 40, 48), 2)
    together = small.stylize(contents, [styles])
    for i in range(3):
        assert far(together[i : i + 1], small.stylize(contents[i % 2][None], [styles[i][None]])) < 1e-5


def test_strength_leads_from_the_contents_own_style(small, pictures) -> None:
    content, style = pictures["content"], pictures["style"]
    own = small.stylize(content, [content])
    assert far(small.stylize(content, [style], StylizeOptions(strength=0.0)), own) < 1e-6
    half = small.stylize(content, [style], StylizeOptions(strength=0.5))
    assert far(half, small.stylize(content, [content, style])) < 1e-5
    assert far(own, small.stylize(content, [style])) > 1e-2


def test_regions(small) -> None:
    content, styles = image("a", (1, 3, 64, 128), 1), [image("b", (1, 3, 64, 64), 2), 1 - image("c", (1, 3, 64, 64), 3)]
    left = torch.zeros(1, 1, 64, 128)
    left[..., :64] = 1
    both = small.stylize(content, styles, StylizeOptions(content_masks=(left, 1 - left)))
    assert far(both[..., :32], small.stylize(content, styles[:1])[..., :32]) < 1e-5
    assert far(both[..., 96:], small.stylize(content, styles[1:])[..., 96:]) < 1e-5
    alone = small.stylize(content, styles[:1], StylizeOptions(content_masks=(left,)))
    assert far(alone[..., 96:], small.stylize(content, [content])[..., 96:]) < 1e-5


def test_masked_styles_are_not_looked_at(small, pictures) -> None:
    """What the mask leaves out may change as long as it is far from what it covers."""
    style = image("b", (1, 3, 256, 64), 2)
    changed = style.clone()
    changed[:, :, 192:] = 1 - changed[:, :, 192:]
    top = torch.zeros(1, 1, 4, 1)
    top[:, :, 0] = 1
    masked, other = small.style_of(style, top), small.style_of(changed, top)
    assert masked.values["where"].isfinite().all()
    assert float((masked.values["where"] > -1).float().mean()) == pytest.approx(0.25)
    assert far(masked.values["coefficients"][..., :4], other.values["coefficients"][..., :4]) < far(
        masked.values["coefficients"][..., -4:], other.values["coefficients"][..., -4:]
    )
    whole = small.stylize(pictures["content"], [style])
    assert far(small.stylize(pictures["content"], [masked]), whole) > 1e-3
    with pytest.raises(ValueError, match="empty mask"):
        small.style_of(style, torch.zeros(1, 1, 4, 4))


class Folder:
    """Stands for the host: a folder of files by name or role."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fetch(self, spec: FileSpec) -> Path:
        return self.folder / spec.role

    def file(self, name: str) -> Path:
        return self.folder / name

    def find(self, spec: FileSpec) -> Path | None:
        return self.fetch(spec)


def test_the_loader_joins_the_authors_file_and_vgg16(tmp_path: Path, pictures) -> None:
    tensors = styleformer_file(SMALL)
    fill(tensors, 3)
    parts = {n: {f"module.{k[2:]}": t for k, t in tensors.items() if k.startswith(f"{n}.")} for n in "ab"}
    encoder = {k.removeprefix("encoder."): t for k, t in tensors.items() if k.startswith("encoder.")}
    # what tells torchvision's file from others: more of VGG-16, and its classifier
    deeper = {f"features.{i}.weight": torch.zeros(32, 32, 3, 3) for i in (12, 14, 17)}
    encoder |= deeper | {k.replace("weight", "bias"): torch.zeros(32) for k in deeper}
    torch.save(encoder | {"classifier.0.weight": torch.zeros(2, 2)}, tmp_path / "encoder")
    for name in ("networks", "mine.pt"):
        torch.save(parts, tmp_path / name)
    loaded = [stylizers.load_stylizer(choice, Folder(tmp_path)) for choice in ("styleformer", "mine.pt")]
    assert all(isinstance(stylizer, StyleFormerStylizer) for stylizer in loaded)
    first, second = (stylizer.stylize(pictures["content"], [pictures["style"]]) for stylizer in loaded)
    assert torch.equal(first, second)
