"""Whether the host has Stable Diffusion, and what of it the pack's diffusion nodes ask."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import folder_paths
from torch import Tensor

LORAS = "loras"
NO_LORAS = "put LoRA files into models/loras"


def needs_comfyui(name: str) -> None:
    """Raise ValueError, in a sentence, on the embedded host, which has no diffusion models."""
    try:
        importlib.import_module("comfy.controlnet")
    except ImportError:
        raise ValueError(
            f"{name} works on Stable Diffusion, which needs a real ComfyUI: set COMFYUI_PATH, or send the workflow to a server"
        ) from None


def lora_files() -> list[str]:
    """Files of the host's loras folders."""
    if LORAS not in folder_paths.folder_names_and_paths:
        return []
    return [name.replace("\\", "/") for name in folder_paths.get_filename_list(LORAS)]


def lora_folder() -> Path:
    """The first of the host's loras folders."""
    return Path(folder_paths.get_folder_paths(LORAS)[0])


def lora_path(name: str) -> Path:
    """A LoRA file by its name in the list. Raises ValueError."""
    path = folder_paths.get_full_path(LORAS, name) if LORAS in folder_paths.folder_names_and_paths else None
    if path is None:
        raise ValueError(f"There is no LoRA file {name!r} in models/loras: put it there, or choose another of the list")
    return Path(path)


def lora_stamp(name: str | None) -> int:
    """When the file was changed last (ns), 0 where there is none."""
    if not name or LORAS not in folder_paths.folder_names_and_paths:
        return 0
    path = folder_paths.get_full_path(LORAS, name)
    return Path(path).stat().st_mtime_ns if path else 0


def read_lora(name: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """(tensors, header) of a LoRA file, read as every file of weights is: nothing in it runs. Raises CheckpointError."""
    from ...models.lora.files import settings_beside
    from ...models.weights.readers import read_checkpoint

    path = lora_path(name)
    found = read_checkpoint(path)
    return found.tensors, {**settings_beside(path), **found.metadata}


def diffusers_names(model: Any) -> dict[str, str]:
    """From diffusers' names of a UNet's weights to LDM's, {} for models that are no such UNet."""
    comfy_utils = importlib.import_module("comfy.utils")
    return comfy_utils.unet_to_diffusers(model.model.model_config.unet_config)
