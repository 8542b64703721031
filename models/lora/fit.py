"""Which modules of a LoRA file fit a model: every one is accounted for, by name and by the sizes of its weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import prod

import torch
from torch import Tensor

from .modules import Module, change

Shape = tuple[int, ...]
MOST_MISFITS = 0.1  # of the modules: more than this, and the file is for another kind of model
SHOWN = 3


@dataclass(frozen=True)
class Misfit:
    """A module whose sizes are not those of the weight that it names."""

    name: str
    has: Shape
    wanted: Shape

    @property
    def numbers(self) -> tuple[int, int]:
        """The size that differs: of the file and of the model."""
        pairs = [(a, b) for a, b in zip(self.has, self.wanted, strict=False) if a != b]
        return pairs[0] if pairs else (prod(self.has), prod(self.wanted))


@dataclass(frozen=True)
class Fit:
    """fitting: modules that a weight takes. misfits: of other sizes. halves: modules without a part, by what they lack.
    strangers: named like the model's layers, of a kind that is not known, by the endings of their tensors. text: for a text
    encoder that is not connected. unmatched: names that the model does not have. left: tensors that belong to nothing. doubled:
    modules for a weight that a later one is for too.
    """

    fitting: dict[str, Module] = field(default_factory=dict)
    misfits: tuple[Misfit, ...] = ()
    halves: dict[str, str] = field(default_factory=dict)
    strangers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    text: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """Of all modules in the file."""
        return sum(map(len, (self.fitting, self.misfits, self.halves, self.strangers, self.text, self.unmatched, self.doubled)))

    def lines(self) -> list[str]:
        """What does not act, in lines; nothing where all acts."""
        made = [self.misfit_words()] if self.misfits else []
        if self.strangers:
            kinds = ", ".join(sorted({kind for kinds in self.strangers.values() for kind in kinds})[:SHOWN])
            made.append(f"{_of(len(self.strangers), self.count)} of a kind that is not known ({kinds}): {_some(self.strangers)}")
        for lacks in sorted(set(self.halves.values())):
            names = [name for name, what in self.halves.items() if what == lacks]
            made.append(f"{_of(len(names), self.count)} incomplete, without {lacks}: {_some(names)}")
        if self.unmatched:
            made.append(f"not matched: {len(self.unmatched)} of {self.count} modules, such as {_some(self.unmatched)}")
        if self.doubled:
            made.append(
                f"{len(self.doubled)} of {self.count} modules are for a weight that another is for too: {_some(self.doubled)}"
            )
        if self.left:
            made.append(f"{len(self.left)} tensors belong to no module: {_some(self.left)}")
        return made

    def misfit_words(self) -> str:
        """ "4 modules have 648 where the model has 640"."""
        (has, wanted), _ = Counter(misfit.numbers for misfit in self.misfits).most_common(1)[0]
        count, first = len(self.misfits), self.misfits[0].name
        return f"{count} of {self.count} modules {'has' if count == 1 else 'have'} {has} where the model has {wanted}: {first}"


def fit(
    modules: Mapping[str, Module], others: Iterable[str], targets: Mapping[str, Shape | None], is_text: Callable[[str], bool]
) -> Fit:
    """Hold a file's modules against the weights that names stand for.

    targets: what each name that a model knows is shaped like, None where that is not known. is_text: whether a name is a text
    encoder's, which the targets have only where one is connected.
    """
    fitting: dict[str, Module] = {}
    misfits, unmatched, text = [], [], []
    halves: dict[str, str] = {}
    for name, module in modules.items():
        if module.lacks:
            halves[name] = module.lacks
        elif name not in targets:
            (text if is_text(name) else unmatched).append(name)
        else:
            has, wanted = module.shape, targets[name]
            if has is None or wanted is None or _same(has, wanted):
                fitting[name] = module
            else:
                misfits.append(Misfit(name, has, wanted))
    strangers: dict[str, tuple[str, ...]] = {}
    left = []
    for key in others:
        owner = _owner(key, targets)
        if owner is None or owner in modules:
            left.append(key)
        else:
            strangers[owner] = (*strangers.get(owner, ()), key[len(owner) + 1 :])
    return Fit(fitting, tuple(misfits), halves, strangers, tuple(text), tuple(unmatched), tuple(left))


def with_magnitude(module: Module, weight: Tensor) -> Tensor:
    """DoRA's magnitude [O, 1, ...] for a reader that divides by the norms of the rows of W alone, where the paper divides by
    those of W + BA: m |W| / |W + BA|, so that the result is m (W + BA) / |W + BA|.

    Liu et al. 2024 (arXiv:2402.09353), equation 5, as in huggingface/peft. weight: W [O, I, ...].
    """
    base = weight.float()
    with_change = base + change(Module(module.name, _without_magnitude(module), module.keys)).reshape(base.shape).to(base.device)
    tiny = torch.finfo(torch.float32).tiny
    ratio = base.flatten(1).norm(dim=1) / with_change.flatten(1).norm(dim=1).clamp_min(tiny)
    made = module.parts["dora"].float().flatten().to(base.device) * ratio
    return made.reshape(-1, *(1,) * (base.dim() - 1))


def is_by_rows(module: Module, weight: Tensor) -> bool:
    """Whether a module's magnitude has a number for every row (PEFT), not for every column (LyCORIS's usual)."""
    magnitude = module.parts.get("dora")
    if magnitude is None or magnitude.numel() != weight.shape[0]:
        return False
    return magnitude.dim() == 1 or magnitude.shape[0] == weight.shape[0]


def _without_magnitude(module: Module) -> dict[str, Tensor]:
    return {part: tensor for part, tensor in module.parts.items() if part != "dora"}


def _same(has: Shape, wanted: Shape) -> bool:
    """Linear layers of 1x1 convolutions are written both ways."""
    return has == wanted or (has[0] == wanted[0] and prod(has) == prod(wanted))


def _owner(key: str, targets: Mapping[str, object]) -> str | None:
    """The longest name of a layer that a key begins with."""
    at = key.rfind(".")
    while at > 0:
        if key[:at] in targets:
            return key[:at]
        at = key.rfind(".", 0, at)
    return None


def _of(count: int, all_of_them: int) -> str:
    return f"{count} of {all_of_them} modules {'is' if count == 1 else 'are'}"


def _some(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:SHOWN]) + (" ..." if len(names) > SHOWN else "")
