"""What is said of good files in the wrong loader."""

from __future__ import annotations

from ..weights.errors import WeightsError
from .registry import Checkpoint, architecture


def several(checkpoint: Checkpoint, wanted: str) -> WeightsError:
    """The error for a file with more networks of a kind than a loader can give out."""
    names = [one.name or "the whole" for one in (checkpoint, *checkpoint.others) if one.kind == checkpoint.kind]
    return WeightsError(
        f"{checkpoint.path.name} holds {len(names)} networks ({', '.join(names)}) where one {wanted} is expected: save the one "
        "that you want as a file of its own"
    )


def wrong_kind(checkpoint: Checkpoint, wanted: str) -> WeightsError:
    """The error for a good file in the wrong loader."""
    what, title = checkpoint.kind, architecture(checkpoint.architecture).title
    advice = {
        "discriminator": "it only serves training: choose the generator's file",
        "part": "the loader takes it with its other files, by their name in the list",
        "metric": "the nodes that measure take it by its name in their lists",
        "landmarks": "it is used by StarGAN v2 by itself: choose the translator's file",
    }.get(what, f"load it with the node for a {what}")
    return WeightsError(f"{checkpoint.path.name} is a {what} ({title}), not a {wanted}: {advice}")
