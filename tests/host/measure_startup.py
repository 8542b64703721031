"""Run by ComfyUI's own Python in its folder: seconds that the pack adds to the start, beyond what the host loads anyway."""

import asyncio
import importlib.util
import sys
import time

sys.path[0] = "."  # in place of this folder, whose comfy.py is another
pack = sys.argv[1]
sys.argv = sys.argv[:1]

from comfy.cli_args import args

args.cpu = True

import comfy_api.latest  # noqa: F401

import nodes  # noqa: F401

started = time.perf_counter()
spec = importlib.util.spec_from_file_location("pack", f"{pack}/__init__.py", submodule_search_locations=[pack])
assert spec is not None
assert spec.loader is not None
module = importlib.util.module_from_spec(spec)
sys.modules["pack"] = module
spec.loader.exec_module(module)


async def load() -> None:
    extension = await module.comfy_entrypoint()
    await extension.on_load()
    for node in await extension.get_node_list():
        node.GET_SCHEMA()


asyncio.run(load())
print(f"SECONDS {time.perf_counter() - started:.4f}")
