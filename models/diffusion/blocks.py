"""Names of a UNet's blocks as people write them, and the size of a block's map."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

GROUPS = ("input", "middle", "output")
Block = tuple[str, int]


def read_blocks(text: str, present: Sequence[Block], usual: Sequence[Block]) -> tuple[Block, ...]:
    """Read such as "output 6-11, middle"; empty text -> `usual`.

    present: blocks with attention. Raises ValueError, in a sentence, for other names and for blocks without attention.
    """
    if not text.strip():
        return tuple(usual)
    found: list[Block] = []
    for part in filter(None, (part.strip().lower() for part in text.replace("，", ",").split(","))):
        match = re.fullmatch(r"(input|middle|output)\s*(\d+)?\s*(?:-\s*(\d+))?", part)
        if match is None:
            raise ValueError(f"blocks has {part!r}: write blocks such as output 6-11, middle, input 8")
        group, first, last = match.group(1), int(match.group(2) or 0), int(match.group(3) or match.group(2) or 0)
        chosen = [(group, number) for number in range(first, last + 1) if (group, number) in present]
        if not chosen:
            raise ValueError(f"blocks has {part!r}, which has no attention in this model: it has {in_words(present)}")
        found += chosen
    return tuple(dict.fromkeys(found))


def in_words(blocks: Iterable[Block]) -> str:
    """Such as "input 1-2, middle, output 3-11"."""
    words = []
    for group in GROUPS:
        numbers = sorted(number for name, number in blocks if name == group)
        if group == "middle":
            words += ["middle"] if numbers else []
            continue
        while numbers:
            run = 1
            while run < len(numbers) and numbers[run] == numbers[0] + run:
                run += 1
            words.append(f"{group} {numbers[0]}" + (f"-{numbers[run - 1]}" if run > 1 else ""))
            numbers = numbers[run:]
    return ", ".join(words)


def map_size(height: int, width: int, positions: int) -> tuple[int, int]:
    """Height and width of a map of so many positions, made of a latent of this size by halving (rounded up).

    Raises ValueError where no halving gives so many.
    """
    h, w = height, width
    while h * w > positions:
        h, w = -(-h // 2), -(-w // 2)
    if h * w != positions:
        raise ValueError(
            f"a map of {positions} positions is no half of a latent of {width}x{height}: use a picture of another size"
        )
    return h, w
