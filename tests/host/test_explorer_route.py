"""The route behind the page's latent explorer: pictures for the newest wish, sentences for all that has none."""

from __future__ import annotations

import io
import json
import time
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from style_atelier.tests.host import golden_weights
from style_atelier.tests.host.comfy import Comfy

pytestmark = pytest.mark.host
ROUTE = "/style_atelier/explore"
NAME = "stylegan2-ada-metfaces"
ABSENT = "stylegan2-ada-brecahad"
SAMPLE = {
    "seeds": "85",
    "class_label": -1,
    "truncation_psi": 0.7,
    "truncation_cutoff": -1,
    "x_seed": 1,
    "x": 0.0,
    "y_seed": 2,
    "y": 0.0,
    "mix_layers": "none",
    "mix_seed": 0,
}
EDIT = {"direction": 0, "amount": 1.0, "second_direction": 1, "second_amount": -1.0, "layers": "all", "steps": 1}
PROMPT: dict[str, Any] = {
    "1": {"class_type": "StyleAtelierLoadGenerator", "inputs": {"generator": NAME, "torch_compile": False}},
    "2": {"class_type": "StyleAtelierSampleW", "inputs": {"generator": ["1", 0], **SAMPLE}},
    "3": {
        "class_type": "StyleAtelierDirections",
        "inputs": {"generator": ["1", 0], "method": "SeFa", "layers": "all", "count": 16, "samples": 1000, "seed": 0},
    },
    "4": {"class_type": "StyleAtelierEditW", "inputs": {"w": ["2", 0], "directions": ["3", 0], **EDIT}},
}


@pytest.fixture(scope="module", autouse=True)
def generator(comfy: Comfy) -> None:
    assert golden_weights.place(NAME, folder(comfy))


def folder(comfy: Comfy) -> Path:
    return comfy.base / "models" / "style_atelier"


def changed(node: str = "2", **inputs: Any) -> dict[str, Any]:
    """The prompt with some inputs of a node set otherwise."""
    prompt = deepcopy(PROMPT)
    prompt[node]["inputs"] |= inputs
    return prompt


def explore(comfy: Comfy, prompt: Any = PROMPT, node: str = "2", panel: str = "p", side: Any = 64) -> tuple[int, bytes]:
    return comfy.request(ROUTE, {"prompt": prompt, "node": node, "panel": panel, "side": side})


def sentence(answer: tuple[int, bytes]) -> str:
    """The reason of a refused wish."""
    status, content = answer
    assert status == 400, content[:300]
    return json.loads(content)["error"]


@pytest.mark.parametrize("node", ["2", "4"])
def test_a_picture(comfy: Comfy, node: str) -> None:
    status, content = explore(comfy, node=node)
    assert status == 200, content[:300]
    picture = Image.open(io.BytesIO(content))
    assert picture.format == "JPEG"
    assert max(picture.size) <= 64


def test_what_is_set_is_what_is_painted(comfy: Comfy) -> None:
    prompts = [PROMPT, changed(seeds="3"), changed(x=0.5), changed(mix_layers="coarse", mix_seed=7), changed(truncation_psi=-0.5)]
    pictures = [explore(comfy, prompt) for prompt in prompts]
    assert {status for status, _ in pictures} == {200}
    assert pictures[0] == explore(comfy)
    assert len({content for _, content in pictures}) > 1


def test_the_last_wish_wins(comfy: Comfy) -> None:
    """Twenty of one panel, one every 20 ms; whatever is overtaken says so."""

    def ask(number: int) -> int:
        time.sleep(number * 0.02)
        return explore(comfy, changed("4", amount=number / 10), node="4", panel="busy")[0]

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(ask, range(20)))
    assert answers[-1] == 200
    assert set(answers) <= {200, 409}


def test_panels_do_not_overtake_each_other(comfy: Comfy) -> None:
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda panel: explore(comfy, panel=f"cell-{panel}")[0], range(6)))
    assert answers == [200] * 6


@pytest.mark.parametrize(
    ("prompt", "node", "words"),
    [
        ({**PROMPT, "2": {"class_type": "LoadImage", "inputs": {"w": ["1", 0]}}}, "2", "no live preview of what comes out of"),
        (changed(truncation_psi=9), "2", "truncation_psi of Sample W"),
        (changed(x="far"), "2", "x of Sample W"),
        (changed(mix_layers="purple"), "2", "mix_layers of Sample W"),
        (changed(unheard_of=1), "2", "unheard_of of Sample W"),
        (changed(seeds="a lot"), "2", "no seed"),
        (changed(class_label=4), "2", "no classes"),
        (changed("4", direction=40), "4", "direction is 40"),
        (changed("1", generator="nothing"), "2", "generator of Load Generator"),
        (changed("1", generator=ABSENT), "2", "not downloaded yet"),
        (changed("4", w=["4", 0]), "4", "not complete"),
        (changed("4", w=["9", 0]), "4", "not complete"),
        (changed("4", w=["2", 7]), "4", "not complete"),
        (changed("2", generator=["3", 0]) | {"3": {**PROMPT["3"], "inputs": {"generator": ["2", 0]}}}, "2", "no Load Generator"),
        (changed("2", generator=5), "2", "no Load Generator"),
        (changed("4", w=["1", 0]), "4", "failed"),
        (PROMPT, "1", "only nodes that give points of W"),
        (PROMPT, "77", "no graph of W"),
    ],
)
def test_a_sentence_for_what_cannot_be_painted(comfy: Comfy, prompt: Any, node: str, words: str) -> None:
    assert words in sentence(explore(comfy, prompt, node))


@pytest.mark.parametrize("side", [31, 513, 0, -64, True])
def test_sides_have_limits(comfy: Comfy, side: Any) -> None:
    assert "no graph of W" in sentence(explore(comfy, side=side))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"prompt": [], "node": "2", "panel": "p", "side": 64}',
        b'{"prompt": {"2": 5}, "node": "2", "panel": "p", "side": 64}',
        b'{"prompt": {"2": {}}, "node": "2", "panel": "p", "side": 64}',
        b'{"prompt": {"2": {"class_type": [], "inputs": {}}}, "node": "2", "panel": "p", "side": 64}',
        b'{"prompt": {"2": {"class_type": "StyleAtelierSampleW", "inputs": 3}}, "node": "2", "panel": "p", "side": 64}',
        b'{"prompt": {}, "node": "2", "panel": "p", "side": Infinity}',
        b'{"prompt": {}, "node": "2", "panel": "p", "side": "wide"}',
        b'{"prompt": {}, "node": "2", "panel": "p"}',
    ],
)
def test_garbage_is_refused_in_words(comfy: Comfy, body: bytes) -> None:
    assert sentence(comfy.request(ROUTE, body)).endswith(".")


def test_only_json_is_taken(comfy: Comfy) -> None:
    """A page of another site can send text/plain without asking, but no application/json."""
    body = json.dumps({"prompt": PROMPT, "node": "2", "panel": "p", "side": 64}).encode()
    assert comfy.request(ROUTE, body, {"Content-Type": "text/plain"})[0] == 415
    assert comfy.request(ROUTE, body + b" " * (1 << 20))[0] == 415


def test_long_and_branching_graphs_are_quick(comfy: Comfy) -> None:
    """Thirty nodes that each use the one before twice: 2**30 ways to the first."""
    prompt = deepcopy(PROMPT)
    before = "2"
    for name in map(str, range(100, 130)):
        inputs = {"w": [before, 0], "other": [before, 0], "layers": "fine", "strength": 1.0, "pairing": "one to one"}
        prompt[name] = {"class_type": "StyleAtelierMixW", "inputs": inputs}
        before = name
    started = time.monotonic()
    status, content = explore(comfy, prompt, before)
    assert status == 200, content[:300]
    assert time.monotonic() - started < 10


def test_a_glance_does_not_compile(comfy: Comfy) -> None:
    started = time.monotonic()
    assert explore(comfy, changed("1", torch_compile=True))[0] == 200
    assert time.monotonic() - started < 10


def test_nothing_is_downloaded_and_nothing_written(comfy: Comfy) -> None:
    def files() -> set[Path]:
        return {path for name in ("models", "input", "output", "temp") for path in (comfy.base / name).rglob("*")}

    before = files()
    explore(comfy)
    sentence(explore(comfy, changed("1", generator=ABSENT)))
    assert files() == before
    assert not comfy.get("/queue")["queue_pending"]
