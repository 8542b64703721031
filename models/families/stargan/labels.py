"""StarGAN's label vectors by the names of what they say."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ...translation.style_code import StyleCode
from ...translation.translator import Translator
from . import CELEBA, RAFD

HAIR = ("black", "blond", "brown")
FAMILY = "StarGAN labels"


def face_attributes(
    translator: Translator, hair: str, male: bool, young: bool, expression: str, numbers: Sequence[float] = ()
) -> StyleCode:
    """The label vector of what a face should be, as a style code of one row.

    CelebA's five: hair color (one of three), male, young. RaFD's eight: one of the expressions. numbers: the whole vector, for
    other files. Raises ValueError, one sentence, where the translator takes no labels or others than these.
    """
    if translator.needs != "labels":
        raise ValueError(f"translator is {translator.title}, which takes no attributes: {translator.what_it_needs()}")
    count = translator.code_size
    if numbers:
        if len(numbers) != count:
            raise ValueError(f"labels has {len(numbers)} numbers and {translator.title} takes {count}: write one for each")
        values = list(numbers)
    elif count == len(CELEBA):
        values = [*(float(hair == name) for name in HAIR), float(male), float(young)]
    elif count == len(RAFD):
        values = [float(expression == name) for name in RAFD]
    else:
        raise ValueError(f"labels is empty and {translator.title} has {count} attributes of its own: write that many numbers")
    return StyleCode(torch.tensor([values], dtype=torch.float32), FAMILY)
