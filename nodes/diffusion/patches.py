"""LoRA files on the host's models: core's own reading with the names that it passes over added, block by block, over time."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...models.lora.blocks import BASE, BLOCKS, block_of, family_of, parse_weights, preset_weights, ratio
from ...models.lora.facts import LoraFacts, facts_of
from .stable_diffusion import diffusers_names, read_lora

# What PEFT, and scripts that wrap their model in it, write ahead of diffusers' names.
UNET_PREFIXES = ("", "unet.", "base_model.model.", "unet.base_model.model.", "unet.unet.", "base_model.model.unet.")
PEFT_ADAPTER = ".default."
SHOWN = 4


@dataclass(frozen=True)
class Loaded:
    """A LoRA on a model: core's patches for the UNet and for the text encoder by weight, and what the file says of itself."""

    name: str
    facts: LoraFacts
    model: dict[Any, Any]
    clip: dict[Any, Any]
    unmatched: tuple[str, ...]
    for_absent_clip: int


def load(name: str, model: Any, clip: Any) -> Loaded:
    """Read a file and match its modules. Raises ValueError where none of them fits."""
    tensors, header = read_lora(name)
    core: Any = importlib.import_module("comfy.lora")
    convert: Any = importlib.import_module("comfy.lora_convert")
    tensors = convert.convert_lora({key.replace(PEFT_ADAPTER, "."): tensor for key, tensor in tensors.items()})
    facts = facts_of(tensors, header)
    model_keys = completed(core.model_lora_keys_unet(model.model, {}), diffusers_names(model))
    clip_keys = {} if clip is None else with_peft(core.model_lora_keys_clip(clip.cond_stage_model, {}))
    # Without a mapping default of its own: core's is shared between calls.
    patches = core.load_lora(tensors, {**clip_keys, **model_keys}, log_missing=False)
    names = {**clip_keys, **model_keys}
    rest = [module for module in facts.modules if module not in names]
    text = [module for module in rest if is_text_encoder(module)] if clip is None else []
    unmatched = tuple(module for module in rest if module not in text)
    in_clip = set(map(plain, clip_keys.values()))
    on_clip = {key: patch for key, patch in patches.items() if plain(key) in in_clip}
    on_model = {key: patch for key, patch in patches.items() if plain(key) not in in_clip}
    if not patches or len(unmatched) == len(facts.modules) - len(text):
        raise ValueError(mismatch(name, facts, model, text))
    return Loaded(name, facts, on_model, on_clip, unmatched, len(text))


def completed(keys: dict[str, Any], diffusers: Mapping[str, str]) -> dict[str, Any]:
    """Core's map with diffusers' names as newer diffusers and PEFT write them, which core drops in silence."""
    found = dict(keys)
    for theirs, ours in diffusers.items():
        if theirs.endswith(".weight"):
            module = theirs.removesuffix(".weight")
            for prefix in UNET_PREFIXES:
                for written in {module, module.removesuffix(".0") if module.endswith("to_out.0") else module}:
                    found.setdefault(f"{prefix}{written}", f"diffusion_model.{ours}")
    return found


def with_peft(keys: dict[str, Any]) -> dict[str, Any]:
    """The text encoders' names also as PEFT writes them."""
    found = dict(keys)
    for name, key in keys.items():
        for start in ("text_encoder.", "text_encoder_2."):
            if name.startswith(start):
                found.setdefault(f"{start}base_model.model.{name[len(start) :]}", key)
    return found


def plain(key: Any) -> str:
    """A patch's weight; core addresses parts of one as (weight, offset)."""
    return key if isinstance(key, str) else key[0]


def is_text_encoder(module: str) -> bool:
    """Whether a module is a text encoder's."""
    return (
        module.startswith(("lora_te", "text_encoder", "te_", "te1_", "te2_", "clip_", "text_encoders.")) or "text_model" in module
    )


def mismatch(name: str, facts: LoraFacts, model: Any, text: list[str]) -> str:
    """Why nothing fits, in a sentence."""
    kind = type(model.model.model_config).__name__
    if not facts.modules:
        some = ", ".join(facts.others[:2]) or "nothing"
        return f"{name} holds no LoRA (it has {some}): choose a LoRA file"
    if text and len(text) == len(facts.modules):
        return f"{name} changes only the text encoder and clip is not connected: connect it"
    first = next(iter(facts.modules))
    seems = f"it seems to be for {facts.family}" if facts.family else f"its first module is {first}"
    return f"{name} fits nothing of the model, which is {kind} ({seems}): use it with the kind of model that it was trained for"


def weights_of(model: Any, preset: str, text: str) -> dict[str, float]:
    """The weight of every block by a preset, or by what is written, which goes first. Raises ValueError."""
    family = family_of(model.model.state_dict())
    return parse_weights(text, family) if text.strip() else preset_weights(preset, family)


def by_strength(patches: Mapping[Any, Any], weights: Mapping[str, float]) -> dict[float, dict[Any, Any]]:
    """Patches gathered by how strongly their block takes them; those of blocks with 0 are left out."""
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
    touched: dict[str, int] = {}
    for key in loaded.model:
        touched[block_of(plain(key))] = touched.get(block_of(plain(key)), 0) + 1
    order = BLOCKS.get(family_of(model.model.state_dict()) or "SD1.5", ())
    named = [f"{block}{f' x{weights[block]:g}' if block in weights else ''}" for block in order if block in touched]
    lines = [loaded.name, loaded.facts.summary(), f"blocks: {', '.join(named) or 'none'}"]
    lines += [f"text encoder: {len(loaded.clip)} weights"] if loaded.clip else []
    lines += (
        [f"{loaded.for_absent_clip} modules are for the text encoder: connect clip to use them"] if loaded.for_absent_clip else []
    )
    if loaded.unmatched:
        lines.append(f"not matched: {len(loaded.unmatched)} modules, such as {', '.join(loaded.unmatched[:SHOWN])}")
    else:
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
