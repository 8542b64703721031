"""A LoRA's steps inside the host's guider, over core's weight adapters. Imported only where the host has them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import comfy.samplers
import torch
from comfy.weight_adapter import adapter_maps
from torch import Tensor, nn

from ..host.networks import plain_weights

if TYPE_CHECKING:
    from ...models.training.draws import Draws
    from ...models.training.lora import LoraPlan
    from ...models.training.plan import Plan
    from ...models.training.state import State

SAMPLE_STEPS = 20
Told = Callable[["LoraTraining", Tensor | None], None]  # after each step, with the latent of a sample if one was made


@dataclass(frozen=True)
class Lesson:
    """One picture to learn. latent: [1, C, h, w] in the model's scale. caption: its place among the guider's conditions."""

    latent: Tensor
    caption: int


class LoraTraining(comfy.samplers.Sampler):
    """Steps of the noise-prediction loss. Any step depends on its number and the seed alone, so that a run goes on to the bit.

    lessons: pictures. nothing, asked: places of the empty caption's and the sample prompt's condition.
    """

    def __init__(self, plan: Plan, lora: LoraPlan, lessons: list[Lesson], nothing: int, asked: int, sample_every: int) -> None:
        from ...models.training.trainer import Run

        self.plan, self.lora, self.lessons = plan, lora, lessons
        self.nothing, self.asked, self.sample_every = nothing, asked, sample_every
        self.adapters: dict[str, Any] = {}
        self.optimizer: Any = None
        self.run = Run(plan, planned=plan.steps)
        self.waiting: State | None = None
        self.torn = False
        self.told: Told = lambda training, sample: None

    def attach(self, model: Any, weights: dict[str, float]) -> Any:
        """A copy of the MODEL with fresh adapters on the attention of the chosen blocks; the same seed gives the same."""
        from ...models.lora.blocks import ratio
        from ...models.training.lora import TARGETS

        made = model.clone()
        chance = torch.random.get_rng_state()
        torch.manual_seed(self.plan.seed)  # core's adapters draw from the global generator
        try:
            for name, module in made.model.named_modules():
                if name.endswith(TARGETS) and ".attn" in name and ratio(f"{name}.weight", weights):
                    rank = float(self.lora.rank)
                    # On the processor, so that a seed means the same everywhere.
                    shape = torch.empty(module.weight.shape)
                    adapter = adapter_maps["LoRA"].create_train(shape, rank=self.lora.rank, alpha=rank).train()
                    adapter.requires_grad_(True).alpha.requires_grad_(False)
                    self.adapters[name] = adapter
                    made.add_weight_wrapper(f"{name}.weight", adapter)
        finally:
            torch.random.set_rng_state(chance)
        if not self.adapters:
            raise ValueError("blocks has no attention in this model: choose others")
        return made

    def parameters(self) -> list[nn.Parameter]:
        """What is trained."""
        return [p for adapter in self.adapters.values() for p in adapter.parameters() if p.requires_grad]

    def sample(
        self,
        model_wrap: Any,
        sigmas: Tensor,
        extra_args: Any,
        callback: Any,
        noise: Tensor,
        latent_image: Any = None,
        denoise_mask: Any = None,
        disable_pbar: bool = False,
    ) -> Tensor:
        """Called by the guider with the model loaded: all steps that are left."""
        device, conditions = noise.device, model_wrap.conds["positive"]
        for adapter in self.adapters.values():
            adapter.to(device)
        self.optimizer = torch.optim.AdamW(self.parameters(), lr=self.plan.rate, weight_decay=self.plan.weight_decay)
        if self.waiting is not None:
            self._take(self.waiting)
            self.waiting = None
        sampling = model_wrap.inner_model.model_sampling
        levels = sampling.sigmas.to(device, torch.float32, copy=True)  # made in inference mode
        last = time.monotonic()
        with plain_weights(model_wrap.inner_model):
            try:
                while self.run.step < self.plan.steps:
                    loss = self._step(model_wrap, conditions, levels, extra_args, isinstance(sampling, velocity()))
                    now = time.monotonic()
                    self.run.seconds, last = self.run.seconds + now - last, now
                    self.run.losses.append({"total": loss})
                    self.run.step += 1
                    self.torn = False
                    due = self.run.step == self.plan.steps or (self.sample_every and self.run.step % self.sample_every == 0)
                    made = self._look(model_wrap, conditions, extra_args, noise) if due else None
                    self.told(self, made)
                    last = time.monotonic()
            finally:
                model_wrap.conds["positive"] = conditions
        return noise

    def _step(self, model: Any, conditions: list[Any], levels: Tensor, extra_args: Any, is_velocity: bool) -> float:
        """One update: pictures one after the other, each with its own caption and size, their gradients added up."""
        from ...models.training.draws import Draws

        draws, step = Draws(self.plan.seed, self.run.step), self.run.step
        for group in self.optimizer.param_groups:
            group["lr"] = self.plan.rate_at(step)
        self.optimizer.zero_grad()
        total = 0.0
        for index in range(self.plan.batch):
            lesson = self.lessons[int(draws.integers(f"picture {index}", 0, len(self.lessons)))]
            dropped = float(draws.uniform(f"dropped {index}")) < self.lora.dropout
            model.conds["positive"] = [conditions[self.nothing if dropped else lesson.caption]]
            loss = self.loss(model, lesson.latent.to(levels.device), draws, index, levels, extra_args, is_velocity)
            (loss / self.plan.batch).backward()
            total += float(loss.detach()) / self.plan.batch
        if self.plan.clip:
            torch.nn.utils.clip_grad_norm_(self.parameters(), self.plan.clip)
        self.torn = True
        self.optimizer.step()
        return total

    def loss(
        self, model: Any, latent: Tensor, draws: Draws, index: int, levels: Tensor, extra_args: Any, is_velocity: bool
    ) -> Tensor:
        """The weighted squared error of the noise that the model finds in one picture."""
        from ...models.training.lora import loss_weight, timestep

        sigma = levels[timestep(draws, f"level {index}", self.lora.levels)]
        noise = draws.normal(f"noise {index}", latent.shape).to(latent)
        noised = latent + sigma * noise
        found = (noised - model(noised, sigma.expand(1), **extra_args)) / sigma
        return loss_weight(sigma, self.lora.min_snr, is_velocity) * (found - noise).float().square().mean()

    @torch.no_grad()
    def _look(self, model: Any, conditions: list[Any], extra_args: Any, noise: Tensor) -> Tensor:
        """The sample prompt's picture with the LoRA so far, as a latent in the model's scale."""
        model.conds["positive"] = [conditions[self.asked]]
        sigmas = comfy.samplers.calculate_sigmas(model.inner_model.model_sampling, "normal", SAMPLE_STEPS).to(noise.device)
        start = torch.randn(noise.shape, generator=torch.Generator().manual_seed(self.plan.seed)).to(noise)
        euler = comfy.samplers.sampler_object("euler")
        return euler.sample(model, sigmas, dict(extra_args), None, start, torch.zeros_like(start), None, True)

    def tensors(self) -> dict[str, Tensor]:
        """The LoRA file's."""
        from ...models.training.lora import file_tensors

        pairs = {name: (a.lora_up.weight, a.lora_down.weight) for name, a in self.adapters.items()}
        return file_tensors(pairs, self.lora.rank)

    def state(self) -> State:
        """Everything that the steps to come depend on."""
        from ...models.training.state import State

        found = State()
        for name, adapter in self.adapters.items():
            found.put(name, adapter)
        found.put_optimizer("optimizer", self.optimizer)
        for step, picture in self.run.samples:
            found.tensors[f"sample/{step}"] = (picture[0] * 255).round().byte()
        if self.run.losses:
            found.tensors["losses"] = torch.tensor([[each["total"]] for each in self.run.losses], dtype=torch.float64)
        run = self.run
        found.numbers = {name: getattr(run, name) for name in ("step", "seconds", "planned", "micro_batch", "slower", "best")}
        found.numbers |= {"losses": ["total"], "scores": [], "notes": run.notes, "skipped": [], "plan": self.plan.as_numbers()}
        return found

    def take(self, found: State) -> None:
        """Be where a state was, once the model is loaded."""
        from ...models.training.trainer import Run

        self.waiting = found
        self.run = Run.of(found)
        self.run.plan, self.run.planned = self.plan, self.plan.steps

    def _take(self, found: State) -> None:
        for name, adapter in self.adapters.items():
            adapter.load_state_dict(found.under(name))
        found.take_optimizer("optimizer", self.optimizer)


def velocity() -> Any:
    """The host's class of models that predict v."""
    import comfy.model_sampling

    return comfy.model_sampling.V_PREDICTION
