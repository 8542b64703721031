"""Writes the words of sockets that grow (style 1, style 2, ...) into both locales, from the schemas' snapshot.

    python docs/words/grown_sockets.py

The page asks for `inputs.<input>_<prefix><number>`, one key for every socket that may appear. Run it after
`pytest tests/nodes --write-schema` when a node has a new Autogrow input; what is there already is written anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
AUTOGROW = "COMFY_AUTOGROW_V3"
CHINESE = {
    "style": "风格",
    "taken_style": "提取好的风格",
    "content_mask": "内容遮罩",
    "style_mask": "风格遮罩",
    "features": "特征",
    "code": "风格编码",
    "w": "W 点",
    "objective": "目标",
    "stylizer": "风格化模型",
}


def grown(inputs: dict[str, dict[str, str]], item: dict[str, Any], word: str) -> dict[str, dict[str, str]]:
    """Name and tooltip of every socket of one Autogrow input."""
    tooltip = inputs[item["id"]]["tooltip"]
    keys = (f"{item['id']}_{item['prefix']}{i}" for i in range(item["max"]))
    return {key: {"name": f"{word} {i + 1}", "tooltip": tooltip} for i, key in enumerate(keys)}


def with_sockets(inputs: dict[str, dict[str, str]], schema: dict[str, Any], language: str) -> dict[str, dict[str, str]]:
    """A node's words, each Autogrow input followed by its sockets."""
    growing = {item["id"]: item for item in schema["inputs"] if item["type"] == AUTOGROW}
    old = tuple(f"{id}_{item['prefix']}" for id, item in growing.items())
    found: dict[str, dict[str, str]] = {}
    for key, words in inputs.items():
        if key.startswith(old) and key[-1].isdigit():
            continue
        found[key] = words
        if key in growing:
            prefix = growing[key]["prefix"]
            word = prefix.replace("_", " ") if language == "en" else CHINESE.get(prefix, words["name"])
            found |= grown(inputs, growing[key], word)
    return found


def main() -> None:
    schemas = json.loads((ROOT / "tests" / "nodes" / "schema.json").read_text(encoding="utf-8"))
    for language in ("en", "zh"):
        path = ROOT / "locales" / language / "nodeDefs.json"
        definitions = json.loads(path.read_text(encoding="utf-8"))
        for name in definitions.keys() & schemas.keys():
            schema = schemas[name]
            definitions[name]["inputs"] = with_sockets(definitions[name]["inputs"], schema, language)
        path.write_text(json.dumps(definitions, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
