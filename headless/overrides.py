"""What the command line changes in a workflow: values of inputs, and the pictures that its LoadImage nodes load."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..models.weights.files import inside
from ..models.weights.json_text import read_json
from .dynamic import live_inputs
from .graph import Describe, Prompt, WorkflowError, pack
from .host.folders import EXTENSIONS
from .validate import title_of

LOADER = "LoadImage"
PLACES = (" [input]", " [output]", " [temp]")


def find_node(prompt: Prompt, name: str) -> str | None:
    """The id of the node that has this id, or alone has this title or class name. Raises WorkflowError when several do."""
    if name in prompt:
        return name
    for called in (title_of, lambda node: node["class_type"]):
        found = [key for key, node in prompt.items() if called(node) == name]
        if len(found) > 1:
            raise WorkflowError(f"{name!r} names several nodes ({', '.join(found)}): use the id of one of them.")
        if found:
            return found[0]
    return None


def set_value(prompt: Prompt, assignment: str, describe: Describe) -> None:
    """Apply one NODE.INPUT=VALUE. Raises WorkflowError with one sentence when it fits nothing."""
    left, equals, text = assignment.partition("=")
    if not equals or "." not in left:
        raise WorkflowError(f"--set {assignment!r} is not of the form NODE.INPUT=VALUE.")
    node_name, name = split(prompt, left)
    node = prompt[node_name]
    info = describe(node["class_type"])
    if info is None:
        raise WorkflowError(f"--set {assignment!r}: the node {node['class_type']} is not installed.")
    inputs = {i.id: i for i in live_inputs(info.inputs, node["inputs"])}
    if name not in inputs or inputs[name].kind == "socket":
        settable = ", ".join(i.id for i in inputs.values() if i.kind != "socket") or "none"
        raise WorkflowError(f"--set {assignment!r}: {title_of(node)} has no value {name!r}; its values are: {settable}.")
    value = parse(text)
    node["inputs"][name] = text if inputs[name].type in ("STRING", "COMBO") and not isinstance(value, str) else pack(value)


def split(prompt: Prompt, left: str) -> tuple[str, str]:
    """ "NODE.INPUT" -> (node id, input); either part may hold dots. Raises WorkflowError when there is no such node."""
    for place in (i for i, letter in enumerate(left) if letter == "."):
        found = find_node(prompt, left[:place])
        if found is not None:
            return found, left[place + 1 :]
    known = ", ".join(f"{name} ({title_of(node)})" for name, node in prompt.items())
    raise WorkflowError(f"There is no node {left.rpartition('.')[0]!r}: the workflow has {known}.")


def parse(text: str) -> Any:
    """JSON where it is JSON, else the text itself."""
    try:
        return read_json(text)
    except ValueError:
        return text


def assign_pictures(prompt: Prompt, given: Sequence[str]) -> dict[str, Path]:
    """LoadImage node id -> the file for it: NODE=PATH goes to that node, the n-th plain PATH to the n-th of the others' order.

    Raises WorkflowError for a file that is not there, or one too many.
    """
    loaders = [name for name, node in prompt.items() if node["class_type"] == LOADER]
    chosen: dict[str, Path] = {}
    position = 0
    for text in given:
        name, equals, path = text.partition("=")
        node = find_node(prompt, name) if equals and not Path(text).exists() else None
        if node is None:
            if position >= len(loaders):
                raise WorkflowError(f"--input {text!r} is one too many: the workflow has {len(loaders)} LoadImage nodes.")
            node, path, position = loaders[position], text, position + 1
        elif node not in loaders:
            raise WorkflowError(f"--input {text!r}: the node {name!r} is no LoadImage.")
        if not Path(path).is_file():
            raise WorkflowError(f"--input {text!r}: there is no file {path!r}.")
        chosen[node] = Path(path)
    return chosen


def pictures_wanted(prompt: Prompt) -> dict[str, str]:
    """LoadImage node id -> the name of the picture that the workflow itself asks for."""
    named = {key: node["inputs"].get("image") for key, node in prompt.items() if node["class_type"] == LOADER}
    return {key: name for key, name in named.items() if isinstance(name, str)}


def find_picture(name: str, folders: Sequence[Path]) -> Path | None:
    """The picture in the first of the folders that has it; also under its name among the pack's samples.

    Raises WorkflowError for a name that leads out of the folders, by `..`, as a whole path or through a link.
    """
    if name.endswith(PLACES):  # one of the host's own folders, which the host looks into
        return None
    for folder in folders:
        for wanted in (name, name.removeprefix("style_atelier_")):
            try:
                path = inside(folder, wanted)
            except ValueError as error:
                raise WorkflowError(f"The workflow's picture has a {error}, or give it with --input.") from error
            if path.is_file() and path.suffix.lower() in EXTENSIONS:
                return path
    return None
