"""ProGamerGov/neural-style-pt as a benchmark sees it: its modules put together as its main() does, with weights from here."""

from __future__ import annotations

import importlib.util
import sys
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parent.parent
pack = types.ModuleType("style_atelier")
pack.__path__ = [str(ROOT)]
sys.modules.setdefault("style_atelier", pack)

from style_atelier.models.encoders.vgg import CAFFE_MEAN_BGR, VGG, tap_to_conv  # noqa: E402

STYLE_WEIGHT, CONTENT_WEIGHT, VARIATION_WEIGHT = 1e2, 5e0, 1e-3  # its defaults
Progress = Callable[[int, float], None]  # number of the evaluation, its loss


@dataclass(frozen=True)
class Layers:
    """Where the losses are, by neural-style's names."""

    style: tuple[str, ...]
    content: str


def code(folder: Path) -> Any:
    """Its one file of code, which reads the command line as it is imported."""
    sys.path.insert(0, str(folder))
    arguments, sys.argv = sys.argv, ["neural_style.py"]
    try:
        spec = importlib.util.spec_from_file_location("neural_style_pt_main", folder / "neural_style.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.argv = arguments
        sys.path.remove(str(folder))
    return module


def to_caffe(picture: Tensor) -> Tensor:
    """RGB in 0..1 as neural-style has it: BGR, 0..255, minus means."""
    return picture.flip(1) * 255 - torch.tensor(CAFFE_MEAN_BGR)[:, None, None]


def from_caffe(picture: Tensor) -> Tensor:
    """The way back."""
    return ((picture + torch.tensor(CAFFE_MEAN_BGR)[:, None, None]) / 255).flip(1)


def first_weights(network: VGG) -> dict[str, Tensor]:
    """Those of conv1_1 for Caffe's pictures: what the network does to its pictures first goes into them.

    Exact for Caffe's own networks, whose weights stay as they are, and where borders are reflected.
    """
    conv: Any = network.convs["conv1_1"]
    if network.config.normalization == "caffe":
        return {"weight": conv.weight, "bias": conv.bias}
    assert network.config.padding == "reflect"
    scale, mean = network.scale.view(1, 3, 1, 1), network.mean.view(1, 3, 1, 1)
    offset = torch.tensor(CAFFE_MEAN_BGR).flip(0).view(1, 3, 1, 1) / 255
    bias = conv.bias + (conv.weight * scale * (offset - mean)).sum(dim=(1, 2, 3))
    return {"weight": (conv.weight * scale / 255).flip(1), "bias": bias}


class NeuralStyle:
    """Its network with losses in between. content, style: [1, 3, h, w] in 0..1; everything else in its own unit."""

    def __init__(self, folder: Path, network: VGG, layers: Layers, content: Tensor, style: Tensor) -> None:
        theirs = code(folder)
        config = network.config
        self.contents: list[Any] = []
        self.styles: list[Any] = []
        self.variation: Any = theirs.TVLoss(VARIATION_WEIGHT)
        self.net = nn.Sequential(self.variation)
        for name, conv in network.convs.items():
            assert isinstance(conv, nn.Conv2d)
            if name.endswith("_1") and name != "conv1_1":
                self.net.append(nn.MaxPool2d(kernel_size=2, stride=2, ceil_mode=config.ceil_pool))
            own = nn.Conv2d(conv.in_channels, conv.out_channels, 3, padding=1, padding_mode=config.padding)
            weights = first_weights(network) if name == "conv1_1" else conv.state_dict()
            own.load_state_dict({key: tensor.contiguous() for key, tensor in weights.items()})
            self.net.extend([own, nn.ReLU(inplace=True)])
            for wanted, kept, made in (
                ((layers.content,), self.contents, lambda: theirs.ContentLoss(CONTENT_WEIGHT, False)),
                (layers.style, self.styles, lambda: theirs.StyleLoss(STYLE_WEIGHT, False)),
            ):
                if name in map(tap_to_conv, wanted):
                    kept.append(made())
                    self.net.append(kept[-1])
            if self.contents and len(self.styles) == len(layers.style):
                break
        self._capture(self.contents, to_caffe(content))
        self._capture(self.styles, to_caffe(style))
        for module in (*self.contents, *self.styles):
            module.mode = "loss"
        for parameter in self.net.parameters():
            parameter.requires_grad = False

    def _capture(self, modules: Sequence[Any], picture: Tensor) -> None:
        for module in modules:
            module.mode = "capture"
        with torch.no_grad():
            self.net(picture)
        for module in modules:
            module.mode = "None"

    def loss(self, image: Tensor) -> Tensor:
        """The sum that its feval() makes."""
        self.net(image)
        total: Any = 0
        for module in (*self.contents, *self.styles, self.variation):
            total += module.loss
        return total

    def evaluate(self, picture: Tensor) -> tuple[float, Tensor]:
        """Loss and gradient."""
        image = nn.Parameter(picture)
        loss = self.loss(image)
        loss.backward()
        assert image.grad is not None
        return loss.item(), image.grad

    def optimize(self, start: Tensor, evaluations: int, progress: Progress = lambda number, loss: None) -> Tensor:
        """Its L-BFGS; the picture of the last evaluation, which is the one it saves."""
        image = nn.Parameter(start.clone())
        optimizer = torch.optim.LBFGS([image], max_iter=evaluations, tolerance_change=-1, tolerance_grad=-1)
        calls, last = 0, start

        def feval() -> Tensor:
            nonlocal calls, last
            calls += 1
            optimizer.zero_grad()
            loss = self.loss(image)
            loss.backward()
            if calls == evaluations:
                last = image.detach().clone()
            progress(calls, loss.item())
            return loss

        optimizer.step(feval)
        return last
