"""Tables in which only what may be compared stands in one column, and rankings that go on where they were stopped."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
import torch

from style_atelier.models.metrics.measurement import Measured, Measurement, Missing
from style_atelier.models.metrics.ranking import Trial, averaged, front, key_of, plain_name
from style_atelier.models.metrics.report import Report, joined

MISSING = Missing("FID", "its file is missing")


def number(measure: str = "ssim", value: float = 0.5, counts: tuple[int, ...] = (4,), **more: object) -> Measurement:
    return Measurement(measure, measure.upper(), value, "higher" if measure in ("ssim", "psnr") else "lower", counts, **more)  # type: ignore


def test_equal_settings_share_a_column_and_others_do_not() -> None:
    at_256, at_512 = (("size", "256x256"),), (("size", "512x512"),)
    rows = (
        Measured("one", (number(value=0.5, settings=at_256), number("fid", 3.0, (24, 4), biased=True))),
        Measured("two", (number(value=0.7, settings=at_256), number("fid", 2.0, (12, 4), biased=True))),
        Measured("three", (number(value=0.9, settings=at_512), number("fid", 4.0, (24, 4), biased=True))),
    )
    columns = Report(rows).columns()
    assert [c.title for c in columns] == ["SSIM [1]", "FID [1]", "FID [2]", "SSIM [2]"]
    assert [c.best for c in columns] == [1, 0, None, None]
    text = Report(rows).text()
    assert "FID [1]: lower is better; of 24 and 4 pictures, on which it depends" in text
    assert "SSIM [2]: higher is better; of 4 pictures; size 512x512" in text


def test_unbiased_numbers_of_different_counts_share_a_column() -> None:
    rows = tuple(Measured(str(n), (number("kid", 0.1 * n, (n, 4), error=0.01),)) for n in (3, 5))
    (column,) = Report(rows).columns()
    assert column.title == "KID"
    assert "of 3 and 4, 5 and 4 pictures" in Report(rows).text()
    assert "0.300 ± 0.01" in Report(rows).text()


def test_every_form_has_every_number() -> None:
    rows = (
        Measured("a, b", (number("psnr", float("inf")), number("kid", -0.00012345678, error=0.002))),
        Measured("c", (number("psnr", 31.25),), (Missing("FID", "models/style_atelier/inception/x.pth is missing"),)),
    )
    report = Report(rows)
    assert "identical" in report.text()
    assert "FID: not measured, models/style_atelier/inception/x.pth is missing" in report.text()
    lines = list(csv.reader(io.StringIO(report.csv())))
    assert lines == [
        ["name", "PSNR", "KID", "KID standard error"],
        ["a, b", "inf", "-0.00012345678", "0.002"],
        ["c", "31.25", "", ""],
    ]
    stored = json.loads(report.json())
    assert stored["rows"][0]["measures"][0]["value"] == "identical"
    assert stored["rows"][1]["missing"] == [{"title": "FID", "reason": "models/style_atelier/inception/x.pth is missing"}]


def test_different_measures_of_one_label_share_a_row_and_the_same_again_do_not() -> None:
    rows = joined([Measured("a", (number(),)), Measured("b", (number(),)), Measured("a", (number("kid"),), (MISSING,))]).rows
    assert [(row.label, [m.measure for m in row.found], row.missing) for row in rows] == [
        ("a", ["ssim", "kid"], (MISSING,)),
        ("b", ["ssim"], ()),
    ]
    again = joined([Measured("a", (number(),)), Measured("a", (number(),)), Measured("a", (number(),)), Measured("a", ())]).rows
    assert [row.label for row in again] == ["a", "a (2)", "a (3)", "a (4)"]
    with pytest.raises(ValueError, match="measures holds nothing"):
        joined([])


def test_no_number_is_best_that_chance_may_have_made_so() -> None:
    def best(*pairs: tuple[float, float | None]) -> int | None:
        rows = tuple(Measured(str(i), (number("kid", value, error=error),)) for i, (value, error) in enumerate(pairs))
        return Report(rows).columns()[0].best

    assert best((0.1, 0.01), (0.2, 0.01)) == 0
    assert best((0.1, 0.04), (0.2, 0.04)) is None
    assert best((0.1, 0.01), (0.11, 0.01), (0.5, 0.01)) is None
    assert best((0.1, None), (0.11, None)) == 0
    assert best((0.1, float("inf")), (5.0, 0.01)) is None
    assert number("kid", 9.673e-05, error=0.0094).written() == "0.0001 ± 0.009"
    assert number("kid", 0.3, error=float("inf")).written() == "0.3 ± unknown"
    json.loads(Report((Measured("x", (number("kid", 0.3, error=float("inf")),)),)).json())


def test_means_over_results_keep_the_settings_that_all_share() -> None:
    trials = [
        [number(value=0.2, counts=(1,), settings=(("size", "8x8"), ("weights", "w")))],
        [number(value=0.4, counts=(1,), settings=(("size", "9x8"), ("weights", "w"))), number("gram", 1.0, (1,))],
    ]
    found = averaged("x", trials)
    assert found.value("ssim") == pytest.approx(0.3)
    assert found.value("gram") == 1.0
    assert found.value("fid") is None
    assert (found.found[0].counts, found.found[0].settings) == ((2,), (("weights", "w"),))
    assert found.found[1].counts == (1,)


def test_the_front_is_what_no_other_beats_in_both() -> None:
    assert front([(1, 5), (2, 2), (5, 1), (3, 3), (2, 2)]) == [0, 1, 2, 4]
    assert front([(1, 1)]) == [0]


def test_names_of_files() -> None:
    assert plain_name("Pocket (built-in)") == "Pocket_built-in"
    assert plain_name("../..") == "unnamed"


def test_a_trial_is_painted_and_measured_once(tmp_path: Path) -> None:
    painted, taken = [], []

    def paint() -> torch.Tensor:
        painted.append(1)
        return torch.full((1, 3, 8, 9), 0.5004)

    def measure() -> Measurement:
        taken.append(1)
        return number(error=0.25, settings=(("size", "9x8"),))

    one = Trial(tmp_path / "method" / "photo1", key_of("a", "b"))
    first = one.painted(paint)
    assert first.shape == (1, 3, 8, 9)
    assert torch.equal(first, torch.full((1, 3, 8, 9), 128 / 255))  # as it is in the file
    assert one.measured("ssim", "w", measure) == number(error=0.25, settings=(("size", "9x8"),))
    again = Trial(one.place, one.key)
    assert torch.equal(again.painted(paint), first)
    assert again.measured("ssim", "w", measure) == one.measured("ssim", "w", measure)
    assert (len(painted), len(taken)) == (1, 1)
    again.measured("ssim", "other weights", measure)
    assert len(taken) == 2
    Trial(one.place, key_of("other")).painted(paint)
    assert len(painted) == 2
    one.record.write_text("damaged")
    one.painted(paint)
    assert len(painted) == 3
    assert not list(tmp_path.rglob("*.tmp"))


def test_an_interrupted_painting_leaves_nothing(tmp_path: Path) -> None:
    one = Trial(tmp_path / "x", "key")

    def stop() -> torch.Tensor:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        one.painted(stop)
    assert not list(tmp_path.iterdir())
