"""ST-LPIPS (abhijay9/ShiftTolerant-LPIPS, stlpips-pytorch): backbone and linear layers in one file.

The filters of the blurs and the scaling of the input, which the file holds too, are constants and are left out.
"""

from __future__ import annotations

from torch import Tensor

from ...architecture import Architecture, Tensors, shape
from .network import STLPIPS, STLPIPSConfig

PARTS = 5
FIRST_KERNEL = {"alex": 11, "vgg": 3}


def convolutions(tensors: Tensors, part: int) -> list[str]:
    """Names of a part's convolutions, in order."""
    start = f"net.slice{part + 1}."
    places = [
        key.removeprefix(start).removesuffix(".weight") for key in tensors if key.startswith(start) and key.endswith(".weight")
    ]
    return [f"{start}{place}" for place in sorted(filter(str.isdecimal, places), key=int)]


def recognize(tensors: Tensors) -> bool:
    """Five parts with blurs between them, and a linear layer for each: plain LPIPS has no blurs."""
    return (
        shape(tensors, "net.slice1.0.weight")[1:] in ((3, 11, 11), (3, 3, 3))
        and any(key.startswith("net.slice2.") and key.endswith(".filt") for key in tensors)
        and all(
            f"lin{part}.model.1.weight" in tensors
            and convolutions(tensors, part)
            and all(len(shape(tensors, f"{name}.weight")) == 4 for name in convolutions(tensors, part))
            for part in range(PARTS)
        )
    )


def configure(tensors: Tensors) -> STLPIPSConfig:
    """Shapes of the convolutions; the first tells AlexNet from VGG."""
    slices = tuple(tuple(shape(tensors, f"{name}.weight") for name in convolutions(tensors, part)) for part in range(PARTS))
    return STLPIPSConfig("alex" if slices[0][0][-1] == FIRST_KERNEL["alex"] else "vgg", slices)


def rename(tensors: Tensors, config: STLPIPSConfig) -> dict[str, Tensor]:
    """Parts and places within them by number."""
    found = {}
    for part in range(PARTS):
        for place, name in enumerate(convolutions(tensors, part)):
            found |= {f"slices.{part}.{place}.{what}": tensors[f"{name}.{what}"] for what in ("weight", "bias")}
        found[f"heads.{part}"] = tensors[f"lin{part}.model.1.weight"].flatten()
    return found


ARCHITECTURE = Architecture(
    id="stlpips",
    kind="metric",
    title="ST-LPIPS",
    recognize=recognize,
    configure=configure,
    build=STLPIPS,
    rename=rename,
    license="BSD-2-Clause",
)
ARCHITECTURES = (ARCHITECTURE,)
