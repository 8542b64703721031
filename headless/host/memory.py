"""Devices and memory: the part of `comfy.model_management` and `comfy.model_patcher` that nodes use."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import torch

from .progress import InterruptProcessingException, interrupt, throw_exception_if_processing_interrupted

CPU = torch.device("cpu")


class Devices:
    """The device chosen for this run, and the networks on it, least recently used first."""

    chosen = CPU
    loaded: list[Any] = []  # noqa: RUF012 (one process, one list)


def choose(device: str) -> torch.device:
    """auto, cpu, cuda or mps -> the device that nodes will use. Raises ValueError when it is not there."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    chosen = torch.device(device)
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise ValueError("device is cuda but torch finds no CUDA graphics card: choose cpu or auto")
    if chosen.type == "mps" and not torch.backends.mps.is_available():
        raise ValueError("device is mps but torch finds no Apple graphics: choose cpu or auto")
    Devices.chosen = chosen
    return chosen


def get_torch_device() -> torch.device:
    """Where networks run."""
    return Devices.chosen


def unet_offload_device() -> torch.device:
    """Where networks wait."""
    return CPU


def intermediate_device() -> torch.device:
    """Where pictures travel between nodes."""
    return CPU


def intermediate_dtype() -> torch.dtype:
    """The numbers of pictures between nodes."""
    return torch.float32


def get_free_memory(dev: torch.device | None = None, torch_free_too: bool = False) -> Any:
    """Free bytes on a device (the computer's for cpu and mps)."""
    device = dev or Devices.chosen
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        free += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    else:
        free = available_memory()
    return (free, free) if torch_free_too else free


def available_memory() -> int:
    """Bytes of the computer's memory that a program may take, 4 GiB where the system does not say."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            line = next(line for line in file if line.startswith("MemAvailable:"))
        return int(line.split()[1]) * 1024
    except (OSError, StopIteration):
        names = getattr(os, "sysconf_names", {})
        if "SC_PHYS_PAGES" in names:
            return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
        return 4 * 1024**3


class CoreModelPatcher:
    """A network and the devices it moves between."""

    def __init__(self, model: torch.nn.Module, load_device: torch.device, offload_device: torch.device, size: int = 0) -> None:
        self.model = model
        self.load_device = load_device
        self.offload_device = offload_device
        self.size = size or sum(t.numel() * t.element_size() for t in model.state_dict().values())


def load_models_gpu(
    models: Iterable[Any],
    memory_required: float = 0,
    force_patch_weights: bool = False,
    minimum_memory_required: Any = None,
    force_full_load: bool = False,
) -> None:
    """Bring networks to their device, others away first where that is needed for `memory_required` bytes more."""
    wanted = list(models)
    needed = memory_required + sum(m.size for m in wanted if m not in Devices.loaded)
    free_memory(needed, Devices.chosen, wanted)
    for patcher in wanted:
        patcher.model.to(patcher.load_device)
        if patcher in Devices.loaded:
            Devices.loaded.remove(patcher)
        Devices.loaded.append(patcher)


def free_memory(memory_required: float, device: torch.device, keep_loaded: Iterable[Any] = ()) -> None:
    """Send the networks used longest ago away until so many bytes are free on the device."""
    kept = list(keep_loaded)
    for patcher in list(Devices.loaded):
        if device.type == "cpu" or get_free_memory(device) >= memory_required:
            return
        if not any(patcher is other for other in kept):
            patcher.model.to(patcher.offload_device)
            Devices.loaded.remove(patcher)
            soft_empty_cache()


def soft_empty_cache(force: bool = False) -> None:
    """Give unused memory of the graphics card back."""
    if Devices.chosen.type == "cuda":
        torch.cuda.empty_cache()


def is_oom(e: BaseException) -> bool:
    """Whether an error says that the graphics card's memory ran out."""
    return isinstance(e, torch.cuda.OutOfMemoryError)


def raise_non_oom(e: BaseException) -> None:
    """Raise every error but a lack of memory."""
    if not is_oom(e):
        raise e


__all__ = ["InterruptProcessingException", "interrupt", "throw_exception_if_processing_interrupted"]
