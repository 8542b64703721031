"""The schemas are an interface: saved workflows depend on every id, order and default."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from style_atelier.tests.pack import Pack

SNAPSHOT = Path(__file__).with_name("schema.json")
DYNAMIC_COMBO = "COMFY_DYNAMICCOMBO_V3"
DEPENDS_ON_FILES = {"encoder", "decoder", "stylizer", "network"}
DEPENDS_ON_FILES |= {f"{which}_folder" for which in ("results", "references", "contents", "photos", "paintings")}
DEPENDS_ON_FILES = {"folder", "encoder", "decoder", "stylizer"}
DEPENDS_ON_FILES = {"encoder", "decoder", "stylizer"}
SEEDS = ("seed", "noise_seed")  # the page puts "randomize" behind these, where the schema does not say otherwise
KEPT = ("optional", "default", "min", "max", "step", "multiline", "advanced")


def described(schema: Any) -> dict[str, Any]:
    """What a saved workflow depends on."""
    return {
        "display_name": schema.display_name,
        "category": schema.category,
        "inputs": [described_input(i) for i in schema.inputs],
        "outputs": [{"name": o.display_name, "type": o.get_io_type()} for o in schema.outputs],
    }


def described_input(item: Any) -> dict[str, Any]:
    found = {"id": item.id, "type": item.get_io_type()}
    found |= {key: value for key in KEPT if (value := getattr(item, key, None)) not in (None, False)}
    if item.get_io_type() == DYNAMIC_COMBO:
        found["options"] = [{"key": c.key, "inputs": [described_input(i) for i in c.inputs]} for c in item.options]
    elif getattr(item, "options", None) and item.id not in DEPENDS_ON_FILES:
        found["options"] = item.options
    if template := getattr(item, "template", None):
        found |= {"of": template.input.get_io_type(), "prefix": template.prefix, "min": template.min, "max": template.max}
    return found


def test_schemas_are_those_of_the_snapshot(pack: Pack, request: pytest.FixtureRequest) -> None:
    found = {name: described(schema) for name, schema in pack.schemas.items()}
    if request.config.getoption("--write-schema", default=False):
        SNAPSHOT.write_text(json.dumps(found, indent=2) + "\n")
    wanted = json.loads(SNAPSHOT.read_text())
    assert list(found) == list(wanted), "an id must never change (write the snapshot anew with --write-schema for a new node)"
    for name in wanted:
        assert found[name] == wanted[name], f"{name} changed: people's saved workflows depend on it"


def test_schemas_are_valid_and_complete(pack: Pack) -> None:
    assert len(pack.schemas) == 78
    for name, schema in pack.schemas.items():
        schema.validate()
        assert name.startswith("StyleAtelier")
        assert schema.category.startswith("Style Atelier")
        assert schema.search_aliases, name
        choices = [choice for i in schema.inputs if i.get_io_type() == DYNAMIC_COMBO for choice in i.options]
        inputs = [*schema.inputs, *(i for choice in choices for i in choice.inputs)]
        for item in [*inputs, *schema.outputs]:
            assert item.tooltip, f"{name}.{item.id} has no tooltip"
        for item in inputs:
            if item.get_io_type() in ("INT", "FLOAT"):
                assert None not in (item.default, item.min, item.max, item.step), f"{name}.{item.id}"
            if item.id in SEEDS:
                assert item.control_after_generate == "fixed", (
                    f"{name}.{item.id}: the next run of the same graph is no other picture"
                )
            if item.get_io_type() == "COMBO":
                assert item.default in item.options, f"{name}.{item.id}"
