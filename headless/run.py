"""A run in this process, on the embedded host."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..models.weights.errors import WeightsError
from ..models.weights.files import inside, read_plain
from ..models.weights.json_text import read_json
from ..models.weights.writing import sweep
from . import host
from .execute import Executor
from .graph import Describe, Prompt, WorkflowError, to_prompt
from .host.progress import interrupt
from .host.schema import describe
from .overrides import LOADER, assign_pictures, find_picture, pictures_wanted, set_value
from .pack import load_pack
from .terminal import Lines
from .validate import Problem, validate

ROOT = Path(__file__).resolve().parent.parent
LARGEST_WORKFLOW = 64 << 20
LONGEST_NAME = 100
UNUSUAL = r"[^\w.-]"  # in a file's name


@dataclass(frozen=True)
class Job:
    """What the command line asks for. device: auto, cpu, cuda or mps."""

    workflow: Path
    assignments: Sequence[str]
    inputs: Sequence[str]
    output_dir: Path
    models_dir: Path
    device: str = "auto"

    def prompt(self, describe: Describe) -> Prompt:
        """The workflow as a prompt, with the command line's values in it. Raises WorkflowError."""
        prompt = to_prompt(read_workflow(self.workflow), describe)
        for assignment in self.assignments:
            set_value(prompt, assignment, describe)
        return prompt

    def edited(self) -> Any:
        """The workflow as the editor saved it; None for a prompt."""
        content = read_workflow(self.workflow)
        return content if isinstance(content, dict) and "nodes" in content else None

    def pictures(self, prompt: Prompt) -> tuple[dict[str, Path], dict[str, Path]]:
        """Pictures of the command line, and those the workflow names that lie beside it or among the samples; by node id.

        No other file of this machine is read because a workflow names it. Raises WorkflowError for names that lead elsewhere.
        """
        given = assign_pictures(prompt, self.inputs)
        folders = (self.workflow.parent, ROOT / "samples")
        wanted = {node: find_picture(name, folders) for node, name in pictures_wanted(prompt).items() if node not in given}
        return given, {node: path for node, path in wanted.items() if path is not None}


class Invalid(Exception):
    """A prompt that cannot run."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))


def default_models_dir() -> Path:
    """The person's cache folder on this system."""
    if sys.platform == "win32":
        cache = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        cache = Path.home() / "Library" / "Caches"
    else:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "style-atelier" / "models"


def read_workflow(path: Path) -> Any:
    """The JSON in a file. Raises WorkflowError when there is none."""
    try:
        if not path.exists():
            raise WorkflowError(f"There is no workflow {str(path)!r}.")
        return read_json(read_plain(path, LARGEST_WORKFLOW))
    except (OSError, ValueError, WeightsError) as error:
        raise WorkflowError(f"{str(path)!r} cannot be read as a workflow: {error}.") from error


def describer(nodes: Mapping[str, type]) -> Describe:
    """Node id -> description, None for unknown ones."""
    return lambda name: describe(nodes[name]) if name in nodes else None


def run_embedded(job: Job, screen: Lines) -> list[Path]:
    """Run a workflow here; the saved pictures' paths.

    Raises WorkflowError or Invalid before anything runs, NodeError when a node fails, InterruptProcessingException on Ctrl-C.
    """
    with start_host(job.models_dir, job.output_dir, job.device) as (nodes, input_dir):
        sweep(job.output_dir)
        prompt = prepare(job, nodes, input_dir)
        with on_ctrl_c(interrupt):
            shown = Executor(nodes, screen).run(prompt, job.edited())
    return saved_pictures(shown, job.output_dir)


def check_embedded(job: Job) -> None:
    """Only the checks of a run. Raises WorkflowError or Invalid."""
    with start_host(job.models_dir, None, job.device) as (nodes, input_dir):
        prepare(job, nodes, input_dir)


@contextmanager
def start_host(models_dir: Path, output_dir: Path | None, device: str) -> Iterator[tuple[dict[str, Any], Path]]:
    """The nodes on the embedded host, and its input folder, which goes away afterwards; without one so does the output folder.

    Raises WorkflowError for a device that is not there.
    """
    with tempfile.TemporaryDirectory(prefix="style-atelier-") as folder:
        inputs, temporary = Path(folder, "input"), Path(folder, "temp")
        outputs = output_dir or Path(folder, "output")
        try:
            host.install(models_dir=models_dir, input_dir=inputs, output_dir=outputs, temp_dir=temporary, device=device)
        except ValueError as error:
            raise WorkflowError(f"--{error}.") from error
        yield load_pack(ROOT), inputs


def prepare(job: Job, nodes: Mapping[str, type], input_dir: Path) -> Prompt:
    """The checked prompt, its pictures in the input folder. Raises WorkflowError or Invalid."""
    prompt = job.prompt(describer(nodes))
    given, found = job.pictures(prompt)
    for number, (node, path) in enumerate(given.items()):
        prompt[node]["inputs"]["image"] = place(path, input_dir, f"{number}_{re.sub(UNUSUAL, '_', path.name)[-LONGEST_NAME:]}")
    for node, path in found.items():
        place(path, input_dir, prompt[node]["inputs"]["image"])
    problems = validate(prompt, nodes)
    missing = sorted({problem.details for problem in problems if problem.kind == "missing_node_type"})
    if missing:
        one = len(missing) == 1
        raise WorkflowError(
            f"The embedded host has no {', '.join(missing)}: run {'it' if one else 'them'} in a real ComfyUI, by setting "
            "COMFYUI_PATH or with --server."
        )
    if problems:
        raise Invalid([with_hint(problem, prompt) for problem in problems])
    return prompt


def with_hint(problem: Problem, prompt: Prompt) -> Problem:
    """Says how to give the picture that a LoadImage misses."""
    if problem.node_id and prompt[problem.node_id]["class_type"] == LOADER:
        return replace(problem, details=f"{problem.details}; give it with --input, or put it beside the workflow")
    return problem


def place(path: Path, folder: Path, name: str) -> str:
    """Copy a picture into the input folder; its name there. Raises WorkflowError for names that lead out of it."""
    try:
        target = inside(folder, name)
    except ValueError as error:
        raise WorkflowError(f"The workflow's picture has a {error}.") from error
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, target)
    return name


def saved_pictures(shown: Mapping[str, Mapping[str, Any]], output_dir: Path) -> list[Path]:
    """Paths of what output nodes saved; previews are thrown away with the temp folder."""
    files = [file for ui in shown.values() for file in ui.get("images", []) if file.get("type") == "output"]
    return [(output_dir / file["subfolder"] / file["filename"]).resolve() for file in files]


@contextmanager
def on_ctrl_c(stop: Callable[[], object]) -> Iterator[None]:
    """The first Ctrl-C calls `stop`, the second ends the program."""

    def first(*_: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        stop()

    before = signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
