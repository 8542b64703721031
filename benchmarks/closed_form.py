"""AdaIN and WCT against published code, in one process on the same threads.

    python benchmarks/closed_form.py --adain DIR --distillation DIR [--weights DIR] [--threads 1] [--sizes 256 512 1024]

--adain: a checkout of naoto0804/pytorch-AdaIN; --distillation: one of MingSun-Tse/Collaborative-Distillation (its PytorchWCT
and model folders are PytorchWCT with newer networks). Their code is imported as it is, except that
`torch.utils.serialization`, which today's torch lacks and which is not called here, is given as an empty module (matplotlib,
which their plotting imports, must be installed).
Times are the processor's, the median of interleaved runs, so that a machine that does other work too gives the same ratios;
memory is the growth of peak resident size in a run, the median of fresh processes (Linux).
Weights of the original networks come from --weights where they are (levels 1-3, AdaIN), else from fixed random numbers, the
same for both sides: the time does not depend on them.
"""

from __future__ import annotations

import argparse
import importlib
import json
import statistics
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path

import torch
from peak_memory import growth_of, pictures, print_growth
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parent.parent
pack = types.ModuleType("style_atelier")
pack.__path__ = [str(ROOT)]
sys.modules["style_atelier"] = pack

from style_atelier.models.architecture import Architecture  # noqa: E402
from style_atelier.models.encoders.encoder import Encoder, no_gradients  # noqa: E402
from style_atelier.models.families import adain, vgg, wct  # noqa: E402
from style_atelier.models.library import stylizers  # noqa: E402
from style_atelier.models.library.registry import architecture, open_checkpoint  # noqa: E402
from style_atelier.models.stylization.stylizer import StylizeOptions  # noqa: E402

Run = Callable[[Tensor, Tensor], Tensor]
CASES = ("adain", "wct", "wct-16x")


def build(known: Architecture, tensors: dict[str, Tensor]) -> nn.Module:
    """Our network with the other side's tensors."""
    config = known.configure(tensors)
    network = known.build(config)
    network.load_state_dict(known.rename(tensors, config))
    return no_gradients(network)


def randomized(module: nn.Module, seed: int) -> nn.Module:
    """He-scaled weights from a seed, so that activations keep their size through any depth."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in module.modules():
            if isinstance(layer, nn.Conv2d):
                fan_in = layer.weight[0].numel()
                layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator) * (2 / fan_in) ** 0.5)
                if layer.bias is not None:
                    layer.bias.copy_(torch.randn(layer.bias.shape, generator=generator) * 0.1)
    return module.train(False).requires_grad_(False)


def adain_pair(args: argparse.Namespace) -> tuple[Run, Run]:
    """pytorch-AdaIN's test.py (one style, alpha 1) and ours."""
    sys.path.insert(0, str(args.adain))
    net, function = importlib.import_module("net"), importlib.import_module("function")
    encoder, decoder = net.vgg, net.decoder
    if args.weights is not None and (args.weights / "adain").exists():
        encoder.load_state_dict(torch.load(args.weights / "adain/vgg_normalised_relu4_1.pth", weights_only=True), strict=False)
        decoder.load_state_dict(torch.load(args.weights / "adain/decoder.pth", weights_only=True))
    else:
        randomized(encoder, 0)
        randomized(decoder, 1)
    encoder = nn.Sequential(*list(encoder.children())[:31]).requires_grad_(False)
    decoder.requires_grad_(False)

    def theirs(content: Tensor, style: Tensor) -> Tensor:
        return decoder(function.adaptive_instance_normalization(encoder(content), encoder(style))).clamp(0, 1)

    ours_encoder = build(vgg.NORMALIZED, encoder.state_dict())
    mine = adain.stylizer(
        library_encoder(ours_encoder), adain.as_decoder(build(architecture("adain-decoder"), decoder.state_dict()), "d", "d")
    )
    return theirs, lambda content, style: mine.stylize(content, [style])


def library_encoder(network: nn.Module) -> Encoder:
    """The normalized VGG under its usual name."""
    return Encoder("vgg19-normalised", "VGG-19", network, network, ["relu4_1"])  # type: ignore[arg-type]


def import_distillation(folder: Path) -> types.ModuleType:
    """util_wct with the folder's `model` package; torch.utils.serialization is gone from torch."""
    absent = types.ModuleType("torch.utils.serialization")
    absent.load_lua = None  # type: ignore[attr-defined]
    sys.modules[absent.__name__] = absent
    sys.path[:0] = [str(folder), str(folder / "PytorchWCT")]
    util = importlib.import_module("util_wct")
    util.EigenValueThre = 1e-5  # type: ignore[attr-defined]  # as in PytorchWCT; at this repository's 1e-100 directions without variance turn into noise
    return util


def wct_pair(args: argparse.Namespace, pruned: bool) -> tuple[Run, Run]:
    """Their five-level WCT as PytorchWCT/WCT.py runs it, and ours."""
    util = import_distillation(args.distillation)
    names = argparse.Namespace(mode="16x" if pruned else "original", numpy=False)
    for level in range(1, 6):
        setattr(names, f"e{level}", None)
        setattr(names, f"d{level}", None)
    theirs = util.WCT(names)
    encoders, decoders = {}, {}
    if pruned:
        if args.weights is None:
            raise SystemExit("--weights is needed for the pruned networks")
        for path in sorted((args.weights / "wct16x").rglob("*.pth")):
            opened = open_checkpoint(path)
            if opened.kind == "encoder":
                item = stylizers.as_encoder(opened)
                level = int(item.default_taps[0][4])
                encoders[level] = item
                getattr(theirs, f"e{level}").load_state_dict(opened.tensors)
            else:
                item = stylizers.as_decoder(opened)
                level = int(item.taps[0][4])
                decoders[level] = item
                getattr(theirs, f"d{level}").load_state_dict(opened.tensors)
    else:
        randomized(theirs.e5, 0)
        shared = theirs.e5.state_dict()
        keys = {n: wct.pruned_name(n) for n in vgg.normalized_keys()}
        config = vgg.VGGConfig(vgg.widths(shared, keys), "reflect", True, "conv0")
        network = vgg.VGG(config)
        network.load_state_dict(vgg.fold_conv0(shared, config, keys, "conv0"))
        encoders = dict.fromkeys(wct.LEVELS, library_encoder(no_gradients(network)))
        for level in wct.LEVELS:
            getattr(theirs, f"e{level}").load_state_dict(shared, strict=False)
            decoder = randomized(getattr(theirs, f"d{level}"), level)
            known = architecture(f"wct-16x-decoder-{level}")  # the same names, and their decoders end in a ReLU too
            decoders[level] = adain.as_decoder(build(known, decoder.state_dict()), "d", "d")  # type: ignore[arg-type]
    theirs.requires_grad_(False)
    mine = wct.stylizer("wct", "WCT", encoders, decoders)

    def run(content: Tensor, style: Tensor) -> Tensor:
        picture = content
        for level in wct.LEVELS:
            encode, decode = getattr(theirs, f"e{level}"), getattr(theirs, f"d{level}")
            features, wanted = encode(picture).squeeze(0), encode(style).squeeze(0)
            picture = decode(theirs.transform(features, wanted, torch.empty(1, *features.shape), 1.0))
        return picture.clamp(0, 1)

    return run, lambda content, style: mine.stylize(content, [style], StylizeOptions())


def pair(case: str, args: argparse.Namespace) -> tuple[Run, Run]:
    """(theirs, ours) of a case."""
    return adain_pair(args) if case == "adain" else wct_pair(args, case == "wct-16x")


def main() -> None:
    """Print a Markdown table and the raw numbers as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--adain", type=Path, required=True)
    parser.add_argument("--distillation", type=Path, required=True)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512, 1024])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--case", choices=CASES)
    parser.add_argument("--side", choices=("theirs", "ours"))
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.side:
        run = pair(args.case, args)[("theirs", "ours").index(args.side)]
        content, style = pictures(args.sizes[0])
        print_growth(lambda: run(content, style), warm_up=lambda: run(*pictures(128)))
        return
    common = ["--adain", str(args.adain), "--distillation", str(args.distillation), "--threads", str(args.threads)]
    common += ["--weights", str(args.weights)] if args.weights else []
    rows = []
    original_wct: dict[int, float] = {}
    print("| case | size | ratio (theirs / ours) | largest difference | peak memory theirs / ours, MiB |")
    print("|---|---|---|---|---|")
    for case in [args.case] if args.case else CASES:
        theirs, ours = pair(case, args)
        for size in args.sizes:
            content, style = pictures(size)
            times: dict[str, list[float]] = {"theirs": [], "ours": []}
            with torch.inference_mode():
                a, b = theirs(content, style), ours(content, style)
                for _ in range(args.repeats):
                    for name, run in (("theirs", theirs), ("ours", ours)):
                        start = time.process_time()
                        run(content, style)
                        times[name].append(time.process_time() - start)
            t, o = (statistics.median(times[name]) for name in ("theirs", "ours"))
            if case == "wct":
                original_wct[size] = t
            memory = [
                growth_of(__file__, [*common, "--case", case, "--side", side, "--sizes", str(size)])
                for side in ("theirs", "ours")
            ]
            difference = float((a - b).abs().max())
            rows.append({"case": case, "size": size, "ratio": t / o, "difference": difference, "memory": memory})
            if case == "wct-16x" and size in original_wct:
                rows[-1]["against_original"] = original_wct[size] / o
            extra = f" ({original_wct[size] / o:.1f} against the original networks)" if "against_original" in rows[-1] else ""
            print(f"| {case} | {size} | {t / o:.2f}{extra} | {difference:.1e} | {memory[0]:.0f} / {memory[1]:.0f} |", flush=True)
    print(json.dumps({"torch": torch.__version__, "threads": args.threads, "rows": rows}))


if __name__ == "__main__":
    main()
