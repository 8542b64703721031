"""Clips as people have them: pixels that are not square, turned and mirrored ones, empty and cut files."""

from __future__ import annotations

import importlib
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from style_atelier.tests.pack import Pack
from style_atelier.tests.video.test_video_files import Video, written

av = pytest.importorskip("av", reason="NOT RUN: PyAV is not installed, so no video can be read or written")
ONE = 1 << 16
# What is shown of a picture [H, W] under each display matrix (a, b, c, d).
TURNS = {
    (1, 0, 0, 1): lambda x: x,
    (-1, 0, 0, 1): lambda x: x.flip(1),
    (1, 0, 0, -1): lambda x: x.flip(0),
    (-1, 0, 0, -1): lambda x: x.flip((0, 1)),
    (0, 1, -1, 0): lambda x: x.rot90(-1, (0, 1)),  # a phone held upright
    (0, -1, 1, 0): lambda x: x.rot90(1, (0, 1)),
    (0, 1, 1, 0): lambda x: x.transpose(0, 1),
    (0, -1, -1, 0): lambda x: x.transpose(0, 1).flip((0, 1)),
}


@pytest.fixture
def video(pack: Pack) -> Any:
    """The module under test."""
    return importlib.import_module("style_atelier.nodes.host.video")


def corners() -> Tensor:
    """[H, W, 3] whose four quarters differ."""
    x = torch.zeros(48, 64, 3)
    x[:24, :32, 0], x[:24, 32:, 1], x[24:, :32, 2] = 0.9, 0.9, 0.9
    return x


def clip_file(path: Path, pixel: Fraction = Fraction(1), frames: int = 8) -> Path:
    with av.open(str(path), "w") as output:
        stream = output.add_stream("h264", rate=10, options={"crf": "5"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = pixel
        for number in range(frames):
            drawn = torch.rand(48, 64, 3, generator=torch.Generator().manual_seed(number)) if frames > 8 else corners()
            frame = av.VideoFrame.from_ndarray((drawn * 255).byte().numpy(), format="rgb24")
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def with_matrix(path: Path, matrix: tuple[int, int, int, int]) -> Path:
    """The track's display matrix, written over in the file."""
    data, (a, b, c, d) = bytearray(path.read_bytes()), matrix
    at = data.index(b"tkhd") + 4 + 40
    data[at : at + 36] = struct.pack(">9i", a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("matrix", TURNS)
def test_turned_and_mirrored(video: Any, tmp_path: Path, matrix: tuple[int, int, int, int]) -> None:
    path = with_matrix(clip_file(tmp_path / "in.mp4"), matrix)
    clip = video.File(Video(path, 0.8), 0.0, 0.0)
    wanted = TURNS[matrix](corners())
    assert clip.size == tuple(wanted.shape[:2])
    assert float((next(iter(clip)).image[0] - wanted).abs().mean()) < 0.05


@pytest.mark.parametrize(("matrix", "shape"), [((1, 0, 0, 1), Fraction(16, 11)), ((0, 1, -1, 0), Fraction(11, 16))])
def test_pixels_that_are_not_square_stay_so(video: Any, tmp_path: Path, matrix: Any, shape: Fraction) -> None:
    path = with_matrix(clip_file(tmp_path / "in.mp4", Fraction(16, 11)), matrix)
    clip = video.File(Video(path, 0.8), 0.0, 0.0)
    assert clip.pixel == shape
    out = written(video, clip, tmp_path / "out.mp4")
    with av.open(str(out)) as made:
        assert made.streams.video[0].sample_aspect_ratio == shape


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"no clip at all", "cut"])
def test_empty_and_cut_files_get_one_sentence(video: Any, tmp_path: Path, content: Any) -> None:
    path = clip_file(tmp_path / "in.mp4")
    path.write_bytes(path.read_bytes()[:300] if content == "cut" else content)
    with pytest.raises(ValueError, match=r"video cannot be read \(in\.mp4: .*connect another one") as caught:
        video.File(Video(path, 0.0), 0.0, 0.0)
    assert "\n" not in str(caught.value)


def test_a_clip_that_is_cut_behind_its_index_ends_where_it_ends(video: Any, tmp_path: Path) -> None:
    path = tmp_path / "in.mkv"
    clip_file(path, frames=40)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.6)])
    clip = video.File(Video(path, 4.0), 0.0, 0.0)
    assert 0 < len(list(clip)) < 40


def test_the_reported_clips(video: Any, shared: Path, tmp_path: Path) -> None:
    folder = shared / "cases" / "reports"
    if not folder.is_dir():
        pytest.skip(f"no report cases at {folder}")
    clip = video.File(Video(folder / "v01_pixels_not_square.mp4", 1.0), 0.0, 0.0)
    out = written(video, clip, tmp_path / "out.mp4")
    with av.open(str(out)) as made:
        assert made.streams.video[0].sample_aspect_ratio == Fraction(16, 11)
    with pytest.raises(ValueError, match="cannot be read"):
        video.File(Video(folder / "v03_empty.mp4", 0.0), 0.0, 0.0)
