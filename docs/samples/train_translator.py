"""train_translator.py PHOTOS WEIGHTS OUT [--minutes 15]: a small CycleGAN-format network for the pictures in the documentation.

pix2pix's objective (L1 and a PatchGAN with least squares; Isola et al. 2017, arXiv:1611.07004) on pairs of a photograph and the
same photograph painted by wct-16x in our own painting. PHOTOS: a folder of photographs; WEIGHTS: the published files of
wct-16x; OUT: the .pth that Load Translator then takes. It is no published network and stands for none.
"""

from __future__ import annotations

import argparse
import sys
import time
import types
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.transforms.functional import to_tensor

ROOT = Path(__file__).resolve().parents[2]
pack = types.ModuleType("style_atelier")
pack.__path__ = [str(ROOT)]
sys.modules["style_atelier"] = pack

from style_atelier.models.library import stylizers  # noqa: E402
from style_atelier.models.weights.catalogue import FileSpec  # noqa: E402

SIDE, CROP, WIDTH, BLOCKS, BATCH = 320, 128, 32, 6, 2
L1 = 20.0


class Files:
    """wct-16x's files in a folder, by the names in their addresses."""

    def __init__(self, folder: Path) -> None:
        self.paths = {path.name: path for path in folder.rglob("*") if path.is_file()}

    def file(self, name: str) -> Path:
        return self.paths[name]

    def fetch(self, spec: FileSpec) -> Path:
        return next(self.paths[url.rsplit("/", 1)[-1]] for url in spec.urls)

    def find(self, spec: FileSpec) -> Path | None:
        return None


class Block(nn.Module):
    """CycleGAN's residual block, as trained."""

    def __init__(self, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for active in (True, False):
            layers += [nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), nn.InstanceNorm2d(width)]
            layers += [nn.ReLU()] if active else []
        self.conv_block = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv_block(x)


class Generator(nn.Module):
    """CycleGAN's resnet, whose parameters get the published names by their places."""

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(3, width, 7), nn.InstanceNorm2d(width), nn.ReLU()]
        for c in (width, 2 * width):
            layers += [nn.Conv2d(c, 2 * c, 3, 2, 1), nn.InstanceNorm2d(2 * c), nn.ReLU()]
        layers += [Block(4 * width) for _ in range(blocks)]
        for c in (4 * width, 2 * width):
            layers += [nn.ConvTranspose2d(c, c // 2, 3, 2, 1, 1), nn.InstanceNorm2d(c // 2), nn.ReLU()]
        self.model = nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


def critic(width: int) -> nn.Sequential:
    """A small PatchGAN on photograph and painting together."""
    layers: list[nn.Module] = [nn.Conv2d(6, width, 4, 2, 1), nn.LeakyReLU(0.2)]
    for c, stride in ((width, 2), (2 * width, 1)):
        layers += [nn.Conv2d(c, 2 * c, 4, stride, 1), nn.InstanceNorm2d(2 * c), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(4 * width, 1, 4, 1, 1))


def read(path: Path, side: int) -> Tensor:
    """A picture [1, 3, h, w] in 0..1 with this shorter side."""
    picture = Image.open(path).convert("RGB")
    scale = side / min(picture.size)
    return to_tensor(picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.LANCZOS))[
        None
    ]


def pairs(photos: Path, weights: Path) -> list[tuple[Tensor, Tensor]]:
    """(photograph, painted photograph) in -1..1."""
    stylizer = stylizers.load_stylizer("wct-16x", Files(weights))
    style, made = read(ROOT / "samples/painting.jpg", 384), []
    with torch.inference_mode():
        for path in sorted(p for p in photos.rglob("*") if p.suffix.lower() in (".jpg", ".png", ".webp")):
            photo = read(path, SIDE)
            made.append((photo * 2 - 1, stylizer.stylize(photo, [style]) * 2 - 1))
    return [(a.clone(), b.clone()) for a, b in made]


def batch(data: list[tuple[Tensor, Tensor]], dice: torch.Generator) -> tuple[Tensor, Tensor]:
    """Random crops of random pairs, half of them mirrored."""
    found: list[tuple[Tensor, Tensor]] = []
    for _ in range(BATCH):
        photo, painted = data[int(torch.randint(len(data), (), generator=dice))]
        top, left = (int(torch.randint(n - CROP + 1, (), generator=dice)) for n in painted.shape[-2:])
        cut = [x[..., top : top + CROP, left : left + CROP] for x in (photo, painted)]
        found.append(tuple(x.flip(-1) for x in cut) if torch.rand((), generator=dice) < 0.5 else tuple(cut))  # type: ignore[arg-type]
    return torch.cat([a for a, _ in found]), torch.cat([b for _, b in found])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=15)
    args = parser.parse_args()
    torch.manual_seed(0)
    dice = torch.Generator().manual_seed(0)
    data = pairs(args.photos, args.weights)
    print(len(data), "pairs", flush=True)
    generator, judge = Generator(WIDTH, BLOCKS), critic(32)
    nets: list[nn.Module] = [generator, judge]
    for net in nets:
        net.to(memory_format=torch.channels_last)
    steps: list[Any] = [torch.optim.Adam(net.parameters(), 4e-4, (0.5, 0.999)) for net in nets]
    start, step = time.monotonic(), 0
    while (gone := (time.monotonic() - start) / 60) < args.minutes:
        for optimizer in steps:
            optimizer.param_groups[0]["lr"] = 4e-4 * min(1.0, 2 * (1 - gone / args.minutes) + 0.02)
        photo, painted = batch(data, dice)
        made = generator(photo)
        loss_d = (judge(torch.cat([photo, painted], 1)) - 1).square().mean() + judge(
            torch.cat([photo, made.detach()], 1)
        ).square().mean()
        steps[1].zero_grad()
        (0.5 * loss_d).backward()
        steps[1].step()
        distance = (made - painted).abs().mean()
        loss_g = L1 * distance + (judge(torch.cat([photo, made], 1)) - 1).square().mean()
        steps[0].zero_grad()
        loss_g.backward()
        steps[0].step()
        step += 1
        if step % 200 == 0:
            print(f"{gone:.1f} min, step {step}: L1 {float(distance):.3f}", flush=True)
            torch.save(generator.state_dict(), args.out)
    torch.save(generator.state_dict(), args.out)


if __name__ == "__main__":
    main()
