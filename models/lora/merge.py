"""Several LoRAs as one, and a LoRA with fewer ranks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..progress import Progress, silent
from .modules import Module, change, modules_of

Name = Callable[[str], str]


@dataclass(frozen=True)
class Merged:
    """tensors: kohya's names. energy: the part of the squared change that was kept, by module. rank: of each module."""

    tensors: dict[str, Tensor]
    energy: dict[str, float]
    rank: dict[str, int]

    @property
    def kept(self) -> float:
        """The mean over modules, 1 for all of it."""
        return sum(self.energy.values()) / max(len(self.energy), 1)


def merge(
    files: Sequence[tuple[Mapping[str, Tensor], float]], rank: int = 0, name_of: Name = str, progress: Progress = silent
) -> Merged:
    """The weighted sum of LoRAs (tensors, weight), exact at rank 0: factors are put side by side, so ranks add up.

    rank: reduce every module to so many by singular values, which is the nearest of that rank (Eckart and Young 1936).
    name_of: a module's name as it is to be called, one name for one layer. Raises ValueError for kinds without a plain change.
    """
    gathered: dict[str, list[tuple[Module, float]]] = {}
    for tensors, weight in files:
        for name, module in modules_of(tensors)[0].items():
            if module.lacks:
                raise ValueError(f"{name} has no {module.lacks}, so that it changes nothing: leave that file out")
            gathered.setdefault(name_of(name), []).append((module, weight))
    if not gathered:
        raise ValueError("the files hold no LoRA: choose others")
    merged: dict[str, Tensor] = {}
    energy, ranks = {}, {}
    for done, (name, parts) in enumerate(gathered.items(), 1):
        up, down, shape = factors(parts)
        full = up.shape[1]
        if rank and rank < full:
            up, down, energy[name] = reduced(up, down, rank)
        else:
            energy[name] = 1.0
        ranks[name] = up.shape[1]
        merged[f"{name}.lora_up.weight"] = up.reshape(*up.shape, *(1,) * (len(shape) - 1)).contiguous()
        merged[f"{name}.lora_down.weight"] = down.reshape(-1, *shape).contiguous()
        merged[f"{name}.alpha"] = torch.tensor(float(up.shape[1]))
        bias = bias_of(parts)
        if bias is not None:
            merged[f"{name}.diff_b"] = bias
        progress(done, len(gathered))
    return Merged(merged, energy, ranks)


def factors(parts: Sequence[tuple[Module, float]]) -> tuple[Tensor, Tensor, tuple[int, ...]]:
    """(up [O, R], down [R, I...], shape of one input) of the weighted sum of one layer's changes."""
    ups, downs, shapes = [], [], set()
    for module, weight in parts:
        if module.kind == "LoRA" and not {"mid", "reshape_weight"} & module.parts.keys():
            up, down = module.parts["up"].float().flatten(1), module.parts["down"].float()
            scale = module.scale
        else:
            full = change(module)
            down, scale = full, 1.0
            up = torch.eye(full.shape[0])
            if full.flatten(1).shape[1] < full.shape[0]:
                up, down = full.flatten(1), torch.eye(full.flatten(1).shape[1]).view(-1, *full.shape[1:])
        shapes.add(tuple(down.shape[1:]))
        ups.append(up * (scale * weight))
        downs.append(down.flatten(1))
    if len({up.shape[0] for up in ups}) > 1 or len({down.shape[1] for down in downs}) > 1:
        raise ValueError(f"{parts[0][0].name} has other sizes in one of the files: merge LoRAs of one kind of model")
    return torch.cat(ups, dim=1), torch.cat(downs), max(shapes, key=len)


def bias_of(parts: Sequence[tuple[Module, float]]) -> Tensor | None:
    """The weighted sum of one layer's changes of its bias, which no rank reduces; None where no file changes it."""
    changes = [module.parts["diff_b"].float() * weight for module, weight in parts if "diff_b" in module.parts]
    return torch.stack(changes).sum(0) if changes else None


def reduced(up: Tensor, down: Tensor, rank: int) -> tuple[Tensor, Tensor, float]:
    """(up [O, r], down [r, I], part of the squared change that is kept). The full change is never made: QR of both, then a small
    singular value decomposition.
    """
    left, r1 = torch.linalg.qr(up.double())
    right, r2 = torch.linalg.qr(down.double().t())
    u, s, vt = torch.linalg.svd(r1 @ r2.t(), full_matrices=False)
    rank = min(rank, len(s))
    root = s[:rank].sqrt()
    total = s.square().sum()
    kept = float(s[:rank].square().sum() / total) if float(total) > 0 else 1.0
    return ((left @ u[:, :rank]) * root).float(), (root[:, None] * (vt[:rank] @ right.t())).float(), kept
