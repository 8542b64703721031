"""Linear separability: how well a plane in the latent space divides the pictures with an attribute from those without."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..generation.generator import Generator, in_range, three_colors
from ..generation.noise import Noise, NoiseMode
from ..progress import Progress, silent
from .path_length import shrunk

ROWS = 4096  # taken to double precision at once
NEWTON_STEPS, HALVINGS, TOLERANCE = 100, 40, 1e-9
ROWS_PER_DIMENSION = 10  # below this a plane begins to learn labels by heart; at 2 it learns half of all labellings (Cover 1965)


def kept_of(samples: int, keep: float, folds: int) -> int:
    """How many samples are kept. Raises ValueError."""
    if not 0 < keep <= 1:
        raise ValueError(f"keep is {keep} and no part of the samples: give more than 0 and at most 1, the authors' is 0.5")
    kept = max(1, int(samples * keep))
    if folds and not 2 <= folds <= kept:
        raise ValueError(f"folds is {folds} and {kept} samples are kept: give 0 for none, or 2 to {kept}")
    return kept


@dataclass(frozen=True)
class SeparabilitySettings:
    """What is measured.

    samples: number of pictures. keep: part of them that is kept for each attribute, the most confident ones.
    folds: 0 predicts the very samples that the plane was fitted to, as the authors do, and needs many times more of them than
    the latent has dimensions; with 2 or more each part is predicted by the plane of the others. batch: pictures painted at
    once; it has no influence. psi: truncation, 1 for none. side: pictures of at least twice this side are averaged down.
    noise: new for each picture ("random", as the authors), as stored ("const"), or "none". Raises ValueError.
    """

    samples: int = 200_000
    keep: float = 0.5
    folds: int = 0
    batch: int = 8
    psi: float = 1.0
    side: int = 256
    noise: NoiseMode = "random"

    def __post_init__(self) -> None:
        if self.samples < 2:
            raise ValueError(f"samples is {self.samples} and there is nothing to divide: give 2 or more")
        if self.batch < 1 or self.side < 1:
            raise ValueError(f"batch is {self.batch} and side is {self.side}: give 1 or more for both")
        if self.noise not in ("const", "random", "none"):
            raise ValueError(f"noise is {self.noise!r} and no mode of noise: choose 'const', 'random' or 'none'")
        kept_of(self.samples, self.keep, self.folds)


@dataclass(frozen=True)
class AttributeSeparability:
    """entropy: H(Y|X) in bits, 0..1. accuracy: part of the kept samples that the plane predicts. yes: part that has it."""

    entropy: float
    accuracy: float
    yes: float

    @property
    def one_sided(self) -> bool:
        """All kept samples have the attribute, or none: there is nothing to divide, and the entropy is 0."""
        return self.yes in (0.0, 1.0)


@dataclass(frozen=True)
class SpaceSeparability:
    """Of one latent space of `size` dimensions, from `kept` samples for each attribute."""

    attributes: tuple[AttributeSeparability, ...]
    kept: int
    size: int
    folds: int

    @property
    def score(self) -> float:
        """2 to the sum of the entropies: 1 is perfect, 2 for each attribute is no better than chance at even odds."""
        return 2 ** sum(attribute.entropy for attribute in self.attributes)

    @property
    def too_few(self) -> bool:
        """Fitted and predicted on so few samples that the score is too good."""
        return not self.folds and self.kept < ROWS_PER_DIMENSION * (self.size + 1)

    def table(self, names: Sequence[str] = ()) -> str:
        """A line for each attribute and one for the score. names: of the attributes, numbers if none. Raises ValueError."""
        return _table([("", self)], names)


@dataclass(frozen=True)
class Separability:
    """Of both latent spaces, by the same pictures."""

    z: SpaceSeparability
    w: SpaceSeparability
    samples: int

    def table(self, names: Sequence[str] = ()) -> str:
        """A line for each attribute and one for the scores. names: of the attributes, numbers if none. Raises ValueError."""
        return _table([(" z", self.z), (" w", self.w)], names)


PAPER = SeparabilitySettings()
"""Karras et al. 2018, section 4.2: 200,000 pictures, 100,000 of them kept; the authors have 40 attributes of CelebA."""
LAPTOP = SeparabilitySettings(samples=1_000, folds=5)
"""So few pictures only tell something when the plane is tried on others: scores are too high, not too low as without folds."""


@torch.no_grad()
def linear_separability(
    generator: Generator,
    classify: Callable[[Tensor], Tensor],
    settings: SeparabilitySettings,
    seed: int,
    progress: Progress = silent,
) -> Separability:
    """2^(sum of H(Y|X)) of Z and of W (Karras et al. 2018, arXiv:1812.04948, section 4.2).

    classify: pictures [B, 3, H, W] in 0..1 -> probabilities [B, K] in 0..1 that a picture has each of K attributes; a network
    with logits is to end in a sigmoid. Y is its answer, a yes from 0.5 on, X is the answer of a linear support vector machine
    that sees the latent alone. A generator with classes paints random ones. seed: of all latents, classes and noise, drawn
    picture by picture on the CPU. progress counts pictures; it is called after each fit too. Raises ValueError.
    """
    source = torch.Generator().manual_seed(seed)
    zs, ws, answers = [], [], []
    for first in range(0, settings.samples, settings.batch):
        count = min(settings.batch, settings.samples - first)
        z, label, noise = draw_pictures(generator, settings, count, source)
        styles = generator.map(z, label, settings.psi)
        pictures = in_range(three_colors(generator.paint(styles, noise)))
        zs.append(z)
        ws.append(styles[:, -1].cpu())
        answers.append(classify(shrunk(pictures, settings.side)).cpu())
        if answers[-1].ndim != 2 or len(answers[-1]) != count:
            raise ValueError(f"classify gave {list(answers[-1].shape)} for {count} pictures: it is to give [{count}, K]")
        progress(first + count, settings.samples)
    confidences = torch.cat(answers)

    def fitted(done: int, total: int, preview: Tensor | None = None) -> None:
        progress(settings.samples, settings.samples)

    of_z = separability_of_labels(torch.cat(zs), confidences, settings.keep, settings.folds, fitted)
    of_w = separability_of_labels(torch.cat(ws), confidences, settings.keep, settings.folds, fitted)
    return Separability(of_z, of_w, settings.samples)


def draw_pictures(
    generator: Generator, settings: SeparabilitySettings, count: int, source: torch.Generator
) -> tuple[Tensor, Tensor | None, Noise]:
    """Z [count, latent], class vectors [count, label] or None, and noise; a picture's do not depend on its batch."""
    z, classes, seeds = [], [], []
    for _ in range(count):
        z.append(torch.randn(generator.latent, generator=source))
        seeds.append(int(torch.randint(2**31, (), generator=source)))
        if generator.label:
            classes.append(torch.randint(generator.label, (), generator=source))
    label = F.one_hot(torch.stack(classes), generator.label).float() if classes else None
    if settings.noise == "random":
        return torch.stack(z), label, Noise("random", seeds)
    return torch.stack(z), label, Noise("none" if generator.always_noisy else settings.noise)


@torch.no_grad()
def separability_of_labels(
    latents: Tensor, confidences: Tensor, keep: float = 0.5, folds: int = 0, progress: Progress = silent
) -> SpaceSeparability:
    """Separability of latents [N, D] whose pictures have K attributes with probabilities `confidences` [N, K] in 0..1.

    Kept is the part `keep` of the samples whose probability is farthest from 0.5, the earlier one of equals; give 1 for
    labels that are only 0 and 1. folds: as in SeparabilitySettings. progress counts attributes. Raises ValueError.
    """
    if latents.ndim != 2 or confidences.ndim != 2 or len(latents) != len(confidences):
        raise ValueError(
            f"latents are {list(latents.shape)} and confidences {list(confidences.shape)}: give [N, D] and [N, K] of the same N"
        )
    if not bool(((confidences >= 0) & (confidences <= 1)).all()):
        raise ValueError("confidences are not all in 0..1: give probabilities, of logits their sigmoid")
    if not bool(latents.isfinite().all()):
        raise ValueError("latents are not all finite numbers: leave out the broken rows")
    kept = kept_of(len(latents), keep, folds)
    found = []
    for k in range(confidences.shape[1]):
        column = confidences[:, k].to(latents.device)
        order = (column - 0.5).abs().sort(descending=True, stable=True).indices
        chosen = order[:kept].sort().values
        found.append(_separate(latents[chosen], column[chosen] >= 0.5, folds))
        progress(k + 1, confidences.shape[1])
    return SpaceSeparability(tuple(found), kept, latents.shape[1], folds)


def conditional_entropy(counts: Tensor) -> float:
    """H(Y|X) in bits of a table of counts [X, Y]: the mean over x of the entropy of y where x is known."""
    p = counts.double() / counts.sum()
    given = p / p.sum(dim=1, keepdim=True).clamp_min(torch.finfo(torch.float64).tiny)
    return max(0.0, float(-torch.special.xlogy(p, given).sum() / torch.log(p.new_tensor(2.0))))


def linear_svm(inputs: Tensor, yes: Tensor, penalty: float = 1.0) -> tuple[Tensor, Tensor]:
    """Weight [D] and bias [] of the plane for inputs [N, D] and answers [N] (bool): x is a yes where weight.x + bias > 0.

    Minimizes |v|^2 / 2 + penalty * sum max(0, 1 - y v.x)^2 with x = (input, 1), v = (weight, bias) and y = +-1: the problem
    that liblinear solves by default, bias in the penalized norm (Fan et al. 2008). Newton's method finds its one minimum in
    finitely many steps, for the objective is piecewise quadratic (Mangasarian 2002, Keerthi and DeCoste 2005). Double precision.
    """
    y = torch.where(yes, 1.0, -1.0).double()
    v = inputs.new_zeros(inputs.shape[1] + 1, dtype=torch.float64)
    margins, first = torch.zeros_like(y), 0.0
    for _ in range(NEWTON_STEPS):
        lack = (1 - margins).clamp_min(0)
        slope, curvature = v.clone(), torch.eye(len(v), dtype=v.dtype, device=v.device)
        for x, part in _augmented(inputs):
            active = lack[part] > 0
            slope -= 2 * penalty * (x.t() @ (y * lack)[part])
            curvature += 2 * penalty * (x[active].t() @ x[active])
        first = first or float(slope.norm())
        if float(slope.norm()) <= TOLERANCE * first:
            break
        step = -torch.cholesky_solve(slope[:, None], torch.linalg.cholesky(curvature))[:, 0]
        along = y * torch.cat([x @ step for x, _ in _augmented(inputs)])
        value, fall = v @ v / 2 + penalty * lack @ lack, 1e-4 * (slope @ step)
        for halving in range(HALVINGS):
            size = 0.5**halving
            moved, left = v + size * step, (1 - margins - size * along).clamp_min(0)
            if moved @ moved / 2 + penalty * left @ left <= value + size * fall:
                break
        else:
            break  # no smaller value in double precision: this is the minimum
        v, margins = moved, margins + size * along
    return v[:-1], v[-1]


def _augmented(inputs: Tensor) -> Iterator[tuple[Tensor, slice]]:
    """Rows with a 1 appended, in double precision, and where they are, a part at a time."""
    for first in range(0, len(inputs), ROWS):
        yield F.pad(inputs[first : first + ROWS].double(), (0, 1), value=1.0), slice(first, first + ROWS)


def _predicted(inputs: Tensor, yes: Tensor, others: Tensor) -> Tensor:
    """Answers [M] for others [M, D] by the plane of inputs [N, D] and yes [N]; the one answer where all are alike."""
    if bool(yes.all()) or not bool(yes.any()):
        return yes[:1].expand(len(others))
    weight, bias = linear_svm(inputs, yes)
    return torch.cat([x[:, :-1] @ weight for x, _ in _augmented(others)]) + bias > 0


def _separate(inputs: Tensor, yes: Tensor, folds: int) -> AttributeSeparability:
    if folds:
        fold = torch.arange(len(yes), device=yes.device) % folds
        answers = torch.empty_like(yes)
        for i in range(folds):
            answers[fold == i] = _predicted(inputs[fold != i], yes[fold != i], inputs[fold == i])
    else:
        answers = _predicted(inputs, yes, inputs)
    counts = torch.bincount(2 * answers.long() + yes.long(), minlength=4).reshape(2, 2)
    return AttributeSeparability(conditional_entropy(counts), float((answers == yes).double().mean()), float(yes.double().mean()))


def _table(spaces: Sequence[tuple[str, SpaceSeparability]], names: Sequence[str]) -> str:
    first = spaces[0][1]
    count = len(first.attributes)
    if names and len(names) != count:
        raise ValueError(f"names are {len(names)} and there are {count} attributes: give one for each, or none")
    width = max(12, *(len(name) for name in names)) if names else 12
    lines = [f"{'attribute':<{width}}  {'yes':>6}" + "".join(f"  {'accuracy' + s:>10}  {'H' + s:>6}" for s, _ in spaces)]
    for k in range(count):
        row = f"{names[k] if names else k + 1!s:<{width}}  {first.attributes[k].yes:>6.1%}"
        for _, space in spaces:
            row += f"  {space.attributes[k].accuracy:>10.1%}  {space.attributes[k].entropy:>6.3f}"
        lines.append(row + ("  one-sided" if first.attributes[k].one_sided else ""))
    scores = ", ".join(f"{space.score:.4g}{suffix and ' in' + suffix}" for suffix, space in spaces)
    way = f"predicted in {first.folds} folds" if first.folds else "predicted on the samples of the fit"
    lines.append(f"separability {scores}; {first.kept} samples kept for each attribute, {way}")
    if any(space.too_few for _, space in spaces):
        size = max(space.size for _, space in spaces)
        lines.append(f"too good to be true: {first.kept} samples are few for {size} dimensions, so take more or set folds")
    return "\n".join(lines)
