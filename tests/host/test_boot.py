"""The host starts with the pack, knows its nodes, and serves its templates, help, words and scripts."""

from __future__ import annotations

import json
import re

import pytest

from style_atelier.tests.host.comfy import PACK, ROOT, Comfy

pytestmark = pytest.mark.host
LANGUAGES = ("en", "zh")
MOST_SECONDS = 0.15


@pytest.fixture(scope="module")
def object_info(comfy: Comfy) -> dict[str, dict]:
    return {name: info for name, info in comfy.get("/object_info").items() if name.startswith("StyleAtelier")}


def test_the_pack_is_imported(comfy: Comfy) -> None:
    log = comfy.log()
    assert PACK in log
    assert "IMPORT FAILED" not in log


def test_the_pack_starts_quickly(comfy: Comfy, record_property) -> None:
    found = re.findall(rf"([\d.]+) seconds: \S*/{PACK}\b", comfy.log())
    assert found, "ComfyUI's log has no import time of the pack"
    record_property("seconds_to_import", found[-1])
    print(f"import of the pack: {found[-1]} s")
    assert float(found[-1]) <= MOST_SECONDS


def test_every_node_is_there(object_info: dict[str, dict]) -> None:
    expected = json.loads((ROOT / "locales" / "en" / "nodeDefs.json").read_text())
    assert sorted(object_info) == sorted(expected)


def test_every_node_explains_itself(object_info: dict[str, dict]) -> None:
    for name, info in object_info.items():
        assert info["description"] and info["category"].startswith("Style Atelier"), name


def test_scripts_are_served(comfy: Comfy) -> None:
    listed = comfy.get("/extensions")
    for script in sorted((ROOT / "web").rglob("*.js")):
        address = f"/extensions/{PACK}/{script.relative_to(ROOT / 'web').as_posix()}"
        assert address in listed
        assert comfy.request(address) == (200, script.read_bytes())


def test_style_sheet_is_served(comfy: Comfy) -> None:
    assert comfy.request(f"/extensions/{PACK}/js/weights_panel.css")[0] == 200


@pytest.mark.parametrize("language", LANGUAGES)
def test_help_is_served(comfy: Comfy, object_info: dict[str, dict], language: str) -> None:
    for name in object_info:
        status, content = comfy.request(f"/extensions/{PACK}/docs/{name}/{language}.md")
        if language == "en" and status == 404:
            status, content = comfy.request(f"/extensions/{PACK}/docs/{name}.md")
        assert status == 200 and len(content) > 200, f"{name} has no help page in {language}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_are_served(comfy: Comfy, object_info: dict[str, dict], language: str) -> None:
    words = comfy.get("/i18n")[language]
    assert words["styleAtelier"]["download"]
    assert set(object_info) <= set(words["nodeDefs"])


def test_templates_are_served(comfy: Comfy) -> None:
    names = sorted(path.stem for path in (ROOT / "example_workflows").glob("*.json"))
    assert names and sorted(comfy.get("/workflow_templates")[PACK]) == names
    for name in names:
        assert comfy.get(f"/api/workflow_templates/{PACK}/{name}.json")["nodes"]
        status, thumbnail = comfy.request(f"/api/workflow_templates/{PACK}/{name}.jpg")
        assert status == 200 and thumbnail.startswith(b"\xff\xd8"), f"{name} has no thumbnail"
