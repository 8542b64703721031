"""LoRA files on the host's models: core's own reading with the names that it passes over added, block by block, over time."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ...models.lora.fit import fit
from .stable_diffusion import diffusers_names, read_lora

if TYPE_CHECKING:
    from ...models.lora.facts import LoraFacts
    from ...models.lora.fit import Fit
    from ...models.lora.modules import Module

PLAIN = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
# What PEFT, OneTrainer and scripts that wrap their model write ahead of a UNet's names.
UNET_PREFIXES = ("", "unet.", "base_model.model.", "unet.base_model.model.", "unet.unet.", "base_model.model.unet.")
TWICE = "lora_unet_unet_"
OWN = "diffusion_model."
CLIP_ATTENTION = {"q_proj": "to_q", "k_proj": "to_k", "v_proj": "to_v", "out_proj": "to_out"}  # in diffusers' oldest files


@dataclass(frozen=True)
class Loaded:
    """A LoRA on a model: core's patches for the UNet and for the text encoder by weight, what the file says of itself, and
    what of it acts.
    """

    name: str
    facts: LoraFacts
    model: dict[Any, Any]
    clip: dict[Any, Any]
    fit: Fit


def load(name: str, model: Any, clip: Any) -> Loaded:
    """Read a file and hold every module against the weight that it names. Raises ValueError where none fits, or where so many
    have other sizes that the file is for another kind of model.
    """
    from ...models.lora.facts import facts_of
    from ...models.lora.fit import MOST_MISFITS

    tensors, header = read_lora(name)
    core: Any = importlib.import_module("comfy.lora")
    convert: Any = importlib.import_module("comfy.lora_convert")
    facts = facts_of(convert.convert_lora(tensors), header)
    on_model = Weights(model, completed(core.model_lora_keys_unet(model.model, {}), diffusers_names(model)))
    on_clip = None if clip is None else Weights(clip.patcher, with_peft(core.model_lora_keys_clip(clip.cond_stage_model, {})))
    names = {**(on_clip.names if on_clip else {}), **on_model.names}
    shapes = {**(on_clip.shapes() if on_clip else {}), **on_model.shapes()}
    found = fit(facts.modules, facts.others, shapes, is_text_encoder)
    if len(found.misfits) > MOST_MISFITS * found.count:
        family = f" ({facts.family})" if facts.family else ""
        raise ValueError(f"{name} is for another kind of model{family}: {found.misfit_words()}")
    if not found.fitting:
        raise ValueError(mismatch(name, facts, found, model))
    taken: dict[str, Tensor] = {}
    for module_name, module in found.fitting.items():
        side = on_clip if on_clip and module_name in on_clip.names and module_name not in on_model.names else on_model
        taken |= with_rows(module, side.weight(module_name)).written()
    # Without a mapping default of its own: core's is shared between calls.
    patches = core.load_lora(taken, {name: names[name] for name in found.fitting}, log_missing=False)
    found = with_refused(found, names, patches)
    in_clip = set(map(plain, on_clip.names.values())) if on_clip else set()
    for_model = {key: patch for key, patch in patches.items() if plain(key) not in in_clip}
    for_clip = {key: patch for key, patch in patches.items() if plain(key) in in_clip}
    return Loaded(name, facts, for_model, for_clip, found)


class Weights:
    """The weights of a model that a LoRA's names stand for. names: name in a file -> core's key, or (key, part of it)."""

    def __init__(self, patcher: Any, names: Mapping[str, Any]) -> None:
        self.names, self.backup = names, getattr(patcher, "backup", {})
        self.state: dict[str, Tensor] = patcher.model.state_dict()

    def shapes(self) -> dict[str, tuple[int, ...] | None]:
        """Name -> shape of the weight or of the part of it; None where it is not known."""
        return {name: self._shape(key) for name, key in self.names.items()}

    def _shape(self, key: Any) -> tuple[int, ...] | None:
        weight = self.state.get(plain(key))
        if weight is None:
            return None
        shape = list(weight.shape)
        if not isinstance(key, str):
            axis, _, length = key[1]
            shape[axis] = length
        return tuple(shape)

    def weight(self, name: str) -> Tensor | None:
        """The weight before any patch; None for a part of one, and for numbers that are not plain."""
        key = self.names[name]
        kept = self.backup.get(key) if isinstance(key, str) else None
        weight = kept.weight if kept is not None else self.state.get(key) if isinstance(key, str) else None
        return weight if weight is not None and weight.dtype in PLAIN else None


def with_rows(module: Module, weight: Tensor | None) -> Module:
    """A module of DoRA by rows with the magnitude that core's reading needs; all others as they are."""
    from ...models.lora.fit import is_by_rows, with_magnitude

    if weight is None or not is_by_rows(module, weight):
        return module
    return replace(module, parts={**module.parts, "dora": with_magnitude(module, weight)})


def with_refused(found: Fit, names: Mapping[str, Any], patches: Mapping[Any, Any]) -> Fit:
    """Modules that core made nothing of, and of two for one weight the first, are no longer among those that fit."""
    last = {names[name]: name for name in found.fitting}
    doubled = tuple(name for name in found.fitting if last[names[name]] != name)
    biases = {name: f"{plain(names[name]).removesuffix('.weight')}.bias" for name in found.fitting}
    refused = [name for name in found.fitting if names[name] not in patches and biases[name] not in patches]
    acting = {name: module for name, module in found.fitting.items() if name not in doubled and name not in refused}
    strangers = found.strangers | {name: (found.fitting[name].kind,) for name in refused}
    return replace(found, fitting=acting, strangers=strangers, doubled=doubled)


def completed(keys: dict[str, Any], diffusers: Mapping[str, str]) -> dict[str, Any]:
    """Core's map with a UNet's names as newer diffusers, PEFT and OneTrainer write them, which core drops in silence."""
    found = dict(keys)
    written = {theirs: f"{OWN}{ours}" for theirs, ours in diffusers.items()}
    written |= {key.removeprefix(OWN): key for key in map(plain, keys.values()) if key.startswith(OWN)}
    for theirs, ours in written.items():
        if theirs.endswith(".weight"):
            module = theirs.removesuffix(".weight")
            found.setdefault(TWICE + module.replace(".", "_"), ours)
            for name in {module, module.removesuffix(".0") if module.endswith("to_out.0") else module}:
                for prefix in UNET_PREFIXES:
                    found.setdefault(f"{prefix}{name}", ours)
    return found


def with_peft(keys: dict[str, Any]) -> dict[str, Any]:
    """The text encoders' names also as PEFT and diffusers' oldest scripts write them."""
    found = dict(keys)
    for name, key in keys.items():
        for start in ("text_encoder.", "text_encoder_2."):
            if name.startswith(start):
                rest = name[len(start) :]
                found.setdefault(f"{start}base_model.model.{rest}", key)
                layer, _, last = rest.rpartition(".")
                found.setdefault(f"{start}{layer}.{CLIP_ATTENTION.get(last, last)}", key)
                if start == "text_encoder.":
                    found.setdefault(f"base_model.model.{rest}", key)
    return found


def plain(key: Any) -> str:
    """A patch's weight; core addresses parts of one as (weight, offset)."""
    return key if isinstance(key, str) else key[0]


def is_text_encoder(module: str) -> bool:
    """Whether a module is a text encoder's."""
    return (
        module.startswith(("lora_te", "text_encoder", "te_", "te1_", "te2_", "clip_", "text_encoders.")) or "text_model" in module
    )


def mismatch(name: str, facts: LoraFacts, found: Fit, model: Any) -> str:
    """Why nothing fits, in a sentence."""
    from ...models.library.foreign import describe

    kind = type(model.model.model_config).__name__
    if not facts.modules:
        what = describe(dict.fromkeys(facts.others, torch.empty(0)))
        seems = f"it seems to be {what}" if what else f"it has {', '.join(facts.others[:2]) or 'nothing'}"
        return f"{name} holds no LoRA ({seems}): choose a LoRA file"
    if len(found.text) == found.count:
        return f"{name} changes only the text encoder and clip is not connected: connect it"
    if len(found.halves) + len(found.strangers) == found.count:
        return f"{name} has nothing that could act ({'; '.join(found.lines())}): choose another file"
    first = next(iter(facts.modules))
    seems = f"it seems to be for {facts.family}" if facts.family else f"its first module is {first}"
    return f"{name} fits nothing of the model, which is {kind} ({seems}): use it with the kind of model that it was trained for"


def weights_of(model: Any, preset: str, text: str) -> dict[str, float]:
    """The weight of every block by a preset, or by what is written, which goes first. Raises ValueError."""
    from ...models.lora.blocks import family_of, parse_weights, preset_weights

    family = family_of(model.model.state_dict())
    return parse_weights(text, family) if text.strip() else preset_weights(preset, family)


def by_strength(patches: Mapping[Any, Any], weights: Mapping[str, float]) -> dict[float, dict[Any, Any]]:
    """Patches gathered by how strongly their block takes them; those of blocks with 0 are left out."""
    from ...models.lora.blocks import ratio

    groups: dict[float, dict[Any, Any]] = {}
    for key, patch in patches.items():
        amount = ratio(plain(key), weights)
        if amount:
            groups.setdefault(amount, {})[key] = patch
    return groups


def applied(
    loaded: Loaded, model: Any, clip: Any, strengths: tuple[float, float], weights: Mapping[str, float]
) -> tuple[Any, Any]:
    """(model, clip) with the LoRA as patches, which unload and stack."""
    from ...models.lora.blocks import BASE

    made = model.clone()
    for amount, patches in by_strength(loaded.model, weights).items():
        made.add_patches(patches, strengths[0] * amount)
    if clip is None:
        return made, None
    encoder = clip.clone()
    base = weights.get(BASE, 1.0) if weights else 1.0
    if base and loaded.clip:
        encoder.add_patches(loaded.clip, strengths[1] * base)
    return made, encoder


def hooked(
    loaded: Loaded, clip: Any, strengths: tuple[float, float], weights: Mapping[str, float], curve: list[tuple[float, float]]
) -> tuple[Any, Any]:
    """(hooks, clip that hands them to what it encodes): the LoRA as the host's hooks, whose keyframes follow the curve.

    curve: (part of the sampling 0..1, factor), in order.
    """
    from ...models.lora.blocks import BASE

    core: Any = importlib.import_module("comfy.hooks")
    group = core.HookGroup()
    frames = core.HookKeyframeGroup()
    for part, factor in curve:
        frames.add(core.HookKeyframe(factor, start_percent=part, guarantee_steps=0 if part else 1))
    sets = by_strength(loaded.model, weights) or {1.0: {}}
    for number, (amount, patches) in enumerate(sets.items()):
        hook = core.WeightHook(strengths[0] * amount, strengths[1] * (weights.get(BASE, 1.0) if weights else 1.0))
        hook.weights, hook.weights_clip, hook.need_weight_init = patches, loaded.clip if number == 0 else {}, False
        group.add(hook)
    group.set_keyframes_on_hooks(frames)
    if clip is None:
        return group, None
    encoder = clip.clone()
    encoder.apply_hooks_to_conds = group
    encoder.patcher.forced_hooks = group.clone()
    encoder.use_clip_schedule = False
    encoder.patcher.forced_hooks.set_keyframes_on_hooks(None)
    encoder.patcher.register_all_hook_patches(group, core.create_target_dict(core.EnumWeightTarget.Clip))
    return group, encoder


def report(loaded: Loaded, model: Any, weights: Mapping[str, float]) -> str:
    """What the file is and what it touches, in lines."""
    from ...models.lora.blocks import BLOCKS, block_of, family_of

    touched: dict[str, int] = {}
    for key in loaded.model:
        touched[block_of(plain(key))] = touched.get(block_of(plain(key)), 0) + 1
    order = BLOCKS.get(family_of(model.model.state_dict()) or "SD1.5", ())
    named = [f"{block}{f' x{weights[block]:g}' if block in weights else ''}" for block in order if block in touched]
    lines = [loaded.name, loaded.facts.summary(), f"blocks: {', '.join(named) or 'none'}"]
    lines += [f"text encoder: {len(loaded.clip)} weights"] if loaded.clip else []
    if loaded.fit.text:
        lines.append(f"{len(loaded.fit.text)} modules are for the text encoder: connect clip to use them")
    lines += loaded.fit.lines()
    if not loaded.fit.lines():
        lines.append("every module is matched")
    return "\n".join(lines)


def parse_curve(text: str) -> list[tuple[float, float]]:
    """ "0: 1, 0.5: 0.2" -> [(0, 1), (0.5, 0.2)]. Raises ValueError."""
    points = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        place, _, factor = part.partition(":")
        try:
            points.append((float(place), float(factor)))
        except ValueError:
            raise ValueError(
                f"curve has {part!r}: write parts of the sampling with a factor each, such as 0: 1, 0.5: 0.2"
            ) from None
    if any(not 0 <= place <= 1 or not -20 <= factor <= 20 for place, factor in points):
        raise ValueError("curve has a place outside of 0 to 1 or a factor outside of -20 to 20: write such as 0: 1, 0.5: 0.2")
    return sorted(points)
