"""One training under the host: what it begins with, what the person and the page see of it, and the file that comes of it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import folder_paths
import torch
from PIL import Image
from torch import Tensor

from ..host import feedback
from ..host.drawing import to_pillow
from ..host.folders import FOLDER
from ..host.networks import load, on_device, plain_weights
from ..host.sockets import Hosted
from . import live

if TYPE_CHECKING:
    from ...models.library.recipes import Order
    from ...models.training.picture_set import PictureSet
    from ...models.training.plan import Plan
    from ...models.training.recipe import Recipe
    from ...models.training.trainer import Run, Trainer

FOLDER_OF_TRAINED, RUN, SUFFIX = "trained", ".run", ".safetensors"
SAMPLES_OF_RUN = "samples"
HEADER = "style_atelier.trained"
SAMPLES = Path(__file__).parents[2] / "samples"
OWN_PHOTOS, TRIAL = ("photo.jpg", "coffee.jpg"), "portrait.jpg"
SCENES = 48
TRIAL_SIDE = 320
GIB = 1024**3
BYTES_PER_PIXEL = 12000.0  # of a crop, in a step
SECONDS_BETWEEN_WORDS = 1.0

_stops = 0


@dataclass(frozen=True)
class Job:
    """name: to save under. contents: None for the pack's own. targets: for pairs. photo [1, 3, H, W]: what samples are made of.

    anew: begin anew where a training of this name is there.
    """

    name: str
    family: str
    order: Order
    plan: Plan
    eye: Hosted
    start: Hosted | None
    contents: PictureSet | None
    targets: PictureSet | None
    photo: Tensor | None
    anew: bool


@dataclass(frozen=True)
class Made:
    """What a training gave so far. samples: [N, 3, h, w]; curve [1, 3, h, w]."""

    stylizer: Hosted
    samples: Tensor
    curve: Tensor
    report: str


def stops() -> int:
    """How often a person stopped a training: the host is to ask again for what was cut short."""
    return _stops


def root() -> Path:
    """Where trained files are saved: in the first of the host's folders for models of this pack."""
    return Path(folder_paths.get_folder_paths(FOLDER)[0]) / FOLDER_OF_TRAINED


def run_folder(name: str) -> Path:
    """Where a training of this name keeps its checkpoints. Raises ValueError for names that lead out."""
    from ...models.weights.writing import contained

    place = contained(root(), name, SUFFIX)
    return place.with_name(place.name + RUN)


def own_contents() -> PictureSet:
    """Scenes that the pack paints, and its photographs."""
    from ...models.training.picture_set import as_tensor, from_tensors
    from ...models.training.scenes import scenes

    made = scenes(SCENES)
    photos = {name: SAMPLES / name for name in OWN_PHOTOS if (SAMPLES / name).is_file()}
    if photos:
        pictures = [as_tensor(Image.open(path))[0] for path in photos.values()]
        made = made.joined(from_tensors(pictures, photos))
    return made


def trial_photo(contents: PictureSet) -> Tensor:
    """The photograph that samples are made of where the person gave none, [1, 3, H, W]."""
    from ...models.training.picture_set import PictureSet, as_tensor

    if (SAMPLES / TRIAL).is_file():
        photo = as_tensor(Image.open(SAMPLES / TRIAL))
        return PictureSet(((photo[0].permute(1, 2, 0) * 255).byte().numpy(),), (TRIAL,)).whole(0, TRIAL_SIDE)
    return contents.whole(0, TRIAL_SIDE)


def carry_out(job: Job) -> Made:
    """Train until all steps are made or the person stops, save the file, and say what came of it."""
    from ...models.library import stylizers

    global _stops
    # the host calls nodes in inference mode, whose tensors no gradient may pass
    with torch.inference_mode(False), torch.enable_grad(), ready(job) as (recipe, trainer):
        folder = run_folder(job.name)
        showing = live.begin(job.name, trainer.run)
        state = "failed"
        try:
            trainer.train(Showing(showing, folder / SAMPLES_OF_RUN))
            state = "done"
        except feedback.Interrupted:
            _stops += 1
            trainer.run.note("stopped: queue it again to go on")
            state = "stopped"
        finally:
            live.end(job.name, state)
        path = saved(job, recipe, trainer)
    name = path.relative_to(root().parent.resolve()).as_posix()
    return Made(
        load("stylizer", name, stylizers.load_stylizer),
        samples_of(trainer.run),
        chart_of(trainer.run),
        report(job, trainer, name, folder),
    )


@contextmanager
def ready(job: Job) -> Iterator[tuple[Recipe, Trainer]]:
    """The recipe and its trainer, networks on the device. Raises ValueError with one sentence for what cannot be trained."""
    from ...models.library.recipes import FAMILIES, score_of
    from ...models.training.feeds import AnyStyle, OwnStyles, Pairs
    from ...models.training.trainer import Changed, Trainer, Trial

    known, plan = FAMILIES[job.family], job.plan
    memory = min(plan.batch * plan.size**2 * BYTES_PER_PIXEL, 8.0 * GIB)
    with on_device(job.eye, memory) as device, plain_weights(job.eye.model.module):
        recipe = known.build(job.order)
        recipe.network.to(device)
        contents = job.contents or own_contents()
        if job.family == "distilled":
            if job.contents is None or job.targets is None:
                raise ValueError("contents and targets are both needed to distill: connect the photos, and what became of them.")
            feed: Any = Pairs(contents, job.targets, plan.batch, plan.size)
            feed.pairs  # noqa: B018 (that they fit is to be known now)
        else:
            kind = AnyStyle if known.any_style else OwnStyles
            feed = kind(contents, job.order.styles, plan.batch, plan.size)
        photo = trial_photo(contents) if job.photo is None else job.photo
        trial = Trial(photo, job.order.styles.whole(0, TRIAL_SIDE), score_of(job.order.eye))
        folder = run_folder(job.name)
        start = "" if job.start is None else job.start.model.title
        if job.anew:
            forget(folder)
        try:
            trainer = Trainer(recipe, plan, feed, trial, folder, device, f"{start} {sorted(job.order.settings.items())}")
        except Changed as changed:
            raise ValueError(
                f"name {job.name!r} is taken by a training with other {changed}: choose another name, or let if_there begin anew."
            ) from None
        yield recipe, trainer


def forget(folder: Path) -> None:
    """Remove a training's checkpoints."""
    from ...models.training.state import BEFORE, NOW

    for name in (NOW, BEFORE, f"{NOW}.new"):
        (folder / name).unlink(missing_ok=True)


class Showing:
    """Moves the bar, shows samples and words, and listens to the person's stop."""

    def __init__(self, showing: live.Live, folder: Path) -> None:
        self.showing, self.folder = showing, folder
        self.progress = feedback.Watch().part(0)
        self.said = 0.0

    def __call__(self, run: Run, sample: Tensor | None) -> None:
        self.showing.run = run
        if torch.cuda.is_available():
            self.showing.memory = torch.cuda.max_memory_allocated()
        if sample is not None:
            write_sample(sample, self.folder / f"{run.step:06d}.png")
        self.progress(min(run.step, run.planned), max(run.planned, 1), sample)
        if sample is not None or time.monotonic() - self.said > SECONDS_BETWEEN_WORDS:
            self.said = time.monotonic()
            feedback.show(words(run))


def write_sample(sample: Tensor, path: Path) -> None:
    """A sample [1, 3, h, w] as PNG, whole or not at all."""
    from ...models.weights.writing import write_over

    write_over(path, lambda name: to_pillow(sample[0]).save(name, "PNG"))


def words(run: Run) -> str:
    """ "step 120 of 1000, 0.31 s each, 5 min left, total 2.1": how a training goes."""
    from ...models.training.trainer import total_of

    parts = [f"step {run.step} of {run.planned}"]
    if run.step:
        parts.append(f"{run.seconds_a_step:.2g} s each")
        parts.append(f"{duration(run.seconds_left)} left")
        parts.append(f"total {total_of(run.losses[-1]):.4g}" if run.losses else "")
    return ", ".join(part for part in parts if part)


def duration(seconds: float) -> str:
    """In the unit that suits."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def saved(job: Job, recipe: Recipe, trainer: Trainer) -> Path:
    """Write the best network so far as a file of its family, whole or not at all."""
    from ...models.library.recipes import FAMILIES
    from ...models.training.state import save_whole
    from ...models.weights.writing import contained

    place = contained(root(), job.name, SUFFIX)
    ending = FAMILIES[job.family].ending(job.order)
    path = place.with_name(place.name + ending + SUFFIX)
    run = trainer.run
    facts = {
        "family": job.family,
        "preset": job.order.preset,
        "steps": run.step,
        "seed": job.plan.seed,
        "styles": len(job.order.styles),
        "losses": run.losses[-1] if run.losses else {},
        "eye": job.order.eye.title,
        "started_from": "" if job.start is None else job.start.model.title,
        "license_of_start": "" if job.start is None else job.start.model.license,
        "plan": job.plan.as_numbers(),
    }
    save_whole(recipe.file(trainer.result()), path, {HEADER: json.dumps(facts)})
    return path


def samples_of(run: Run) -> Tensor:
    """All samples in the order of their steps, [N, 3, h, w]."""
    size = run.samples[-1][1].shape if run.samples else None
    kept = [sample for _, sample in run.samples if sample.shape == size]
    return torch.cat(kept) if kept else torch.zeros(1, 3, 8, 8)


def chart_of(run: Run) -> Tensor:
    """The losses as a picture."""
    from ...models.training.chart import chart

    return chart(run.losses)


def report(job: Job, trainer: Trainer, name: str, folder: Path) -> str:
    """What was trained, for how long, on what, and what happened on the way."""
    run, order = trainer.run, job.order
    lines = [
        f"{name}: {run.step} of {run.planned} steps in {duration(run.seconds)}, {run.seconds_a_step:.2g} s each",
        f"styles: {len(order.styles)}; seen through {order.eye.title}; seed {job.plan.seed}; crops of {job.plan.size} px, "
        f"{job.plan.batch} a step",
    ]
    if run.losses:
        lines.append("losses: " + ", ".join(f"{key} {value:.4g}" for key, value in run.losses[-1].items()))
    if run.scores:
        best = dict(run.scores)[run.best]
        lines.append(f"best sample: step {run.best} (distance {best:.3g}; the first was {run.scores[0][1]:.3g})")
    if job.start is not None:
        lines.append(f"started from {job.start.model.title} (license: {job.start.model.license})")
    return "\n".join([*lines, *run.notes, f"checkpoints: {folder}"])


def eye_for(family: str, preset: str, given: Hosted | None) -> Hosted:
    """The encoder on the wire; else that of the family's authors where it is here, and for their preset in any case."""
    from ...models.library import stylizers
    from ...models.library.choices import entry_of
    from ...models.library.recipes import AUTHORS, FAMILIES
    from ..optimization.wires import encoder_or_best

    wanted = FAMILIES[family].eye
    if given is None and preset == AUTHORS and entry_of(wanted) is not None:
        with torch.inference_mode(False), torch.no_grad():
            return load("encoder", wanted, stylizers.load_encoder)
    return encoder_or_best(given, wanted)


def with_wishes(plan: Plan, **wishes: Any) -> Plan:
    """The preset's plan with what the person set otherwise; 0 leaves the preset's."""
    return replace(plan, **{name: value for name, value in wishes.items() if value or name == "seed"})
