"""Networks under the host's memory manager: read once, moved with everything else, listening to the person's stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakValueDictionary

import comfy.model_management as mm
import comfy.model_patcher
import torch
from torch import Tensor, nn

from .feedback import every_layer, show
from .folders import Locator
from .sockets import Hosted

_loaded: WeakValueDictionary[tuple[str, ...], Hosted] = WeakValueDictionary()


def load(kind: str, choice: str, loader: Callable[[str, Locator], Any]) -> Hosted:
    """The model of this choice under the host's memory manager; read once while anything still uses it."""
    found = _loaded.get((kind, choice))
    if found is not None and all(path.is_file() and path.stat().st_mtime_ns == then for path, then in found.files):
        return found
    locator = Locator()
    model = loader(choice, locator)
    for note in getattr(model, "notes", ()):
        show(note)
    hosted = Hosted(model, patcher_for(model.module), tuple(locator.files))
    _loaded[kind, choice] = hosted
    return hosted


def patcher_for(module: nn.Module) -> Any:
    """The host's patcher around a network. Looked up at call time: the host replaces the class on some machines."""
    patcher = comfy.model_patcher.CoreModelPatcher
    return patcher(module, load_device=mm.get_torch_device(), offload_device=mm.unet_offload_device())


@contextmanager
def on_device(hosted: Hosted, memory: float) -> Iterator[torch.device]:
    """The network on its device with `memory` bytes free beside it; every layer looks for the person's interrupt.

    For a look at the page's wish, every layer asks whether it is still wanted instead.
    """
    mm.load_models_gpu([hosted.patcher], memory_required=memory, force_full_load=True)
    hosted.model.module.to(hosted.patcher.load_device)  # where the host saves graphics memory it leaves plain layers behind
    leaves = [m for m in hosted.model.module.modules() if next(m.children(), None) is None]
    hooks = [leaf.register_forward_pre_hook(every_layer()) for leaf in leaves]
    try:
        yield hosted.patcher.load_device
    finally:
        for hook in hooks:
            hook.remove()


def compute_device() -> torch.device:
    """Where the host computes."""
    return mm.get_torch_device()


class plain_weights:
    """Weights that the host moved in inference mode, as plain tensors, for as long as gradients pass them."""

    def __init__(self, *modules: nn.Module) -> None:
        self.modules = modules
        self.before: list[tuple[dict[str, Any], str, Tensor]] = []

    def __enter__(self) -> None:
        for part in (part for module in self.modules for part in module.modules()):
            both: list[dict[str, Any]] = [part._parameters, part._buffers]
            for held in both:
                for name, tensor in held.items():
                    if tensor is not None and tensor.is_inference():
                        self.before.append((held, name, tensor))
                        plain = tensor.detach().clone()
                        held[name] = nn.Parameter(plain, requires_grad=False) if held is part._parameters else plain

    def __exit__(self, *_: Any) -> None:
        for held, name, tensor in self.before:
            held[name] = tensor
