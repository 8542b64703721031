"""Generators against the authors' pictures, from the authors' own containers: 1e-4 in float32 (StyleGAN1 1e-3)."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from style_atelier.models.generation.generator import Generator, Placement
from style_atelier.models.generation.noise import Noise
from style_atelier.tests.families.generator_files import opened

HERE = Path(__file__).parents[1] / "golden" / "stylegan"
SHARED = Path(os.environ.get("STYLE_ATELIER_SHARED") or Path(__file__).parents[3] / "shared") / "golden"
TOLERANCE = 1e-4
STYLEGAN2 = ("v3sg2_skip32_loud.pkl", "ada_resnet32_clamp05.pkl")
SHARED_STYLEGAN2 = ("sg2ada_uncond_skip.pkl", "sg2ada_cond_map2.pkl", "sg2_tf_skip_v5.pkl")


def at(folder: Path, name: str, tmp_path: Path) -> Generator:
    """The generator of a file, copied first: opening leaves a converted file beside it."""
    if not (folder / name).is_file():
        pytest.skip(f"NOT RUN: {folder / name} is not on this machine")
    return opened(Path(shutil.copy(folder / name, tmp_path)))


def outputs(folder: Path, name: str) -> dict[str, Tensor]:
    return torch.load(folder / f"{name.rsplit('.', 1)[0]}.io.pt", weights_only=True)


def close(a: Tensor, b: Tensor, tolerance: float = TOLERANCE) -> None:
    assert a.shape == b.shape
    assert float((a - b).abs().max()) <= tolerance * max(1.0, float(b.abs().max()))


def check_mapping(generator: Generator, io: dict[str, Any]) -> None:
    """W, psi 0.7, and psi 0.5 in the first four rows."""
    label = io["c"] if io.get("c") is not None and io["c"].shape[1] else None
    close(generator.map(io["z"], label), io["w"])
    for name, psi, cutoff in (("w_trunc07", 0.7, None), ("w_trunc05_cut4", 0.5, 4)):
        if name in io:
            close(generator.map(io["z"], label, psi, cutoff), io[name])


@torch.inference_mode()
def check_stylegan2(generator: Generator, io: dict[str, Tensor]) -> None:
    check_mapping(generator, io)
    for seeds in ((0,), (3, 4)):  # a seed does not matter to noise that is stored
        close(generator.paint(io["w"], Noise("const", seeds)), io["img_const"])
    close(generator.paint(io["w"], Noise("none")), io["img_none"])
    close(generator.paint(io["w"][:1], Noise()), io["img_const_b1"])
    close(generator.paint(io["w"], Noise("random", (123,))), io["img_random_seed123"])
    close(generator.paint(io["w_trunc07"], Noise()), io["img_trunc07_const"])
    close(generator.paint(io["w_mix_2_4"], Noise()), io["img_mix_const"])


@pytest.mark.parametrize("name", STYLEGAN2)
def test_stylegan2(name: str, tmp_path: Path) -> None:
    check_stylegan2(at(HERE, name, tmp_path), outputs(HERE, name))


@pytest.mark.parametrize("name", SHARED_STYLEGAN2)
def test_stylegan2_of_the_shared_files(name: str, tmp_path: Path) -> None:
    generator = at(SHARED / "stylegan", name, tmp_path)
    check_stylegan2(generator, outputs(SHARED / "stylegan", name))


@pytest.mark.parametrize("name", STYLEGAN2)
def test_a_converted_file_paints_the_same(name: str, tmp_path: Path) -> None:
    at(HERE, name, tmp_path)
    assert (tmp_path / f"{name}.converted.safetensors").is_file()
    check_stylegan2(opened(tmp_path / name), outputs(HERE, name))


@torch.inference_mode()
def check_stylegan3(generator: Generator, io: dict[str, Tensor]) -> None:
    check_mapping(generator, io)
    synthesis: Any = generator.module.get_submodule("synthesis")
    close(generator.paint(io["w"], Noise()), io["img"])
    if "img_trunc07" in io:
        close(generator.paint(io["w_trunc07"], Noise()), io["img_trunc07"])
    close(synthesis(io["w"], io["transform"]), io["img_transform"])
    if "input_feat" in io:
        close(synthesis.input(io["w"][:, 0]), io["input_feat"])
        close(synthesis.input(io["w"][:, 0], io["transform"]), io["input_transform_feat"])


def test_stylegan3(tmp_path: Path) -> None:
    name = "sg3_r16_layers6.pkl"
    generator, io = at(HERE, name, tmp_path), outputs(HERE, name)
    check_stylegan3(generator, io)
    right, down, degrees = io["placement"].tolist()
    with torch.inference_mode():
        close(generator.paint(io["w"], Noise(), Placement(right, down, degrees)), io["img_transform"])


@pytest.mark.parametrize("name", ["sg3_t_small.pkl", "sg3_r_small.pkl"])
def test_stylegan3_of_the_shared_files(name: str, tmp_path: Path) -> None:
    generator = at(SHARED / "stylegan", name, tmp_path)
    io = outputs(SHARED / "stylegan", name)
    check_stylegan3(generator, io)
    with torch.inference_mode():  # the authors' make_transform turns by 30 degrees and moves by (0.1, -0.2)
        close(generator.paint(io["w"], Noise(), Placement(0.1, -0.2, 30.0)), io["img_transform"])


@torch.inference_mode()
def test_stylegan(tmp_path: Path) -> None:
    generator = at(SHARED / "stylegan", "sg1_256_small.pkl", tmp_path)
    arrays = np.load(SHARED / "stylegan" / "sg1_256_small.io.npz")
    io = {name: torch.from_numpy(arrays[name]) for name in arrays}
    close(generator.map(io["z"]), io["w"], 1e-3)
    close(generator.paint(io["w"], Noise()), io["img_from_w"], 1e-3)
    close(generator.paint(generator.map(io["z"], None, 0.7, 8), Noise()), io["img_psi07_cut8"], 1e-3)
    close(generator.paint(generator.map(io["z"]), Noise()), io["img_psi1"], 1e-3)


@torch.inference_mode()
def check_styleformer(generator: Generator, io: dict[str, Tensor]) -> None:
    close(generator.map(io["z"]), io["w"])
    close(generator.paint(io["w"], Noise("random", (77,))), io["img_random_seed77"])
    close(generator.paint(io["w"], Noise("none")), io["img_no_noise"])


def test_styleformer(tmp_path: Path) -> None:
    check_styleformer(at(HERE, "sf_min2.pkl", tmp_path), outputs(HERE, "sf_min2.pkl"))


def test_styleformer_of_the_shared_files(tmp_path: Path) -> None:
    generator = at(SHARED / "styleformer", "plain.pkl", tmp_path)
    check_styleformer(generator, outputs(SHARED / "styleformer", "plain.pkl"))


@torch.inference_mode()
def check_rosinality(generator: Generator, io: dict[str, Tensor]) -> None:
    ws = generator.map(io["z"], None, 0.7)
    close(ws, io["latents_psi07"])
    close(generator.average, io["latent_avg"].reshape(-1))
    close(generator.paint(ws, Noise()), io["y_psi07"])
    close(generator.paint(generator.map(io["z"]), Noise()), io["y_psi1"])
    first, second = generator.map(io["z"][:1]), generator.map(io["z"][1:2])
    if "y_mix_inject3" in io:
        close(generator.paint(torch.cat([first[:, :3], second[:, 3:]], dim=1), Noise()), io["y_mix_inject3"])


def test_rosinality_with_its_settings(tmp_path: Path) -> None:
    """A container that holds an argparse.Namespace, optimizers and the discriminator."""
    check_rosinality(at(HERE, "ros_args.pt", tmp_path), outputs(HERE, "ros_args.pt"))


def test_rosinality_of_the_shared_files(tmp_path: Path) -> None:
    generator = at(SHARED / "stylegan", "rosinality_converted.pt", tmp_path)
    check_rosinality(generator, torch.load(SHARED / "stylegan" / "rosinality.io.pt", weights_only=True))
