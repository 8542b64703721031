"""Names, tooltips and help in English and Chinese say the same as the nodes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from style_atelier.tests.pack import ROOT, Pack

LANGUAGES = ("en", "zh")
CHINESE = re.compile("[\u4e00-\u9fff]")
SAME_EVERYWHERE = {"AdaIN"}
DYNAMIC_COMBO = "COMFY_DYNAMICCOMBO_V3"
GROWN = re.compile(r".+ \d+")  # the sockets of an Autogrow input; the help page speaks of the input


def locale(language: str, file: str) -> dict[str, Any]:
    return json.loads((ROOT / "locales" / language / file).read_text(encoding="utf-8"))


def leaves(tree: dict[str, Any], path: str = "") -> dict[str, str]:
    """{"a.b": text} of a tree of texts."""
    found = {}
    for key, value in tree.items():
        found |= leaves(value, f"{path}{key}.") if isinstance(value, dict) else {path + key: value}
    return found


def words_of(schema: Any) -> dict[str, dict[str, str]]:
    """{key: name and tooltip} of all inputs. Sockets that grow follow their input, one key for each that may appear. Those of a
    dynamic combo's choices follow it, under the key that the front end asks for: their path with underscores, without the choice.
    Tooltips of the same input in several choices are joined.
    """
    return words_below("", [[item] for item in schema.inputs])


def words_below(prefix: str, groups: list[list[Any]]) -> dict[str, dict[str, str]]:
    """Of groups of inputs; those of a group have one name, in several choices."""
    found: dict[str, dict[str, str]] = {}
    for inputs in groups:
        first, tooltip = inputs[0], " ".join(dict.fromkeys(each.tooltip for each in inputs))
        key, inner = prefix + first.id, dict[str, list[Any]]()
        for each in inputs:
            for choice in each.options if each.get_io_type() == DYNAMIC_COMBO else ():
                for item in choice.inputs:
                    inner.setdefault(item.id, []).append(item)
        words = {key: {"name": first.display_name or first.id.replace("_", " "), "tooltip": tooltip}}
        if template := getattr(first, "template", None):
            for i in range(template.max):
                words[f"{key}_{template.prefix}{i}"] = {
                    "name": f"{template.prefix.replace('_', ' ')} {i + 1}",
                    "tooltip": tooltip,
                }
        for other, each in {**words, **words_below(f"{key}_", [*inner.values()])}.items():
            assert other not in found, f"{other} is the key of two inputs"
            found[other] = each
    return found


@pytest.mark.parametrize("file", ["main.json", "nodeDefs.json"])
def test_both_languages_have_the_same_keys(file: str) -> None:
    english, chinese = (leaves(locale(language, file)) for language in LANGUAGES)
    assert list(english) == list(chinese)
    for key, text in chinese.items():
        assert CHINESE.search(text) or text in SAME_EVERYWHERE or not text, f"{key} is not in Chinese: {text!r}"


def test_the_english_names_are_the_schemas(pack: Pack) -> None:
    definitions = locale("en", "nodeDefs.json")
    assert list(definitions) == list(pack.schemas)
    for name, schema in pack.schemas.items():
        definition = definitions[name]
        assert definition["display_name"] == schema.display_name
        assert definition["description"] == schema.description
        wanted = words_of(schema)
        assert list(definition["inputs"]) == list(wanted), name
        for key, words in wanted.items():
            assert definition["inputs"][key] == words, f"{name}.{key}"
        outputs = [{"name": o.display_name, "tooltip": o.tooltip} for o in schema.outputs]
        assert list(definition["outputs"].values()) == outputs, name


@pytest.mark.parametrize("language", LANGUAGES)
def test_shelves_and_wires_have_words(pack: Pack, language: str) -> None:
    words = locale(language, "main.json")
    for name, schema in pack.schemas.items():
        assert set(schema.category.split("/")) <= set(words["nodeCategories"]), name
        types = {item.get_io_type() for item in [*schema.inputs, *schema.outputs]}
        assert {kind for kind in types if kind.startswith("ATELIER")} <= set(words["dataTypes"]), name


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_node_has_a_help_page_that_names_every_input(pack: Pack, language: str) -> None:
    definitions = locale(language, "nodeDefs.json")
    for name in pack.schemas:
        page = (ROOT / "web" / "docs" / name / f"{language}.md").read_text(encoding="utf-8")
        assert page.startswith(f"# {definitions[name]['display_name']}\n"), name
        assert (CHINESE.search(page) is None) == (language == "en")
        for words in definitions[name]["inputs"].values():
            if GROWN.fullmatch(words["name"]):
                continue
            assert f"| {words['name']} |" in page, f"{name} ({language}) does not explain {words['name']}"


def test_there_is_no_help_for_nodes_that_are_not(pack: Pack) -> None:
    assert {path.name for path in Path(ROOT, "web", "docs").iterdir()} == set(pack.schemas)
