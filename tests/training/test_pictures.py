"""Sets of pictures: whatever lies in a folder, of any size, one or many."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from style_atelier.models.training.draws import Draws
from style_atelier.models.training.feeds import AnyStyle, OwnStyles, Pairs
from style_atelier.models.training.picture_set import Cuts, PictureSet, from_folder, from_tensors, paired
from style_atelier.models.training.scenes import scene, scenes

from .small import nobody, recipe, trainer


def picture(path: Path, width: int, height: int, mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(scene(width * height, max(width, height))[:height, :width]).convert(mode).save(path)


def test_a_folder_is_read_in_order_and_what_is_broken_is_named(tmp_path: Path) -> None:
    picture(tmp_path / "inside" / "b.png", 40, 30)
    picture(tmp_path / "a.jpg", 9, 9)
    picture(tmp_path / "c.PNG", 64, 200, "L")
    (tmp_path / "broken.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:200])
    (tmp_path / "notes.txt").write_text("not a picture")
    found = from_folder(tmp_path)
    assert found.names == ("a.jpg", "c.PNG", "inside/b.png")
    assert [name for name, _ in found.skipped] == ["broken.jpg"]
    for size in (8, 24, 33):
        assert found.batch(Draws(0, 0), "content", 5, size).shape == (5, 3, size, size)


def test_links_that_lead_out_are_not_followed(tmp_path: Path) -> None:
    picture(tmp_path / "outside" / "secret.png", 20, 20)
    picture(tmp_path / "set" / "own.png", 20, 20)
    (tmp_path / "set" / "link.png").symlink_to(tmp_path / "outside" / "secret.png")
    assert from_folder(tmp_path / "set").names == ("own.png",)


def test_a_folder_of_nothing_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"put \.jpg, \.png or \.webp files into it"):
        from_folder(tmp_path)
    (tmp_path / "broken.png").write_bytes(b"no")
    with pytest.raises(ValueError, match=r"the first: broken.png"):
        from_folder(tmp_path)


def test_a_budget_makes_pictures_smaller(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", 300, 200)
    found = from_folder(tmp_path, budget=3 * 60 * 40)
    assert found.pictures[0].nbytes <= 3 * 60 * 40 * 1.05


@pytest.mark.parametrize("size", [9, 40])
def test_one_small_picture_is_enough(size: int, tmp_path: Path) -> None:
    one = PictureSet((scene(1, size),), ("one",))
    going = trainer(tmp_path, recipe(styles=one), one, steps=3)
    assert going.train(nobody).step == 3


def test_a_cut_depends_on_its_step_alone() -> None:
    three = PictureSet(scenes(3, 0, 50).pictures, ("a", "b", "c"), Cuts(color=0.5))
    assert torch.equal(three.batch(Draws(1, 4), "content", 2, 24), three.batch(Draws(1, 4), "content", 2, 24))
    assert not torch.equal(three.batch(Draws(1, 4), "content", 2, 24), three.batch(Draws(1, 5), "content", 2, 24))
    made = three.batch(Draws(1, 4), "content", 2, 24)
    assert float(made.min()) >= 0
    assert float(made.max()) <= 1


def test_digest_sees_pixels_and_cuts() -> None:
    first, second = scenes(2, 0, 30), scenes(2, 1, 30)
    assert first.digest != second.digest
    assert first.digest != PictureSet(first.pictures, first.names, Cuts(flip=False)).digest
    assert first.digest == scenes(2, 0, 30).digest


def test_pairs_are_cut_at_the_same_place() -> None:
    photos = PictureSet(tuple(scene(i, 60) for i in range(3)), ("x.png", "y.png", "z.png"), Cuts((0.3, 0.6)))
    darker = PictureSet(tuple((photos.pictures[i] // 2) for i in (2, 0, 1)), ("z.jpg", "x.jpg", "y.jpg"), photos.cuts)
    assert paired(photos, darker) == [(0, 1), (1, 2), (2, 0)]
    batch = Pairs(photos, darker, 4, 32)(Draws(0, 0))
    assert batch.target is not None
    assert float((batch.content / 2 - batch.target).abs().max()) < 0.01
    with pytest.raises(ValueError, match="3 and 1 pictures cannot be paired"):
        paired(photos, PictureSet((np.zeros((4, 4, 3), np.uint8),), ("other.png",)))


def test_feeds_give_what_recipes_need() -> None:
    contents, styles = scenes(2, 0, 40), scenes(3, 9, 40)
    own = OwnStyles(contents, styles, 4, 24)(Draws(0, 1))
    assert own.which is not None
    assert own.which.shape == (4,)
    any_style = AnyStyle(contents, styles, 4, 24)(Draws(0, 1))
    assert any_style.style is not None
    assert any_style.style.shape == (4, 3, 24, 24)
    parts = list(any_style.parts(3))
    assert [len(part.content) for part in parts] == [3, 1]
    assert sum(part.share for part in parts) == 1


def test_tensors_keep_their_colors() -> None:
    x = torch.rand(3, 20, 30)
    assert float((from_tensors([x], ["x"]).whole(0)[0] - x).abs().max()) <= 0.5 / 255 + 1e-6
