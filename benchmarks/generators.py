"""Generators against their authors' code on the processor, in one run on the same threads.

    python benchmarks/generators.py --sources DIR [--threads 1] [--cases stylegan2-256 ...] [--runs 5]

--sources: a folder with checkouts named stylegan2-ada-pytorch, stylegan3 and Styleformer. They have packages of the same names,
so each side runs in a process of its own that waits for its turn: the runs are interleaved and nothing else runs meanwhile. Their
custom operations have no form for the processor but the reference, "fallback" one, which is what is timed. Both sides have the
same seeded weights, and the largest difference of the pictures is told. Memory is the growth of peak resident size (Linux).

The floor is the time that the convolutions' multiplications alone would take at the rate of a large convolution, measured here.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import types
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parent.parent
STYLE = 512
V2: dict[str, Any] = {"channel_base": 16384, "channel_max": 512}
T: dict[str, Any] = {"channel_base": 16384, "channel_max": 512, "mapping_kwargs": {"num_layers": 2}}
R: dict[str, Any] = {**T, "channel_base": 32768, "channel_max": 1024, "conv_kernel": 1, "use_radial_filters": True}
FORMER = {"depth": 32, "minimum_head": 1, "num_layers": [1, 2, 2], "G_dict": [256, 64, 32], "conv_clamp": 256, "linformer": False}
# name: (repository, module, resolution, settings, batch)
CASES: dict[str, tuple[str, str, int, dict[str, Any], int]] = {
    "stylegan2-256": ("stylegan2-ada-pytorch", "training.networks", 256, {"synthesis_kwargs": V2}, 1),
    "stylegan2-256 x8": ("stylegan2-ada-pytorch", "training.networks", 256, {"synthesis_kwargs": V2}, 8),
    "stylegan2-1024": (
        *("stylegan2-ada-pytorch", "training.networks", 1024),
        {"synthesis_kwargs": {"channel_base": 32768, "channel_max": 512, "conv_clamp": 256}},
        1,
    ),
    "stylegan3-t-256": ("stylegan3", "training.networks_stylegan3", 256, T, 1),
    "stylegan3-t-256 x8": ("stylegan3", "training.networks_stylegan3", 256, T, 8),
    "stylegan3-r-256": ("stylegan3", "training.networks_stylegan3", 256, R, 1),
    "stylegan3-r-256 x8": ("stylegan3", "training.networks_stylegan3", 256, R, 8),
    "styleformer-32": ("Styleformer", "training.networks_Generator", 32, {"synthesis_kwargs": FORMER}, 8),
}


def theirs(case: str, sources: Path, weights: Path) -> Any:
    """The authors' generator; writes its weights and settings for our side."""
    repository, module, resolution, settings, _ = CASES[case]
    sys.path.insert(0, str(sources / repository))
    made: Any = __import__(module, fromlist=["Generator"])
    torch.manual_seed(0)
    network = made.Generator(STYLE, 0, STYLE, resolution, 3, **settings).train(False).requires_grad_(False)
    kwargs = {"z_dim": STYLE, "c_dim": 0, "w_dim": STYLE, "img_resolution": resolution, "img_channels": 3, **settings}
    torch.save({"state": network.state_dict(), "settings": json.dumps(kwargs)}, weights)
    former = repository == "Styleformer"
    return lambda ws: network.synthesis(ws) if former else network.synthesis(ws, noise_mode="const")


def ours(case: str, weights: Path) -> tuple[Any, nn.Module]:
    """Our generator with the same weights."""
    pack = types.ModuleType("style_atelier")
    pack.__path__ = [str(ROOT)]
    sys.modules["style_atelier"] = pack
    from style_atelier.models.generation.noise import Noise
    from style_atelier.models.library.registry import recognize

    saved = torch.load(weights, weights_only=True)
    tensors: dict[str, Tensor] = {f"G_ema.{name}": tensor for name, tensor in saved["state"].items()}
    known = recognize(tensors)
    assert known is not None
    assert known.generator is not None
    config = known.configure(tensors)
    if known.with_settings is not None:
        config = known.with_settings(config, {"G_ema.kwargs": saved["settings"]})
    network = known.build(config)
    network.load_state_dict(known.rename(tensors, config))
    generator = known.generator(network.train(False).requires_grad_(False), case, case, "")
    mode = "random" if generator.always_noisy else "const"
    return lambda ws: generator.paint(ws, Noise(mode)), network


def products(network: nn.Module, run: Any, ws: Tensor) -> float:
    """Multiplications of our convolutions in one picture, as plain convolutions would need them."""
    from style_atelier.models.ops import modulation

    counted, plain = [0.0], modulation.modulated_conv2d

    def counting(x: Tensor, weight: Tensor, style: Tensor, *rest: Any, **named: Any) -> Tensor:
        y = plain(x, weight, style, *rest, **named)
        counted[0] += weight.numel() * y.shape[2] * y.shape[3] / (4 if named.get("up_filter") is not None else 1)
        return y

    users = [m for m in list(sys.modules.values()) if getattr(m, "modulated_conv2d", None) is plain]
    for module in users:
        module.modulated_conv2d = counting  # type: ignore[attr-defined]
    run(ws[:1])
    for module in users:
        module.modulated_conv2d = plain  # type: ignore[attr-defined]
    return counted[0]


def rate() -> float:
    """Multiplications in a second of a large 3x3 convolution, channels last."""
    x = torch.randn(1, 256, 64, 64).to(memory_format=torch.channels_last)
    weight = torch.randn(256, 256, 3, 3).to(memory_format=torch.channels_last)
    best = min(timed(lambda: nn.functional.conv2d(x, weight, padding=1)) for _ in range(5))
    return x[0, 0].numel() * weight.numel() / best


def timed(work: Any) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def peak() -> int:
    """Peak resident size in bytes."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def serve(side: str, case: str, sources: Path, weights: Path, threads: int) -> None:
    """One side: answers each line of its input with the seconds of a run, the first with the picture as well."""
    torch.set_num_threads(threads)
    ws = torch.randn((CASES[case][4], 64, STYLE), generator=torch.Generator().manual_seed(1))
    network = None
    if side == "theirs":
        run = theirs(case, sources, weights)
    else:
        run, network = ours(case, weights)
    rows = {"stylegan2": 2 * CASES[case][2].bit_length() - 4, "stylegan3": 16, "styleformer": 8}[case.split("-")[0]]
    ws = ws[:, :1].expand(-1, rows, -1).contiguous()
    with torch.inference_mode():
        before = peak()
        picture = run(ws)
        grown = peak() - before
        torch.save(picture, weights.with_suffix(f".{side}"))
        facts: dict[str, float] = {"grown": grown}
        if network is not None:
            facts |= {"products": products(network, run, ws), "rate": rate()}
        print("READY " + json.dumps(facts), flush=True)
        for _ in sys.stdin:
            print("RAN " + json.dumps(timed(lambda: run(ws))), flush=True)


def answer(process: subprocess.Popen[str], word: str) -> Any:
    """The next line of a side that begins with this word."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(word + " "):
            return json.loads(line[len(word) + 1 :])
    raise SystemExit("one side ended early")


def compare(case: str, sources: Path, threads: int, runs: int) -> str:
    """A row of the table."""
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder, "weights.pt")
        sides, facts = {}, {}
        for side in ("theirs", "ours"):
            command = [sys.executable, __file__, "--sources", str(sources), "--threads", str(threads)]
            command += ["--serve", side, "--case", case, "--weights", str(weights)]
            pipe = subprocess.PIPE
            sides[side] = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)
            facts[side] = answer(sides[side], "READY")
        seconds: dict[str, list[float]] = {side: [] for side in sides}
        for _ in range(runs):
            for side, process in sides.items():
                assert process.stdin is not None
                process.stdin.write("run\n")
                process.stdin.flush()
                seconds[side].append(answer(process, "RAN"))
        for process in sides.values():
            process.kill()
        a, b = (torch.load(weights.with_suffix(f".{side}"), weights_only=True) for side in ("theirs", "ours"))
    batch = CASES[case][4]
    middle = {side: statistics.median(times) for side, times in seconds.items()}
    difference = "noise by chance" if case.startswith("styleformer") else f"{float((a - b).abs().max() / a.abs().max()):.0e}"
    floor = facts["ours"]["products"] / facts["ours"]["rate"] * batch / middle["ours"]
    grown = " / ".join(f"{facts[side]['grown'] / 2**20:.0f}" for side in sides)
    own = f"{middle['theirs'] / batch:.2f} / {middle['ours'] / batch:.2f}"
    cells = [case, f"{middle['theirs'] / middle['ours']:.2f}", own, f"{floor:.2f}" if floor else "-", difference, grown]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=CASES)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    parser.add_argument("--weights", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve, given.case, given.sources, given.weights, given.threads)
        return
    columns = [
        "case",
        "ratio",
        "seconds a picture, theirs / ours",
        "floor / ours",
        "difference",
        "peak memory theirs / ours, MiB",
    ]
    print(f"| {' | '.join(columns)} |")
    print("|---|---|---|---|---|---|")
    for case in given.cases:
        print(compare(case, given.sources, given.threads, given.runs), flush=True)


if __name__ == "__main__":
    main()
