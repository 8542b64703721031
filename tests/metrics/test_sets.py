"""Sets against sets: FID and KID by the packages' numbers and plain formulas, in whatever pieces they are taken."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from style_atelier.models.families.inception.network import Inception
from style_atelier.models.library.registry import architecture
from style_atelier.models.metrics import features as features_module
from style_atelier.models.metrics import kernel as kernel_module
from style_atelier.models.metrics.features import Extractor, FeatureStore
from style_atelier.models.metrics.frechet import Moments, frechet_distance, of_moments
from style_atelier.models.metrics.judge import Judge
from style_atelier.models.metrics.kernel import kernel_distance
from style_atelier.models.metrics.pictures import Item, of_batch, of_folder, paired
from style_atelier.models.metrics.sets import SetOptions, features_of, frechet_of, measure_art, measure_features
from style_atelier.tests.families import metric_files
from style_atelier.tests.families.test_metric_networks import arrays, built
from style_atelier.tests.golden.fill import fill, image

CPU = torch.device("cpu")


def drawn(count: int, width: int, seed: int, shift: float = 0.0) -> Tensor:
    source = torch.Generator().manual_seed(seed)
    mixing = torch.randn(width, width, generator=torch.Generator().manual_seed(1)) / width**0.5
    return (torch.randn(count, width, generator=source) @ mixing).double() + shift


def plain_frechet(a: Tensor, b: Tensor) -> float:
    """By the root of the product's eigenvalues."""
    x, y = a.numpy(), b.numpy()
    s, t = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = np.sqrt(np.clip(np.linalg.eigvals(s @ t).real, 0, None)).sum()
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(s) + np.trace(t) - 2 * root)


def plain_kid(a: Tensor, b: Tensor) -> float:
    x, y = a.double().numpy(), b.double().numpy()
    xx, yy, xy = ((u @ v.T / x.shape[1] + 1) ** 3 for u, v in ((x, x), (y, y), (x, y)))
    n, m = len(x), len(y)
    return float((xx.sum() - np.trace(xx)) / n / (n - 1) + (yy.sum() - np.trace(yy)) / m / (m - 1) - 2 * xy.mean())


def test_fid_and_kid_are_the_packages(golden: Path) -> None:
    wanted, _ = arrays(golden, "frechet")
    p, q = wanted["p"], wanted["q"]
    assert frechet_distance(p, q) == pytest.approx(float(wanted["fid_pq"]), rel=1e-5)
    assert frechet_distance(p, q) == pytest.approx(float(wanted["fid_pq_pytorch_fid"]), rel=1e-5)
    assert frechet_distance(wanted["a"], wanted["b"]) == pytest.approx(float(wanted["fid_64dims"]), rel=1e-5)
    assert kernel_distance(p, q).value == pytest.approx(float(wanted["kid_pq"]), rel=1e-5)


@pytest.mark.real_weights
def test_fid_and_kid_of_a_real_network(shared: Path) -> None:
    wanted = torch.load(shared / "golden" / "metrics" / "frechet.golden.pt", weights_only=True)
    for other, name in (("b", ""), ("c", "_ac")):
        assert frechet_distance(wanted["a"], wanted[other]) == pytest.approx(float(wanted[f"fid{name}"]), rel=1e-5)
        assert kernel_distance(wanted["a"], wanted[other]).value == pytest.approx(float(wanted[f"kid{name}"]), rel=1e-5)


@pytest.mark.parametrize(("n", "m", "width"), [(9, 5, 16), (16, 40, 16), (60, 50, 16), (200, 7, 16), (2, 2, 5)])
def test_all_ways_to_the_distance_agree(n: int, m: int, width: int) -> None:
    a, b = drawn(n, width, 2), drawn(m, width, 3, 0.4)
    wanted = plain_frechet(a, b)
    assert frechet_distance(a, b) == pytest.approx(wanted, rel=1e-6)
    assert frechet_distance(b, a) == pytest.approx(wanted, rel=1e-6)
    assert of_moments(Moments.of(a.split(3)), Moments.of(b.split(4))) == pytest.approx(wanted, rel=1e-5)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)


def test_moments_do_not_depend_on_the_blocks() -> None:
    a = drawn(101, 12, 4, 1000.0)
    for size in (1, 7, 101):
        found = Moments.of(a.split(size))
        assert found.count == 101
        assert torch.allclose(found.mean, a.mean(0))
        assert torch.allclose(found.covariance, torch.cov(a.T), atol=1e-9)


def test_kid_is_the_formula_in_whatever_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = drawn(31, 8, 5), drawn(23, 8, 6, 0.2)
    whole = kernel_distance(a, b)
    assert whole.value == pytest.approx(plain_kid(a, b), rel=1e-9)
    monkeypatch.setattr(kernel_module, "WHOLE", 10)
    assert kernel_distance(a, b).value == pytest.approx(whole.value, rel=1e-9)


def test_the_bootstrap_error_is_the_spread_of_new_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    values = [kernel_distance(drawn(60, 8, 100 + i), drawn(60, 8, 500 + i, 0.3), resamples=2).value for i in range(200)]
    spread = float(np.std(values))
    for whole in (2048, 10):
        monkeypatch.setattr(kernel_module, "WHOLE", whole)
        errors = [kernel_distance(drawn(60, 8, i), drawn(60, 8, 50 + i, 0.3), resamples=100).error for i in range(5)]
        assert spread * 0.6 < np.mean(errors) < spread * 1.6


def test_kid_has_no_bias_where_fid_has() -> None:
    kids = [kernel_distance(drawn(10, 8, i), drawn(10, 8, 1000 + i), resamples=2).value for i in range(300)]
    assert abs(np.mean(kids)) < 4 * np.std(kids) / len(kids) ** 0.5
    few, many = (frechet_distance(drawn(n, 8, 7), drawn(n, 8, 8)) for n in (10, 1000))
    assert few > 10 * many


def test_the_error_is_seeded() -> None:
    a, b = drawn(12, 4, 1), drawn(12, 4, 2)
    assert kernel_distance(a, b, 5) == kernel_distance(a, b, 5)
    assert kernel_distance(a, b, 5).error != kernel_distance(a, b, 6).error
    assert kernel_distance(a[:2], b).error == float("inf")


def test_one_picture_is_no_set() -> None:
    for distance in (frechet_distance, kernel_distance):
        with pytest.raises(ValueError, match="a set of 1 pictures has no spread"):
            distance(drawn(1, 4, 1), drawn(5, 4, 2))


def test_of_20000_pictures_no_more_than_two_blocks_are_in_memory() -> None:
    """As features come from disk, 512 wide. Two sets of one distribution differ by FID's bias, about D (D + 1) / 2 n."""
    alive: weakref.WeakSet[Tensor] = weakref.WeakSet()
    most = 0

    def blocks(seed: int) -> Iterator[Tensor]:
        nonlocal most
        for part in range(79):
            block = torch.randn(256, 512, generator=torch.Generator().manual_seed(seed * 1000 + part))
            alive.add(block)
            most = max(most, len(alive))
            yield block

    a, b = Moments.of(blocks(1)), Moments.of(blocks(2))
    assert a.count == b.count == 20224
    assert most <= 2
    assert of_moments(a, b) == pytest.approx(512 * 513 / 2 / 20224, rel=0.1)


def small_inception(pools: str = "tensorflow") -> Inception:
    config = metric_files.inception_config(metric_files.NARROW, pools)
    network = Inception(config)
    fill(network.state_dict(), 3, 1.7)
    return network.eval().requires_grad_(False)


def fid_judge(choice: str = "mine.pth") -> Judge:
    return Judge("inception-fid", choice, small_inception(), "0" * 64, choice == "fid-inception")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "pictures"
    place.mkdir()
    for number in range(5):
        pixels = (image(f"set_{number}", (1, 3, 90 + number % 2, 100), 4)[0] * 255).byte().movedim(0, -1).numpy()
        Image.fromarray(pixels).save(place / f"p{number}.png")
    return place


class Counting(Extractor):
    seen = 0

    def __call__(self, items: list[Item]) -> Tensor:  # type: ignore[override]
        Counting.seen += len(items)
        return super().__call__(items)


def test_features_are_taken_once_and_known_by_their_contents(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features_module, "SHARD", 2)
    monkeypatch.setattr(Counting, "seen", 0)
    store, extract = FeatureStore(tmp_path / "cache"), Counting(small_inception(), "pytorch-fid", "a" * 64)
    first = store.features(of_folder(folder), extract)
    assert (first.count, Counting.seen, len(first.files)) == (5, 5, 3)
    again = store.features(of_folder(folder), extract)
    assert Counting.seen == 5
    assert torch.equal(first.whole(), again.whole())
    one_by_one = torch.cat([extract([item]) for item in of_folder(folder)])
    assert torch.allclose(first.whole(), one_by_one, atol=1e-5)

    Counting.seen = 0
    (folder / "p3.png").write_bytes((folder / "p0.png").read_bytes())
    changed = store.features(of_folder(folder), extract)
    assert Counting.seen == 2  # the file that it is in
    assert torch.allclose(changed.whole()[3], first.whole()[0], atol=1e-5)
    first.files[0].write_bytes(b"damaged")
    assert torch.equal(store.features(of_folder(folder), extract).whole(), changed.whole())
    assert Counting.seen == 4
    store.features(of_folder(folder), Counting(extract.network, "clean-fid", extract.identity))
    store.features(of_folder(folder), Counting(extract.network, "pytorch-fid", "b" * 64))
    assert Counting.seen == 14
    assert not list((tmp_path / "cache").glob("*.tmp"))


def test_an_interrupted_run_goes_on(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features_module, "SHARD", 2)
    monkeypatch.setattr(Counting, "seen", 0)
    store, extract = FeatureStore(tmp_path), Counting(small_inception(), "pytorch-fid", "a")

    def stop(done: int, total: int, preview: Tensor | None = None) -> None:
        if done >= 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.features(of_folder(folder), extract, stop)
    assert Counting.seen == 4
    store.features(of_folder(folder), extract)
    assert Counting.seen == 4 + 3


def test_a_set_says_what_it_is_made_of(tmp_path: Path) -> None:
    pictures = of_batch(image("set", (6, 3, 80, 80), 1), "a"), of_batch(image("set", (4, 3, 80, 90), 2), "b")
    for judge, names in (
        (fid_judge(), ("Kernel distance, mine.pth", "Frechet distance, mine.pth")),
        (fid_judge("fid-inception"), ("KID", "FID")),
    ):
        options = SetOptions("pytorch-fid", tmp_path)
        sets = [features_of(items, judge, options, CPU) for items in pictures]
        kid, fid = measure_features(sets[0], sets[1], judge, options)
        assert (kid.title, fid.title) == names
        assert (kid.counts, fid.counts, kid.biased, fid.biased) == ((6, 4), (6, 4), False, True)
        assert fid.value == pytest.approx(plain_frechet(sets[0].whole().double(), sets[1].whole().double()), rel=1e-4)
        assert frechet_of(*sets) == fid.value
        assert dict(fid.settings)["weights"] == f"{judge.choice}, sha256 000000000000"
        assert "bootstrap of 200, seed 0" in dict(kid.settings)["error"]


def test_artfid_is_the_packages(golden: Path, tmp_path: Path) -> None:
    wanted, meta = arrays(golden, "artfid")
    seed = meta["seed"]

    def q8(x: Tensor) -> Tensor:
        return (x * 255).round() / 255

    def pictures(name: str) -> list[Tensor]:
        return [image(f"art_{name}_{i}", (1, 3, 96, 104), seed) for i in range(3)]

    contents, others = pictures("content"), pictures("stylized")
    made = [q8(0.6 * a + 0.4 * b) for a, b in zip(contents, others, strict=True)]
    sets = [of_batch(torch.cat(x), "x") for x in (made, [q8(s) for s in pictures("style")], [q8(c) for c in contents])]
    art = Judge("inception-art", "art-inception", built(metric_files.art_inception_tensors(), seed, meta["gain"]), "a" * 64, True)
    torchvision = {k: torch.zeros(size) for k, size in ALEXNET.items()}
    alex = Judge("alexnet", "alexnet", built(torchvision, seed, meta["lpips_gain"]), "b" * 64, True)
    found = measure_art(*sets, art, alex, SetOptions("art-fid", tmp_path), (CPU, CPU))  # type: ignore[misc]
    for measurement, name in zip(found, ("artfid", "fid", "lpips"), strict=True):
        assert measurement.value == pytest.approx(float(wanted[name]), rel=1e-4), name
    assert [m.title for m in found] == ["ArtFID", "ArtFID: style (FID)", "ArtFID: content (LPIPS)"]
    with pytest.raises(ValueError, match="contents has 2 pictures for 3 results"):
        measure_art(sets[0], sets[1], sets[2][:2], art, alex, SetOptions("art-fid", tmp_path), (CPU, CPU))
    small = of_batch(image("small", (3, 3, 90, 90), 1), "x")
    with pytest.raises(ValueError, match="x_00001 is 104x96 and its photograph x_00001 90x90: ArtFID resizes nothing"):
        measure_art(sets[0], sets[1], small, art, alex, SetOptions("art-fid", tmp_path), (CPU, CPU))


ALEXNET = {
    f"features.{i}.{part}": [o, c, k, k] if part == "weight" else [o]
    for i, o, c, k in ((0, 64, 3, 11), (3, 192, 64, 5), (6, 384, 192, 3), (8, 256, 384, 3), (10, 256, 256, 3))
    for part in ("weight", "bias")
}


def test_pairs_are_by_sorted_names(tmp_path: Path) -> None:
    results = [Item(name, lambda: torch.zeros(1), bytes) for name in ("b", "a")]
    contents = [Item(name, lambda: torch.zeros(1), bytes) for name in ("1", "2")]
    assert [(r.name, c.name) for r, c in paired(results, contents)] == [("a", "1"), ("b", "2")]


def test_files_that_are_no_pictures_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there are no pictures in"):
        of_folder(tmp_path)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    (tmp_path / "notes.txt").write_text("notes")
    (item,) = of_folder(tmp_path)
    with pytest.raises(ValueError, match=r"broken.png is no picture that can be read"):
        item.load()


def test_every_judge_of_the_catalogue_has_its_architecture() -> None:
    from style_atelier.models.weights.catalogue import load_catalogue

    metric = [entry for entry in load_catalogue().entries if entry.kind == "metric"]
    assert {architecture(entry.architecture).kind for entry in metric} == {"metric"}
    assert {entry.name for entry in metric} == {
        *("fid-inception", "art-inception", "alexnet", "squeezenet", "st-lpips-alex", "st-lpips-vgg")
    }
