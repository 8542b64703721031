"""AdaAttN, CAP-VSTNet and fast neural style against their authors' code, in one process on the same threads.

    python benchmarks/arbitrary.py [--adaattn DIR] [--cap-vstnet DIR] [--johnson DIR] [--threads 1] [--sizes 512 1024]

--adaattn: a checkout of Huage001/AdaAttN; --cap-vstnet: one of linfengWen98/CAP-VSTNet; --johnson: the fast_neural_style
folder of pytorch/examples. Cases whose code is not given are left out. Their code is imported as it is. AdaAttN's model is run by
its own `forward`, on networks that are made here as its constructor makes them, which asks for a graphics card. Both sides have
the same seeded weights: the time does not depend on them.
Times are the process's own (other programs do not count), medians of interleaved runs. Floor: the products that we carry out,
counted by PyTorch, at the rate of a large convolution, as a part of our time; and those of the authors' formulas likewise, above
1 where fewer do. Memory is the growth of peak resident size in a run, each in a fresh process (Linux). --repeats 0: memory only.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import statistics
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from peak_memory import growth_of, pictures, print_growth
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

ROOT = Path(__file__).resolve().parent.parent
pack = types.ModuleType("style_atelier")
pack.__path__ = [str(ROOT)]
sys.modules["style_atelier"] = pack

from style_atelier.models.encoders.encoder import no_gradients  # noqa: E402
from style_atelier.models.encoders.vgg import VGG19_BLOCKS  # noqa: E402
from style_atelier.models.families import cap_vstnet  # noqa: E402
from style_atelier.models.library.registry import recognize  # noqa: E402
from style_atelier.models.stylization.stylizer import Stylizer  # noqa: E402

Run = Callable[[Tensor, Tensor], Tensor]
Tuple = tuple[int, ...]
CASES = {"adaattn": "adaattn", "cap-vstnet-photo": "cap_vstnet", "cap-vstnet-art": "cap_vstnet", "johnson": "johnson"}
VGG_WIDTHS = (64, 128, 256, 512, 512)
VGG_TAPS = ((0, 4), (4, 11), (11, 18), (18, 31), (31, 44))  # layers up to relu1_1, from there to relu2_1, ...


def source(path: Path) -> Any:
    """Import one file of the authors' code."""
    spec = importlib.util.spec_from_file_location(f"theirs_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def seeded(network: Any, seed: int, gain: float = 1.0) -> Any:
    """He-scaled weights from a seed, times a gain."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in network.parameters():
            scale = (2 / tensor[0].numel()) ** 0.5 if tensor.dim() > 1 else 0.1
            tensor.copy_(torch.randn(tensor.shape, generator=generator) * scale * gain)
    return network.train(False).requires_grad_(False)


def mine(tensors: dict[str, Tensor], kind: str = "") -> Stylizer:
    """Our stylizer with these tensors."""
    known = recognize(tensors)
    assert known is not None
    assert known.stylizer is not None
    config = known.configure(tensors)
    if kind:
        config = cap_vstnet.of_kind(config, kind)
    network = known.build(config)
    network.load_state_dict(known.rename(tensors, config))
    return known.stylizer(no_gradients(network), "benchmark", known.title, known.license)


def normalized_vgg() -> nn.Sequential:
    """VGG-19 as AdaAttN lays it out."""
    layers: list[nn.Module] = [nn.Conv2d(3, 3, 1)]
    channels = 3
    for number, (count, width) in enumerate(zip(VGG19_BLOCKS, VGG_WIDTHS, strict=True)):
        if number:
            layers.append(nn.MaxPool2d(2, 2, 0, ceil_mode=True))
        for _ in range(count):
            layers += [nn.ReflectionPad2d(1), nn.Conv2d(channels, width, 3), nn.ReLU()]
            channels = width
    return nn.Sequential(*layers)


def adaattn_pair(folder: Path, kind: str) -> tuple[Run, Stylizer]:
    """test_adaattn.sh: shallow layers in the keys, attention at relu3_1 too."""
    package = types.ModuleType("theirs_adaattn")
    package.__path__ = [str(folder / "models")]
    sys.modules[package.__name__] = package
    networks = importlib.import_module("theirs_adaattn.networks")
    model_class = importlib.import_module("theirs_adaattn.adaattn_model").AdaAttNModel
    encoder = seeded(normalized_vgg(), 0)
    # keys of size 1 in some hundred channels: without a small gain the softmax would see one position alone
    parts = {
        "adaattn_3": seeded(networks.AdaAttN(256, 64 * 64, 448), 1, 0.3),
        "transformer": seeded(networks.Transformer(512, 960, True), 2, 0.3),
        "decoder": seeded(networks.Decoder(True), 3),
    }
    with torch.no_grad():  # makes about 0..1
        parts["decoder"].decoder_layer_2[24].weight.mul_(0.1)
        parts["decoder"].decoder_layer_2[24].bias.fill_(0.5)
    layers = list(encoder.children())
    model = object.__new__(model_class)
    model.image_encoder_layers = [nn.Sequential(*layers[start:stop]) for start, stop in VGG_TAPS]
    for name, part in parts.items():
        setattr(model, f"net_{name}", part)
    model.opt = argparse.Namespace(skip_connection_3=True, shallow_layer=True)
    model.seed = 6666

    def theirs(content: Tensor, style: Tensor) -> Tensor:
        model.c, model.s = content, style
        model.forward()
        return model.cs.clamp(0, 1)

    every = {"encoder": encoder, **parts}
    return theirs, mine({f"{name}.{key}": t for name, part in every.items() for key, t in part.state_dict().items()})


def cap_vstnet_pair(folder: Path, kind: str) -> tuple[Run, Stylizer]:
    """image_transfer.py, without masks."""
    network_class, transform = source(folder / "models/RevResNet.py").RevResNet, source(folder / "models/cWCT.py").cWCT()
    hidden, steps = {"photo": (16, 2), "art": (64, 1)}[kind]
    network = seeded(network_class([10, 10, 10], [1, 2, 2], [16, 64, 256], 3, hidden_dim=hidden, sp_steps=steps), 0, 0.5)

    def theirs(content: Tensor, style: Tensor) -> Tensor:
        moved = transform.transfer(network(content), network(style))
        return network(moved, forward=False).clamp(0, 1)

    return theirs, mine(network.state_dict(), kind)


def johnson_pair(folder: Path, kind: str) -> tuple[Run, Stylizer]:
    """neural_style.py eval, whose network takes and gives 0..255; there is no style picture."""
    network = seeded(source(folder / "neural_style/transformer_net.py").TransformerNet(), 0)
    with torch.no_grad():  # makes 0..255
        network.deconv3.conv2d.weight.mul_(40)
        network.deconv3.conv2d.bias.fill_(127)
    return lambda content, style: network(content * 255).div_(255).clamp_(0, 1), mine(network.state_dict())


def pair(case: str, args: argparse.Namespace) -> tuple[Run, Run]:
    """(theirs, ours) of a case."""
    make = {"adaattn": adaattn_pair, "cap_vstnet": cap_vstnet_pair, "johnson": johnson_pair}[CASES[case]]
    theirs, stylizer = make(getattr(args, CASES[case]), case.split("-")[-1])
    return theirs, lambda content, style: stylizer.stylize(content, [style] if stylizer.style_kind else [])


def rate() -> float:
    """Products in a second of a large 3x3 convolution, channels last."""
    x = torch.randn(1, 256, 64, 64).to(memory_format=torch.channels_last)
    weight = torch.randn(256, 256, 3, 3).to(memory_format=torch.channels_last)
    best = min(timed(lambda: nn.functional.conv2d(x, weight, padding=1)) for _ in range(5))
    return x[0, 0].numel() * weight.numel() / best


def timed(work: Callable[[], Any]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def of_attention(query: Tuple, keys: Tuple, values: Tuple, *rest: Any, **named: Any) -> int:
    """Operations of PyTorch's attention on processors, which its counter does not know; products and sums both count."""
    batch, heads, positions, width = query
    return 2 * batch * heads * positions * keys[-2] * (width + values[-1])


ATTENTION = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: of_attention}


def products(run: Run, content: Tensor, style: Tensor) -> tuple[float, Tensor]:
    """Multiplications in a run, in convolutions, products of matrices and attention; and its picture."""
    with FlopCounterMode(display=False, custom_mapping=ATTENTION) as counter, torch.no_grad():
        made = run(content, style)
    return counter.get_total_flops() / 2, made


def compare(case: str, size: int, theirs: Run, ours: Run, args: argparse.Namespace, argv: list[str]) -> dict[str, Any]:
    """A row of the table."""
    memory = [growth_of(__file__, [*argv, "--case", case, "--side", side, "--sizes", str(size)]) for side in ("theirs", "ours")]
    if not args.repeats:
        return {"case": case, "size": size, "memory": memory}
    content, style = pictures(size)
    needed, a = products(theirs, content, style)
    done, b = products(ours, content, style)
    seconds: dict[str, list[float]] = {"theirs": [], "ours": []}
    with torch.inference_mode():
        for _ in range(args.repeats):
            for name, run in (("theirs", theirs), ("ours", ours)):
                seconds[name].append(timed(lambda run=run: run(content, style)))
        speed = rate()
    t, o = (statistics.median(seconds[name]) for name in ("theirs", "ours"))
    return {
        "case": case,
        "size": size,
        "ratio": t / o,
        "seconds": [t, o],
        "all seconds": seconds,
        "floor": [done / speed / o, needed / speed / o],
        "rate": speed,
        "difference": float((a - b).abs().max()),
        "memory": memory,
    }


def main() -> None:
    """Print a Markdown table and the raw numbers as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given = sorted(set(CASES.values()))
    for name in given:
        parser.add_argument(f"--{name.replace('_', '-')}", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--sizes", type=int, nargs="+", default=[512, 1024])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--case", choices=CASES)
    parser.add_argument("--side", choices=("theirs", "ours"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.side:
        run = pair(args.case, args)[("theirs", "ours").index(args.side)]
        content, style = pictures(args.sizes[0])
        print_growth(lambda: run(content, style), warm_up=lambda: run(*pictures(128)))
        return
    argv = ["--threads", str(args.threads)]
    for name in given:
        if getattr(args, name):
            argv += [f"--{name.replace('_', '-')}", str(getattr(args, name))]
    rows = []
    columns = ("case", "size", "ratio", "seconds, theirs / ours", "floor / ours", "floor of the authors' formulas / ours")
    print(f"| {' | '.join((*columns, 'largest difference', 'peak memory theirs / ours, MiB'))} |")
    print("|---|---|---|---|---|---|---|---|")
    for case, name in CASES.items():
        if args.case not in (None, case) or getattr(args, name) is None:
            continue
        theirs, ours = pair(case, args)
        for size in args.sizes:
            row = compare(case, size, theirs, ours, args, argv)
            rows.append(row)
            cells = [case, size]
            if args.repeats:
                cells += [f"{row['ratio']:.2f}", "{:.2f} / {:.2f}".format(*row["seconds"])]
                cells += [*(f"{floor:.2f}" for floor in row["floor"]), f"{row['difference']:.1e}"]
            else:
                cells += ["-"] * 5
            cells.append("{:.0f} / {:.0f}".format(*row["memory"]))
            print(f"| {' | '.join(map(str, cells))} |", flush=True)
    print(json.dumps({"torch": torch.__version__, "threads": args.threads, "rows": rows}))


if __name__ == "__main__":
    main()
