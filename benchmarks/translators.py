"""Translators against their authors' code, in one process on the same threads.

    python benchmarks/translators.py --sources DIR [--threads 1] [--cases cyclegan munit ...]

--sources: a folder with checkouts named pytorch-CycleGAN-and-pix2pix, UGATIT-pytorch, photo2cartoon, animegan2-pytorch, stargan,
stargan-v2, MUNIT and FUNIT. Their code is imported as it is; munch, cv2, skimage and ffmpeg, which StarGAN v2 imports for other
purposes, are given as empty modules. Both sides have the same seeded weights: the time does not depend on them.
Times are the processor's, the median of interleaved runs, so that a machine that does other work too gives the same ratios;
memory is the growth of peak resident size in a run, the median of fresh processes (Linux).
"""

from __future__ import annotations

import argparse
import functools
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

ROOT = Path(__file__).resolve().parent.parent
pack = types.ModuleType("style_atelier")
pack.__path__ = [str(ROOT)]
sys.modules["style_atelier"] = pack

from style_atelier.models.canvas.whole import Whole  # noqa: E402
from style_atelier.models.encoders.encoder import no_gradients  # noqa: E402
from style_atelier.models.library.registry import recognize  # noqa: E402

Run = Callable[[Tensor], Tensor]
SIZES = {
    "cyclegan": (256, 512),
    "pix2pix": (256,),
    "ugatit-light": (256,),
    "photo2cartoon": (256,),
    "animegan2": (256, 512),
    "stargan": (128,),
    "stargan2": (256,),
    "munit": (256, 512),
    "funit": (128,),
}


def source(path: Path) -> Any:
    """Import one file of the authors' code, with its folder importable beside it."""
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(f"theirs_{path.parent.name.replace('-', '_')}_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def seeded(network: Any) -> Any:
    """He-scaled weights from a fixed seed."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for tensor in network.parameters():
            if tensor.dim() > 1:
                tensor.copy_(torch.randn(tensor.shape, generator=generator) * (2 / tensor[0].numel()) ** 0.5)
    return network.train(False).requires_grad_(False)


def mine(tensors: dict[str, Tensor]) -> Any:
    """Our network with these tensors."""
    known = recognize(tensors)
    assert known is not None
    config = known.configure(tensors)
    network = known.build(config)
    network.load_state_dict(known.rename(tensors, config))
    return no_gradients(network)


def cyclegan(folder: Path) -> tuple[Run, Run]:
    """resnet_9blocks with instance normalization."""
    module = source(folder / "pytorch-CycleGAN-and-pix2pix/models/networks.py")
    norm = functools.partial(nn.InstanceNorm2d, affine=False)
    theirs = seeded(module.ResnetGenerator(3, 3, 64, norm_layer=norm, n_blocks=9))
    return theirs, mine(theirs.state_dict())


def pix2pix(folder: Path) -> tuple[Run, Run]:
    """unet_256 with batch normalization, deterministic."""
    module = source(folder / "pytorch-CycleGAN-and-pix2pix/models/networks.py")
    theirs = seeded(module.UnetGenerator(3, 3, 8, 64, norm_layer=nn.BatchNorm2d, use_dropout=True))
    return theirs, mine(theirs.state_dict())


def ugatit(folder: Path) -> tuple[Run, Run]:
    """The light generator; its picture."""
    theirs = seeded(source(folder / "UGATIT-pytorch/networks.py").ResnetGenerator(3, 3, 64, 4, 256, True))
    ours = mine({f"genA2B.{k}": t for k, t in theirs.state_dict().items()})["genA2B"]
    return lambda x: theirs(x)[0], lambda x: ours(x)[0]


def photo2cartoon(folder: Path) -> tuple[Run, Run]:
    """The published width of 32; its picture."""
    theirs = seeded(source(folder / "photo2cartoon/models/networks.py").ResnetGenerator(32, 256, True))
    ours = mine(theirs.state_dict())
    return lambda x: theirs(x)[0], lambda x: ours(x)[0]


def animegan2(folder: Path) -> tuple[Run, Run]:
    """With corners aligned."""
    theirs = seeded(source(folder / "animegan2-pytorch/model.py").Generator())
    return theirs, mine(theirs.state_dict())


def stargan(folder: Path) -> tuple[Run, Run]:
    """CelebA's five attributes, never in evaluation mode."""
    theirs = seeded(source(folder / "stargan/model.py").Generator()).train(True)
    ours, labels = mine(theirs.state_dict()), torch.tensor([[0.0, 1, 0, 1, 1]])
    return lambda x: theirs(x, labels), lambda x: ours(x, labels)


def stargan2(folder: Path) -> tuple[Run, Run]:
    """The generator for animals, without the high-pass branch."""
    for name in ("munch", "cv2", "skimage", "skimage.filters", "ffmpeg"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules["skimage.filters"].gaussian = None  # type: ignore[attr-defined]
    sys.modules["munch"].Munch = type("Munch", (dict,), {"__getattr__": dict.__getitem__})  # type: ignore[attr-defined]
    sys.path.insert(0, str(folder / "stargan-v2"))
    module = importlib.import_module("core.model")
    parts = {
        "generator": module.Generator(256, 64, w_hpf=0),
        "mapping_network": module.MappingNetwork(16, 64, 3),
        "style_encoder": module.StyleEncoder(256, 64, 3),
    }
    tensors = {f"{name}.{k}": t for name, net in parts.items() for k, t in seeded(net).state_dict().items()}
    theirs, ours, code = parts["generator"], mine(tensors)["generator"], torch.randn(1, 64)
    return lambda x: theirs(x, code), lambda x: ours(x, code)


def munit(folder: Path) -> tuple[Run, Run]:
    """Content of one domain painted in a style of the other."""
    module = source(folder / "MUNIT/networks.py")
    settings = {"dim": 64, "mlp_dim": 256, "style_dim": 8, "activ": "relu", "n_downsample": 2, "n_res": 4, "pad_type": "reflect"}
    a, b = (seeded(module.AdaINGen(3, settings)) for _ in range(2))
    ours = mine({f"{name}.{k}": t for name, net in (("a", a), ("b", b)) for k, t in net.state_dict().items()})
    code, canvas = torch.randn(1, 8), Whole()

    def run(x: Tensor) -> Tensor:
        return canvas.close(ours["b"].render(canvas, ours["a"].enc_content(canvas, canvas.open(x)), code))

    return lambda x: b.decode(a.enc_content(x), code[:, :, None, None]), run


def funit(folder: Path) -> tuple[Run, Run]:
    """The published widths; the class code is made once."""
    module = source(folder / "FUNIT/networks.py")
    settings = {"nf": 64, "nf_mlp": 256, "n_downs_class": 4, "n_downs_content": 3, "n_mlp_blks": 3, "n_res_blks": 2}
    theirs = seeded(module.FewShotGen({**settings, "latent_dim": 64}))
    ours, code, canvas = mine(theirs.state_dict()), torch.randn(1, 64), Whole()

    def run(x: Tensor) -> Tensor:
        return canvas.close(ours.render(canvas, ours.enc_content(canvas, canvas.open(x)), code))

    return lambda x: theirs.decode(theirs.enc_content(x), code[:, :, None, None]), run


CASES: dict[str, Callable[[Path], tuple[Run, Run]]] = {
    "cyclegan": cyclegan,
    "pix2pix": pix2pix,
    "ugatit-light": ugatit,
    "photo2cartoon": photo2cartoon,
    "animegan2": animegan2,
    "stargan": stargan,
    "stargan2": stargan2,
    "munit": munit,
    "funit": funit,
}


def main() -> None:
    """Print a Markdown table and the raw numbers as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--side", choices=("theirs", "ours"), help="measure memory of one side (used by the program itself)")
    parser.add_argument("--size", type=int)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.side:
        run = CASES[args.cases[0]](args.sources)[("theirs", "ours").index(args.side)]
        x = pictures(args.size)[0] * 2 - 1
        print_growth(lambda: run(x))
        return
    rows = []
    print("| case | size | ratio | largest difference, relative | peak memory theirs / ours, MiB |\n|---|---|---|---|---|")
    for case in args.cases:
        theirs, ours = CASES[case](args.sources)
        for size in SIZES[case]:
            x, times = pictures(size)[0] * 2 - 1, {"theirs": [], "ours": []}
            with torch.inference_mode():
                a, b = theirs(x), ours(x)
                for _ in range(args.repeats):
                    for name, run in (("theirs", theirs), ("ours", ours)):
                        start = time.process_time()
                        run(x)
                        times[name].append(time.process_time() - start)
            t, o = (statistics.median(times[name]) for name in ("theirs", "ours"))
            options = ["--sources", str(args.sources), "--threads", str(args.threads), "--cases", case, "--size", str(size)]
            memory = [growth_of(__file__, [*options, "--side", side]) for side in ("theirs", "ours")]
            difference = float((a - b).abs().max() / a.abs().max())
            rows.append(
                {"case": case, "size": size, "ratio": t / o, "difference": difference, "memory": memory, "seconds": [t, o]}
            )
            print(f"| {case} | {size} | {t / o:.2f} | {difference:.0e} | {memory[0]:.0f} / {memory[1]:.0f} |", flush=True)
    print(json.dumps({"torch": torch.__version__, "threads": args.threads, "rows": rows}))


if __name__ == "__main__":
    main()
