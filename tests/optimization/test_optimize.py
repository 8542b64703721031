"""The nodes of objectives, Optimize and Neural Style: tiny pictures, few steps, the built-in encoder."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from style_atelier.models.ops.color import rgb_to_yiq
from style_atelier.models.optimization import engine as models_engine
from style_atelier.tests.pack import POCKET, Pack

FEATURES = {"kind": "features", "scale": "relative"}
GRAM = {"statistic": "Gram", "scale": "relative", "centred": False}
LBFGS = {"optimizer": "L-BFGS", "history": 20}
ADAM = {"optimizer": "Adam", "learning_rate": 0.02, "averaging": 0.9, "normalise_gradients": False}
CURVE = (432, 768, 3)
Stop = Callable[..., None]


def picture(*size: int) -> Tensor:
    return torch.rand(size, generator=torch.Generator().manual_seed(sum(size)))


PHOTO, PAINTING = picture(1, 48, 64, 3), picture(1, 56, 40, 3)


@pytest.fixture
def engine(pack: Pack) -> Any:
    """The pack's own memory of optimizations, empty."""
    module = importlib.import_module("style_atelier.nodes.optimization.run")
    forget(module)
    return module


def feedback() -> Any:
    """How the nodes hear of a person's wishes."""
    return importlib.import_module("style_atelier.nodes.host.feedback")


def forget(engine: Any) -> None:
    for kept in (engine._unfinished, engine._results, engine._latest):
        kept.clear()


@pytest.fixture
def stop_at(monkeypatch: pytest.MonkeyPatch, pack: Pack) -> Stop:
    """Presses the host's stop at a report of the work: the n-th after so many steps of a picture of the batch."""
    stop = getattr(feedback().mm, "interrupt_current_processing", None) or feedback().mm.interrupt
    part, waiting = feedback().Watch.part, {"picture": 0, "step": 0, "looks": 0, "press": stop}

    def watched(watch: Any, index: int) -> Callable[..., None]:
        report = part(watch, index)

        def look(done: int, total: int, preview: Tensor | None = None) -> None:
            if index == waiting["picture"] and done >= waiting["step"]:
                waiting["looks"] -= 1
                if waiting["looks"] == 0:
                    waiting["press"]()
            report(done, total, preview)

        return look

    def arm(step: int, looks: int = 1, picture: int = 0, press: Callable[[], None] = stop) -> None:
        waiting.update(picture=picture, step=step, looks=looks, press=press)

    monkeypatch.setattr(feedback().Watch, "part", watched)
    return arm


def content(pack: Pack, **inputs: Any) -> Any:
    return pack.run("ContentObjective", **{"image": PHOTO, "kind": FEATURES, **inputs})


def style(pack: Pack, **inputs: Any) -> Any:
    return pack.run("StyleObjective", **{"image": PAINTING, "statistic": GRAM, **inputs})


def both(pack: Pack, weights: str = "", **inputs: Any) -> Any:
    """Content and style."""
    parts = {"objective0": content(pack), "objective1": style(pack, **inputs)}
    return pack.run("CombineObjectives", objectives=parts, weights=weights)


def optimized(pack: Pack, objective: Any, **inputs: Any) -> tuple[Tensor, str, Tensor]:
    few = {"steps": 5, "coarse_steps": 3, "smallest_size": 32, "optimizer": LBFGS}
    return pack.outputs("Optimize", objective=objective, **{**few, **inputs})  # type: ignore[return-value]


def painted(pack: Pack, *styles: Tensor, **inputs: Any) -> tuple[Tensor, str, Tensor]:
    grown = {f"style{i}": one for i, one in enumerate(styles or [PAINTING])}
    return pack.outputs("NeuralStyle", **{"content": PHOTO, "styles": grown, "size": 0, "steps": 3, **inputs})  # type: ignore[return-value]


def assert_picture(made: Tensor, *size: int) -> None:
    assert made.shape == size
    assert made.dtype == torch.float32
    assert bool(torch.isfinite(made).all())
    assert 0 <= float(made.min()) <= float(made.max()) <= 1


# Neural Style


@pytest.mark.parametrize("preset", ["Gatys 2015", "VGG-16 + TV", "crisp print", "texture only"])
def test_every_preset_paints(pack: Pack, engine: Any, preset: str) -> None:
    made, report, curve = painted(pack, preset=preset, size=56)
    assert_picture(made, 1, 42, 56, 3)
    assert_picture(curve, 1, *CURVE)
    assert "style, " in report
    assert "seen through Pocket VGG" in report
    assert ("content" in report) == (preset != "texture only")


def test_a_batch_gives_a_batch_and_shorter_ones_repeat(pack: Pack, engine: Any) -> None:
    photos, paintings = picture(2, 48, 48, 4), picture(3, 48, 40, 3)
    made, report, curve = painted(pack, paintings, content=photos)
    assert_picture(made, 3, 48, 48, 4)
    assert_picture(curve, 3, *CURVE)
    assert [line for line in report.splitlines() if line.startswith("picture")] == ["picture 0", "picture 1", "picture 2"]
    torch.testing.assert_close(made[..., 3], photos[[0, 1, 0], ..., 3])
    torch.testing.assert_close(made[2:, ..., :3], painted(pack, paintings[2:], content=photos[:1, ..., :3])[0])


def test_transparency_is_kept_and_the_styles_is_ignored(pack: Pack, engine: Any) -> None:
    photo, painting = picture(1, 48, 48, 4), picture(1, 48, 40, 4)
    made = painted(pack, painting, content=photo)[0]
    torch.testing.assert_close(made[..., 3:], photo[..., 3:])
    torch.testing.assert_close(made[..., :3], painted(pack, painting[..., :3], content=photo[..., :3])[0])
    made = optimized(pack, both(pack), start_image=photo)[0]
    torch.testing.assert_close(made[..., 3:], photo[..., 3:])


@pytest.mark.parametrize("size", [(1, 1, 1, 3), (1, 2, 90, 3), (1, 30, 30, 1)])
def test_any_picture_gives_a_picture(pack: Pack, engine: Any, size: tuple[int, ...]) -> None:
    assert_picture(painted(pack, picture(*size), content=picture(*size))[0], *size[:3], 3)


def test_masks_put_each_style_in_its_place(pack: Pack, engine: Any) -> None:
    photo, dark, light = torch.full((1, 48, 64, 3), 0.5), 0.2 * PAINTING, 0.8 + 0.2 * PAINTING
    left = torch.zeros(1, 48, 64)
    left[..., :32] = 1
    much = {"strength": 50.0, "steps": 15}
    across = [
        painted(pack, dark, light, content=photo, content_masks={"content_mask0": a, "content_mask1": b}, **much)[0]
        for a, b in ((left, 1 - left), (1 - left, left))
    ]
    assert float(across[0][:, :, :24].mean()) < float(across[1][:, :, :24].mean()) - 0.05
    assert float(across[0][:, :, 40:].mean()) > float(across[1][:, :, 40:].mean()) + 0.05


def test_a_style_mask_takes_a_part_of_the_style(pack: Pack, engine: Any) -> None:
    half = torch.cat([0.2 * PAINTING, 0.8 + 0.2 * PAINTING], dim=1)
    top = torch.zeros(1, half.shape[1], half.shape[2])
    top[:, : PAINTING.shape[1]] = 1
    dark, light = (painted(pack, half, style_masks={"style_mask0": mask}, strength=50.0, steps=15)[0] for mask in (top, 1 - top))
    assert float(dark.mean()) < float(light.mean()) - 0.05


def test_style_weights_and_strength(pack: Pack, engine: Any) -> None:
    other = picture(1, 40, 40, 3).square()
    alone = painted(pack)[0]
    torch.testing.assert_close(painted(pack, PAINTING, other, style_weights="1, 0")[0], alone)
    assert not torch.equal(painted(pack, PAINTING, other)[0], alone)
    torch.testing.assert_close(painted(pack, strength=0.0, steps=2)[0], painted(pack, other, strength=0.0, steps=2)[0])


@pytest.mark.parametrize("keep", ["luminance", "coral before", "coral after", "histogram before", "histogram after"])
def test_the_photos_colors_are_kept(pack: Pack, engine: Any, keep: str) -> None:
    photo = torch.rand(1, 48, 64, 3, generator=torch.Generator().manual_seed(3)) * torch.tensor([0.9, 0.5, 0.3])
    made = painted(pack, content=photo, keep_color=keep, strength=2.0)[0]
    assert_picture(made, 1, 48, 64, 3)
    free = painted(pack, content=photo, strength=2.0)[0]
    assert not torch.equal(made, free)

    def away(x: Tensor) -> float:
        """How far the average color is from the photo's."""
        return float((x - photo).mean(dim=(0, 1, 2)).norm())

    assert away(made) < away(free)
    if keep == "luminance":
        ours, wanted = (rgb_to_yiq(x.movedim(-1, 1))[:, 1:] for x in (made, photo))
        assert float((ours - wanted).abs().median()) < 1e-3  # but where the result was clamped
    if keep == "histogram after":
        ordered = [x.flatten(0, 2).sort(dim=0).values for x in (made, photo)]
        torch.testing.assert_close(*ordered, atol=0.05, rtol=0)


def test_an_encoder_may_be_given(pack: Pack, engine: Any) -> None:
    for name, title in ((POCKET, "Pocket"), ("Filter bank (built-in)", "Filter bank")):
        encoder = pack.run("LoadEncoder", encoder=name)
        made, report, _ = painted(pack, encoder=encoder)
        assert_picture(made, *PHOTO.shape)
        assert f"seen through {title}" in report
        objectives = {"objective0": content(pack, encoder=encoder), "objective1": style(pack)}
        assert_picture(optimized(pack, pack.run("CombineObjectives", objectives=objectives))[0], *PHOTO.shape)


# Objectives


STATISTICS: list[dict[str, Any]] = [
    GRAM,
    {"statistic": "Gram", "scale": "gatys", "centred": True},
    {"statistic": "Gram", "scale": "neural-style", "centred": False},
    {"statistic": "mean and deviation", "scale": "paper"},
    {"statistic": "MMD linear", "scale": "relative"},
    {"statistic": "MMD polynomial", "scale": "relative", "constant": 1.0},
    {"statistic": "MMD Gaussian", "bandwidth": 1.0, "samples": 256},
    {"statistic": "Wasserstein", "scale": "relative"},
    {"statistic": "histogram", "scale": "relative", "samples": 512},
    {"statistic": "sliced Wasserstein", "scale": "relative", "directions": 8, "samples": 512},
    {"statistic": "color"},
]
MRF = {"kind": "MRF", "scale": "relative", "patch": 3, "stride": 2, "rotations": 0, "scales": 0}
TURNED = {**MRF, "rotations": 1, "scales": 1}
OTHERS: dict[str, Callable[..., Any]] = {
    "content, paper": lambda p, **k: content(p, kind={"kind": "features", "scale": "paper"}, layers="relu2_1, relu3_1", **k),
    "Laplacian": lambda p, **k: content(p, kind={"kind": "Laplacian"}, **k),
    "MRF": lambda p, **k: p.run("PatchObjective", image=PAINTING, kind=MRF, **k),
    "MRF, turned": lambda p, **k: p.run("PatchObjective", image=PAINTING, kind=TURNED, samples=99, **k),
    "nearest features": lambda p, **k: p.run("PatchObjective", image=PAINTING, kind={"kind": "nearest features"}, **k),
    "absolute": lambda p, **k: p.run("SmoothnessObjective", kind="absolute", **k),
    "squared": lambda p, **k: p.run("SmoothnessObjective", kind="squared", **k),
}
MOVED = {"start_image": picture(1, 44, 56, 3)}
HERE = (picture(1, 44, 56) > 0.4).float()  # of the picture's own size: nothing is made of it on the way


@pytest.mark.parametrize("optimizer", [LBFGS, ADAM], ids=["L-BFGS", "Adam"])
@pytest.mark.parametrize("statistic", STATISTICS, ids=lambda s: " ".join(map(str, list(s.values())[:2])))
def test_every_statistic_paints(pack: Pack, engine: Any, statistic: dict[str, Any], optimizer: dict[str, Any]) -> None:
    made, report, _ = optimized(pack, style(pack, statistic=statistic), **MOVED, optimizer=optimizer, smallest_size=0)
    assert_picture(made, 1, 44, 56, 3)
    assert not torch.equal(made, MOVED["start_image"])
    assert_falls(report)


@pytest.mark.parametrize("name", OTHERS)
def test_every_other_objective_is_followed(pack: Pack, engine: Any, name: str) -> None:
    made, report, _ = optimized(pack, OTHERS[name](pack), **MOVED, smallest_size=40)
    assert_picture(made, 1, 44, 56, 3)
    assert not torch.equal(made, MOVED["start_image"])
    assert_falls(report)


@pytest.mark.parametrize("name", [*OTHERS, *map(str, range(len(STATISTICS)))])
def test_every_objective_holds_in_a_mask(pack: Pack, engine: Any, name: str) -> None:
    made = style(pack, statistic=STATISTICS[int(name)], mask=HERE) if name.isdigit() else OTHERS[name](pack, mask=HERE)
    found, report, _ = optimized(pack, made, **MOVED, smallest_size=0, steps=3)
    assert_picture(found, 1, 44, 56, 3)
    assert_falls(report)


def assert_falls(report: str) -> None:
    """The report's line "loss 2 -> 1"."""
    first, best = next(line for line in report.splitlines() if line.startswith("loss")).removeprefix("loss ").split(" -> ")
    assert float(best) < float(first), report


def test_layers_weights_masks_and_sizes_count(pack: Pack, engine: Any) -> None:
    left = torch.zeros(1, 8, 8)
    left[..., :4] = 1
    plain = optimized(pack, both(pack))[0]
    changes: tuple[dict[str, Any], ...] = (
        {"layers": "relu1_1, relu2_1"},
        {"layers": "relu1_1, relu2_1, relu3_1, relu4_1", "layer_weights": "8, 4, 2, 1"},
        {"mask": left},
        {"style_mask": left},
        {"size": 0.5},
        {"size": 0.0},
        {"weight": 100.0},
    )
    for inputs in changes:
        forget(engine)
        made = optimized(pack, both(pack, **inputs))[0]
        assert_picture(made, *PHOTO.shape)
        assert float((made - plain).abs().max()) > 1e-3, inputs


def test_smoothness_calms_where_it_holds(pack: Pack, engine: Any) -> None:
    left = torch.zeros(1, 8, 8)
    left[..., :4] = 1
    made = optimized(pack, pack.run("SmoothnessObjective", mask=left), start_image=PHOTO, smallest_size=0, steps=10)[0]
    rough = (made[:, 1:] - made[:, :-1]).abs()
    assert float(rough[:, :, :24].mean()) < 0.5 * float(rough[:, :, 40:].mean())


def test_combining_multiplies_weights(pack: Pack, engine: Any) -> None:
    objective = both(pack, weights="2, 0.5")
    assert repr(objective) == "Objective(content, weight 2; style, Gram, weight 5)"
    nested = pack.run("CombineObjectives", objectives={"objective0": objective, "objective2": style(pack)})
    assert [part.weight for part in nested.objectives.parts] == [2, 5, 10]


# Optimize


def test_where_it_begins_and_how_large_it_is(pack: Pack, engine: Any) -> None:
    objective = both(pack)
    assert_picture(optimized(pack, objective)[0], *PHOTO.shape)
    assert_picture(optimized(pack, objective, start="noise")[0], *PHOTO.shape)
    assert_picture(optimized(pack, objective, start_image=picture(1, 36, 40, 3))[0], 1, 36, 40, 3)
    assert_picture(optimized(pack, objective, width=40, height=56)[0], 1, 56, 40, 3)
    assert_picture(optimized(pack, style(pack), start="noise", width=40, height=56)[0], 1, 56, 40, 3)
    made, report, curve = optimized(pack, objective, start_image=picture(3, 48, 64, 3), smallest_size=0)
    assert_picture(made, 3, *PHOTO.shape[1:])
    assert_picture(curve, 3, *CURVE)
    assert report.count("5 steps with L-BFGS") == 3


@pytest.mark.parametrize("optimizer", [LBFGS, {**ADAM, "normalise_gradients": True}], ids=["L-BFGS", "Adam"])
def test_the_same_seed_gives_the_same_picture(pack: Pack, engine: Any, optimizer: dict[str, Any]) -> None:
    made = []
    for seed in (3, 3, 4):
        forget(engine)
        made.append(optimized(pack, both(pack), start="noise", optimizer=optimizer, seed=seed)[0])
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


def test_the_same_again_is_returned_at_once(pack: Pack, engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("worked again")

    photos = picture(2, 40, 48, 3)
    first = optimized(pack, both(pack), start_image=photos)
    painting = painted(pack, content=photos)
    monkeypatch.setattr(models_engine, "optimize", refuse)
    for before, again in ((first, optimized(pack, both(pack), start_image=photos)), (painting, painted(pack, content=photos))):
        assert torch.equal(before[0], again[0])
        assert before[1] == again[1]


def test_another_weight_goes_on_from_the_last_picture(pack: Pack, engine: Any) -> None:
    first = optimized(pack, both(pack))[0]
    made, report, _ = optimized(pack, both(pack, weight=20.0))
    assert "went on from the last picture, as only weights changed" in report
    assert "\n5 steps with L-BFGS" in report  # at the final size alone
    by_combining = optimized(pack, both(pack, weights="1, 3"))[1]
    assert "went on from the last picture" in by_combining
    for inputs in ({"steps": 6}, {"start": "noise"}, {"objective": both(pack, layers="relu1_1")}, {"start_image": first}):
        assert "went on" not in optimized(pack, **{"objective": both(pack, weight=20.0), **inputs})[1]

    optimized(pack, both(pack), continue_from_last=False)
    anew, report, _ = optimized(pack, both(pack, weight=20.0), continue_from_last=False)
    assert "went on" not in report
    assert not torch.equal(anew, made)
    forget(engine)
    assert torch.equal(anew, optimized(pack, both(pack, weight=20.0), continue_from_last=False)[0])


def test_neural_style_does_not_depend_on_the_last_run(pack: Pack, engine: Any) -> None:
    painted(pack)
    made, report, _ = painted(pack, strength=2.0)
    assert "went on" not in report
    forget(engine)
    assert torch.equal(made, painted(pack, strength=2.0)[0])


# Stopped


@pytest.mark.parametrize("optimizer", [LBFGS, ADAM], ids=["L-BFGS", "Adam"])
@pytest.mark.parametrize(("step", "looks"), [(0, 1), (0, 12), (2, 5), (3, 1), (3, 4), (6, 3), (7, 16)])
def test_a_stopped_one_goes_on(pack: Pack, engine: Any, stop_at: Stop, step: int, looks: int, optimizer: dict[str, Any]) -> None:
    drawn = {"statistic": "sliced Wasserstein", "scale": "relative", "directions": 8, "samples": 200}
    objective = both(pack, statistic=drawn)
    whole = optimized(pack, objective, optimizer=optimizer)[0]
    forget(engine)
    stop_at(step, looks)
    with pytest.raises(feedback().Interrupted):
        optimized(pack, objective, optimizer=optimizer)
    made, report, _ = optimized(pack, objective, optimizer=optimizer)
    assert "went on where it was stopped" in report
    assert torch.equal(made, whole)


@pytest.mark.parametrize("optimizer", [LBFGS, ADAM], ids=["L-BFGS", "Adam"])
@pytest.mark.parametrize(("step", "looks"), [(0, 1), (2, 5), (7, 16)])
def test_keep_this_takes_a_stopped_one_as_it_is(
    pack: Pack, engine: Any, stop_at: Stop, step: int, looks: int, optimizer: dict[str, Any]
) -> None:
    objective = both(pack)
    whole = optimized(pack, objective, optimizer=optimizer)[0]
    forget(engine)
    stop_at(step, looks)
    with pytest.raises(feedback().Interrupted):
        optimized(pack, objective, optimizer=optimizer)
    feedback().keep("")
    so_far, report, curve = optimized(pack, objective, optimizer=optimizer)
    assert "kept as it was" in report
    assert_picture(so_far, *PHOTO.shape)
    assert_picture(curve, 1, *CURVE)
    assert not torch.equal(so_far, whole)
    assert torch.equal(optimized(pack, objective, optimizer=optimizer)[0], so_far), "it is the result from then on"


def test_keep_this_ends_one_that_runs(pack: Pack, engine: Any, stop_at: Stop) -> None:
    stop_at(5, press=lambda: feedback().keep(""))
    made, report, _ = optimized(pack, both(pack))
    assert "kept as it was" in report
    assert_picture(made, *PHOTO.shape)


def test_what_was_pressed_before_it_began_ends_nothing(pack: Pack, engine: Any) -> None:
    feedback().keep("")
    assert "kept" not in optimized(pack, both(pack))[1]


def test_a_kept_one_is_the_best_so_far(pack: Pack, engine: Any, stop_at: Stop) -> None:
    found = [PHOTO]
    for step in (4, 8, 100):
        forget(engine)
        stop_at(step, press=lambda: feedback().keep(""))
        found.append(optimized(pack, style(pack), start_image=PHOTO, smallest_size=0, steps=12)[0])
    forget(engine)
    losses = []
    for one in found:
        report = optimized(pack, style(pack), start_image=one, smallest_size=0, steps=1)[1]
        losses.append(float(report.split("loss ")[1].split(" ->")[0]))
    assert losses[0] > losses[1] > losses[2] > losses[3]


def test_one_that_went_on_and_was_stopped_goes_on(pack: Pack, engine: Any, stop_at: Stop) -> None:
    optimized(pack, both(pack))
    whole = optimized(pack, both(pack, weight=20.0))[0]
    forget(engine)
    optimized(pack, both(pack))
    stop_at(2)
    with pytest.raises(feedback().Interrupted):
        optimized(pack, both(pack, weight=20.0))
    made, report, _ = optimized(pack, both(pack, weight=20.0))
    assert "went on from the last picture" in report
    assert "went on where it was stopped" in report
    assert torch.equal(made, whole)


def test_a_stopped_batch_keeps_what_is_done(pack: Pack, engine: Any, stop_at: Stop, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = picture(3, 40, 48, 3)
    whole = painted(pack, content=photos)[0]
    forget(engine)
    stop_at(2, picture=1)
    with pytest.raises(feedback().Interrupted):
        painted(pack, content=photos)
    looked = []
    work = models_engine.optimize
    monkeypatch.setattr(models_engine, "optimize", lambda *given: (looked.append(given), work(*given)))
    made, report, _ = painted(pack, content=photos)
    assert len(looked) == 2, "the first picture is not made again"
    assert "went on where it was stopped" in report.split("\n\n")[1]
    assert torch.equal(made, whole)


@pytest.mark.parametrize("side", [37, 41, 50, 63])
def test_size_is_the_longer_side_exactly(pack: Pack, engine: Any, side: int) -> None:
    assert painted(pack, content=picture(1, side, 101, 3), size=64, steps=1)[0].shape[2] == 64
    assert painted(pack, content=picture(1, 101, side, 3), size=64, steps=1)[0].shape[1] == 64


# Limits


def test_seconds_end_it(pack: Pack, engine: Any) -> None:
    began = time.monotonic()
    made, report, _ = optimized(pack, both(pack), steps=100000, coarse_steps=100000, smallest_size=30, seconds=0.6)
    assert_picture(made, *PHOTO.shape)
    assert time.monotonic() - began < 5
    counts = [int(n) for n in next(line for line in report.splitlines() if "steps with" in line).split(" steps")[0].split(" + ")]
    assert len(counts) == 3, "every size gets its part"
    assert min(counts) >= 1
    assert sum(counts) < 1000


def test_a_small_budget_gives_tiles_and_the_same_picture(pack: Pack, engine: Any) -> None:
    inputs = {"start_image": picture(1, 96, 192, 3), "optimizer": {**LBFGS, "history": 3}, "steps": 3, "smallest_size": 0}
    whole, report, _ = optimized(pack, both(pack), **inputs)
    assert "the whole picture at once" in report
    made, report, _ = optimized(pack, both(pack), **inputs, memory_budget=0.01)
    assert "tiles of 128 px" in report
    torch.testing.assert_close(made, whole, atol=1e-3, rtol=0)
