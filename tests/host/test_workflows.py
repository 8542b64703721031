"""Every example workflow is queued over HTTP and finishes with pictures."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path

import pytest
from PIL import Image

from style_atelier.tests.host import workflows
from style_atelier.tests.host.comfy import Comfy

pytestmark = pytest.mark.host
THUMBNAIL = 512
MOST_SHOWN = 5
NO_PICTURES = (".mp4", ".mkv", ".webm", ".svg")


def fetch_published(comfy: Comfy, name: str) -> None:
    """Place the weights that this workflow would download; skips loudly where they are not at hand."""
    missing = [workflows.place_weights(comfy, entry) for entry in sorted(workflows.published(workflows.read(name)))]
    if any(missing):
        reason = f"SKIPPED: {name} was not run, since {next(filter(None, missing))}."
        warnings.warn(reason, stacklevel=2)
        pytest.skip(reason)


@pytest.mark.parametrize("name", [name for name in workflows.NAMES if not workflows.is_diffusion(name)])
def test_workflow_finishes(comfy: Comfy, name: str, record_property) -> None:
    fetch_published(comfy, name)
    workflow = workflows.read(name)
    workflows.place_pictures(comfy, workflow)
    workflows.place_points(comfy, workflow)
    workflows.place_styles(comfy, workflow)
    kept = os.environ.get("STYLE_ATELIER_SCREENSHOTS")
    prompt = workflows.with_stand_ins(comfy, workflows.api_prompt(workflow))
    run = comfy.run(prompt if kept else workflows.shortened(prompt))
    record_property("seconds", round(run.seconds, 2))
    print(f"{name}: {run.seconds:.1f} s")
    assert run.ending == "execution_success", [each.get("exception_message", each) for each in run.of("execution_error")]
    saved = [picture for picture in run.pictures() if picture["type"] == "output"]
    assert saved
    learned = not any(node["class_type"] == "StyleAtelierTrainStylizer" for node in prompt.values())  # six lessons teach nothing
    for reference in saved:
        if reference["filename"].endswith(NO_PICTURES):
            assert len(comfy.picture(reference)) > 1000
            continue
        picture = Image.open(io.BytesIO(comfy.picture(reference))).convert("L")
        assert min(picture.size) >= min(workflows.PICTURE_SIZE)
        canvas = name == "painting_in_progress" and reference is saved[0]  # before the first stroke
        flat = len(set(picture.resize((32, 32)).tobytes())) <= 20
        assert not flat or canvas or not learned, f"{reference['filename']} is flat"
    if kept:
        made = [
            comfy.picture(each) for each in saved[:: -(-len(saved) // MOST_SHOWN)] if not each["filename"].endswith(NO_PICTURES)
        ]
        keep([Image.open(io.BytesIO(each)).convert("RGB") for each in made], Path(kept) / f"{name}.jpg")


def keep(pictures: list[Image.Image], path: Path) -> None:
    """Save a thumbnail, as it stands beside the workflow in the page's list of templates: the pictures side by side."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.new("RGB", (sum(each.width for each in pictures), max(each.height for each in pictures)), "white")
    across = 0
    for each in pictures:
        picture.paste(each, (across, 0))
        across += each.width
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    picture.save(path, quality=88)
