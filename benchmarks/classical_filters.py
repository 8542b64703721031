"""Strokes and filters without networks against OpenCV, scikit-image, pykuwahara and G'MIC, in one process on one thread.

    python benchmarks/classical_filters.py PICTURE [--side 1024] [--rounds 3]

Each of the others is left out, and said so, where it is not installed: `pip install opencv-contrib-python-headless scikit-image
pykuwahara gmic`. Times are the processor's, the median of interleaved rounds. The filters of a row do the same kind of thing
and are not the same: tests/classical/test_filters.py says which agree to how much. "plain" is the formula by a loop over all
places of the window, in torch.
"""

from __future__ import annotations

import argparse
import importlib
import statistics
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
pack = types.ModuleType("style_atelier")
pack.__path__ = [str(ROOT)]
sys.modules["style_atelier"] = pack

from style_atelier.models.classical.bilateral import bilateral  # noqa: E402
from style_atelier.models.classical.cartoon import cartoon  # noqa: E402
from style_atelier.models.classical.hertzmann import STYLES, paint, scaled  # noqa: E402
from style_atelier.models.classical.kuwahara import Ellipse, anisotropic_kuwahara, kuwahara, unit  # noqa: E402
from style_atelier.models.classical.oil import oil  # noqa: E402
from style_atelier.models.classical.orientation import orientation_of  # noqa: E402
from style_atelier.models.classical.palette import palette_of  # noqa: E402
from style_atelier.models.classical.stipple import stipple  # noqa: E402
from style_atelier.models.classical.xdog import flow_xdog, xdog  # noqa: E402

Run = Callable[[], Any]


def module(name: str) -> Any:
    """A package, or None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        print(f"{name} is not installed: its rows are left out")
        return None


def plain_kuwahara(rgb: torch.Tensor, radius: float = 6.0) -> torch.Tensor:
    """The anisotropic filter by its formula, one place of the window after the other over the whole picture."""
    ellipse, field = Ellipse(radius), orientation_of(rgb)
    along, across = ellipse.axes(field.anisotropy[0])
    tangent = unit(field.tangent[0])
    far = 2 * int(radius)
    framed = torch.nn.functional.pad(rgb, (far,) * 4, mode="replicate")[0]
    height, width = rgb.shape[-2:]
    sums, squares, totals = torch.zeros(8, 3, height, width), torch.zeros(8, 3, height, width), torch.zeros(8, height, width)
    numbers = [x.flatten() for x in (*tangent, along, across)]
    for row in range(-far, far + 1):
        for column in range(-far, far + 1):
            place = torch.tensor([[float(column), float(row)]])
            weights = ellipse.weights(*numbers, place).view(8, height, width)
            color = framed[:, far + row : far + row + height, far + column : far + column + width]
            sums += weights[:, None] * color
            squares += weights[:, None] * color.square()
            totals += weights
    means = sums / totals[:, None]
    spread = (squares / totals[:, None] - means.square()).abs().sum(1)
    share = 1 / (1 + (255 * spread).pow(ellipse.sharpness / 2))
    return ((means * share[:, None]).sum(0) / share.sum(0))[None]


def rows(rgb: torch.Tensor) -> dict[str, dict[str, Run]]:
    """Groups of what is compared; ours comes first."""
    pixels = (rgb[0].movedim(0, -1).numpy() * 255).round().astype(np.uint8)
    floats = rgb[0].movedim(0, -1).contiguous().numpy()
    cv2, restoration, pykuwahara, gmic = map(module, ("cv2", "skimage.restoration", "pykuwahara", "gmic"))
    height, width = rgb.shape[-2:]
    small = rgb[:, :, :128, :128].contiguous()
    style = scaled(STYLES["impressionist"], height, width)
    found: dict[str, dict[str, Run]] = {
        "kuwahara, radius 4": {"ours": lambda: kuwahara(rgb, 4)},
        "anisotropic kuwahara, radius 6": {
            "ours": lambda: anisotropic_kuwahara(rgb, exact=False),
            "ours, exact": lambda: anisotropic_kuwahara(rgb),
        },
        "anisotropic kuwahara of 128 x 128": {
            "ours, exact": lambda: anisotropic_kuwahara(small),
            "plain torch": lambda: plain_kuwahara(small),
        },
        "bilateral, window 9": {"ours": lambda: bilateral(rgb)},
        "cartoon": {"ours": lambda: cartoon(rgb)},
        "oil, radius 4": {"ours": lambda: oil(rgb, 4, 20)},
        "xdog": {"ours": lambda: xdog(rgb), "ours, along lines": lambda: flow_xdog(rgb)},
        "impressionist strokes": {"ours": lambda: paint(rgb, style)},
        "palette of 16": {"ours": lambda: palette_of(rgb, 16)},
        "stipple, 12000 dots": {"ours": lambda: stipple(rgb)},
    }
    if pykuwahara:
        found["kuwahara, radius 4"]["pykuwahara"] = lambda: pykuwahara.kuwahara(pixels, method="mean", radius=4)
    if cv2:
        cv2.setNumThreads(1)
        found["bilateral, window 9"]["OpenCV"] = lambda: cv2.bilateralFilter(floats, 9, 0.15, 3.0)
        found["cartoon"]["OpenCV stylization"] = lambda: cv2.stylization(pixels)
        found["oil, radius 4"]["OpenCV oilPainting"] = lambda: cv2.xphoto.oilPainting(pixels, 4, 13)
        samples = floats.reshape(-1, 3)[:: max(1, floats.size // 3 // (1 << 14))]
        ends = (cv2.TERM_CRITERIA_MAX_ITER, 20, 0.0)
        found["palette of 16"]["OpenCV kmeans"] = lambda: cv2.kmeans(samples, 16, None, ends, 1, cv2.KMEANS_PP_CENTERS)
    if restoration:
        found["bilateral, window 9"]["scikit-image, 256 x 256"] = lambda: restoration.denoise_bilateral(
            floats[:256, :256], 9, 0.15, 3.0, channel_axis=-1
        )
    if gmic:

        def run(command: str) -> Run:
            return lambda: gmic.run(command, [gmic.Image.from_yxc(floats * 255)])

        found["kuwahara, radius 4"]["G'MIC kuwahara"] = run("kuwahara 9")
        found["oil, radius 4"]["G'MIC fx_painting"] = run("fx_painting 5,2.5,1.5,50,1,0")
        found["impressionist strokes"]["G'MIC fx_brushify"] = run(
            "fx_brushify 7,0.25,4,64,25,12,0,2,4,0.2,0.5,30,1,1,1,5,0,0.2,1,0"
        )
        found["bilateral, window 9"]["G'MIC bilateral"] = run("bilateral 3,38")
    return found


def main() -> None:
    """Print a table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("picture", type=Path)
    options.add_argument("--side", type=int, default=1024)
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    torch.set_num_threads(1)
    with Image.open(given.picture) as opened:
        square = opened.convert("RGB").resize((given.side, given.side), Image.Resampling.LANCZOS)
    rgb = torch.from_numpy(np.asarray(square, dtype=np.float32) / 255).movedim(-1, 0)[None].contiguous()
    print(f"{given.side} x {given.side}, one thread, processor seconds, median of {given.rounds} interleaved rounds")
    for title, sides in rows(rgb).items():
        seconds: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(given.rounds):
            for name, run in list(sides.items()):
                began = time.process_time()
                try:
                    run()
                except Exception as error:
                    print(f"  {title}: {name} failed ({error})"[:200])
                    del sides[name], seconds[name]
                    continue
                seconds[name].append(time.process_time() - began)
        medians = {name: statistics.median(values) for name, values in seconds.items() if values}
        first = next(iter(medians.values()))
        print(
            title + ": " + "; ".join(f"{name} {value:.3f} s ({value / first:.2f})" for name, value in medians.items()), flush=True
        )


if __name__ == "__main__":
    main()
