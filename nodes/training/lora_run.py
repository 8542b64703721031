"""One training of a LoRA under the host: lessons from pictures, what is gone on with, what the page sees, and the file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..diffusion.pictures import MULTIPLE, covering, decoded, encoded
from ..diffusion.stable_diffusion import lora_folder
from ..diffusion.unets import family
from ..host import feedback
from . import live
from .run import SAMPLES_OF_RUN, Showing, duration, forget, run_folder

if TYPE_CHECKING:
    from ...models.training.lora import LoraPlan

if TYPE_CHECKING:
    from ...models.training.picture_set import PictureSet
    from ...models.training.plan import Plan
    from .lora_loop import LoraTraining

SUFFIX = ".safetensors"
STEPS_BETWEEN_SAVES = 50
BASES = {"SD15": "sd_v1-5", "SDXL": "sdxl_base_v1-0"}

_stops = 0


@dataclass(frozen=True)
class LoraJob:
    """name: to save under. captions: of each picture. prompt: of the samples. sample_every: steps, 0 for the last alone."""

    name: str
    model: Any
    clip: Any
    vae: Any
    pictures: PictureSet
    captions: tuple[str, ...]
    trigger: str
    plan: Plan
    lora: LoraPlan
    prompt: str
    sample_every: int
    anew: bool


def stops() -> int:
    """How often a person stopped such a training: the host is to ask again for what was cut short."""
    return _stops


def lora_path(name: str) -> Path:
    """Where the file of this name goes. Raises ValueError for names that lead out of the folder."""
    from ...models.weights.writing import contained

    place = contained(lora_folder(), name, SUFFIX)
    return place.with_name(place.name + SUFFIX)


def carry_out(job: LoraJob) -> tuple[Path, LoraTraining, str]:
    """(the LoRA file, the training, what to say of it). When the person stops it, the file has the LoRA so far."""
    from ...models.lora.blocks import family_of, parse_weights

    global _stops
    path, folder = lora_path(job.name), run_folder(job.name)
    # the host calls nodes in inference mode, whose tensors no gradient may pass
    with torch.inference_mode(False), torch.enable_grad():
        training, conditions = prepared(job)
        model = training.attach(job.model, parse_weights(job.lora.blocks, family_of(job.model.model.state_dict())))
        resume(job, training, folder)
        showing = live.begin(job.name, training.run)
        follow(job, training, folder, Showing(showing, folder / SAMPLES_OF_RUN))
        state = "failed"
        try:
            guided(job, model, training, conditions)
            state = "done"
        except feedback.Interrupted:
            _stops += 1
            training.run.note("stopped: queue it again to go on")
            state = "stopped"
        finally:
            live.end(job.name, state)
            keep(job, training, folder)
        write(job, training, path)
    return path, training, report(job, training, path, folder)


def prepared(job: LoraJob) -> tuple[LoraTraining, list[Any]]:
    """The training with its lessons, and the conditions that they name by their place."""
    from ...models.training.lora import bucket
    from .lora_loop import Lesson, LoraTraining

    lessons, conditions = [], []
    for index, caption in enumerate(job.captions):
        picture = job.pictures.whole(index)
        height, width = bucket(picture.shape[-2], picture.shape[-1], job.plan.size)
        latent = encoded(job.vae, covering(picture, height, width), job.model, "pictures").detach().cpu().clone()
        lessons.append(Lesson(latent, index))
        conditions.append(condition(job.clip, caption, height, width))
    conditions += [condition(job.clip, text, job.plan.size, job.plan.size) for text in ("", job.prompt)]
    count = len(lessons)
    return LoraTraining(job.plan, job.lora, lessons, count, count + 1, job.sample_every), conditions


def condition(clip: Any, text: str, height: int, width: int) -> Any:
    """A text as the host's conditioning, of tensors that gradients may pass; its size is for SDXL."""
    found, facts = clip.encode_from_tokens_scheduled(clip.tokenize(text))[0]
    plain = {name: value.clone() if isinstance(value, Tensor) else value for name, value in facts.items()}
    return [found.clone(), {**plain, "width": width, "height": height}]


def guided(job: LoraJob, model: Any, training: LoraTraining, conditions: list[Any]) -> None:
    """All steps that are left, under the host's guider, which loads the model and asks for the person's stop in every layer."""
    import comfy.samplers

    guider = comfy.samplers.CFGGuider(model)
    guider.set_conds(conditions, [])
    guider.set_cfg(1.0)
    side = job.plan.size // MULTIPLE
    nothing = torch.zeros(1, job.model.model.latent_format.latent_channels, side, side)
    sigmas = model.get_model_object("model_sampling").sigmas.flip(0).clone()
    guider.sample(nothing, nothing.clone(), training, sigmas, disable_pbar=True, seed=0)


def identity(job: LoraJob) -> dict[str, str]:
    """What cannot change between two runs that are one training."""
    return {
        "pictures": job.pictures.digest,
        "captions": "\n".join(job.captions),
        "model": family(job.model),
        "settings": json.dumps(asdict(job.lora), sort_keys=True),
    }


def resume(job: LoraJob, training: LoraTraining, folder: Path) -> None:
    """Go on with the training of this name where one is. Raises ValueError, in a sentence, where it is another one."""
    from ...models.training import state
    from ...models.training.plan import Plan

    if job.anew:
        forget(folder)
    there = state.load(folder)
    if there is None:
        return
    found, said = there
    before = found.numbers.get("lora", {})
    changed = [name for name, now in identity(job).items() if before.get(name) != now]
    changed += Plan.of(found.numbers["plan"]).differs(job.plan)
    if changed:
        raise ValueError(
            f"name {job.name!r} is taken by a training with other {', '.join(changed)}: choose another name, or let if_there "
            "begin anew."
        )
    training.take(found)
    training.run.note(f"went on from step {training.run.step}")
    if said:
        training.run.note(said)


def follow(job: LoraJob, training: LoraTraining, folder: Path, showing: Showing) -> None:
    """After every step: a decoded sample where one was made, the page, the bar, the stop; now and then a checkpoint."""

    def told(at: LoraTraining, latent: Tensor | None) -> None:
        picture = None
        if latent is not None:
            with torch.no_grad():
                picture = decoded(job.vae, latent, job.model).cpu()
            at.run.samples.append((at.run.step, picture))
        if at.run.step % STEPS_BETWEEN_SAVES == 0:
            keep(job, at, folder)
        showing(at.run, picture)

    training.told = told


def keep(job: LoraJob, training: LoraTraining, folder: Path) -> None:
    """Write a checkpoint, unless there is nothing to keep or an update was cut in two."""
    from ...models.training import state

    if training.optimizer is not None and training.waiting is None and not training.torn:
        found = training.state()
        found.numbers["lora"] = identity(job)
        state.save(found, folder)


def write(job: LoraJob, training: LoraTraining, path: Path) -> None:
    """The LoRA so far, in kohya's format, whole or not at all."""
    from ...models.training.state import save_whole

    rank = str(job.lora.rank)
    facts = {
        "ss_network_module": "networks.lora",
        "ss_network_dim": rank,
        "ss_network_alpha": rank,
        "ss_output_name": path.stem,
        "ss_base_model_version": BASES.get(family(job.model), family(job.model)),
        "ss_num_train_images": str(len(job.pictures)),
        "ss_steps": str(training.run.step),
        "ss_learning_rate": str(job.plan.rate),
        "ss_optimizer": "AdamW",
        "ss_seed": str(job.plan.seed),
        "ss_min_snr_gamma": str(job.lora.min_snr),
        "ss_caption_dropout_rate": str(job.lora.dropout),
        "ss_tag_frequency": json.dumps({"pictures": {each: job.captions.count(each) for each in job.captions if each}}),
        "modelspec.trigger_phrase": job.trigger,
        "style_atelier.lora": json.dumps({**asdict(job.lora), "plan": job.plan.as_numbers()}),
    }
    save_whole(training.tensors(), path, facts)


def report(job: LoraJob, training: LoraTraining, path: Path, folder: Path) -> str:
    """What was trained, for how long, on what, and what happened on the way."""
    run = training.run
    numbers = sum(p.numel() for p in training.parameters())
    losses = [each["total"] for each in run.losses]
    tenth = max(1, len(losses) // 10)
    lines = [
        f"{path.name}: {run.step} of {run.planned} steps in {duration(run.seconds)}, {run.seconds_a_step:.2g} s each",
        f"{len(training.adapters)} modules of rank {job.lora.rank}, {numbers:,} numbers; blocks {job.lora.blocks}",
        f"{len(job.pictures)} pictures at about {job.plan.size} px, {job.plan.batch} a step; seed {job.plan.seed}",
    ]
    if losses:
        first, last = (sum(part) / len(part) for part in (losses[:tenth], losses[-tenth:]))
        lines.append(f"loss: {first:.4g} in the first tenth, {last:.4g} in the last")
    return "\n".join([*lines, *run.notes, f"checkpoints: {folder}"])
