"""The command line."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
from pathlib import Path

from ..models.families.pocket.builtin import TrainingPlan
from ..models.weights.words import LONGEST_SENTENCE, shown
from .execute import NodeError
from .graph import WorkflowError
from .host.progress import InterruptProcessingException
from .host.schema import describe
from .remote import HostError, RemoteStopped, run_remote
from .run import ROOT, Invalid, Job, check_embedded, default_models_dir, run_embedded, start_host
from .terminal import display
from .train import TrainError, Training, train

OK, FAILED, USAGE, UNREACHABLE, INTERRUPTED = 0, 1, 2, 3, 130
MOST_LINES = 100
EXAMPLES = ROOT / "example_workflows"


def main(argv: list[str] | None = None) -> int:
    """Run a command line.

    0: done. 1: a node failed. 2: the command line or the workflow is wrong. 3: no ComfyUI answers. 130: Ctrl-C.
    """
    try:
        options = parser().parse_args(argv)
    except SystemExit as stopped:
        return int(stopped.code or 0)
    try:
        return options.command(options)
    except (WorkflowError, Invalid, TrainError) as error:
        return fail(error, USAGE)
    except NodeError as error:
        return fail(error, FAILED)
    except HostError as error:
        return fail(error, UNREACHABLE)
    except (KeyboardInterrupt, InterruptProcessingException, RemoteStopped):
        return fail("Stopped.", INTERRUPTED)


def fail(message: object, code: int) -> int:
    """Say why, and hand on the exit code."""
    print("\n".join(shown(line, LONGEST_SENTENCE) for line in str(message).splitlines()[:MOST_LINES]), file=sys.stderr)
    return code


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    top = argparse.ArgumentParser(prog="style-atelier", description="Run Style Atelier's workflows without ComfyUI's page.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="run a workflow and print the paths of the saved pictures")
    run.set_defaults(command=run_command)
    add_job(run)
    where = run.add_argument_group("in a real ComfyUI")
    where.add_argument("--server", metavar="URL", help="a running ComfyUI; without it, COMFYUI_PATH names one to start")
    check = commands.add_parser("validate", help="say what keeps a workflow from running")
    check.set_defaults(command=validate_command)
    add_job(check)
    listing = commands.add_parser("list", help="the example workflows and the nodes")
    listing.set_defaults(command=list_command)
    add_training(commands.add_parser("train-builtin", help="train the built-in stylizer on folders of pictures"))
    return top


def add_job(command: argparse.ArgumentParser) -> None:
    """What `run` and `validate` share."""
    command.add_argument("workflow", type=Path, help="a workflow of either format, or the name of an example")
    command.add_argument(
        "--set", action="append", default=[], metavar="NODE.INPUT=VALUE", help="NODE is an id, or a title or class that is unique"
    )
    command.add_argument(
        "--input", action="append", default=[], metavar="[NODE=]PICTURE", help="the n-th is for the workflow's n-th LoadImage"
    )
    command.add_argument("--output-dir", type=Path, default=Path("out"))
    command.add_argument("--models-dir", type=Path, default=default_models_dir(), help="where weights are kept (%(default)s)")
    command.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")


def add_training(command: argparse.ArgumentParser) -> None:
    """The options of `train-builtin`."""
    command.set_defaults(command=train_command)
    command.add_argument("--content", type=Path, nargs="+", required=True, metavar="DIR", help="folders of photographs")
    command.add_argument("--style", type=Path, nargs="+", required=True, metavar="DIR", help="folders of paintings")
    command.add_argument("--encoder", type=Path, required=True, metavar="FILE", help="weights of a VGG, for the losses")
    command.add_argument("--out", type=Path, required=True, metavar="FILE.safetensors")
    command.add_argument("--leave-out", nargs="+", default=[], metavar="NAME", help="file names not to train on")
    command.add_argument("--steps", type=int, default=TrainingPlan().steps, help="optimizer steps (%(default)s)")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--threads", type=int, help="processor threads (torch's own choice)")
    command.add_argument("--resume", action="store_true", help="go on from OUT.training.pt")


def job_of(options: argparse.Namespace) -> Job:
    """What `run` and `validate` are asked for."""
    workflow = options.workflow
    if not workflow.exists():
        workflow = examples().get(short(workflow.name), workflow)
    return Job(workflow, options.set, options.input, options.output_dir, options.models_dir, options.device)


def short(title: str) -> str:
    """An example's name on the command line: "01 First picture" is first_picture."""
    return "_".join(re.findall(r"[a-z0-9]+", title.removesuffix(".json").lstrip("0123456789 ").lower()))


def examples() -> dict[str, Path]:
    """The example workflows by that name."""
    return {short(path.stem): path for path in sorted(EXAMPLES.glob("*.json"))}


def run_command(options: argparse.Namespace) -> int:
    """Run a workflow: on the server that was named, on a ComfyUI started for it, or in this process."""
    job, screen = job_of(options), display()
    checkout = os.environ.get("COMFYUI_PATH")
    if options.server or checkout:
        pictures = asyncio.run(run_remote(job, screen, options.server, Path(checkout) if checkout else None))
    else:
        pictures = run_embedded(job, screen)
    for path in pictures:
        print(path)
    return OK


def validate_command(options: argparse.Namespace) -> int:
    """Check a workflow without running it."""
    job = job_of(options)
    check_embedded(job)
    print(f"{job.workflow} can run.")
    return OK


def list_command(options: argparse.Namespace) -> int:
    """Print the examples and the nodes."""
    print("Workflows")
    for name in examples():
        print(f"  {name}")
    print("Nodes")
    with start_host(default_models_dir(), None, "cpu") as (nodes, _):
        for name in sorted(nodes):
            print(f"  {name}  ({describe(nodes[name]).display_name})")
    return OK


def train_command(options: argparse.Namespace) -> int:
    """Train the built-in stylizer."""
    wish = Training(
        options.content,
        options.style,
        options.encoder,
        options.out,
        options.leave_out,
        options.steps,
        options.seed,
        options.threads,
        options.resume,
    )
    print(train(wish))
    return OK
