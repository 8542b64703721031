"""CAP-VSTNet: the authors' pictures, reversibility, degenerate styles, regions, sizes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from style_atelier.models.canvas.beat import Beat
from style_atelier.models.encoders.encoder import no_gradients
from style_atelier.models.families import cap_vstnet
from style_atelier.models.families.cap_vstnet import network as module
from style_atelier.models.families.cap_vstnet.network import RevResNet, squeeze, unsqueeze
from style_atelier.models.families.cap_vstnet.transform import factor_of
from style_atelier.models.library import stylizers
from style_atelier.models.library.registry import architecture, recognize
from style_atelier.models.stylization.stylizer import StylizeOptions
from style_atelier.models.video.statistics import ContentStatistics
from style_atelier.models.weights.catalogue import FileSpec
from style_atelier.models.weights.errors import WeightsError
from style_atelier.tests.families.cap_vstnet_files import fill, small
from style_atelier.tests.families.test_adaattn import close, picture

KINDS = ["photo", "art"]


def built(tensors: dict[str, Tensor], kind: str) -> cap_vstnet.CAPVSTNet:
    known = architecture("cap-vstnet")
    assert recognize(tensors) is known
    config = cap_vstnet.of_kind(known.configure(tensors), kind)
    network = known.build(config)
    network.load_state_dict(known.rename(tensors, config))
    return cap_vstnet.CAPVSTNet(no_gradients(network), kind, kind, "MIT")  # type: ignore[arg-type]


@pytest.fixture(scope="module", params=KINDS)
def stylizer(request: pytest.FixtureRequest) -> cap_vstnet.CAPVSTNet:
    return built(small(), request.param)


@pytest.mark.parametrize("kind", KINDS)
def test_the_authors_pictures(shared: Path, kind: str) -> None:
    golden = torch.load(shared / "golden" / "arbitrary" / f"cap_vstnet_{kind}.golden.pt", weights_only=True)
    meta = json.loads(golden["meta"])
    tensors = {name: torch.zeros(shape) for name, shape in meta["keys"].items()}
    fill(tensors, meta["seed"], meta["gain"])
    stylizer, content, style = built(tensors, kind), golden["content"], golden["style"]
    halves = stylizer.network.encode(content, Beat())
    merged = torch.cat(halves, dim=1)
    for _ in range(stylizer.network.config.spread):
        merged = unsqueeze(merged)
    close(merged, golden["latent"], 1e-4)
    close(stylizer.stylize(content, [style]), golden["stylised"].clamp(0, 1), 1e-4)
    mix = StylizeOptions(strength=0.5, weights=(0.25, 0.75))
    expected = golden["interpolated_alpha_c_0_5_weights_0_25_0_75"].clamp(0, 1)
    close(stylizer.stylize(content, [style, golden["style2"]], mix), expected, 1e-4)
    here, there = golden["content_labels"][:, None].float(), golden["style_labels"][:, None].float()
    regions = StylizeOptions(content_masks=(1 - here, here), style_masks=(1 - there, there))
    close(stylizer.stylize(content, [style, style], regions), golden["stylised_by_region"].clamp(0, 1), 1e-4)
    close(stylizer.stylize(content, [content]), content, 1e-4)


def test_squeezing_has_the_place_before_the_channel() -> None:
    x = torch.arange(32.0).reshape(1, 2, 4, 4)
    squeezed = squeeze(x)
    assert squeezed[0, :, 0, 0].tolist() == [0, 16, 1, 17, 4, 20, 5, 21]
    assert torch.equal(unsqueeze(squeezed), x)


def plain(network: RevResNet, x: Tensor) -> tuple[Tensor, Tensor]:
    """The authors' forward pass in plain operations."""
    width = network.config.blocks[0].width
    x1, x2 = F.pad(x, (0, 0, 0, 0, 0, 2 * width - 3)).split(width, dim=1)
    for block in network.blocks:
        y = x2
        for number, conv in enumerate(block.conv.values()):
            y = F.conv2d(F.pad(y.relu() if number else y, (1, 1, 1, 1), mode="reflect"), conv.weight, conv.bias, conv.stride)
        if block.stride == 2:
            x1, x2 = squeeze(x1), squeeze(x2)
        x1, x2 = x2, x1 + y
    return x1, x2


@pytest.mark.parametrize("size", [(48, 80), (52, 44)])
def test_strips_are_the_plain_formula(monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]) -> None:
    network, content = built(small(), "photo").network, picture(*size, 1)
    expected = plain(network, content)
    for strip, rows in ((1 << 15, 32), (1, 3), (1, 1)):
        monkeypatch.setattr(module, "STRIP", strip)
        monkeypatch.setattr(module, "LEAST_ROWS", rows)
        found = network.encode(content, Beat())
        for a, b in zip(found, expected, strict=True):
            close(a, b)
        close(network.decode(found, Beat()), content)


@pytest.mark.parametrize(("batch", "rows"), [(1, 3), (2, 1), (3, 2)])
def test_any_size_and_batch(stylizer: cap_vstnet.CAPVSTNet, batch: int, rows: int) -> None:
    content, style = picture(101, 83, 1, batch), picture(45, 64, 2, rows)
    made = stylizer.stylize(content, [style, picture(70, 33, 3)])
    assert made.shape == (3 if rows != 1 else 2, 3, 101, 83)
    last = len(made) - 1
    alone = stylizer.stylize(content[last % batch][None], [style[last % rows][None], picture(70, 33, 3)])
    close(made[last:], alone)


def test_nothing_is_lost(stylizer: cap_vstnet.CAPVSTNet) -> None:
    content = picture(101, 83, 1)
    close(stylizer.stylize(content, [content]), content)
    close(stylizer.stylize(content, [picture(64, 64, 2)], StylizeOptions(strength=0)), content)


def test_what_it_is_given_is_left_alone(stylizer: cap_vstnet.CAPVSTNet) -> None:
    content, style = picture(64, 64, 1), picture(64, 64, 2)
    before = content.clone(), style.clone()
    made = stylizer.stylize(content, [style])
    assert torch.equal(content, before[0])
    assert torch.equal(style, before[1])
    assert torch.equal(stylizer.stylize(content, [style]), made)
    assert torch.equal(stylizer.stylize(content, [style], StylizeOptions(tile=32)), made)


@pytest.mark.parametrize("degenerate", ["flat", "tiny", "gray", "black", "two colors"])
def test_a_degenerate_picture_gives_a_finite_one(stylizer: cap_vstnet.CAPVSTNet, degenerate: str) -> None:
    odd = {
        "flat": torch.full((1, 3, 40, 40), 0.3),
        "tiny": picture(2, 3, 4),
        "gray": picture(64, 64, 4)[:, :1].expand(-1, 3, -1, -1),
        "black": torch.zeros(1, 3, 64, 64),
        "two colors": torch.eye(64).expand(1, 3, -1, -1),
    }[degenerate]
    for content, style in ((picture(64, 64, 1), odd), (odd, picture(64, 64, 1)), (odd, odd)):
        assert bool(torch.isfinite(stylizer.stylize(content, [style])).all())
        half = StylizeOptions(strength=0.5)
        assert bool(torch.isfinite(stylizer.stylize(content, [stylizer.style_of(style)], half)).all())


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("rank", [0, 3, 8])
def test_a_factor_is_found_for_any_covariance(rank: int, scale: float) -> None:
    generator = torch.Generator().manual_seed(rank)
    root = torch.randn(8, rank, generator=generator, dtype=torch.float64) * scale**0.5
    covariance = root @ root.T - torch.eye(8, dtype=torch.float64) * 1e-14 * scale
    factor = factor_of(covariance)
    assert torch.equal(factor, factor.tril())
    assert float(factor.diagonal().min()) > 0
    assert float((factor @ factor.T - covariance).abs().max()) <= max(1e-2, 1e-6 * scale)
    with pytest.raises(ValueError, match="not finite"):
        factor_of(covariance * torch.nan)


def test_a_style_gives_what_its_pictures_give(stylizer: cap_vstnet.CAPVSTNet) -> None:
    content, style = picture(64, 80, 1), picture(96, 64, 2, 2)
    taken = stylizer.style_of(style)
    assert taken.batch == 2
    made = stylizer.stylize(content, [style])
    close(stylizer.stylize(content, [taken]), made, 1e-6)
    mixed = stylizer.mix([taken.take(0, 1), taken.take(1, 2)], [1, 3])
    two = stylizer.stylize(content, [style[:1], style[1:]], StylizeOptions(weights=(1, 3)))
    close(stylizer.stylize(content, [mixed]), two)
    other = built(small(), {"photo": "art", "art": "photo"}[stylizer.name])
    with pytest.raises(ValueError, match="take it with this stylizer"):
        other.stylize(content, [taken])


def test_regions_have_statistics_of_their_own(stylizer: cap_vstnet.CAPVSTNet) -> None:
    content, style = picture(64, 128, 1), picture(48, 64, 2)
    left = torch.zeros(1, 1, 64, 128)
    left[..., :64] = 1
    everywhere = torch.ones(1, 1, 8, 8)
    close(stylizer.stylize(content, [style], StylizeOptions(content_masks=(everywhere,))), stylizer.stylize(content, [style]))
    again = StylizeOptions(content_masks=(left, 1 - left), style_masks=(left, 1 - left))
    close(stylizer.stylize(content, [content, content], again), content)
    speck = torch.zeros(1, 1, 64, 128)
    speck[..., :2, :2] = 1
    close(stylizer.stylize(content, [style], StylizeOptions(content_masks=(speck,))), content)
    with pytest.raises(ValueError, match="empty mask"):
        stylizer.style_of(style, torch.zeros(1, 1, 8, 8))


def test_progress_counts_to_the_end(stylizer: cap_vstnet.CAPVSTNet) -> None:
    seen: list[tuple[int, int]] = []
    stylizer.stylize(
        picture(32, 32, 1, 2), [picture(32, 32, 2)], progress=lambda done, total, preview=None: seen.append((done, total))
    )
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1]


@dataclass(frozen=True)
class Folder:
    """Files in one folder."""

    path: Path

    def file(self, name: str) -> Path:
        return self.path / name

    def fetch(self, spec: FileSpec) -> Path:
        return self.path / Path(spec.path).name

    def find(self, spec: FileSpec) -> Path | None:
        return self.fetch(spec)


@pytest.mark.parametrize(
    ("name", "choice", "spread"),
    [
        ("photo_image.pt", "cap-vstnet-photo", 2),
        ("art_video.pt", "cap-vstnet-art-video", 1),
        ("my-photorealistic.pt", "my-photorealistic.pt", 2),
        ("smart_ART.pt", "smart_ART.pt", 1),
    ],
)
def test_the_kind_is_what_the_name_says(tmp_path: Path, name: str, choice: str, spread: int) -> None:
    torch.save({"state_dict": small()}, tmp_path / name)
    found = stylizers.load_stylizer(choice, Folder(tmp_path))
    assert isinstance(found, cap_vstnet.CAPVSTNet)
    assert found.network.config.spread == spread
    assert found.style_kind == f"cap-vstnet:{choice}"


@pytest.mark.parametrize("name", ["start.pt", "photo_art.pt"])
def test_a_name_that_says_nothing_is_asked_for(tmp_path: Path, name: str) -> None:
    torch.save({"state_dict": small()}, tmp_path / name)
    with pytest.raises(WeightsError, match="put photo or art into its name"):
        stylizers.load_stylizer(name, Folder(tmp_path))


def test_the_statistics_of_a_clip_may_be_held(stylizer: cap_vstnet.CAPVSTNet) -> None:
    frames, style = torch.cat([picture(48, 48, 1), picture(48, 48, 4).square()]), picture(64, 64, 2)
    held = stylizer.stylize(frames, [style], StylizeOptions(content_statistics=ContentStatistics("fixed")))
    free = stylizer.stylize(frames, [style])
    close(held[:1], free[:1], 1e-6)
    assert float((held[1:] - free[1:]).abs().max()) > 1e-3
    one = ContentStatistics("fixed")
    apart = [stylizer.stylize(frame[None], [style], StylizeOptions(content_statistics=one)) for frame in frames]
    close(torch.cat(apart), held, 1e-6)
