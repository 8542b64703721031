"""The networks in a file, whatever was wrapped around them: torch.compile, DataParallel, Lightning, one prefix around the only
network, several networks under prefixes of their own, counters of profilers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor

from ..architecture import Architecture, Kind, Tensors

WRAPPERS = ("_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.", "_forward_module.")  # at any depth of a name
COUNTERS = ("total_ops", "total_params", "n_averaged", "initted", "step")  # of thop, of averaged models
AVERAGED = r"(^|[._])(ema|average|averaged|shadow)(?=[._]|$)|ema_model"
# First components of names of what only serves training: discriminators, losses and the networks that they look through.
TRAINING = r"(?i)(net)?_?(d|dis\w*|vgg\w*|lpips\w*|criterion\w*|loss\w*|perceptual\w*|optim\w*)(_?([ab]|[0-9]+))?"
DEEPEST = 5
MOST_PARTS = 400
# What a person loads a file for, before what only served its training.
RANKS: tuple[Kind, ...] = (
    *("translator", "stylizer", "generator", "control", "adapter", "decoder"),
    *("encoder", "metric", "landmarks", "part", "discriminator"),
)
PAINTS = RANKS[:6]
BESIDE = ("latent_avg",)  # what encoders of StyleGAN2 keep outside of the generator that it belongs to
SHARE = 0.5  # of a file's numbers: what paints nothing is the file's purpose only when it is most of it


@dataclass(frozen=True)
class Part:
    """A network that was found in a file. name: of the prefixes around it, dotted, "" where there are none."""

    name: str
    architecture: Architecture
    tensors: dict[str, Tensor]


def unwrapped(tensors: Tensors) -> dict[str, Tensor]:
    """Without the pieces of names that wrappers leave, and without counters."""
    made: dict[str, Tensor] = {}
    for key, tensor in tensors.items():
        for piece in WRAPPERS:
            key = key.replace(piece, "")
        if not is_counter(key, tensor):
            made[key] = tensor
    return made


def is_counter(key: str, tensor: Tensor) -> bool:
    """Whether a tensor is one number that a tool has left beside the weights."""
    return tensor.numel() <= 1 and key.rpartition(".")[2] in COUNTERS


def serves_training(key: str) -> bool:
    """Whether a name lies under that of a discriminator, a loss or the like."""
    start, dot, _ = key.partition(".")
    return bool(dot) and re.fullmatch(TRAINING, start) is not None


def find_parts(
    tensors: Tensors, networks: Mapping[str, Tensors], recognize: Callable[[Tensors], Architecture | None]
) -> list[Part]:
    """The networks of a file, those that people load files for first, averaged ones in place of their raw twins.

    tensors: the file's state dict. networks: every nested one by name. [] where nothing is recognized.
    """
    whole = unwrapped(tensors)
    known = recognize(whole)
    if known is not None:
        return [Part("", known, whole)]
    found: list[Part] = []
    seen: set[tuple[str, ...]] = set()
    states = [("", whole), *((name, unwrapped(state)) for name, state in networks.items())]
    for count, (name, state) in enumerate(_states(states)):
        if count > MOST_PARTS:
            break
        names = (*state, *(str(id(tensor)) for tensor in state.values()))
        if names in seen or any(_inside(name, part.name) or _within(state, part.tensors) for part in found):
            continue
        seen.add(names)
        known = recognize(state)
        if known is not None:
            found.append(Part(name, known, state))
    return _chosen(found, whole)


def _states(states: list[tuple[str, dict[str, Tensor]]]) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Every state, then what lies under each of its prefixes, breadth first."""
    level = states
    for _ in range(DEEPEST):
        deeper: list[tuple[str, dict[str, Tensor]]] = []
        for name, state in level:
            yield name, state
            groups = _groups(state)
            kept = {key: tensor for key, tensor in state.items() if not serves_training(key)}
            if len(kept) < len(state):
                yield name, kept
            beside = {key: state[key] for key in BESIDE if key in state}
            for start, group in groups.items():
                inner = f"{name}.{start}" if name else start
                deeper.append((inner, {key[len(start) + 1 :]: tensor for key, tensor in group.items()} | beside))
                if len(groups) > 1:
                    yield f"{name}*", group  # a network whose own names begin so, beside others
        level = deeper


def _groups(state: Tensors) -> dict[str, dict[str, Tensor]]:
    """By the first component of the names; single tensors and numbered layers are no networks."""
    groups: dict[str, dict[str, Tensor]] = {}
    for key, tensor in state.items():
        start, dot, _ = key.partition(".")
        if dot and not start.isdecimal():
            groups.setdefault(start, {})[key] = tensor
    return {start: group for start, group in groups.items() if len(group) > 1}


def _inside(name: str, other: str) -> bool:
    """Whether a part lies in another that was recognized already."""
    return bool(other) and other != "*" and name.startswith(f"{other.removesuffix('*')}.")


def _within(state: Tensors, other: Tensors) -> bool:
    """Whether a part has no tensor of its own beside one that was recognized already."""
    return {id(tensor) for tensor in state.values()} <= {id(tensor) for tensor in other.values()}


def _chosen(found: list[Part], whole: Tensors) -> list[Part]:
    averaged = {_plain(part.name) for part in found if re.search(AVERAGED, part.name)}
    kept = [part for part in found if re.search(AVERAGED, part.name) or _plain(part.name) not in averaged]
    alone = [part for part in kept if re.search(AVERAGED, part.name)]
    if averaged and len({part.architecture.id for part in kept}) == 1 and alone:
        kept = alone  # the averaged network has a name that says nothing of its twin's
    numbers = sum(tensor.numel() for tensor in whole.values())
    if not any(part.architecture.kind in PAINTS for part in kept):
        kept = [part for part in kept if sum(t.numel() for t in part.tensors.values()) >= SHARE * numbers]
    return sorted(kept, key=lambda part: RANKS.index(part.architecture.kind))


def _plain(name: str) -> str:
    return re.sub(AVERAGED, "", name).strip("._")
