"""The blocks of diffusion models, and how strongly a LoRA acts on each.

The names are those of sd-webui-lora-block-weight, which the field uses: BASE is the text encoder and all that lies outside
of the blocks, IN00 to IN11, M00 and OUT00 to OUT11 are the blocks of a UNet, J00 ... the joint blocks of SD3, D00 ... and S00 ...
the double and single blocks of Flux.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal

Family = Literal["SD1.5", "SDXL", "SD3", "Flux"]
BASE = "BASE"


def numbered(start: str, numbers: Iterable[int]) -> tuple[str, ...]:
    """ "IN", [1, 2] -> ("IN01", "IN02")."""
    return tuple(f"{start}{n:02d}" for n in numbers)


BLOCKS: dict[Family, tuple[str, ...]] = {
    "SD1.5": (BASE, *numbered("IN", range(12)), "M00", *numbered("OUT", range(12))),
    "SDXL": (BASE, *numbered("IN", range(9)), "M00", *numbered("OUT", range(9))),
    "SD3": (BASE, *numbered("J", range(38))),
    "Flux": (BASE, *numbered("D", range(19)), *numbered("S", range(38))),
}
# The blocks with attention, which alone have weights in an ordinary LoRA: what the classic short lists of numbers are for.
ATTENTION: dict[Family, tuple[str, ...]] = {
    "SD1.5": (BASE, *numbered("IN", (1, 2, 4, 5, 7, 8)), "M00", *numbered("OUT", range(3, 12))),
    "SDXL": (BASE, *numbered("IN", (4, 5, 7, 8)), "M00", *numbered("OUT", range(6))),
    "SD3": (BASE, *numbered("J", range(24))),
    "Flux": BLOCKS["Flux"],
}
UNET_SETS: dict[Family, dict[str, tuple[str, ...]]] = {
    "SD1.5": {
        "INS": (BASE, "IN01", "IN02"),
        "IND": (BASE, "IN05", "IN07", "IN08"),
        "INALL": (BASE, *numbered("IN", (1, 2, 4, 5, 7, 8))),
        "MIDD": (BASE, "IN05", "IN07", "IN08", "M00", *numbered("OUT", range(3, 7))),
        "OUTD": (BASE, *numbered("OUT", range(3, 7))),
        "OUTS": (BASE, *numbered("OUT", range(7, 12))),
        "OUTALL": (BASE, *numbered("OUT", range(3, 12))),
        "style only": numbered("OUT", range(6, 12)),
        "content only": (BASE, *numbered("IN", (4, 5, 7, 8)), "M00", *numbered("OUT", range(3, 6))),
    },
    "SDXL": {
        "INS": (BASE, "IN04", "IN05"),
        "IND": (BASE, "IN07", "IN08"),
        "INALL": (BASE, *numbered("IN", (4, 5, 7, 8))),
        "MIDD": (BASE, "IN07", "IN08", "M00", *numbered("OUT", range(3))),
        "OUTD": (BASE, *numbered("OUT", range(3))),
        "OUTS": (BASE, *numbered("OUT", range(3, 6))),
        "OUTALL": (BASE, *numbered("OUT", range(6))),
        "style only": ("OUT01",),
        "content only": ("IN08", "OUT00"),
        "B-LoRA style": ("OUT01",),
        "B-LoRA content": ("OUT00",),
    },
    "SD3": {
        "style only": numbered("J", range(12, 38)),
        "content only": (BASE, *numbered("J", range(12))),
    },
    "Flux": {
        "style only": numbered("S", range(38)),
        "content only": (BASE, *numbered("D", range(19))),
    },
}
ALL = "all"
PRESETS = (
    *(ALL, "style only", "content only", "B-LoRA style", "B-LoRA content"),
    *("INS", "IND", "INALL", "MIDD", "OUTD", "OUTS", "OUTALL"),
)
PLACES = (
    (r"diffusion_model\.input_blocks\.(\d+)\.", "IN"),
    (r"diffusion_model\.(middle_block)\.", "M"),
    (r"diffusion_model\.output_blocks\.(\d+)\.", "OUT"),
    (r"diffusion_model\.joint_blocks\.(\d+)\.", "J"),
    (r"diffusion_model\.double_blocks\.(\d+)\.", "D"),
    (r"diffusion_model\.single_blocks\.(\d+)\.", "S"),
)


def block_of(key: str) -> str:
    """The block of a model's weight ("diffusion_model.input_blocks.4.1...." -> "IN04"); BASE for all others."""
    for pattern, start in PLACES:
        found = re.match(pattern, key)
        if found:
            return f"{start}{0 if start == 'M' else int(found[1]):02d}"
    return BASE


def family_of(keys: Iterable[str]) -> Family | None:
    """Which kind of model these weights are of, None for others."""
    keys = list(keys)
    present = {block_of(key) for key in keys}
    if "D00" in present:
        return "Flux"
    if "J00" in present:
        return "SD3"
    if "IN00" in present:
        return "SDXL" if any(".label_emb." in key for key in keys) else "SD1.5"
    return None


def preset_weights(preset: str, family: Family | None) -> dict[str, float]:
    """The weight of every block; {} for all of everything. Raises ValueError for a set that this kind of model has not."""
    if preset == ALL:
        return {}
    sets = UNET_SETS.get(family, {}) if family else {}
    if preset not in sets:
        known = ", ".join(sets) or "none but all"
        raise ValueError(f"blocks is {preset} and {family or 'this model'} has no such set (it has {known}): choose another")
    assert family is not None
    return {block: float(block in sets[preset]) for block in BLOCKS[family]}


def parse_weights(text: str, family: Family | None) -> dict[str, float]:
    """The weight of every block, from a list of numbers or from names.

    "1, 0, 0, ...": for all blocks or for those with attention, in order, BASE first; a block that has no number has 0.
    "OUT01=1, IN=0.5, rest=0": names or starts of names; `rest` is what is not named, 1 unless stated. Raises ValueError.
    """
    if family is None:
        raise ValueError("block_weights are for SD1.5, SDXL, SD3 and Flux, and the model is another: leave them empty")
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if all("=" not in part for part in parts):
        return _from_numbers(parts, family)
    named = dict(_named(part) for part in parts)
    rest = named.pop("REST", 1.0)
    weights = dict.fromkeys(BLOCKS[family], rest)
    for name, value in named.items():
        hit = [block for block in weights if block == name or (not name[-1].isdigit() and block.rstrip("0123456789") == name)]
        if not hit:
            blocks = BLOCKS[family]
            raise ValueError(
                f"block_weights names {name} and {family} has {blocks[0]}, {blocks[1]} to {blocks[-1]}: name one of those"
            )
        weights |= dict.fromkeys(hit, value)
    return weights


def _from_numbers(parts: list[str], family: Family) -> dict[str, float]:
    for names in (BLOCKS[family], ATTENTION[family]):
        if len(parts) == len(names):
            return dict.fromkeys(BLOCKS[family], 0.0) | {n: _number(p) for n, p in zip(names, parts, strict=True)}
    raise ValueError(
        f"block_weights has {len(parts)} numbers and {family} takes {len(ATTENTION[family])} or {len(BLOCKS[family])}, "
        "BASE first: write so many, or names such as OUT01=1, rest=0"
    )


def _named(part: str) -> tuple[str, float]:
    name, _, value = part.partition("=")
    return name.strip().upper(), _number(value)


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"block_weights has {text.strip()!r}, which is no number: write numbers such as 0.5") from None
    if not -100 <= value <= 100:
        raise ValueError(f"block_weights has {text.strip()}: write numbers from -100 to 100")
    return value


def ratio(key: str, weights: Mapping[str, float]) -> float:
    """How strongly a LoRA acts on a model's weight; 1 where nothing is said."""
    return weights.get(block_of(key), 1.0) if weights else 1.0
