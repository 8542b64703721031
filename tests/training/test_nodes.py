"""The training nodes: a picture set becomes a stylizer that paints, is listed and goes on."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from style_atelier.models.training.scenes import scene
from style_atelier.tests.pack import Pack

JOHNSON = {"family": "Fast network of one style (Johnson)", "width": "small", "content_weight": 1.0, "style_weight": 1.0}


def pictures(pack: Pack, *images: torch.Tensor, **inputs: Any) -> Any:
    defaults = {"folder": "none", "every": 12, "smallest_cut": 0.5, "largest_cut": 1.0, "flip": True, "color": 0.0, "memory": 512}
    lists = {key: [value] for key, value in (defaults | inputs).items()}
    return pack.outputs("PictureSet", **lists, images=list(images) or None)


@pytest.fixture(autouse=True)
def nothing_trained(folder: Path) -> None:
    """Every test begins without runs of others."""
    shutil.rmtree(folder / "trained", ignore_errors=True)


def image(seed: int, side: int = 48) -> torch.Tensor:
    return torch.from_numpy(scene(seed, side))[None].float() / 255


def train(pack: Pack, **inputs: Any) -> tuple[Any, ...]:
    given = {"styles": pictures(pack, image(1))[0], "contents": pictures(pack, image(2), image(3))[0], "sample_photo": image(4)}
    small = {"family": JOHNSON, "steps": 3, "size": 32, "batch": 2, "style_size": 48, "name": "test/mine"}
    return pack.outputs("TrainStylizer", **(given | small | inputs))


def test_a_set_has_a_sheet_and_says_what_it_holds(pack: Pack) -> None:
    made, sheet, text = pictures(pack, torch.cat([image(1), image(2)]), image(3, 9))
    assert len(made) == 3
    assert sheet.shape == (1, 2 * 196, 8 * 196, 3)
    assert text == "3 pictures"


def test_a_folder_of_the_input_folder_is_read(pack: Pack, folder: Path) -> None:
    place = Path(importlib.import_module("folder_paths").get_input_directory()) / "paintings"
    place.mkdir(parents=True)
    Image.fromarray(scene(1, 40)).save(place / "a.png")
    (place / "b.png").write_bytes(b"broken")
    made, _, text = pictures(pack, folder="paintings")
    assert len(made) == 1
    assert "left out: b.png" in text


def test_it_trains_saves_and_is_listed(pack: Pack, folder: Path) -> None:
    stylizer, samples, curve, text = train(pack)
    assert "3 of 3 steps" in text
    assert samples.shape[1:] == (320, 320, 3) or samples.shape[3] == 3
    assert curve.shape == (1, 432, 768, 3)
    files = [path.name for path in (folder / "trained").rglob("*.safetensors")]
    assert files == ["mine.safetensors"]
    painted = pack.run("Stylize", stylizer=stylizer, content=image(5), styles={})
    again = pack.run("LoadStylizer", stylizer="trained/test/mine.safetensors")
    assert torch.equal(painted, pack.run("Stylize", stylizer=again, content=image(5), styles={}))


def test_queued_again_it_goes_on_and_other_data_say_so(pack: Pack, folder: Path) -> None:
    train(pack)
    text = train(pack, steps=5)[3]
    assert "5 of 5 steps" in text
    assert "went on from step 3" in text
    with pytest.raises(ValueError, match="is taken by a training with other data"):
        train(pack, styles=pictures(pack, image(9))[0])
    assert "went on" not in train(pack, styles=pictures(pack, image(9))[0], if_there="begin anew")[3]


def test_stopped_it_gives_what_it_has(pack: Pack, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from style_atelier.nodes.host.feedback import Interrupted
    from style_atelier.nodes.training import run

    before = run.stops()
    real = run.Showing.__call__

    def stopping(self: Any, at: Any, sample: Any) -> None:
        if at.step == 2:
            raise Interrupted
        real(self, at, sample)

    monkeypatch.setattr(run.Showing, "__call__", stopping)
    text = train(pack, steps=6)[3]
    monkeypatch.undo()
    assert "2 of 6 steps" in text
    assert "queue it again to go on" in text
    assert run.stops() == before + 1
    assert "6 of 6 steps" in train(pack, steps=6)[3]


def test_the_page_sees_a_run_after_it_and_from_its_files(pack: Pack, folder: Path) -> None:
    from style_atelier.nodes.training import live, run

    train(pack)
    place = run.run_folder("test/mine")
    seen = live.status("test/mine", place)
    live._running.clear()
    again = live.status("test/mine", place)
    assert seen is not None
    assert again is not None
    assert again["state"] == seen["state"] == "done"
    assert again["curves"] == seen["curves"]
    assert again["samples"] == seen["samples"]
    assert live.sample("test/mine", place, seen["samples"][-1]) is not None
    assert live.status("other", run.run_folder("other")) is None


def test_removed_by_hand_nothing_is_harmed(pack: Pack, folder: Path) -> None:
    train(pack)
    for path in sorted(folder.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    assert "3 of 3 steps" in train(pack)[3]


@pytest.mark.parametrize(
    ("family", "more"),
    [
        (
            {"family": "Several styles in one network (Dumoulin)", "width": "small", "content_weight": 1.0, "style_weight": 1.0},
            {},
        ),
        ({"family": "AdaIN's decoder", "content_weight": 1.0, "style_weight": 1.0}, {}),
        ({"family": "MicroAST", "content_weight": 1.0, "style_weight": 1.0}, {}),
        ({"family": "Pocket", "content_weight": 1.0, "style_weight": 1.0}, {}),
        ({"family": "CAP-VSTNet", "kind": "art", "style_weight": 1.0, "temporal_weight": 0.0}, {}),
        ({"family": "Distill pairs into a fast network", "width": "small"}, {"targets": True}),
    ],
    ids=lambda value: value.get("family", "") if isinstance(value, dict) else "",
)
def test_every_family_gives_a_stylizer(pack: Pack, folder: Path, family: dict[str, Any], more: dict[str, Any]) -> None:
    given = {"targets": pictures(pack, image(7), image(8))[0]} if more else {}
    stylizer, *_ = train(pack, family=family, steps=2, **given)
    styles = {} if not stylizer.model.takes_pictures else {"style0": image(6)}
    painted = pack.run("Stylize", stylizer=stylizer, content=image(5), styles=styles)
    assert painted.shape == (1, 48, 48, 3)
    if family["family"] != "Distill pairs into a fast network":
        text = train(pack, family=family, steps=1, start_from=stylizer, name="second")[3]
        assert "started from" in text
