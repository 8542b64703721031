"""Steps of training against the authors' code, in one process on the same threads.

    python benchmarks/training.py --johnson DIR --adain DIR [--threads 1] [--size 256] [--batch 4] [--steps 5]

--johnson: fast_neural_style/neural_style of a checkout of pytorch/examples; --adain: a checkout of naoto0804/pytorch-AdaIN. Their
networks and losses are imported as they are, and their loops' steps are carried out in their order; VGGs have fixed random weights,
the same for both sides. Processor time, median of interleaved steps; memory is the growth of peak resident size of a step, each side
in a process of its own (Linux).
"""

from __future__ import annotations

import argparse
import importlib
import statistics
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from peak_memory import growth_of, print_growth
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parent.parent
pack = types.ModuleType("style_atelier")
pack.__path__ = [str(ROOT)]
sys.modules["style_atelier"] = pack

from style_atelier.models.encoders.encoder import no_gradients  # noqa: E402
from style_atelier.models.encoders.looking import Looking  # noqa: E402
from style_atelier.models.encoders.vgg import VGG, VGGConfig  # noqa: E402
from style_atelier.models.families import vgg  # noqa: E402
from style_atelier.models.families.adain import train as adain_train  # noqa: E402
from style_atelier.models.families.johnson import train as johnson_train  # noqa: E402
from style_atelier.models.training.draws import Draws  # noqa: E402
from style_atelier.models.training.recipe import Batch  # noqa: E402
from style_atelier.models.training.update import Update  # noqa: E402

Step = Callable[[Tensor, Tensor], float]
VGG16 = dict(zip(vgg.conv_names((2, 2, 3, 3)), (64, 64, 128, 128, 256, 256, 256, 512, 512, 512), strict=True))
VGG19 = dict(zip(vgg.conv_names((2, 2, 4, 1)), (64, 64, 128, 128, 256, 256, 256, 256, 512), strict=True))


def filled(module: nn.Module) -> Any:
    """He-scaled weights from a fixed seed."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for layer in module.modules():
            if isinstance(layer, nn.Conv2d):
                layer.weight.normal_(0, (2 / layer.weight[0].numel()) ** 0.5, generator=generator)
                if layer.bias is not None:
                    layer.bias.zero_()
    return module


def imported(folder: str, *names: str) -> list[Any]:
    """Modules of a checkout."""
    sys.path.insert(0, folder)
    try:
        return [importlib.import_module(name) for name in names]
    finally:
        sys.path.pop(0)


def their_johnson(folder: str) -> Step:
    """A step of pytorch/examples' `train`."""
    torchvision = importlib.import_module("torchvision")
    whole = torchvision.models.vgg16
    torchvision.models.vgg16 = lambda *_, **__: filled(whole(weights=None))
    net, losses, utils = imported(folder, "transformer_net", "vgg", "utils")
    network, seen, mse = net.TransformerNet(), losses.Vgg16(requires_grad=False), nn.MSELoss()
    optimizer, grams = torch.optim.Adam(network.parameters(), 1e-3), []

    def step(content: Tensor, style: Tensor) -> float:
        if not grams:
            grams.extend(utils.gram_matrix(y) for y in seen(utils.normalize_batch(style.repeat(len(content), 1, 1, 1) * 255)))
        optimizer.zero_grad()
        x = content * 255
        y = utils.normalize_batch(network(x))
        features_y, features_x = seen(y), seen(utils.normalize_batch(x))
        loss = 1e5 * mse(features_y.relu2_2, features_x.relu2_2)
        loss = loss + 1e10 * sum(mse(utils.gram_matrix(f), g[: len(x)]) for f, g in zip(features_y, grams, strict=True))
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def their_adain(folder: str) -> Step:
    """A step of pytorch-AdaIN's train.py."""
    (net,) = imported(folder, "net")
    network = net.Net(nn.Sequential(*list(filled(net.vgg).children())[:31]), filled(net.decoder))
    optimizer = torch.optim.Adam(network.decoder.parameters(), 1e-4)

    def step(content: Tensor, style: Tensor) -> float:
        loss_c, loss_s = network(content, style.expand_as(content))
        loss = loss_c + 10 * loss_s
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def our_johnson() -> Step:
    """The recipe with the authors' plan."""
    eye = Looking(no_gradients(filled(VGG(VGGConfig(tuple(VGG16.items()))))))  # type: ignore[arg-type]
    network = johnson_train.TransformerNet(johnson_train.config_of(32)).to(memory_format=torch.channels_last)
    updates: list[Update] = []

    def step(content: Tensor, style: Tensor) -> float:
        if not updates:
            updates.append(Update(johnson_train.TrainJohnson(network, eye, [style]), johnson_train.AUTHORS))
        return updates[0](Batch(content), Draws(0, 0), 0)["total"]

    return step


def our_adain() -> Step:
    """The recipe with the authors' plan."""
    eye = no_gradients(filled(VGG(VGGConfig(tuple(VGG19.items()), "reflect", True, "conv0"))))
    decoder = filled(adain_train.InverseVGG(adain_train.config_for(VGG19))).to(memory_format=torch.channels_last)
    update = Update(adain_train.TrainAdaIN(decoder, Looking(eye)), adain_train.AUTHORS)  # type: ignore[arg-type]
    return lambda content, style: update(Batch(content, style.expand_as(content)), Draws(0, 0), 0)["total"]


def sides(case: str, options: argparse.Namespace) -> dict[str, Callable[[], Step]]:
    """Both sides of a case."""
    if case == "johnson":
        return {"theirs": lambda: their_johnson(options.johnson), "ours": our_johnson}
    return {"theirs": lambda: their_adain(options.adain), "ours": our_adain}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--johnson", required=True)
    parser.add_argument("--adain", required=True)
    for name, default in (("threads", 1), ("size", 256), ("batch", 4), ("steps", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--cases", nargs="*", default=["johnson", "adain"])
    parser.add_argument("--growth", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    generator = torch.Generator().manual_seed(1)
    content = torch.rand(options.batch, 3, options.size, options.size, generator=generator)
    style = torch.rand(1, 3, options.size, options.size, generator=generator)
    if options.growth:
        step = sides(options.growth[0], options)[options.growth[1]]()

        def run() -> None:
            with torch.inference_mode(False), torch.enable_grad():
                step(content.clone(), style.clone())

        print_growth(run, run)
        return
    for case in options.cases:
        steps = {name: build() for name, build in sides(case, options).items()}
        times: dict[str, list[float]] = {name: [] for name in steps}
        for _ in range(options.steps + 1):
            for name, step in steps.items():
                began = time.process_time()
                step(content, style)
                times[name].append(time.process_time() - began)
        medians = {name: statistics.median(found[1:]) for name, found in times.items()}
        same = [f"--{name}={getattr(options, name)}" for name in ("johnson", "adain", "threads", "size", "batch")]
        memory = {name: growth_of(__file__, [*same, "--growth", case, name]) for name in steps}
        print(
            f"{case}: {medians['theirs']:.2f} s / {medians['ours']:.2f} s = {medians['theirs'] / medians['ours']:.2f}; "
            f"memory {memory['theirs']:.0f} / {memory['ours']:.0f} MiB",
            flush=True,
        )


if __name__ == "__main__":
    main()
