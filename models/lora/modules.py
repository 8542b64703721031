"""The modules in a LoRA file: which tensors belong together, of what kind they are, and the change that each stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

# What a module's tensors end in, by the part that they are; the longer ones first.
ENDINGS: dict[str, tuple[str, ...]] = {
    "up": (
        ".lora_up.weight",
        "_lora.up.weight",
        ".lora.up.weight",
        ".lora_B.weight",
        ".lora_B",
        ".lora_linear_layer.up.weight",
    ),
    "down": (
        ".lora_down.weight",
        "_lora.down.weight",
        ".lora.down.weight",
        ".lora_A.weight",
        ".lora_A",
        ".lora_linear_layer.down.weight",
    ),
    "mid": (".lora_mid.weight",),
    "alpha": (".alpha",),
    "dora": (".dora_scale", ".lora_magnitude_vector.weight", ".lora_magnitude_vector"),
    **{part: (f".{part}",) for part in ("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "hada_t1", "hada_t2")},
    **{part: (f".{part}",) for part in ("lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b", "lokr_t2")},
    **{part: (f".{part}",) for part in ("diff", "diff_b", "w_norm", "b_norm", "set_weight", "reshape_weight")},
    **{part: (f".{part}.weight",) for part in ("a1", "a2", "b1", "b2")},
    "oft": (".oft_blocks", ".oft_diag"),
    "rescale": (".rescale",),
}
# What ComfyUI's reader asks for, where a part has several names.
WRITTEN = {
    **{"up": ".lora_up.weight", "down": ".lora_down.weight", "mid": ".lora_mid.weight", "dora": ".dora_scale"},
    **{part: f".{part}.weight" for part in ("a1", "a2", "b1", "b2")},
}
BY_ENDING = sorted(((end, part) for part, ends in ENDINGS.items() for end in ends), key=lambda pair: -len(pair[0]))
KINDS = (
    ("dora", "DoRA"),
    ("hada_w1_a", "LoHa"),
    ("lokr_w1", "LoKr"),
    ("lokr_w1_a", "LoKr"),
    ("lokr_w2", "LoKr"),
    ("a1", "GLoRA"),
    ("oft", "OFT"),
    ("up", "LoRA"),
    ("diff", "full difference"),
    ("w_norm", "full difference"),
    ("set_weight", "full weights"),
)


NAMES = {"up": "lora_up", "down": "lora_down"}
# The parts that a module of a kind cannot do without; of alternatives any one.
NEEDED: dict[str, tuple[tuple[str, ...], ...]] = {
    "LoRA": (("up",), ("down",)),
    "LoHa": (("hada_w1_a",), ("hada_w1_b",), ("hada_w2_a",), ("hada_w2_b",)),
    "LoKr": (("lokr_w1", "lokr_w1_a"), ("lokr_w1", "lokr_w1_b"), ("lokr_w2", "lokr_w2_a"), ("lokr_w2", "lokr_w2_b")),
    "GLoRA": (("a1",), ("a2",), ("b1",), ("b2",)),
}


@dataclass(frozen=True)
class Module:
    """One changed layer: its tensors by the part that they are, and their full names."""

    name: str
    parts: dict[str, Tensor]
    keys: dict[str, str]

    @property
    def kind(self) -> str:
        """LoRA, LoHa, LoKr, DoRA ..."""
        return next((kind for part, kind in KINDS if part in self.parts), "unknown")

    def written(self) -> dict[str, Tensor]:
        """The module's tensors under the names that kohya's scripts give them."""
        return {
            f"{self.name}{WRITTEN.get(part, self.keys[part][len(self.name) :])}": tensor for part, tensor in self.parts.items()
        }

    @property
    def method(self) -> str:
        """The kind without DoRA's magnitude, which lies on top of any of them."""
        parts = self.parts.keys() - {"dora"}
        return next((kind for part, kind in KINDS if part in parts), "LoRA" if "down" in parts else "unknown")

    @property
    def lacks(self) -> str:
        """The part that is missing in a module of this kind, "" where it is whole."""
        for choices in NEEDED.get(self.method, ()):
            if not any(part in self.parts for part in choices):
                return NAMES.get(choices[0], choices[0])
        return "weights" if self.method == "unknown" else ""

    @property
    def shape(self) -> tuple[int, ...] | None:
        """[O, I, ...] of the weight that it changes, where its parts tell."""
        p, method = self.parts, self.method
        if "reshape_weight" in p or self.lacks:
            return None
        if method == "LoRA":
            kernel = p["mid"].shape[2:] if "mid" in p else p["down"].shape[2:]
            return (p["up"].shape[0], p["down"].shape[1], *kernel)
        if method == "LoHa":
            return None if "hada_t1" in p else (p["hada_w1_a"].shape[0], p["hada_w1_b"].shape[1])
        if method == "LoKr" and "lokr_t2" not in p:
            first = p["lokr_w1"].shape if "lokr_w1" in p else (p["lokr_w1_a"].shape[0], p["lokr_w1_b"].shape[1])
            second = p["lokr_w2"].shape if "lokr_w2" in p else (p["lokr_w2_a"].shape[0], p["lokr_w2_b"].shape[1])
            return (first[0] * second[0], first[1] * second[1], *second[2:])
        if method == "full difference" and "diff" in p:
            return tuple(p["diff"].shape)
        return tuple(p["set_weight"].shape) if "set_weight" in p else None

    @property
    def rank(self) -> int | None:
        """Of the factors, None where there are none."""
        for part, axis in (("down", 0), ("hada_w1_b", 0), ("lokr_w2_b", 0), ("lokr_w1_b", 0)):
            if part in self.parts:
                return self.parts[part].shape[axis]
        return None

    @property
    def alpha(self) -> float | None:
        """Stated alpha; without one the strength is not divided by the rank."""
        return float(self.parts["alpha"]) if "alpha" in self.parts else None

    @property
    def scale(self) -> float:
        """alpha / rank, 1 where either is missing."""
        return 1.0 if self.alpha is None or not self.rank else self.alpha / self.rank


def modules_of(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Module], list[str]]:
    """(modules by name, names of tensors that belong to none)."""
    parts: dict[str, dict[str, Tensor]] = {}
    keys: dict[str, dict[str, str]] = {}
    others = []
    for key, tensor in tensors.items():
        found = next(((end, part) for end, part in BY_ENDING if key.endswith(end)), None)
        if found is None:
            others.append(key)
            continue
        name = key[: -len(found[0])]
        parts.setdefault(name, {})[found[1]] = tensor
        keys.setdefault(name, {})[found[1]] = key
    alone = [name for name, own in parts.items() if set(own) == {"alpha"}]
    for name in alone:
        others.append(keys.pop(name)["alpha"])
        parts.pop(name)
    return {name: Module(name, own, keys[name]) for name, own in parts.items()}, others


def change(module: Module) -> Tensor:
    """The change of the weight [O, I, ...] at strength 1, float32. Raises ValueError for kinds that need the base weight."""
    p = {part: tensor.float() for part, tensor in module.parts.items()}
    if module.kind == "DoRA" or module.lacks:
        raise ValueError(f"{module.name} is {module.kind}{f' without {module.lacks}' * bool(module.lacks)}: leave that file out")
    if module.kind == "LoRA" and "reshape_weight" not in p:
        up, down = p["up"], p["down"]
        if "mid" in p:
            full = torch.einsum("or,rskl,si->oikl", up.flatten(1), p["mid"], down.flatten(1))
        else:
            full = (up.flatten(1) @ down.flatten(1)).unflatten(1, down.shape[1:]) if down.ndim > 2 else up.flatten(1) @ down
        return full * module.scale
    if module.kind == "LoHa" and "hada_t1" not in p:
        return (p["hada_w1_a"] @ p["hada_w1_b"]) * (p["hada_w2_a"] @ p["hada_w2_b"]) * module.scale
    if module.kind == "LoKr" and "lokr_t2" not in p:
        first = p["lokr_w1"] if "lokr_w1" in p else p["lokr_w1_a"] @ p["lokr_w1_b"]
        second = p["lokr_w2"] if "lokr_w2" in p else p["lokr_w2_a"] @ p["lokr_w2_b"]
        return torch.kron(first.reshape(*first.shape, *(1,) * (second.ndim - 2)), second) * module.scale
    if module.kind == "full difference" and "diff" in p:
        return p["diff"]
    raise ValueError(
        f"{module.name} is {module.kind}, whose change depends on the model's own weights or is no product: leave that file out"
    )
