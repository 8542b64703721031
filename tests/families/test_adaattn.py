"""AdaAttN: the authors' pictures, plain formulas beside the fast ones, regions, styles, tiles, sizes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from style_atelier.models.architecture import split
from style_atelier.models.encoders.encoder import no_gradients
from style_atelier.models.families import adaattn
from style_atelier.models.families.adaattn import stylize as module
from style_atelier.models.families.adaattn.attention import Cosine, Softmax
from style_atelier.models.library import stylizers
from style_atelier.models.library.registry import architecture, recognize
from style_atelier.models.stylization.stylizer import StylizeOptions
from style_atelier.models.video.statistics import ContentStatistics
from style_atelier.models.weights.catalogue import FileSpec
from style_atelier.models.weights.errors import WeightsError
from style_atelier.tests.families.adaattn_files import CONFIGS, SKIP, fill, small

NAMES = list(CONFIGS)


def built(tensors: dict[str, Tensor], cosine: bool | None = None) -> adaattn.AdaAttN:
    known = architecture("adaattn")
    assert recognize(tensors) is known
    config = known.configure(tensors)
    network = known.build(config)
    network.load_state_dict(known.rename(tensors, config))
    return adaattn.AdaAttN(no_gradients(network), "test", "AdaAttN", "Apache-2.0", cosine)  # type: ignore[arg-type]


@pytest.fixture(scope="module", params=NAMES)
def stylizer(request: pytest.FixtureRequest) -> adaattn.AdaAttN:
    return built(small(request.param))


@pytest.fixture(scope="module")
def usual() -> adaattn.AdaAttN:
    return built(small())


def picture(height: int, width: int, seed: int, batch: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(batch, 3, height // 8 + 1, width // 8 + 1, generator=generator)
    noise = torch.rand(batch, 3, height, width, generator=generator)
    return F.interpolate(coarse, (height, width), mode="bilinear") * 0.7 + noise * 0.3


def close(a: Tensor, b: Tensor, tolerance: float = 1e-5) -> None:
    assert a.shape == b.shape
    assert float((a - b).abs().max()) <= tolerance


@pytest.mark.parametrize("name", ["adaattn", "adaattn_plain"])
def test_the_authors_picture(shared: Path, name: str) -> None:
    folder = shared / "golden" / "arbitrary"
    golden = torch.load(folder / f"{name}.golden.pt", weights_only=True)
    meta = json.loads(golden["meta"])
    encoder = json.loads(torch.load(folder / "vgg19_normalised.golden.pt", weights_only=True)["meta"])
    tensors = {f"{file}.{k}": torch.zeros(shape) for file, keys in meta["keys"].items() for k, shape in keys.items()}
    fill(tensors, meta["seed"], meta["gain"])
    deep = {encoder["prefix"] + key: torch.zeros(shape) for key, shape in encoder["keys"].items()}
    fill(deep, encoder["seed"], encoder["gain"])
    tensors |= {f"encoder.{key.removeprefix(encoder['prefix'])}": tensor for key, tensor in deep.items()}
    bias = tensors["decoder.decoder_layer_2.24.bias"]
    bias += 0.5  # all of their picture, which is not clamped and around 0, comes to lie in 0..1
    stylizer = built(tensors)
    made = stylizer.stylize(golden["content"], [golden["style"]])
    assert 0 < float(made.min()) < float(made.max()) < 1
    close(made - 0.5, golden["stylised"], 1e-4)


def attention() -> adaattn.Attention:
    """One with seeded weights."""
    torch.manual_seed(1)
    made = adaattn.Attention(SKIP).requires_grad_(False)
    for parameter in made.parameters():
        parameter.normal_(0, 0.3)
    return made


def features(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Keys and values of so many positions; the values' mean is far from 0."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, SKIP.keys, generator=generator), torch.rand(count, SKIP.values, generator=generator) * 3 + 20


def projected(x: Tensor, layer: torch.nn.Conv2d) -> Tensor:
    assert layer.bias is not None
    return F.linear(x.double(), layer.weight[:, :, 0, 0].double(), layer.bias.double())


def weighted(weights: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    mean = weights @ values
    return mean.float(), (weights @ values.square() - mean.square()).relu().sqrt().float()


def test_softmax_is_the_plain_formula() -> None:
    layers = attention()
    form, (content, _), (style, values) = Softmax(layers), features(50, 2), features(70, 3)
    scores = projected(content, layers.f) @ projected(style, layers.g).T
    mean, deviation = weighted(torch.softmax(scores, dim=1), projected(values, layers.h))
    found = form.look(form.query(content), form.ready(form.take(style, values)))
    close(found[0], mean, 1e-4)
    close(found[1], deviation, 1e-3)


def test_cosine_is_the_plain_formula() -> None:
    layers = attention()
    form, (content, _), (style, values) = Cosine(layers), features(50, 2), features(70, 3)
    one, other = projected(content, layers.f), projected(style, layers.g)
    scores = one @ other.T / (one.norm(dim=1)[:, None] + 1e-5) / (other.norm(dim=1) + 1e-5)
    scores = (scores + 1).relu()
    mean, deviation = weighted(scores / (scores.sum(dim=1, keepdim=True) + 1e-5), projected(values, layers.h))
    found = form.look(form.query(content), form.ready(form.take(style, values)))
    close(found[0], mean, 1e-4)
    close(found[1], deviation, 1e-3)


def test_a_deviation_beside_a_large_mean_is_not_rounding() -> None:
    layers = attention()
    layers.h.bias.fill_(1e4)  # type: ignore[union-attr]
    form, (content, _), (style, values) = Softmax(layers), features(50, 2), features(70, 3)
    found = form.look(form.query(content), form.ready(form.take(style, values)))
    layers.h.bias.zero_()  # type: ignore[union-attr]
    close(found[1], form.look(form.query(content), form.ready(form.take(style, values)))[1], 0.02)


@pytest.mark.parametrize(("batch", "rows"), [(1, 3), (2, 1), (3, 2)])
def test_any_size_and_batch(stylizer: adaattn.AdaAttN, batch: int, rows: int) -> None:
    content, style = picture(101, 83, 1, batch), picture(45, 64, 2, rows)
    made = stylizer.stylize(content, [style, picture(70, 33, 3)])
    assert made.shape == (3 if rows != 1 else 2, 3, 101, 83)
    assert bool(torch.isfinite(made).all())
    last = len(made) - 1
    alone = stylizer.stylize(content[last % batch][None], [style[last % rows][None], picture(70, 33, 3)])
    close(made[last:], alone)


def test_tiles_give_the_whole(stylizer: adaattn.AdaAttN, monkeypatch: pytest.MonkeyPatch) -> None:
    content, style = picture(101, 83, 1), picture(90, 120, 2)
    made = stylizer.stylize(content, [style])
    close(stylizer.stylize(content, [style], StylizeOptions(tile=40)), made)
    monkeypatch.setattr(module, "LARGEST_WHOLE", 64)
    monkeypatch.setattr(module, "TILE", 48)
    monkeypatch.setattr(module, "AT_ONCE", 77)
    close(stylizer.stylize(content, [style]), made)


def test_tiny_pictures(stylizer: adaattn.AdaAttN) -> None:
    assert stylizer.stylize(picture(1, 1, 1), [picture(3, 2, 2)]).shape == (1, 3, 1, 1)


def test_a_style_gives_what_its_pictures_give(stylizer: adaattn.AdaAttN) -> None:
    content, style = picture(64, 80, 1), picture(96, 64, 2, 2)
    taken = stylizer.style_of(style)
    assert taken.batch == 2
    made = stylizer.stylize(content, [style])
    close(stylizer.stylize(content, [taken]), made, 1e-6)
    close(stylizer.stylize(content, [taken.take(1, 2)]), made[1:], 1e-6)


def test_mixed_styles_give_what_mixing_pictures_gives(stylizer: adaattn.AdaAttN) -> None:
    content, one, two = picture(64, 80, 1), picture(48, 64, 2), picture(48, 64, 3)
    mixed = stylizer.mix([stylizer.style_of(one), stylizer.style_of(two)], [1, 3])
    made = stylizer.stylize(content, [one, two], StylizeOptions(weights=(1, 3)))
    close(stylizer.stylize(content, [mixed]), made)
    assert float((made - stylizer.stylize(content, [one])).abs().max()) > 1e-3
    close(stylizer.stylize(content, [one, two], StylizeOptions(weights=(1, 0))), stylizer.stylize(content, [one]), 1e-6)


def test_positions_of_pictures_of_other_sizes_are_not_mixed(usual: adaattn.AdaAttN) -> None:
    with pytest.raises(ValueError, match="pictures of one size"):
        usual.mix([usual.style_of(picture(48, 64, 2)), usual.style_of(picture(64, 64, 3))], [1, 1])


def test_strength_leads_from_the_content(stylizer: adaattn.AdaAttN) -> None:
    content, one, two = picture(64, 80, 1), picture(48, 64, 2), picture(96, 64, 3).square()
    nothing = stylizer.stylize(content, [one], StylizeOptions(strength=0))
    close(stylizer.stylize(content, [two], StylizeOptions(strength=0)), nothing, 0)
    half, full = (stylizer.stylize(content, [one], StylizeOptions(strength=s)) for s in (0.5, 1.0))
    far = float((full - nothing).abs().mean())
    assert 0 < float((half - nothing).abs().mean()) < far
    assert 0 < float((half - full).abs().mean()) < far


def test_regions_have_their_styles(usual: adaattn.AdaAttN) -> None:
    content, one, two = picture(64, 256, 1), picture(48, 64, 2), picture(96, 64, 3).square()
    left = torch.zeros(1, 1, 64, 256)
    left[..., :128] = 1
    made = usual.stylize(content, [one, two], StylizeOptions(content_masks=(left, 1 - left)))
    close(made[..., :64], usual.stylize(content, [one])[..., :64])
    close(made[..., 192:], usual.stylize(content, [two])[..., 192:])
    partly = usual.stylize(content, [two], StylizeOptions(content_masks=(left,)))
    close(partly[..., 192:], usual.stylize(content, [two], StylizeOptions(strength=0))[..., 192:])
    close(usual.stylize(content, [one], StylizeOptions(content_masks=(torch.ones(1, 1, 8, 8),))), usual.stylize(content, [one]))


def test_only_what_the_style_mask_covers_is_looked_at(stylizer: adaattn.AdaAttN) -> None:
    content, style = picture(64, 64, 1), picture(64, 96, 2, 2)
    masks = torch.zeros(2, 1, 64, 96)
    masks[0, :, :, :32] = 1
    masks[1, :, :32] = 1
    taken = stylizer.style_of(style, masks)
    made = stylizer.stylize(content, [style], StylizeOptions(style_masks=(masks,)))
    close(stylizer.stylize(content, [taken]), made)
    for row in range(2):
        alone = stylizer.style_of(style[row][None], masks[row][None])
        close(stylizer.stylize(content, [alone]), made[row][None])
    assert float((made - stylizer.stylize(content, [style])).abs().max()) > 1e-3
    close(stylizer.stylize(content, [style], StylizeOptions(style_masks=(masks * 0 + 1,))), stylizer.stylize(content, [style]))
    with pytest.raises(ValueError, match="empty mask"):
        stylizer.style_of(style, masks * 0)


def test_many_positions_are_drawn_as_the_authors_draw_them(usual: adaattn.AdaAttN, monkeypatch: pytest.MonkeyPatch) -> None:
    style = picture(64, 96, 2)
    every = usual.style_of(style).values
    monkeypatch.setattr(module, "MOST_SHALLOW_POSITIONS", 100)
    before = torch.get_rng_state()
    some = usual.style_of(style).values
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6666)
    order = torch.randperm(16 * 24)[:100]
    close(some["relu3_1.values"], every["relu3_1.values"][:, :, order], 0)
    close(some["relu4_1.keys"], every["relu4_1.keys"], 0)


def test_cosine_may_be_asked_for(usual: adaattn.AdaAttN) -> None:
    content, style = picture(64, 64, 1), picture(64, 96, 2)
    by_cosine = built(small(), cosine=True)
    made = by_cosine.stylize(content, [style])
    assert float((made - usual.stylize(content, [style])).abs().max()) > 1e-3
    close(by_cosine.stylize(content, [by_cosine.style_of(style)]), made, 1e-6)
    with pytest.raises(ValueError, match="take it with this stylizer"):
        usual.stylize(content, [by_cosine.style_of(style)])


def test_progress_counts_to_the_end(usual: adaattn.AdaAttN) -> None:
    seen: list[tuple[int, int]] = []
    usual.stylize(
        picture(32, 32, 1, 2), [picture(32, 32, 2)], progress=lambda done, total, preview=None: seen.append((done, total))
    )
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1]
    seen.clear()
    usual.style_of(picture(32, 32, 1, 2), progress=lambda done, total, preview=None: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1]


@dataclass(frozen=True)
class Folder:
    """Files of the catalogue in one folder."""

    path: Path

    def file(self, name: str) -> Path:
        return self.path / name

    def fetch(self, spec: FileSpec) -> Path:
        return self.path / Path(spec.path).name

    def find(self, spec: FileSpec) -> Path | None:
        return self.fetch(spec)


def write(folder: Path, name: str) -> None:
    for role, tensors in split(small(name), adaattn.PARTS).items():
        stem = "video" if "video" in name else "latest_net"
        torch.save(dict(tensors), folder / ("vgg_normalised.pth" if role == "encoder" else f"{stem}_{role}.pth"))


@pytest.mark.parametrize("name", ["adaattn", "adaattn-video"])
def test_the_loader_joins_the_files(tmp_path: Path, name: str) -> None:
    write(tmp_path, name)
    stylizer = stylizers.load_stylizer(name, Folder(tmp_path))
    content, style = picture(48, 64, 1), picture(64, 64, 2)
    close(stylizer.stylize(content, [style]), built(small(name)).stylize(content, [style]), 1e-6)
    assert stylizer.style_kind == f"adaattn:{name}"


def test_files_that_do_not_belong_together(tmp_path: Path) -> None:
    write(tmp_path, "adaattn")
    other = split(small("adaattn-video"), adaattn.PARTS)["decoder"]
    torch.save(dict(other), tmp_path / "latest_net_decoder.pth")
    with pytest.raises(WeightsError, match="not those of AdaAttN"):
        stylizers.load_stylizer("adaattn", Folder(tmp_path))
    with pytest.raises(WeightsError, match="is a part"):
        stylizers.load_stylizer("latest_net_transformer.pth", Folder(tmp_path))


def test_the_statistics_of_a_clip_may_be_held(stylizer: adaattn.AdaAttN) -> None:
    frames, style = torch.cat([picture(48, 48, 1), picture(48, 48, 4).square()]), picture(64, 64, 2)
    held = stylizer.stylize(frames, [style], StylizeOptions(content_statistics=ContentStatistics("fixed")))
    free = stylizer.stylize(frames, [style])
    close(held[:1], free[:1], 1e-6)
    assert float((held[1:] - free[1:]).abs().max()) > 1e-3
    one = ContentStatistics("fixed")
    apart = [stylizer.stylize(frame[None], [style], StylizeOptions(content_statistics=one)) for frame in frames]
    close(torch.cat(apart), held, 1e-6)
