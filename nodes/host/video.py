"""Clips frame by frame: out of a VIDEO or a batch of pictures, and into a file with the sound beside them.

A VIDEO of a file is decoded as it is read, so that a clip of any length takes the memory of a few frames. PyAV comes with
ComfyUI and is imported when a clip is first opened; the embedded host has neither it nor VIDEO.
"""

from __future__ import annotations

import importlib
import struct
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

COPIED_SOUND = {"aac", "ac3", "alac", "eac3", "flac", "mp3", "opus"}  # codecs that MP4 holds as they are
SOUND_RATES = {8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000}  # AAC's
SOUND_BITS = 192_000
SOUND_SAMPLES = 1024
BT709 = 1  # how H.26x numbers the matrix, primaries and curve of HD video

Packets = Generator[tuple[float, Any], None, None]  # when, in seconds, and what


@dataclass(frozen=True)
class Frame:
    """image: IMAGE [1, H, W, C]. start, length: when it is shown, in the clip's time base."""

    image: Tensor
    start: int
    length: int


class Clip(ABC):
    """Frames in order, and their sound. rate: frames a second. frames: how many, as far as is known. size: height, width.

    pixel: width of a pixel by its height.
    """

    rate: Fraction
    pixel: Fraction = Fraction(1)
    time_base: Fraction
    frames: int
    size: tuple[int, int]

    @abstractmethod
    def __iter__(self) -> Iterator[Frame]:
        """The frames, anew from the first."""

    def sound(self, output: Any) -> Packets | None:
        """The sound as packets for a PyAV container, to which a stream is added; None for a silent clip."""
        return None


class Pictures(Clip):
    """A batch of pictures [B, H, W, C] that are in memory already; audio as the host's AUDIO, or None."""

    def __init__(self, images: Tensor, rate: Fraction, audio: dict[str, Any] | None = None) -> None:
        self.images, self.rate, self.audio = images, rate, audio
        self.time_base, self.frames = 1 / rate, len(images)
        self.size = (images.shape[1], images.shape[2])

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self.frames):
            yield Frame(self.images[index : index + 1], index, 1)

    def sound(self, output: Any) -> Packets | None:
        if self.audio is None:
            return None
        return encoded(output, self._samples(), int(self.audio["sample_rate"]), self.audio["waveform"].shape[1])

    def _samples(self) -> Iterator[Any]:
        av, rate = importlib.import_module("av"), int(self.audio["sample_rate"])  # type: ignore[index]
        waveform = self.audio["waveform"][0].float().cpu()[:2]  # type: ignore[index]
        for start in range(0, waveform.shape[1], SOUND_SAMPLES):
            part = waveform[:, start : start + SOUND_SAMPLES].contiguous()
            frame = av.AudioFrame.from_ndarray(part.numpy(), format="fltp", layout="mono" if len(part) == 1 else "stereo")
            frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            yield frame


class File(Clip):
    """A VIDEO of a file, from `start` on for `length` seconds (0: to the end), with the time stamps that it has.

    lying: its frames are turned by a quarter to be seen.
    """

    lying = False

    def __init__(self, video: Any, start: float, length: float) -> None:
        self.video, self.trimmed, self.length = video, bool(start or length), length
        with self._opened() as container:
            if not container.streams.video:
                raise ValueError("video holds no pictures: connect another one")
            stream = container.streams.video[0]
            self.rate = Fraction(stream.average_rate or 1)
            shape = Fraction(stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or 1)
            self.time_base = stream.time_base
            begins = (container.start_time or 0) / importlib.import_module("av").time_base
            self.start = start if self.trimmed else begins
            known = 0 if self.trimmed else stream.frames
        self.frames = known or max(1, round(self._duration() * self.rate))
        first = next(iter(self), None)
        if first is None:
            raise ValueError("video holds no frame that can be read: connect another one, or trim it less")
        self.size = (first.image.shape[1], first.image.shape[2])
        self.pixel = (1 / shape if self.lying else shape) if shape > 0 else Fraction(1)

    def _opened(self) -> Any:
        """The container. Raises ValueError for a file that is empty, cut short or no clip."""
        av, source = importlib.import_module("av"), self.video.get_stream_source()
        try:
            return av.open(source, mode="r")
        except (av.error.FFmpegError, OSError, ValueError) as error:
            name = Path(source).name if isinstance(source, (str, Path)) else "the clip"
            why = getattr(error, "strerror", None) or str(error)
            raise ValueError(
                f"video cannot be read ({name}: {why}): it is empty, cut short or no clip, so connect another one"
            ) from error

    def _duration(self) -> float:
        """Seconds, as far as the host can tell."""
        try:
            return float(self.video.get_duration())
        except (importlib.import_module("av").error.FFmpegError, OSError, ValueError):
            return 0.0

    def __iter__(self) -> Iterator[Frame]:
        av = importlib.import_module("av")
        with self._opened() as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            zero, usual = round(self.start / self.time_base), max(1, round(1 / self.rate / self.time_base))
            stop = zero + round(self.length / self.time_base) if self.length else None
            if self.trimmed:
                container.seek(zero, stream=stream)
            for decoded in self._decoded(container, stream, av):
                for frame in decoded:
                    if frame.pts is None or (self.trimmed and frame.pts < zero):
                        continue
                    if stop is not None and frame.pts >= stop:
                        return
                    self.lying = bool(matrix_of(frame)[1])
                    yield Frame(image_of(frame), frame.pts - zero, frame.duration or usual)

    def _decoded(self, container: Any, stream: Any, av: Any) -> Iterator[list[Any]]:
        """The frames of each packet, without damaged ones, which players skip too, up to where a cut clip ends."""
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                yield packet.decode()
            except av.error.InvalidDataError:
                continue
            except av.error.FFmpegError:
                return

    def sound(self, output: Any) -> Packets | None:
        container = self._opened()
        stream = next((s for s in reversed(container.streams.audio) if s.codec_context is not None), None)
        if stream is None:
            container.close()
            return None
        if stream.codec_context.name not in COPIED_SOUND:
            return encoded(output, self._samples(container, stream), stream.rate or 48000, stream.channels)
        return self._copied(container, stream, output.add_stream_from_template(stream, opaque=True))

    def _copied(self, container: Any, stream: Any, target: Any) -> Packets:
        """The packets as they are."""
        zero = round(self.start / stream.time_base)
        with closing(container):
            if self.trimmed:
                container.seek(zero, stream=stream)
            for packet in container.demux(stream):
                if packet.dts is None or (self.trimmed and packet.pts < zero):
                    continue
                packet.pts, packet.dts, packet.stream = packet.pts - zero, packet.dts - zero, target
                yield float(packet.pts * stream.time_base), packet

    def _samples(self, container: Any, stream: Any) -> Iterator[Any]:
        """The sound decoded, for codecs that MP4 does not hold."""
        with closing(container):
            if self.trimmed:
                container.seek(round(self.start / stream.time_base), stream=stream)
            for frame in container.decode(stream):
                when = float(frame.pts * frame.time_base) - self.start
                if not self.trimmed or when >= 0:
                    frame.pts = round(when / frame.time_base)
                    yield frame


def encoded(output: Any, frames: Iterable[Any], rate: int, channels: int) -> Packets:
    """Sound as AAC, of at most two channels."""
    av = importlib.import_module("av")
    rate, layout = rate if rate in SOUND_RATES else 48000, "mono" if channels == 1 else "stereo"
    stream = output.add_stream("aac", rate=rate, layout=layout)
    stream.bit_rate = SOUND_BITS
    resampler = av.AudioResampler("fltp", layout, rate)

    def packets() -> Packets:
        for frame in chain(chain.from_iterable(map(resampler.resample, frames)), resampler.resample(None), [None]):
            for packet in stream.encode(frame):
                yield float((packet.pts or 0) * packet.time_base), packet

    return packets()


def clip_of(video: Any, images: Tensor | None, rate: float) -> Clip:
    """The one of both that is connected. rate: of pictures. Raises ValueError with one sentence."""
    if video is not None and images is not None:
        raise ValueError("video and images are both connected: disconnect one of them.")
    if images is not None:
        if not isinstance(images, Tensor) or images.dim() != 4 or 0 in images.shape:
            found = "x".join(map(str, images.shape)) if isinstance(images, Tensor) else type(images).__name__
            raise ValueError(f"images is not a batch of pictures (it is {found}): connect an IMAGE output to it.")
        return Pictures(images, Fraction(rate).limit_denominator(1001))
    if video is None:
        raise ValueError("neither video nor images is connected: connect the clip to paint to one of them.")
    kinds = input_kinds()
    if kinds is not None and isinstance(video, kinds.VideoFromFile) and hasattr(video, "get_active_trim_window"):
        return File(video, *video.get_active_trim_window())
    if not hasattr(video, "get_components"):
        raise ValueError(f"video is not a clip that this node understands (it is {type(video).__name__}): connect Load Video.")
    parts = video.get_components()
    if not len(parts.images):
        raise ValueError("video holds no pictures: connect another one")
    return Pictures(parts.images, Fraction(parts.frame_rate), parts.audio)


def input_kinds() -> Any:
    """The host's kinds of VIDEO; None where the host has none."""
    return getattr(importlib.import_module("comfy_api.latest"), "InputImpl", None)


def image_of(frame: Any) -> Tensor:
    """A decoded frame as IMAGE [1, H, W, 3], the way up it is to be seen.

    As floats where the conversion reads no further than the picture, as the host does it; else in 8 bits.
    """
    exact = frame.width % 32 == 0 and not frame.format.name.startswith("yuvj")
    pixels = turned(torch.from_numpy(frame.to_ndarray(format="gbrpf32le" if exact else "rgb24")), matrix_of(frame))
    return pixels[None] if exact else pixels[None].float() / 255


Matrix = tuple[int, int, int, int]  # a, b, c, d: a point (x, y) is shown at (a x + c y, b x + d y)
UPRIGHT: Matrix = (1, 0, 0, 1)


def matrix_of(frame: Any) -> Matrix:
    """How a frame is to be turned or mirrored, from the display matrix beside it, as signs."""
    found = next((part for part in frame.side_data or () if part.type.name == "DISPLAYMATRIX"), None)
    if found is None:
        return UPRIGHT
    a, b, _, c, d = struct.unpack("<5i", bytes(found)[:20])
    upright = abs(a) + abs(d) >= abs(b) + abs(c)
    return (_sign(a), 0, 0, _sign(d)) if upright else (0, _sign(b), _sign(c), 0)


def _sign(value: int) -> int:
    return -1 if value < 0 else 1


def turned(pixels: Tensor, matrix: Matrix) -> Tensor:
    """[H, W, C] turned by quarters and mirrored."""
    a, b, c, d = matrix
    if b:
        pixels = pixels.transpose(0, 1)
    flipped = [axis for axis, sign in ((0, d or b), (1, a or c)) if sign < 0]
    return (pixels.flip(flipped) if flipped else pixels).contiguous()


class Writer:
    """An MP4 that grows frame by frame, with the clip's sound up to where its frames are.

    H.264 with 4:2:0 colors of BT.709, which everything plays; so sides are even, and an odd one loses its last line.
    """

    def __init__(self, path: Path, clip: Clip, size: tuple[int, int], crf: int) -> None:
        self.av: Any = importlib.import_module("av")
        self.height, self.width = (side // 2 * 2 for side in size)
        if not (self.height and self.width):
            raise ValueError(f"a video of {size[1]}x{size[0]} pixels cannot be written: give at least 2x2")
        self.clip = clip
        self.output = self.av.open(str(path), mode="w", format="mp4", options={"movflags": "+faststart"})
        self.stream = self.output.add_stream("h264", rate=clip.rate, options={"crf": str(crf)})
        self.stream.width, self.stream.height, self.stream.pix_fmt = self.width, self.height, "yuv420p"
        codec = self.stream.codec_context
        codec.sample_aspect_ratio = clip.pixel
        codec.time_base = clip.time_base
        codec.max_b_frames = 0  # so that uneven times stay as they are
        codec.color_primaries = codec.color_trc = codec.colorspace = BT709
        self.lengths: dict[int, int] = {}
        self.end = 0.0
        self.sound = clip.sound(self.output)
        self.waiting = None if self.sound is None else next(self.sound, None)

    def add(self, image: Tensor, frame: Frame) -> None:
        """IMAGE [1, H, W, C], shown when `frame` was."""
        pixels = image[0, : self.height, : self.width, :3].float().mul(255).round_().clamp_(0, 255).byte().cpu().contiguous()
        picture = self.av.VideoFrame.from_ndarray(pixels.numpy(), format="rgb24")
        made = picture.reformat(format="yuv420p", dst_colorspace="ITU709")
        made.pts, made.time_base = frame.start, self.clip.time_base
        self.lengths[frame.start] = frame.length
        self._mux(self.stream.encode(made))
        self.end = float((frame.start + frame.length) * self.clip.time_base)
        self._sound()

    def close(self) -> None:
        """Write what is left."""
        self._mux(self.stream.encode(None))
        self._sound()
        if self.sound is not None:
            self.sound.close()
        self.output.close()

    def _mux(self, packets: Iterable[Any]) -> None:
        for packet in packets:
            packet.duration = self.lengths.pop(packet.pts, 0)
            self.output.mux(packet)

    def _sound(self) -> None:
        """The sound of the frames so far."""
        while self.sound is not None and self.waiting is not None and self.waiting[0] < self.end:
            self.output.mux(self.waiting[1])
            self.waiting = next(self.sound, None)
