"""Adam and L-BFGS, one step at a time, with a state that can be kept, resized and continued."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from ..ops.resize import enlarged

FIRST_CHANGE = 1e-2  # of a pixel in the mean: the first step of L-BFGS knows no curvature
SHORT_WAVE = 4.0  # pixels: a wave as long as this moves twice as far as the gradient says, longer ones in proportion
MOST_OF_WAVES = 30.0
BRIGHTNESS = 2.0  # what the three channels share moves as much farther than their differences
ENOUGH = 1e-4  # Armijo's part of the promised decrease
SHORTEST = 0.1
CURVED = 1e-10
TRIALS = 8


class Stepper(Protocol):
    """Where to look next, given the loss and the gradient where one looked last."""

    def step(self, picture: Tensor, loss: float, gradient: Tensor) -> Tensor:
        """The next picture [1, 3, H, W]."""
        ...

    def resized(self, height: int, width: int) -> Stepper:
        """For the same picture at another size."""
        ...


@dataclass
class Adam:
    """Kingma and Ba 2014 (arXiv:1412.6980), algorithm 1; pixels are kept in 0..1. rate: in the same unit."""

    rate: float = 0.02
    betas: tuple[float, float] = (0.9, 0.99)
    eps: float = 1e-8
    first: Tensor | None = None
    second: Tensor | None = None
    steps: int = 0

    def step(self, picture: Tensor, loss: float, gradient: Tensor) -> Tensor:
        if self.first is None or self.second is None:
            self.first, self.second = torch.zeros_like(picture), torch.zeros_like(picture)
        a, b = self.betas
        self.steps += 1
        self.first.lerp_(gradient, 1 - a)
        self.second.mul_(b).addcmul_(gradient, gradient, value=1 - b)
        size = (self.second / (1 - b**self.steps)).sqrt_().add_(self.eps)
        return torch.addcdiv(picture, self.first, size, value=-self.rate / (1 - a**self.steps)).clamp_(0, 1)

    def resized(self, height: int, width: int) -> Adam:
        """The moments are enlarged with the picture (as crowsonkb/style-transfer-pytorch does), so that no step is lost."""
        if self.first is None or self.second is None:
            return self
        first = enlarged(self.first, height, width)
        second = enlarged(self.second, height, width, smooth=False)
        return Adam(self.rate, self.betas, self.eps, first, second, self.steps)


@dataclass
class LBFGS:
    """Nocedal and Wright 2006, algorithm 7.5, with steps of length 1 that are shortened when the loss rises (Armijo).

    Every call is one evaluation of the loss, whether its step was taken or shortened. history: pairs of steps that are kept, each
    of the size of two pictures; 100 as neural-style has it.

    The first guess of the inverse Hessian, which the book leaves free, favors long waves and brightness (`NaturalScale`)
    instead of being a multiple of the identity. Measured on eight pairs of pictures with VGG-16 (see docs/benchmarks.md): along
    long waves the loss of features is up to a hundred times flatter than along short ones, and to learn that from pairs alone
    takes most of a run. A look for Wolfe's second condition was left out: hardly a step in fifty was refused, so a search would
    only pay.

    rise: by which part of the loss a step may end above where it began; for losses that jump, where no step, however short, keeps
    to Armijo's condition.
    """

    history: int = 100
    rise: float = 0.0
    pairs: list[tuple[Tensor, Tensor, float]] = field(default_factory=list)  # steps, changes of the gradient, their products
    start: Tensor | None = None  # where the present step began
    start_gradient: Tensor | None = None
    start_loss: float = 0.0
    direction: Tensor | None = None
    slope: float = 0.0
    length: float = 1.0
    trials: int = 0
    natural: NaturalScale | None = None
    size: float = 1.0  # the newest pair's s.y / y.Hy: the factor of `natural` that fits it (eq. 7.20 with H for the identity)

    def step(self, picture: Tensor, loss: float, gradient: Tensor) -> Tensor:
        if self.start is not None and self.direction is not None and self.start_gradient is not None:
            allowed = self.start_loss + self.rise * abs(self.start_loss) + ENOUGH * self.length * self.slope
            if not loss <= allowed and self.trials < TRIALS:
                return self._shorter(loss)
            if loss <= allowed:
                self._learn(picture - self.start, gradient - self.start_gradient)
            else:  # no step of this direction helps: begin anew from the last good place
                self.pairs.clear()
                picture, loss, gradient = self.start, self.start_loss, self.start_gradient
        first = not self.pairs
        direction = self._inverse(gradient).neg_()
        slope = dot(direction, gradient)
        if not slope < 0:
            self.pairs.clear()
            first, direction = True, -gradient
            slope = -dot(gradient, gradient)
        self.length = FIRST_CHANGE / max(float(direction.abs().mean()), 1e-30) if first else 1.0
        self.start, self.start_gradient, self.start_loss = picture, gradient, loss
        self.direction, self.slope, self.trials = direction, slope, 0
        return torch.add(picture, direction, alpha=self.length)

    def _shorter(self, loss: float) -> Tensor:
        """The lowest point of the parabola through what is known, not under a tenth of the step."""
        assert self.start is not None
        assert self.direction is not None
        rise = loss - self.start_loss - self.slope * self.length
        share = -self.slope * self.length / (2 * rise) if rise > 0 else 0.5  # a loss that is no number halves the step
        self.length *= min(max(share, SHORTEST), 0.5)
        self.trials += 1
        return torch.add(self.start, self.direction, alpha=self.length)

    def _learn(self, moved: Tensor, turned: Tensor) -> None:
        product = dot(moved, turned)
        if product > CURVED * dot(turned, turned):
            if len(self.pairs) >= self.history:
                self.pairs.pop(0)
            self.pairs.append((moved, turned, product))
            self.size = product / dot(turned, self._favored(turned))

    def _favored(self, gradient: Tensor) -> Tensor:
        if self.natural is None:
            self.natural = NaturalScale.of(gradient)
        return self.natural(gradient)

    def _inverse(self, gradient: Tensor) -> Tensor:
        """The inverse Hessian's estimate times the gradient: the two loops of algorithm 7.4."""
        q = gradient.clone()
        shares = []
        for moved, turned, product in reversed(self.pairs):
            share = dot(moved, q) / product
            q.sub_(turned, alpha=share)
            shares.append(share)
        q = self._favored(q).mul_(self.size)
        for (moved, turned, product), share in zip(self.pairs, reversed(shares), strict=True):
            q.add_(moved, alpha=share - dot(turned, q) / product)
        return q

    def resized(self, height: int, width: int) -> LBFGS:
        """Curvature at one size says little of another: begins anew."""
        return LBFGS(self.history, self.rise)


@dataclass(frozen=True)
class NaturalScale:
    """A positive definite matrix that multiplies a picture's waves by 1 + length / SHORT_WAVE, at most MOST_OF_WAVES, and what
    its channels have in common by BRIGHTNESS.

    In natural pictures the amplitudes of waves grow in the same way (Field 1987), and brightness varies more than color
    (Ruderman, Cronin and Chiao 1998); Mordvintsev, Pezzotti, Schubert and Olah 2018 ("Differentiable Image Parameterizations")
    use both to the same end. factors [h, w // 2 + 1]: for `rfft2`.
    """

    factors: Tensor

    @classmethod
    def of(cls, picture: Tensor) -> NaturalScale:
        """For pictures [1, C, h, w] like this one."""
        height, width = picture.shape[-2:]
        down = torch.fft.fftfreq(height, device=picture.device)[:, None]
        across = torch.fft.rfftfreq(width, device=picture.device)
        frequency = (down.square() + across.square()).sqrt_()
        return cls((1 + 1 / (SHORT_WAVE * frequency)).clamp_max_(MOST_OF_WAVES).to(picture.dtype))

    def __call__(self, picture: Tensor) -> Tensor:
        """Waves channel by channel, for the sake of memory."""
        made = torch.empty_like(picture)
        for plane, to in zip(picture.flatten(0, 1), made.flatten(0, 1), strict=True):
            to.copy_(torch.fft.irfft2(torch.fft.rfft2(plane).mul_(self.factors), s=plane.shape))
        return made.add_(made.mean(1, keepdim=True), alpha=BRIGHTNESS - 1)


def dot(a: Tensor, b: Tensor) -> float:
    """The sum of products."""
    return float(torch.dot(a.flatten(), b.flatten()))
