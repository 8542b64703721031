"""The nodes that measure, with what is built in and small stand-ins for networks."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from style_atelier.models.metrics.measurement import Measured
from style_atelier.models.metrics.structural import ssim
from style_atelier.tests.families import metric_files
from style_atelier.tests.golden.fill import fill, image
from style_atelier.tests.pack import POCKET, Pack
from style_atelier.tests.sentences import assert_one_sentence


def pictures(name: str, count: int, height: int = 96, width: int = 104) -> Tensor:
    """[count, H, W, 3]"""
    return image(name, (count, 3, height, width), 5).movedim(1, -1).contiguous()


@pytest.fixture
def output(pack: Pack) -> Path:
    return Path(importlib.import_module("folder_paths").get_output_directory())


@pytest.fixture
def inception(folder: Path) -> Iterator[str]:
    """A file of a narrow Inception of FID among the person's own."""
    tensors = metric_files.inception_tensors(metric_files.NARROW)
    fill(tensors, 3, 1.7)
    path = folder / "narrow_inception.pth"
    torch.save(tensors, path)
    yield path.name
    path.unlink()


def rows(value: object) -> tuple[Measured, ...]:
    assert isinstance(value, tuple)
    return value


def test_a_pair_is_measured_with_all_that_is_here(pack: Pack) -> None:
    made, photo, painting = pictures("made", 2), pictures("photo", 1), pictures("painting", 1, 80, 90)
    measures, table = pack.outputs("MeasurePair", image=made, content=photo, style=painting, label="mine")
    (found,) = rows(measures)
    assert found.label == "mine"
    wanted = ssim(made.movedim(-1, 1), photo.movedim(-1, 1).expand(2, -1, -1, -1)).mean()
    assert found.value("ssim") == pytest.approx(float(wanted))
    assert {m.measure for m in found.found} == {
        *("ssim", "ssim_luma", "psnr", "structure", "gram", "moments", "histogram", "color")
    }
    reasons = {m.title: m.reason for m in found.missing}
    assert "models/style_atelier/alexnet/alexnet-owt-7be5be79.pth is missing" in reasons["LPIPS (AlexNet)"]
    assert "sides of 161 pixels" in reasons["MS-SSIM"]
    assert "encoder Pocket VGG" in table
    for reason in reasons.values():
        assert reason in table


def test_a_photo_of_another_size_is_resized(pack: Pack) -> None:
    (found,) = rows(pack.run("MeasurePair", image=pictures("a", 1), content=pictures("b", 1, 40, 50), measures="ssim"))
    assert [m.measure for m in found.found] == ["ssim"]


def test_a_measure_whose_file_cannot_be_had_names_it(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(Exception, match=r"squeezenet/squeezenet1_1-b8a52dc0\.pth"):
        pack.run("MeasurePair", image=pictures("a", 1), content=pictures("b", 1), measures="lpips_squeeze")


BAD_PAIRS: list[tuple[dict[str, Any], str]] = [
    ({}, "content and style are both missing"),
    ({"content": pictures("b", 3)}, "content has 3 pictures for 2 of image"),
    ({"content": pictures("b", 1), "measures": "ssim, nonsense"}, "measures has nonsense, which is none"),
    ({"content": pictures("b", 1), "measures": "gram"}, "measures asks for gram and style is not connected"),
    ({"content": pictures("b", 1), "measures": "ms_ssim"}, "MS-SSIM needs sides of 161 pixels"),
    ({"content": pictures("b", 1), "text": "a cat"}, "text is to be compared and CLIP is missing"),
    ({"style": pictures("b", 1), "source_text": "a photo"}, "source_text needs text and content"),
    ({"content": torch.full((1, 8, 8, 3), float("nan"))}, "content holds values that are not numbers"),
]


@pytest.mark.parametrize(("inputs", "said"), BAD_PAIRS)
def test_bad_pairs_are_refused_in_a_sentence(pack: Pack, inputs: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as caught:
        pack.run("MeasurePair", image=pictures("a", 2), **inputs)
    assert_one_sentence(str(caught.value))
    assert said in str(caught.value)


def test_sets_of_batches_and_of_folders_give_the_same(pack: Pack, inception: str, tmp_path: Path) -> None:
    made, wanted = (torch.round(pictures(name, 5) * 255) / 255 for name in ("made", "wanted"))
    root = Path(importlib.import_module("folder_paths").get_input_directory())
    for name, batch in (("made", made), ("wanted", wanted)):
        (root / "sets" / name).mkdir(parents=True, exist_ok=True)
        for i, one in enumerate(batch):
            Image.fromarray(np.asarray((one * 255).round().byte())).save(root / "sets" / name / f"{i}.png")
    schema = pack.nodes["StyleAtelierMeasureSets"].GET_SCHEMA()
    (combo,) = [i for i in schema.inputs if i.id == "results_folder"]
    assert {"none", "input/sets/made", "input/sets/wanted"} <= set(combo.options)
    of_batch = pack.outputs("MeasureSets", results=made, references=wanted, network=inception)
    of_folder = pack.outputs(
        "MeasureSets", results_folder="input/sets/made", references_folder="input/sets/wanted", network=inception
    )
    kid, fid = rows(of_folder[1])[0].found
    assert of_folder[0] == pytest.approx(of_batch[0], abs=1e-9) == kid.value
    assert kid.title == f"Kernel distance, {inception}"
    assert fid.counts == (5, 5)
    assert "of 5 and 5 pictures, on which it depends" in of_folder[2]
    assert pack.run("MeasureSets", results=made, references=made, network=inception) < 1e-9


BAD_SETS: list[tuple[dict[str, Any], str]] = [
    ({"references": pictures("b", 3)}, "results has no pictures: connect a batch, or choose a folder in results_folder"),
    ({"results": pictures("a", 3), "references": pictures("b", 1)}, "a set of 1 pictures has no spread"),
    (
        {"results": pictures("a", 2), "results_folder": "input/x", "references": pictures("b", 2)},
        "results is connected and results_folder is 'input/x'",
    ),
    ({"results_folder": "input/../..", "references": pictures("b", 2)}, "is no folder in the input or output folder"),
    ({"results_folder": "elsewhere", "references": pictures("b", 2)}, "is no folder in the input or output folder"),
    ({"results": pictures("a", 2), "references": pictures("b", 2), "measure": "ArtFID"}, "contents has no pictures"),
]


@pytest.mark.parametrize(("inputs", "said"), BAD_SETS)
def test_bad_sets_are_refused_in_a_sentence(pack: Pack, inception: str, inputs: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as caught:
        pack.run("MeasureSets", network=inception, **inputs)
    assert_one_sentence(str(caught.value))
    assert said in str(caught.value)


def test_another_network_is_refused(pack: Pack, folder: Path) -> None:
    tensors = metric_files.alexnet_tensors()
    torch.save(tensors, folder / "own_alexnet.pth")
    both = {"results": pictures("a", 2), "references": pictures("b", 2)}
    with pytest.raises(ValueError, match=r"network 'own_alexnet.pth' is no Inception-v3 of FID \(it is alexnet\)"):
        pack.run("MeasureSets", network="own_alexnet.pth", **both)
    (folder / "own_alexnet.pth").unlink()


def test_a_report_of_two(pack: Pack, output: Path) -> None:
    measured = [
        pack.run("MeasurePair", image=pictures(name, 1), content=pictures("photo", 1), measures="ssim, psnr", label=name)
        for name in ("one", "two")
    ]
    text, table, picture = pack.outputs("Report", measures={f"measures{i}": m for i, m in enumerate(measured)}, name="both")
    assert text.splitlines()[0].split() == ["SSIM", "↑", "PSNR", "(dB)", "↑"]
    assert table.splitlines()[0] == "name,SSIM,PSNR (dB)"
    assert picture.shape[0] == 1
    assert 0 < float(picture.std()) < 0.5
    stored = json.loads((output / "style_atelier_measures" / "both_00001.json").read_text(encoding="utf-8"))
    assert [row["name"] for row in stored["rows"]] == ["one", "two"]
    with pytest.raises(ValueError, match="measures holds nothing"):
        pack.run("Report", measures={})
    with pytest.raises(ValueError, match="leads out of"):
        pack.run("Report", measures={"measures0": measured[0]}, name="../x")


def ranking(pack: Pack, **inputs: Any) -> tuple[Any, ...]:
    stylizer = pack.run("LoadStylizer", stylizer=POCKET)
    given = {
        "stylizers": {"stylizer0": stylizer},
        "photos": pictures("photo", 2),
        "paintings": pictures("painting", 2, 64, 80),
        "measures": "ssim, gram, color",
        "size": 64,
        **inputs,
    }
    return pack.outputs("RankStylizers", **given)


def test_stylizers_are_ranked_and_nothing_is_done_twice(
    pack: Pack, output: Path, inception: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plot, table, figure, report, measures = ranking(pack, network=inception, name="first")
    (found,) = rows(measures)
    assert {m.measure: m.counts for m in found.found} == {
        **{"ssim": (4,), "gram": (4,), "color": (4,)},
        **{"kid": (4, 2), "fid": (4, 2)},
    }
    for made in (plot, table, figure):
        assert made.shape[0] == 1
        assert float(made.std()) > 0.02
    folder = output / "style_atelier_rankings" / "first"
    files = sorted(folder.rglob("*.png"))
    assert [f.name for f in files] == [f"photo00{i}_painting00{j}.png" for i in (1, 2) for j in (1, 2)]
    assert json.loads((folder / "report.json").read_text(encoding="utf-8"))["rows"][0]["name"] == found.label
    stamps = [f.stat().st_mtime_ns for f in files]

    rank: Any = importlib.import_module("style_atelier.nodes.measures.rank")
    monkeypatch.setattr(rank, "trial", None)  # painting again would be an error
    again = ranking(pack, network=inception, name="first")
    assert again[3] == report
    assert [f.stat().st_mtime_ns for f in files] == stamps
    assert rows(again[4])[0].found == found.found
    more = ranking(pack, measures="ssim, gram, color, psnr", network=inception, name="first")
    assert rows(more[4])[0].value("psnr") is not None


def test_a_ranking_goes_on_where_it_was_stopped(pack: Pack, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rank: Any = importlib.import_module("style_atelier.nodes.measures.rank")
    paint, painted = rank.trial, []

    def third_fails(*args: Any) -> Any:
        if len(painted) == 2:
            raise KeyboardInterrupt
        painted.append(1)
        return paint(*args)

    monkeypatch.setattr(rank, "trial", third_fails)
    with pytest.raises(KeyboardInterrupt):
        ranking(pack, name="stopped")
    counted: list[int] = []

    def counting(*args: Any) -> Any:
        counted.append(1)
        return paint(*args)

    monkeypatch.setattr(rank, "trial", counting)
    report = ranking(pack, name="stopped")[3]
    assert len(counted) == 2
    assert report == ranking(pack, name="undisturbed")[3]


def test_the_size_is_part_of_what_was_done(pack: Pack) -> None:
    small = rows(ranking(pack, name="sizes")[4])[0].value("ssim")
    large = rows(ranking(pack, name="sizes", size=96)[4])[0].value("ssim")
    assert small != large
    assert rows(ranking(pack, name="sizes", size=64)[4])[0].value("ssim") == small


BAD_RANKINGS: list[tuple[dict[str, Any], str]] = [
    ({"stylizers": {}}, "stylizers holds none"),
    ({"photos": None}, "photos has no pictures"),
    ({"paintings_folder": "input/x"}, "paintings is connected and paintings_folder is 'input/x'"),
    ({"measures": "ssim, color"}, "style_axis is gram and measures does not take it"),
    ({"name": "../../x"}, "leads out of"),
]


@pytest.mark.parametrize(("inputs", "said"), BAD_RANKINGS)
def test_bad_rankings_are_refused_in_a_sentence(pack: Pack, inputs: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as caught:
        ranking(pack, **inputs)
    assert_one_sentence(str(caught.value))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([0.031, 0.97], [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        ([-0.7, -0.31], [-0.7, -0.6, -0.5, -0.4, -0.3]),
        ([12.0], [10.5, 11, 11.5, 12, 12.5, 13, 13.5]),
        ([0.0], [-1, -0.5, 0, 0.5, 1]),
        ([3, 4180], [0, 1000, 2000, 3000, 4000, 5000]),
    ],
)
def test_axes_have_round_numbers(pack: Pack, values: list[float], wanted: list[float]) -> None:
    charts: Any = importlib.import_module("style_atelier.nodes.measures.charts")
    assert charts.ticks(values) == pytest.approx(wanted)
