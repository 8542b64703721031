"""Translators against the original authors' code in the authors' own containers, 1e-4 in float32."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from style_atelier.models.canvas.whole import Whole
from style_atelier.models.library.registry import Checkpoint, architecture, open_checkpoint, recognize
from style_atelier.tests.families.translator_files import fill, small

GOLDEN = Path(__file__).parent.parent / "golden"
TOLERANCE = 1e-4


def opened(name: str, tmp_path: Path) -> Checkpoint:
    """A checkpoint, copied first: opening leaves a converted file beside it."""
    return open_checkpoint(Path(shutil.copy(GOLDEN / name, tmp_path)))


def read(name: str) -> dict[str, Any]:
    return torch.load(GOLDEN / name, weights_only=True)


def close(a: Tensor, b: Tensor, scale: float = 1.0) -> None:
    assert a.shape == b.shape
    assert float((a - b).abs().max()) <= TOLERANCE * scale


def filled(name: str) -> tuple[dict[str, Tensor], dict[str, Any], dict[str, Any]]:
    """(state dict, golden arrays, meta) of a network too wide to ship."""
    golden = read(name)
    meta = json.loads(golden["meta"])
    groups = {f"{group}.": keys for group, keys in meta["keys"].items()} if "prefixes" in meta else {"": meta["keys"]}
    tensors: dict[str, Tensor] = {}
    for prefix, keys in groups.items():
        part = {prefix + key: torch.zeros(size) for key, size in keys.items()}
        gain = meta["gain"]
        fill(part, meta["seed"], gain[prefix[:-1]] if isinstance(gain, dict) else gain)
        tensors |= part
    return tensors, golden, meta


def built(tensors: dict[str, Tensor]) -> Any:
    known = recognize(tensors)
    assert known is not None
    config = known.configure(tensors)
    network = known.build(config)
    network.load_state_dict(known.rename(tensors, config))
    return network.train(False).requires_grad_(False)


@pytest.mark.parametrize(
    ("file", "pictures"),
    [
        ("cyclegan/resnet_6blocks_bn.pth", "cyclegan/resnet_6blocks_bn.io.pt"),
        ("cyclegan/resnet_9blocks.old.pth", "cyclegan/resnet_9blocks.io.pt"),
        ("cyclegan/unet_128_instance.pth", "cyclegan/unet_128_instance.io.pt"),
        ("cyclegan/D_basic.pth", "cyclegan/D_basic.io.pt"),
    ],
)
def test_cyclegan_and_pix2pix(file: str, pictures: str, tmp_path: Path) -> None:
    golden = read(pictures)
    close(opened(file, tmp_path).build()(golden["x"]), golden["y"])


@pytest.mark.parametrize("pictures", ["ugatit/ugatit_light.io.pt", "ugatit/ugatit_light_rect.io.pt"])
def test_ugatit(pictures: str, tmp_path: Path) -> None:
    golden = read(pictures)
    networks = opened("ugatit/ugatit_light_params_latest.pt", tmp_path).build()
    picture, logits, heat = networks["genA2B"](golden["x"])  # type: ignore[index]
    close(picture, golden["y"])
    close(logits, golden["cam_logit"])
    close(heat, golden["heatmap"])


@pytest.mark.parametrize(("name", "key"), [("disGA", "dG"), ("disLA", "dL")])
def test_ugatit_discriminators(name: str, key: str, tmp_path: Path) -> None:
    golden = read("ugatit/ugatit_light.io.pt")
    tensors = opened("ugatit/ugatit_light_params_latest.pt", tmp_path).networks[name]
    for made, part in zip(built(tensors)(golden["xd"]), ("out", "cam", "heat"), strict=True):
        wanted = golden[f"{key}_{part}"]
        # seeded weights make numbers of up to 1e10 here
        close(made, wanted, float(wanted.abs().max()))


def test_photo2cartoon(tmp_path: Path) -> None:
    golden = read("ugatit/photo2cartoon.io.pt")
    picture, logits, heat = opened("ugatit/photo2cartoon_weights.pt", tmp_path).build()(golden["x"])
    close(picture, golden["y"])
    close(logits, golden["cam_logit"])
    close(heat, golden["heatmap"])


def test_animegan() -> None:
    tensors, golden, _ = filled("ugatit/animegan2.golden.pt")
    network = built(tensors)
    close(network(golden["x"]), golden["y"])
    close(network(golden["x"], align_corners=False), golden["y_align_corners_false"])


def test_stargan(tmp_path: Path) -> None:
    golden = read("stargan/v1.io.pt")
    close(opened("stargan/200000-G.ckpt", tmp_path).build()(golden["x"], golden["c"]), golden["y_trainmode"])
    real, labels = opened("stargan/200000-D.ckpt", tmp_path).build()(golden["x"])
    close(real, golden["d_src"])
    close(labels, golden["d_cls"])


@pytest.mark.slow
def test_stargan2() -> None:
    tensors, golden, meta = filled("stargan/stargan_v2_afhq.golden.pt")
    networks: Any = built(tensors)
    image = fill.__globals__["image"]
    content, reference = (image(name, (1, 3, 256, 256), meta["seed"]) * 2 - 1 for name in ("content", "reference"))
    latent = networks["mapping_network"](golden["z"], golden["domain"])
    style = networks["style_encoder"](reference, golden["domain"])
    close(latent, golden["style_latent"])
    close(style, golden["style_reference"])
    close(networks["generator"](content, latent)[:, :, ::2, ::2], golden["y_latent"])
    close(networks["generator"](content, style)[:, :, ::2, ::2], golden["y_reference"])


def test_munit(tmp_path: Path) -> None:
    golden = read("munit/io.pt")
    networks: Any = opened("munit/gen_01000000.pt", tmp_path).build()
    a, b, canvas = networks["a"], networks["b"], Whole()
    content = a.enc_content(canvas, canvas.open(golden["x"]))
    close(content, golden["content"])
    close(a.enc_style(golden["x"]), golden["style_self"].flatten(1))
    close(b.enc_style(golden["x_style"]), golden["style_example"].flatten(1))
    codes = torch.cat([golden["s"], golden["style_example"]]).flatten(1)
    made = b.render(canvas, canvas.fresh(content, 3), codes)
    for row, name in enumerate(("y_s0", "y_s1", "y_example")):
        close(made[row : row + 1], golden[name])
    close(a(golden["x"]), golden["recon"])


@pytest.mark.real_weights
def test_munit_of_pytorch_03(shared: Path, tmp_path: Path) -> None:
    old = open_checkpoint(Path(shutil.copy(shared / "golden" / "munit" / "gen_old_pytorch03.pt", tmp_path))).build()
    for mine, theirs in zip(old.parameters(), opened("munit/gen_01000000.pt", tmp_path).build().parameters(), strict=True):
        close(mine, theirs, 0)


class PlainTensorFlowUGATIT:
    """taki0112/UGATIT's generator as its code reads, on NCHW tensors and the TensorFlow variables themselves."""

    def __init__(self, tensors: dict[str, Tensor], start: str, light: bool) -> None:
        self.variables, self.start, self.light = tensors, start, light

    def variable(self, name: str) -> Tensor:
        return self.variables[self.start + name]

    def conv(self, x: Tensor, scope: str, stride: int = 1, pad: int = 0) -> Tensor:
        kernel = self.variable(f"{scope}/conv2d/kernel").permute(3, 2, 0, 1)
        side = kernel.shape[-1]
        if pad:
            after = pad if (side - stride) % 2 == 0 else side - stride - pad
            x = nn.functional.pad(x, (pad, after, pad, after), mode="reflect")
        return nn.functional.conv2d(x, kernel, self.variable(f"{scope}/conv2d/bias"), stride)

    def instance_norm(self, x: Tensor, scope: str) -> Tensor:
        return nn.functional.instance_norm(x, weight=self.variable(f"{scope}/gamma"), bias=self.variable(f"{scope}/beta"))

    def layer_instance_norm(self, x: Tensor, rho: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        def standard(axes: tuple[int, ...]) -> Tensor:
            variance, mean = torch.var_mean(x, dim=axes, keepdim=True, correction=0)
            return (x - mean) / (variance + 1e-5).sqrt()

        rho = rho[:, None, None]
        return (rho * standard((2, 3)) + (1 - rho) * standard((1, 2, 3))) * gamma[..., None, None] + beta[..., None, None]

    def dense(self, x: Tensor, scope: str) -> Tensor:
        return x @ self.variable(f"MLP/{scope}/dense/kernel") + self.variable(f"MLP/{scope}/dense/bias")

    def __call__(self, x: Tensor, blocks: int) -> tuple[Tensor, Tensor, Tensor]:
        x = self.instance_norm(self.conv(x, "conv", 1, 3), "ins_norm").relu()
        for i in (0, 1):
            x = self.instance_norm(self.conv(x, f"conv_{i}", 2, 1), f"ins_norm_{i}").relu()
        for i in range(blocks):
            y = self.instance_norm(self.conv(x, f"resblock_{i}/res1/conv_0", 1, 1), f"resblock_{i}/res1/instance_norm").relu()
            x = x + self.instance_norm(self.conv(y, f"resblock_{i}/res2/conv_0", 1, 1), f"resblock_{i}/res2/instance_norm")
        kernel, bias = self.variable("CAM_logit/kernel"), self.variable("CAM_logit/bias")
        logits = torch.cat([pooled @ kernel + bias for pooled in (x.mean(dim=(2, 3)), x.amax(dim=(2, 3)))], dim=1)
        weighted = x * (kernel + bias)[None, :, :, None]
        x = self.conv(torch.cat([weighted, weighted], dim=1), "conv_1x1").relu()
        heat = x.sum(dim=1, keepdim=True)
        h = x.mean(dim=(2, 3)) if self.light else x.permute(0, 2, 3, 1).flatten(1)
        h = self.dense(self.dense(h, "linear_0").relu(), "linear_1").relu()
        gamma, beta = self.dense(h, "gamma"), self.dense(h, "beta")
        for i in range(blocks):
            scope, y = f"adaptive_resblock{i}", x
            for res in ("res1", "res2"):
                rho = (self.variable(f"{scope}/{res}/instance_layer_norm/rho") - 0.1).clamp(0, 1)
                y = self.layer_instance_norm(self.conv(y, f"{scope}/{res}/conv_0", 1, 1), rho, gamma, beta)
                y = y.relu() if res == "res1" else y
            x = x + y
        for i in (0, 1):
            x = self.conv(nn.functional.interpolate(x, scale_factor=2, mode="nearest"), f"up_conv_{i}", 1, 1)
            own = [self.variable(f"layer_ins_norm_{i}/{part}") for part in ("rho", "gamma", "beta")]
            x = self.layer_instance_norm(x, *own).relu()
        return self.conv(x, "G_logit", 1, 3).tanh(), logits, heat


def test_ugatit_of_tensorflow() -> None:
    tensors = small("ugatit-tensorflow")
    networks: Any = built(tensors)
    x = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    for name, start in (("genA2B", "generator_B/"), ("genB2A", "generator_A/")):
        plain = PlainTensorFlowUGATIT(tensors, start, light=False)(x, blocks=2)
        for mine, theirs in zip(networks[name](x), plain, strict=True):
            close(mine, theirs, max(1.0, float(theirs.abs().max())))


def test_every_translator_is_here() -> None:
    tested = {
        "cyclegan-resnet",
        "pix2pix-unet",
        "ugatit",
        "ugatit-tensorflow",
        "photo2cartoon",
        "animegan2",
        "stargan",
        "stargan2",
    }
    for identity in (*tested, "munit"):
        assert architecture(identity).translator is not None
