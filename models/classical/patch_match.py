"""PatchMatch: for every patch of a target its nearest patch of a source, for all positions at once.

Barnes, Shechtman, Finkelstein and Goldman 2009: what a neighbor has found, moved along, is tried (propagation), then places
at random in ever smaller windows (random search). The scan over pixels is replaced by jumps of several lengths in the four
directions over bands of rows, each of which sees what the bands before it have found. A candidate is first compared by the
largest principal components alone, and by the others only if it is not worse already.

With `uniformity` the cost of a place grows with how often its pixels are used (EbSynth; Kaspar et al. 2015). Costs are whole
numbers in float32 and chance is drawn on the processor, so a field is the same to the bit on every device.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import torch
import torch.nn.functional as F
from torch import Tensor

from .patches import bands

HEAD = 8  # numbers of a patch that are compared first
JUMPS = (1, 2, 4, 1)
NARROWER = 3  # one window of the random search to the next
OFFSETS = 1 << 16  # random steps kept for each window

Watch = Callable[[], None]


class PatchMatch:
    """A field of nearest patches. Places of the source are numbers row * width + column of a patch's middle.

    size, source_size: height, width. source: [places, K] rows of `project`. allowed: [places] of booleans, or None; patches
    that leave the source are never taken. index: [positions] places. cost: [positions] squared distance, without uniformity.
    """

    def __init__(
        self,
        source: Tensor,
        source_size: tuple[int, int],
        size: tuple[int, int],
        patch: int,
        uniformity: float,
        chance: torch.Generator,
        allowed: Tensor | None = None,
        wrap: bool = False,
    ) -> None:
        self.size, self.source_size, self.patch, self.uniformity, self.wrap = size, source_size, patch, uniformity, wrap
        self.places, self.positions = source.shape[0], size[0] * size[1]
        self.order = source.var(0, correction=0).double().cpu().argsort(descending=True, stable=True).to(source.device)
        self.head, self.tail = self._parts(source)
        self.ones = source.new_ones(max(self.head.shape[1], self.tail.shape[1]))
        self.closed = self._closed(allowed)
        self.open = (~self.closed).nonzero().flatten()
        if not len(self.open):
            raise ValueError(f"no patch of {patch}x{patch} pixels fits into what may be taken of the source: allow more of it")
        self.dice = Random(int(torch.randint(1 << 31, (1,), generator=chance)))
        self.steps = [self._steps(radius, chance) for radius in self._radii()]
        drawn = torch.randint(len(self.open), (self.positions,), generator=chance)
        self.index = self.open[drawn.to(source.device)]
        self.cost = source.new_empty(self.positions)
        self.total = source.new_empty(self.positions)
        self.penalty = source.new_zeros(self.places).masked_fill_(self.closed, torch.inf)

    def _parts(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        return rows[:, self.order[:HEAD]].contiguous(), rows[:, self.order[HEAD:]].contiguous()

    def _closed(self, allowed: Tensor | None) -> Tensor:
        height, width = self.source_size
        reach = self.patch // 2
        closed = torch.ones(height, width, dtype=torch.bool, device=self.head.device)
        closed[reach : height - reach, reach : width - reach] = False
        return closed.flatten() if allowed is None else closed.flatten() | ~allowed.to(closed.device)

    def _radii(self) -> list[int]:
        radii = [max(self.source_size)]
        while radii[-1] > 1:
            radii.append(max(1, radii[-1] // NARROWER))
        return radii

    def _steps(self, radius: int, chance: torch.Generator) -> Tensor:
        """Random steps of up to `radius` rows and columns. A step across the border of a row is a place like any other."""
        drawn = torch.randint(-radius, radius + 1, (2, OFFSETS), generator=chance)
        steps = drawn[0] * self.source_size[1] + drawn[1]
        return torch.cat([steps, steps]).to(self.head.device)

    def take(self, index: Tensor) -> None:
        """Begin from these places [positions]; those that may not be taken are replaced by the nearest that may, roughly."""
        height, width = self.source_size
        reach = self.patch // 2
        rows = index.div(width, rounding_mode="floor").clamp(reach, height - 1 - reach)
        moved = rows * width + (index % width).clamp(reach, width - 1 - reach)
        self.index = torch.where(self.closed[moved], self.index, moved)

    def aim(self, target: Tensor) -> None:
        """Set what is looked for: [positions, K] rows of `project`."""
        self.target_head, self.target_tail = self._parts(target)
        for start, stop in self._spans():
            self.cost[start:stop] = self._distance(self.index[start:stop], slice(start, stop))
        self.count()

    def count(self) -> None:
        """Count anew how often each place is used, and what it costs for that."""
        if self.uniformity:
            self.penalty = self.occupancy().mul_(self.uniformity).masked_fill_(self.closed, torch.inf)
        self.total = self.cost + self.penalty[self.index]

    def occupancy(self) -> Tensor:
        """How much the patch at each place is used, [places]; 1 is its equal share (EbSynth's Omega / Omega_best)."""
        side = self.patch
        line = torch.arange(1.0, side + 1, device=self.head.device)
        line = torch.cat([line, line[:-1].flip(0)])  # a patch's pixels, and the patches over each pixel
        used = torch.bincount(self.index, minlength=self.places).float().view(1, 1, *self.source_size)
        with torch.backends.cudnn.flags(enabled=False):
            used = F.conv2d(used, line.view(1, 1, 1, -1), padding=(0, side - 1))
            used = F.conv2d(used, line.view(1, 1, -1, 1), padding=(side - 1, 0))
        return used.flatten() * (self.places / self.positions / side**4)

    def search(self, rounds: int, watch: Watch) -> None:
        """Propagation and random search, `rounds` times. watch: called after each band; may raise."""
        for number in range(rounds):
            jump = min(JUMPS[number % len(JUMPS)], self.patch - 1)
            steps = ((0, jump), (jump, 0), (0, -jump), (-jump, 0))
            for top, bottom in self._bands(number % 2 == 1):
                for down, across in steps:
                    self._propagate(top, bottom, down, across)
                for table in self.steps:
                    self._scatter(top, bottom, table)
                watch()
            self.count()

    def _bands(self, upwards: bool) -> list[tuple[int, int]]:
        found = list(bands(*self.size))
        return found[::-1] if upwards else found

    def _spans(self) -> list[tuple[int, int]]:
        width = self.size[1]
        return [(top * width, bottom * width) for top, bottom in bands(*self.size)]

    def _propagate(self, top: int, bottom: int, down: int, across: int) -> None:
        """What the neighbor `down` rows above and `across` columns to the left has, moved along, to all rows of a band."""
        height, width = self.size
        field = self.index.view(height, width)
        rows = torch.arange(top - down, bottom - down, device=field.device)
        found = field[rows % height if self.wrap else rows.clamp(0, height - 1)].roll(across, 1)
        found += down * self.source_size[1] + across
        if not self.wrap:
            own = field[top:bottom]
            if across:
                edge = slice(0, across) if across > 0 else slice(across, None)
                found[:, edge] = own[:, edge]
            outside = max(0, down - top) if down > 0 else max(0, bottom - down - height)
            if outside:
                edge = slice(0, outside) if down > 0 else slice(bottom - top - outside, None)
                found[edge] = own[edge]
        found = found.flatten().clamp_(0, self.places - 1)
        start = top * width
        which = (found != self.index[start : bottom * width]).nonzero().flatten()
        if len(which):
            self._attempt(found[which], which + start, which + start)

    def _scatter(self, top: int, bottom: int, table: Tensor) -> None:
        """Places at random around those of a band."""
        start, stop = top * self.size[1], bottom * self.size[1]
        for first in range(start, stop, OFFSETS):
            last = min(first + OFFSETS, stop)
            begin = self.dice.randrange(OFFSETS)
            found = (self.index[first:last] + table[begin : begin + last - first]).clamp_(0, self.places - 1)
            self._attempt(found, slice(first, last), torch.arange(first, last, device=found.device))

    def _attempt(self, found: Tensor, where: slice | Tensor, positions: Tensor) -> None:
        """Take the places `found` at the positions where they cost less. where: the positions, as a slice if they are one."""
        penalty = self.penalty.index_select(0, found)
        limit = self.total[where] - penalty
        near = self.head.index_select(0, found).sub_(self.target_head[where])
        part = near.square_().mv(self.ones[: near.shape[1]])
        left = (part < limit).nonzero().flatten()
        if not len(left):
            return
        found, positions, part, limit = found[left], positions[left], part[left], limit[left]
        if self.tail.shape[1]:
            rest = self.tail.index_select(0, found).sub_(self.target_tail.index_select(0, positions))
            part += rest.square_().mv(self.ones[: rest.shape[1]])
        better = (part < limit).nonzero().flatten()
        if len(better):
            positions, found, part = positions[better], found[better], part[better]
            self.index[positions], self.cost[positions] = found, part
            self.total[positions] = part + penalty[left[better]]

    def _distance(self, found: Tensor, where: slice) -> Tensor:
        near = self.head.index_select(0, found).sub_(self.target_head[where]).square_().mv(self.ones[: self.head.shape[1]])
        if not self.tail.shape[1]:
            return near
        rest = self.tail.index_select(0, found).sub_(self.target_tail[where]).square_()
        return near + rest.mv(self.ones[: rest.shape[1]])
