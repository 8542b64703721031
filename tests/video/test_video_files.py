"""Clips in files: frames, times, sound and colors come through; needs PyAV, which ComfyUI brings."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from style_atelier.tests.pack import Pack

av = pytest.importorskip("av", reason="NOT RUN: PyAV is not installed, so no video can be read or written")
COLORS = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1], [0.5, 0.5, 0.5], [0.8, 0.4, 0.2]])
SOUND_RATE = 8000


@dataclass
class Video:
    """What the node asks of the host's VIDEO of a file."""

    path: Path
    seconds: float

    def get_stream_source(self) -> str:
        return str(self.path)

    def get_duration(self) -> float:
        return self.seconds


@pytest.fixture
def video(pack: Pack) -> Any:
    """The module under test."""
    return importlib.import_module("style_atelier.nodes.host.video")


def bars(height: int = 64, width: int = 96) -> Tensor:
    """Bars of pure colors [1, H, W, 3]."""
    return COLORS.repeat_interleave(width // len(COLORS), dim=0).expand(height, -1, -1)[None]


def tone(seconds: float, channels: int = 2) -> dict[str, Any]:
    """A tone of 500 Hz as AUDIO."""
    t = torch.arange(int(seconds * SOUND_RATE)) / SOUND_RATE
    return {"waveform": torch.sin(2 * torch.pi * 500 * t).expand(1, channels, -1) * 0.5, "sample_rate": SOUND_RATE}


def written(video: Any, clip: Any, path: Path, frames: int | None = None) -> Path:
    """The clip, or its first frames, through the node's writer."""
    writer = video.Writer(path, clip, clip.size, 10)
    for number, frame in enumerate(clip):
        if number == frames:
            break
        writer.add(frame.image, frame)
    writer.close()
    return path


def source(path: Path, times: list[int], sound: str, seconds: float) -> Video:
    """A file of growing brightness, a frame at each of these thousandths of a second, with sound by a codec ("" for none)."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        heard = output.add_stream(sound, rate=SOUND_RATE, layout="mono") if sound else None
        for number, when in enumerate(times):
            picture = torch.full((48, 64, 3), 20 + 10 * number, dtype=torch.uint8)
            frame = av.VideoFrame.from_ndarray(picture.numpy(), format="rgb24")
            frame.pts, frame.time_base = when, Fraction(1, 1000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if heard is not None:
            resampler = av.AudioResampler(heard.codec_context.format.name, "mono", SOUND_RATE)
            pixels = (tone(seconds, 1)["waveform"][0]).contiguous()
            for start in range(0, pixels.shape[1], 800):
                frame = av.AudioFrame.from_ndarray(pixels[:, start : start + 800].contiguous().numpy(), "fltp", "mono")
                frame.sample_rate, frame.pts = SOUND_RATE, start
                for part in resampler.resample(frame):
                    output.mux(heard.encode(part))
            output.mux(heard.encode(None))
    return Video(path, seconds)


def read(path: Path) -> tuple[list[float], Tensor, float, str]:
    """Times and pictures of the frames, seconds of sound, and its codec."""
    with av.open(str(path)) as container:
        frames = list(container.decode(container.streams.video[0]))
    with av.open(str(path)) as container:
        streams = container.streams.audio
        sound = sum(frame.samples / frame.sample_rate for frame in container.decode(streams[0])) if streams else 0.0
        codec = streams[0].codec_context.name if streams else ""
    images = torch.stack([torch.from_numpy(frame.to_ndarray(format="rgb24")).float() / 255 for frame in frames])
    return [frame.time for frame in frames], images, sound, codec


def test_colors_times_and_sound_of_pictures(video: Any, tmp_path: Path) -> None:
    clip = video.Pictures(bars().repeat(10, 1, 1, 1), Fraction(20), tone(0.5))
    times, images, sound, codec = read(written(video, clip, tmp_path / "out.mp4"))
    assert times == pytest.approx([t / 20 for t in range(10)], abs=1e-3)
    middles = images[:, 32, 8::16]
    torch.testing.assert_close(middles, COLORS.expand(10, -1, -1), atol=0.02, rtol=0)
    assert codec == "aac"
    assert sound == pytest.approx(0.5, abs=0.3)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].average_rate == 20


def test_odd_sides_lose_a_line(video: Any, tmp_path: Path) -> None:
    clip = video.Pictures(torch.rand(2, 33, 45, 4), Fraction(24))
    _, images, sound, _ = read(written(video, clip, tmp_path / "out.mp4"))
    assert images.shape == (2, 32, 44, 3)
    assert sound == 0
    with pytest.raises(ValueError, match="1x5 pixels cannot be written"):
        written(video, video.Pictures(torch.rand(2, 5, 1, 3), Fraction(24)), tmp_path / "small.mp4")


@pytest.mark.parametrize(
    ("suffix", "codec", "kept"), [("mp4", "aac", "aac"), ("mkv", "pcm_s16le", "aac"), ("mkv", "flac", "flac")]
)
def test_uneven_times_and_every_kind_of_sound(video: Any, tmp_path: Path, suffix: str, codec: str, kept: str) -> None:
    times = [0, 100, 150, 400, 1000, 1100, 1900]
    clip = video.File(source(tmp_path / f"in.{suffix}", times, codec, 2.0), 0.0, 0.0)
    assert clip.size == (48, 64)
    found, images, sound, name = read(written(video, clip, tmp_path / "out.mp4"))
    assert found == pytest.approx([t / 1000 for t in times], abs=2e-3)
    assert images.mean(dim=(1, 2, 3)).diff().min() > 0.01
    assert name == kept
    assert sound == pytest.approx(2.0, abs=0.2)


def test_a_part_of_a_clip(video: Any, tmp_path: Path) -> None:
    whole = source(tmp_path / "in.mp4", list(range(0, 2000, 100)), "aac", 2.0)
    clip = video.File(whole, 0.5, 0.6)
    shown = [round(float(frame.image.mean()) * 255) for frame in clip]
    assert shown == pytest.approx([20 + 10 * t for t in range(5, 11)], abs=3)
    times, images, sound, _ = read(written(video, clip, tmp_path / "out.mp4"))
    assert times == pytest.approx([t / 10 for t in range(6)], abs=2e-3)
    assert len(images) == 6
    assert sound == pytest.approx(0.6, abs=0.25)


def test_the_sound_stops_with_the_frames(video: Any, tmp_path: Path) -> None:
    clip = video.File(source(tmp_path / "in.mp4", list(range(0, 2000, 100)), "aac", 2.0), 0.0, 0.0)
    times, _, sound, _ = read(written(video, clip, tmp_path / "out.mp4", frames=8))
    assert len(times) == 8
    assert sound == pytest.approx(0.8, abs=0.3)


def test_a_silent_clip_and_a_clip_of_no_frames(video: Any, tmp_path: Path) -> None:
    clip = video.File(source(tmp_path / "in.mp4", [0, 100], "", 0.2), 0.0, 0.0)
    assert read(written(video, clip, tmp_path / "out.mp4"))[3] == ""
    with pytest.raises(ValueError, match="holds no frame"):
        video.File(Video(tmp_path / "in.mp4", 0.2), 5.0, 1.0)
    video.Writer(tmp_path / "empty.mp4", clip, clip.size, 10).close()
