"""make_clip.py OUT: a clip of two seconds from two of the samples, under a camera that glides and comes closer, with one cut."""

from __future__ import annotations

import sys
from pathlib import Path

import av
from PIL import Image

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
WIDTH, HEIGHT, RATE = 384, 256, 24
SCENES = (("photo.jpg", 30), ("coffee.jpg", 18))  # and frames
NEAREST = 0.72  # of the picture's sides at the end of a scene; it begins with 0.9
FARTHEST = 0.9


def frame(picture: Image.Image, at: float) -> Image.Image:
    """What the camera sees, at 0..1 of a scene; cut out at fractions of a pixel, so that it glides."""
    share = FARTHEST + (NEAREST - FARTHEST) * at
    width = min(picture.width, picture.height * WIDTH / HEIGHT) * share
    height = width * HEIGHT / WIDTH
    left, top = (picture.width - width) * (0.1 + 0.8 * at), (picture.height - height) * (0.7 - 0.4 * at)
    return picture.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS, (left, top, left + width, top + height))


def main(path: str) -> None:
    """Encode it as H.264."""
    with av.open(path, "w") as out:
        stream = out.add_stream("libx264", rate=RATE, options={"crf": "20", "preset": "veryslow"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for name, count in SCENES:
            picture = Image.open(SAMPLES / name).convert("RGB")
            for number in range(count):
                for packet in stream.encode(av.VideoFrame.from_image(frame(picture, number / (count - 1)))):
                    out.mux(packet)
        for packet in stream.encode():
            out.mux(packet)


if __name__ == "__main__":
    main(sys.argv[1])
