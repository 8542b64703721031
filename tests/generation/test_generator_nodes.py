"""The nodes for generators and points of W, on a small generator of the person's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from style_atelier.models.generation.latents import Latents
from style_atelier.models.library.registry import architecture
from style_atelier.tests.families.generator_files import CONFIGS, filled, small
from style_atelier.tests.pack import Pack

FILES = {"stylegan2": "my.pkl", "stylegan3": "three.pt", "styleformer-gan": "former.pt"}


@pytest.fixture(scope="module")
def files(pack: Pack) -> Path:
    import folder_paths

    folder = Path(folder_paths.get_folder_paths("style_atelier")[0])
    folder.mkdir(parents=True, exist_ok=True)
    for kind, name in FILES.items():
        torch.save(small(kind), folder / name)
    return folder


def loaded(pack: Pack, kind: str = "stylegan2") -> Any:
    return pack.run("LoadGenerator", generator=FILES[kind], torch_compile=False)


def sampled(pack: Pack, generator: Any, seeds: str = "1-3", **others: Any) -> Latents:
    return pack.run("SampleW", generator=generator, seeds=seeds, **others)


@pytest.mark.parametrize("kind", FILES)
def test_from_a_seed_to_a_picture(pack: Pack, files: Path, kind: str) -> None:
    generator = loaded(pack, kind)
    w = sampled(pack, generator)
    images = pack.run("Synthesize", generator=generator, w=w)
    side = generator.model.resolution
    assert images.shape == (3, side, side, 3)
    assert images.dtype == torch.float32
    assert 0 <= float(images.min()) < float(images.max()) <= 1
    torch.testing.assert_close(images, pack.run("Synthesize", generator=generator, w=w))


def test_a_batch_is_its_pictures(pack: Pack, files: Path) -> None:
    generator = loaded(pack)
    w = sampled(pack, generator, "1-20")
    for noise in ("const", "random", "none"):
        whole = pack.run("Synthesize", generator=generator, w=w, noise=noise, seed=5)
        one = pack.run("Synthesize", generator=generator, w=sampled(pack, generator, "12"), noise=noise, seed=5 + 11)
        torch.testing.assert_close(whole[11:12], one, atol=1e-5, rtol=0)


def test_the_nodes_of_w(pack: Pack, files: Path) -> None:
    generator = loaded(pack)
    w = sampled(pack, generator, "1-2")
    other = sampled(pack, generator, "7-9", truncation_psi=1.0)
    assert len(pack.run("TruncateW", w=w, psi=1.0, psi_end=0.0, steps=4)) == 8
    assert len(pack.run("MixW", w=w, other=other, layers="fine", pairing="grid")) == 6
    assert len(pack.run("BlendW", points={"w0": w, "w1": other}, weights="2, 1")) == 3
    assert len(pack.run("WalkW", points={"w0": w, "w1": other}, frames=10)) == 10
    directions, table = pack.outputs("Directions", generator=generator, count=4)
    assert "SeFa" in table
    assert len(pack.run("Directions", generator=generator, method="PCA", count=4, samples=200)) == 4
    edited = pack.run("EditW", w=w, directions=directions, amount=2.0, steps=3)
    assert len(edited) == 6
    assert "SeFa 0 by 2" in repr(edited)


def test_classes_are_asked_for(pack: Pack, files: Path) -> None:
    base = CONFIGS["stylegan2"]
    config = replace(base, mapping=replace(base.mapping, label=3, embedding=16))
    torch.save(filled(architecture("stylegan2").build(config).state_dict()), files / "classes.pt")
    generator = pack.run("LoadGenerator", generator="classes.pt", torch_compile=False)
    one, other = (sampled(pack, generator, "1", class_label=c).values for c in (0, 1))
    assert float((one - other).abs().max()) > 0
    with pytest.raises(ValueError, match=r"class_label is -1 .* classes 0 to 2"):
        sampled(pack, generator, "1")
    with pytest.raises(ValueError, match="class_label is 3"):
        sampled(pack, generator, "1", class_label=3)


def test_a_projection_gives_w_with_its_noise(pack: Pack, files: Path) -> None:
    generator = loaded(pack)
    target = pack.run("Synthesize", generator=generator, w=sampled(pack, generator, "4"))
    w, image, report = pack.outputs("Project", generator=generator, image=target, steps=10)
    assert image.shape == target.shape
    assert "of the start" in report
    assert len(w.noise) == len(generator.model.noise_shapes())
    torch.testing.assert_close(pack.run("Synthesize", generator=generator, w=w), image, atol=1e-5, rtol=0)
    batch, images, _ = pack.outputs("Project", generator=generator, image=target.repeat(2, 1, 1, 1), steps=10, space="W+")
    assert len(batch) == len(images) == 2


def test_points_go_to_files_and_back(pack: Pack, files: Path) -> None:
    w = sampled(pack, loaded(pack))
    for number in (1, 2):
        pack.run("SaveW", w=w, name="set/of faces v1.5")
        back = pack.run("LoadW", name=f"set/of faces v1.5_0000{number}.safetensors")
        torch.testing.assert_close(back.values, w.values, atol=0, rtol=0)
        assert repr(back) == repr(w)


def test_measures(pack: Pack, files: Path) -> None:
    generator = loaded(pack)
    length, table = pack.outputs("PerceptualPathLength", generator=generator, samples=20)
    assert length > 0
    assert "judged by" in table
    w = sampled(pack, generator, "1-80", truncation_psi=1.0)
    w = replace(w, values=(w.values - w.values.mean(0)) / w.values.std(0))  # numbers by chance make a small W
    split = (w.values[:, 0, 0] > w.values[:, 0, 0].median()).float()[:, None, None].expand(-1, 4, 4)
    score, table = pack.outputs("LinearSeparability", w=w, labels=split, keep=1.0, folds=4)
    assert score < 1.6
    chance = torch.rand(80, 4, 4, generator=torch.Generator().manual_seed(0)).round()[:, :1, :1].expand(-1, 4, 4)
    assert pack.run("LinearSeparability", w=w, labels=chance, keep=1.0, folds=4) > score


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"translate_x": 0.5}, "translate and rotate are for StyleGAN3"),
        ({"rotate": 5.0}, "translate and rotate are for StyleGAN3"),
    ],
)
def test_placements_are_for_stylegan3(pack: Pack, files: Path, inputs: dict[str, float], message: str) -> None:
    generator = loaded(pack)
    with pytest.raises(ValueError, match=message):
        pack.run("Synthesize", generator=generator, w=sampled(pack, generator), **inputs)
    three = loaded(pack, "stylegan3")
    assert pack.run("Synthesize", generator=three, w=sampled(pack, three), **inputs).shape[0] == 3


def a_point(pack: Pack) -> Latents:
    return sampled(pack, loaded(pack))


def wrong_w(pack: Pack) -> Any:
    former, two = loaded(pack, "styleformer-gan"), loaded(pack)
    return pack.run("Synthesize", generator=two, w=sampled(pack, former))


CASES: list[tuple[Any, str]] = [
    (wrong_w, r"w has 5 rows .* sample it from this generator"),
    (lambda pack: sampled(pack, loaded(pack), "many"), "seeds has 'many'"),
    (lambda pack: sampled(pack, loaded(pack), truncation_cutoff=60), "truncation_cutoff is 60"),
    (lambda pack: pack.run("TruncateW", w=sampled(pack, loaded(pack)), layers="top"), "layers has 'top'"),
    (
        lambda pack: pack.run("MixW", w=sampled(pack, loaded(pack)), other=sampled(pack, loaded(pack)), layers="99"),
        "layers has '99'",
    ),
    (lambda pack: pack.run("BlendW", points={"w0": sampled(pack, loaded(pack))}, weights="1, 2"), "weights has 2 numbers"),
    (lambda pack: pack.run("WalkW", points={"w0": sampled(pack, loaded(pack), "1")}), "a walk needs at least two"),
    (
        lambda pack: pack.run(
            "EditW",
            w=sampled(pack, loaded(pack)),
            directions=pack.run("Directions", generator=loaded(pack), count=2),
            direction=9,
            amount=1.0,
        ),
        "direction is 9",
    ),
    (lambda pack: pack.run("Directions", generator=loaded(pack), layers="none"), "layers has 'none'"),
    (lambda pack: pack.run("Project", generator=loaded(pack), image=torch.zeros(4, 4)), "image is not a batch"),
    (lambda pack: pack.run("SaveW", w=sampled(pack, loaded(pack)), name="../out"), "leads out of"),
    (lambda pack: pack.run("LoadW", name="../../etc/passwd"), "leads out of"),
    (lambda pack: pack.run("LoadW", name="nothing.safetensors"), "There is no file"),
    (
        lambda pack: pack.run("LinearSeparability", w=a_point(pack), labels=torch.ones(2, 4, 4)),
        "labels has 2 masks",
    ),
    (lambda pack: pack.run("LoadTranslator", translator=FILES["stylegan2"]), "is a generator .* not a translator"),
    (lambda pack: pack.run("LoadGenerator", generator="nothing.pkl", torch_compile=False), "There is no file"),
]


@pytest.mark.parametrize(("case", "message"), CASES)
def test_bad_input_is_explained_in_a_sentence(pack: Pack, files: Path, case: Any, message: str) -> None:
    with pytest.raises(Exception, match=message) as caught:
        case(pack)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 400
