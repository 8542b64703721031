"""The translators' nodes: golden files in their own containers, styles, faces, and what people get wrong."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from style_atelier.models.families.cyclegan.network import ResnetConfig, ResnetGenerator
from style_atelier.tests.families.test_translator_golden import GOLDEN, filled, read
from style_atelier.tests.families.translator_files import small
from style_atelier.tests.pack import Pack
from style_atelier.tests.sentences import assert_one_sentence
from style_atelier.tests.weights.bundle_writer import write_bundle

TOLERANCE = 1e-4


def to_image(x: Tensor) -> Tensor:
    """[B, 3, H, W] in -1..1 as an IMAGE."""
    return ((x + 1) / 2).clamp(0, 1).movedim(1, -1)


def picture(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(sum(shape)))


def load(pack: Pack, folder: Path, file: str) -> Any:
    """A golden checkpoint through Load Translator."""
    shutil.copy(GOLDEN / file, folder / Path(file).name)
    return pack.run("LoadTranslator", translator=Path(file).name)


def saved(pack: Pack, folder: Path, name: str, tensors: dict[str, Tensor]) -> Any:
    """A file of these tensors through Load Translator."""
    torch.save(tensors, folder / name)
    return pack.run("LoadTranslator", translator=name)


def nested(tensors: dict[str, Tensor]) -> Any:
    """{"a.key": tensor} as the container {"a": {"key": tensor}}."""
    out: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        name, _, rest = key.partition(".")
        out.setdefault(name, {})[rest] = tensor
    return out


def close(image: Tensor, golden: Tensor) -> None:
    torch.testing.assert_close(image, to_image(golden), atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize(
    ("file", "pictures"),
    [
        ("cyclegan/resnet_6blocks_bn.pth", "cyclegan/resnet_6blocks_bn.io.pt"),
        ("cyclegan/resnet_9blocks.old.pth", "cyclegan/resnet_9blocks.io.pt"),
        ("cyclegan/unet_128_instance.pth", "cyclegan/unet_128_instance.io.pt"),
        ("ugatit/ugatit_light_params_latest.pt", "ugatit/ugatit_light.io.pt"),
        ("ugatit/ugatit_light_params_latest.pt", "ugatit/ugatit_light_rect.io.pt"),
        ("ugatit/photo2cartoon_weights.pt", "ugatit/photo2cartoon.io.pt"),
    ],
)
def test_golden_files_through_the_nodes(pack: Pack, folder: Path, file: str, pictures: str) -> None:
    golden, translator = read(pictures), load(pack, folder, file)
    made, mask, colored = pack.outputs(
        "Translate", translator=translator, image=to_image(golden["x"]), sizing="picture", evaluation="deterministic"
    )
    close(made, golden["y"])
    assert mask.shape == made.shape[:3]
    assert colored.shape == made.shape
    if "heatmap" in golden:
        heat = golden["heatmap"]
        low, high = heat.amin(dim=(2, 3), keepdim=True), heat.amax(dim=(2, 3), keepdim=True)
        wanted = torch.nn.functional.interpolate((heat - low) / (high - low), mask.shape[1:], mode="bilinear")
        torch.testing.assert_close(mask, wanted[:, 0], atol=1e-3, rtol=0)
    else:
        assert not bool(mask.any())


def test_animegan_both_ways_of_enlarging(pack: Pack, folder: Path) -> None:
    tensors, golden, _ = filled("ugatit/animegan2.golden.pt")
    translator, x = saved(pack, folder, "anime.pt", tensors), to_image(golden["x"])
    close(pack.run("Translate", translator=translator, image=x), golden["y"])
    close(pack.run("Translate", translator=translator, image=x, align_corners=False), golden["y_align_corners_false"])


def test_stargan_by_labels_and_by_names(pack: Pack, folder: Path) -> None:
    golden, translator = read("stargan/v1.io.pt"), load(pack, folder, "stargan/200000-G.ckpt")
    for row in range(2):
        labels = ", ".join(str(float(v)) for v in golden["c"][row])
        style = pack.run("FaceAttributes", translator=translator, labels=labels)
        made = pack.run("Translate", translator=translator, image=to_image(golden["x"][row : row + 1]), style=style)
        close(made, golden["y_trainmode"][row : row + 1])
    style = pack.run("FaceAttributes", translator=translator, hair="brown", male=True, young=True)
    assert style.values.tolist() == [[0, 0, 1, 1, 1]]


@pytest.mark.slow
def test_stargan2_by_reference(pack: Pack, folder: Path) -> None:
    tensors, golden, meta = filled("stargan/stargan_v2_afhq.golden.pt")
    translator = saved(pack, folder, "stargan2.ckpt", nested(tensors))
    image = filled.__globals__["fill"].__globals__["image"]
    content, reference = (image(name, (1, 3, 256, 256), meta["seed"]).movedim(1, -1) for name in ("content", "reference"))
    domain = ("cat", "dog", "wild")[int(golden["domain"])]
    style = pack.run("StyleCode", translator=translator, reference=reference, domain=domain)
    torch.testing.assert_close(style.values, golden["style_reference"], atol=TOLERANCE, rtol=0)
    made = pack.run("Translate", translator=translator, image=content, style=style)
    close(made[:, ::2, ::2], golden["y_reference"])
    (folder / "stargan2.ckpt").unlink()
    (folder / "stargan2.ckpt.converted.safetensors").unlink()


def test_munit_one_photo_many_styles(pack: Pack, folder: Path) -> None:
    golden, translator = read("munit/io.pt"), load(pack, folder, "munit/gen_01000000.pt")
    example = pack.run("StyleCode", translator=translator, reference=to_image(golden["x_style"]), domain="B")
    codes = type(example)(torch.cat([golden["s"].flatten(1), example.values]), example.family, "B")
    made = pack.run("Translate", translator=translator, image=to_image(golden["x"]), style=codes)
    close(made, torch.cat([golden["y_s0"], golden["y_s1"], golden["y_example"]]))
    drawn = pack.run("StyleCode", translator=translator, seed=3, count=2)
    mixed = pack.run("BlendStyleCodes", codes={"code0": drawn, "code1": example}, weights="1, 3")
    walk = pack.run("InterpolateStyleCodes", codes={"code0": drawn, "code1": mixed}, frames=7, path="arc", loop=True)
    assert pack.run("Translate", translator=translator, image=to_image(golden["x"]), style=walk).shape[0] == 7
    assert pack.run("Translate", translator=translator, image=to_image(golden["x"]), seed=5).shape[0] == 1


def test_a_tensorflow_checkpoint(pack: Pack, folder: Path) -> None:
    arrays = {name: tensor.numpy() for name, tensor in small("ugatit-tensorflow").items()}
    write_bundle(folder / "UGATIT.model-1", arrays)
    translator = pack.run("LoadTranslator", translator="UGATIT.model-1.index")
    there = pack.run("Translate", translator=translator, image=picture(1, 40, 50, 3))
    back = pack.run("Translate", translator=translator, image=picture(1, 40, 50, 3), direction="B to A")
    assert there.shape == back.shape == (1, 40, 50, 3)
    assert float((there - back).abs().max()) > 1e-3


def test_transparency_batches_and_tiles(pack: Pack, folder: Path) -> None:
    translator = load(pack, folder, "cyclegan/resnet_9blocks.old.pth")
    x = picture(3, 90, 70, 4)
    made = pack.run("Translate", translator=translator, image=x)
    torch.testing.assert_close(made[..., 3:], x[..., 3:])
    large = picture(1, 400, 300, 3)
    whole = pack.run("Translate", translator=translator, image=large)
    tiled = pack.run("Translate", translator=translator, image=large, memory_budget=0.004)
    torch.testing.assert_close(whole, tiled, atol=1e-3, rtol=0)


def test_a_face_out_and_back(pack: Pack) -> None:
    image = picture(2, 80, 100, 3)
    mask = torch.zeros(1, 80, 100)
    mask[:, 30:60, 40:60] = 1
    face, crop = pack.outputs("FaceCrop", image=image, mask=mask, size=64, margin=0.5)
    assert face.shape == (2, 64, 64, 3)
    assert [(s.left, s.top, s.side) for s in crop.squares] == [(28, 22, 45)] * 2 or crop.squares[0].side in (45, 44)
    back = pack.run("PasteFace", image=image, face=face, crop=crop, feather=0.1)
    assert float((back - image).abs().mean()) < 0.1
    black = pack.run("PasteFace", image=image, face=torch.zeros_like(face), crop=crop, feather=0.0)
    changed = (black != image).any(dim=-1)[0]
    assert bool(changed[30:60, 40:60].all())
    assert not bool(changed[:20].any())
    few = pack.run("PasteFace", image=image, face=torch.zeros_like(face), crop=crop, feather=0.0, mask=mask)
    assert not bool((few != image).any(dim=-1)[:, :29].any())


def test_faces_by_boxes_of_the_host(pack: Pack) -> None:
    image = picture(2, 80, 100, 3)
    box = {"x": 10.0, "y": 20.0, "width": 20.0, "height": 30.0}
    larger = {"x": -10.0, "y": 20.0, "width": 40.0, "height": 40.0, "label": "person", "score": 0.9}
    for given in (larger, [box, larger], [[larger], [box, larger]], [[box, larger]]):
        _, crop = pack.outputs("FaceCrop", image=image, bboxes=given, margin=0.0)
        assert [(s.left, s.top, s.side) for s in crop.squares] == [(-10, 20, 40)] * 2
    _, crop = pack.outputs("FaceCrop", image=image, bboxes=[[box], []])
    assert crop.squares[1].side == 80  # nothing found there: the middle
    _, crop = pack.outputs("FaceCrop", image=image)
    assert crop.squares[0].side == 80


def test_a_face_on_white(pack: Pack) -> None:
    image, mask = torch.zeros(1, 40, 40, 3), torch.zeros(1, 40, 40)
    mask[:, 10:30, 10:30] = 1
    face, crop = pack.outputs("FaceCrop", image=image, mask=mask, size=60, margin=1.0, background="white")
    assert float(face[:, :10].min()) > 0.99
    assert float(face[:, 25:35, 25:35].max()) < 0.01
    back = pack.run("PasteFace", image=image, face=torch.ones_like(face), crop=crop, feather=0.0)
    assert float(back[:, 12:28, 12:28].min()) > 0.99
    assert float(back[:, :9].max()) < 0.01


Case = Callable[[Pack, Path], Any]


def cyclegan(pack: Pack, folder: Path) -> Any:
    return load(pack, folder, "cyclegan/resnet_9blocks.old.pth")


def munit(pack: Pack, folder: Path) -> Any:
    return load(pack, folder, "munit/gen_01000000.pt")


def built(config: ResnetConfig) -> dict[str, Tensor]:
    return ResnetGenerator(config).state_dict()


def crop_of(pack: Pack) -> Any:
    return pack.outputs("FaceCrop", image=picture(1, 40, 40, 3))[1]


X = picture(1, 40, 40, 3)
CASES: dict[str, tuple[Case, str]] = {
    "no picture": (lambda p, f: p.run("Translate", translator=cyclegan(p, f), image=torch.zeros(0, 8, 8, 3)), "image holds no"),
    "way back": (lambda p, f: p.run("Translate", translator=cyclegan(p, f), image=X, direction="B to A"), "direction is B to A"),
    "a style for nothing": (
        lambda p, f: p.run(
            "Translate", translator=cyclegan(p, f), image=X, style=p.run("StyleCode", translator=munit(p, f), seed=1)
        ),
        "takes none",
    ),
    "style of a network without": (
        lambda p, f: p.run("StyleCode", translator=cyclegan(p, f), reference=X),
        "takes no style from a picture",
    ),
    "chance for a network without": (lambda p, f: p.run("StyleCode", translator=cyclegan(p, f)), "no styles to draw"),
    "foreign domain": (lambda p, f: p.run("StyleCode", translator=munit(p, f), domain="cat"), "domain 'cat' is not one of"),
    "bad reference": (
        lambda p, f: p.run("StyleCode", translator=munit(p, f), reference=torch.zeros(1, 8, 8, 2)),
        "reference is not a batch",
    ),
    "attributes of a network without": (lambda p, f: p.run("FaceAttributes", translator=munit(p, f)), "takes no attributes"),
    "labels in words": (
        lambda p, f: p.run("FaceAttributes", translator=load(p, f, "stargan/200000-G.ckpt"), labels="blond"),
        "labels 'blond' is not a list of numbers",
    ),
    "labels missing": (
        lambda p, f: p.run("Translate", translator=load(p, f, "stargan/200000-G.ckpt"), image=X),
        "Face Attributes",
    ),
    "no codes": (lambda p, f: p.run("BlendStyleCodes", codes={}, weights=""), "codes holds no style code"),
    "weights of another number": (
        lambda p, f: p.run("BlendStyleCodes", codes={"code0": p.run("StyleCode", translator=munit(p, f))}, weights="1, 2"),
        "weights has 2 numbers",
    ),
    "one stop": (
        lambda p, f: p.run("InterpolateStyleCodes", codes={"code0": p.run("StyleCode", translator=munit(p, f))}),
        "at least two",
    ),
    "white without a mask": (lambda p, f: p.run("FaceCrop", image=X, background="white"), "mask is not connected"),
    "no boxes": (lambda p, f: p.run("FaceCrop", image=X, bboxes=[[]]), "bboxes is empty"),
    "boxes of other pictures": (
        lambda p, f: p.run("FaceCrop", image=X, bboxes=[[{"x": 0, "y": 0, "width": 9, "height": 9}]] * 3),
        "boxes for 3 pictures",
    ),
    "words for boxes": (lambda p, f: p.run("FaceCrop", image=X, bboxes="face"), "bboxes holds no boxes"),
    "broken box": (lambda p, f: p.run("FaceCrop", image=X, bboxes={"x": 1}), "no box with x, y, width and height"),
    "flat box": (
        lambda p, f: p.run("FaceCrop", image=X, bboxes={"x": 1, "y": 1, "width": 0, "height": 5}),
        "must be at least 1",
    ),
    "another picture": (
        lambda p, f: p.run("PasteFace", image=picture(1, 50, 40, 3), face=X, crop=crop_of(p)),
        "connect the picture that went into Face Crop",
    ),
    "a missing file": (lambda p, f: p.run("LoadTranslator", translator="nowhere.pth"), "no file"),
    "a discriminator": (lambda p, f: load(p, f, "cyclegan/D_basic.pth"), "is a discriminator (PatchGAN"),
    "StarGAN's discriminator": (lambda p, f: load(p, f, "stargan/200000-D.ckpt"), "choose the generator's file"),
    "a decoder": (lambda p, f: load(p, f, "adain_small/decoder.pth"), "is a decoder (AdaIN decoder), not a translator"),
    "a Stable Diffusion file": (
        lambda p, f: saved(p, f, "sd.ckpt", {"model.diffusion_model.input_blocks.0.0.weight": torch.zeros(2, 2)}),
        "seems to be a Stable Diffusion checkpoint: put it into models/checkpoints",
    ),
    "a LoRA": (
        lambda p, f: saved(p, f, "lora.pt", {"unet.lora_down.weight": torch.zeros(2, 2)}),
        "seems to be a LoRA: put it into models/loras",
    ),
    "something else": (lambda p, f: saved(p, f, "odd.pt", {"thing": torch.zeros(2, 2)}), "its first tensors are thing"),
    "depth maps for pictures": (
        lambda p, f: saved(p, f, "depth.pth", built(ResnetConfig(4, 6, inputs=1))),
        "takes pictures of 1 channels",
    ),
    "to be had by hand": (
        lambda p, f: p.run("LoadTranslator", translator="munit-summer2winter"),
        "into models/style_atelier as munit/summer2winter.pt",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_misuse_gives_one_sentence(pack: Pack, folder: Path, name: str) -> None:
    work, said = CASES[name]
    with pytest.raises(Exception) as raised:
        work(pack, folder)
    text = str(raised.value)
    assert said in text
    if name != "to be had by hand":
        assert_one_sentence(text)


def test_the_loader_begins_with_what_needs_no_download(pack: Pack) -> None:
    options = pack.schemas["StyleAtelierLoadTranslator"].inputs[0].options
    assert options[:2] == ["Night painting (built-in)", "animegan2-face-paint-v2"]
    x = picture(1, 64, 80, 3)
    made = pack.run("Translate", translator=pack.run("LoadTranslator"), image=x)
    blue, red = float(made[..., 2].mean()), float(made[..., 0].mean())
    assert blue > red + 0.05
    assert float((made - x).abs().mean()) > 0.1
