"""Whatever people connect, they get a picture or one sentence that names the input, what is wrong and what to do."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from style_atelier.tests.pack import POCKET, Pack
from style_atelier.tests.sentences import assert_one_sentence

Case = Callable[[Pack], Any]
NAN = torch.full((1, 8, 8, 3), float("nan"))


def picture(*size: int) -> torch.Tensor:
    return torch.rand(size, generator=torch.Generator().manual_seed(sum(size)))


def stylize(pack: Pack, content: object, *styles: object, **inputs: object) -> torch.Tensor:
    grown = {f"style{i}": style for i, style in enumerate(styles or [picture(1, 20, 20, 3)])}
    return pack.run("Stylize", stylizer=pack.run("LoadStylizer", stylizer=POCKET), content=content, styles=grown, **inputs)


def encode(pack: Pack, image: torch.Tensor, encoder: str = POCKET, taps: str = "") -> Any:
    return pack.run("Encode", encoder=pack.run("LoadEncoder", encoder=encoder), image=image, taps=taps)


def decode(pack: Pack, features: Any) -> torch.Tensor:
    return pack.run("Decode", decoder=pack.run("LoadDecoder", decoder=POCKET), features=features)


FEATURES = {"kind": "features", "scale": "relative"}
GRAM = {"statistic": "Gram", "scale": "relative", "centred": False}
MRF = {"kind": "MRF", "scale": "relative", "patch": 3, "stride": 2, "rotations": 0, "scales": 0}
EDGES = {"kind": "Laplacian"}
OBJECTIVES: dict[str, dict[str, object]] = {"Content": {"kind": FEATURES}, "Style": {"statistic": GRAM}, "Patch": {"kind": MRF}}


def objective(pack: Pack, name: str, **inputs: object) -> Any:
    return pack.run(f"{name}Objective", **{"image": picture(1, 24, 24, 3), **OBJECTIVES[name], **inputs})


def combine(pack: Pack, *objectives: object, weights: str = "") -> Any:
    return pack.run("CombineObjectives", objectives={f"objective{i}": o for i, o in enumerate(objectives)}, weights=weights)


def optimize(pack: Pack, wanted: object, optimizer: object = None, **inputs: object) -> Any:
    settings = {"optimizer": optimizer or {"optimizer": "L-BFGS", "history": 5}, "steps": 1, "coarse_steps": 1}
    return pack.run("Optimize", objective=wanted, **{**settings, **inputs})


def paint(pack: Pack, content: object, *styles: object, **inputs: object) -> Any:
    grown = {f"style{i}": style for i, style in enumerate(styles or [picture(1, 20, 20, 3)])}
    return pack.run("NeuralStyle", content=content, styles=grown, **inputs)


PATCHES = {"method": "patches", "guide_weight": 4.0, "patch": 5, "uniformity": 500.0}
SCAN = {"method": "scan order", "coherence": 5.0}
QUILTING = {"method": "quilting", "block": 12, "tolerance": 0.1}
GROWN = {"method": "pixel by pixel", "window": 11}


def learn(pack: Pack, method: object = PATCHES, **inputs: object) -> Any:
    given = {name: picture(1, 24, 24, 3) for name in ("before", "after", "images")}
    return pack.run("ImageAnalogy", method=method, **{**given, **inputs})


def by_example(pack: Pack, **inputs: object) -> Any:
    return pack.run("StylizeByExample", **{"style": picture(1, 24, 24, 3), "images": picture(1, 24, 24, 3), **inputs})


def weave(pack: Pack, method: object = QUILTING, **inputs: object) -> Any:
    return pack.run("SynthesizeTexture", method=method, **{"texture": picture(1, 24, 24, 3), "width": 32, "height": 32, **inputs})


def transfer_texture(pack: Pack, **inputs: object) -> Any:
    return pack.run("TextureTransfer", **{"texture": picture(1, 24, 24, 3), "images": picture(1, 24, 24, 3), **inputs})


def propagate(pack: Pack, *painted: object, **inputs: object) -> Any:
    keys = {f"painted{i}": each for i, each in enumerate(painted)}
    return pack.run("PropagateKeyframes", painted=keys, **{"images": picture(3, 24, 24, 3), **inputs})


def transfer(pack: Pack, *styles: object, **inputs: object) -> Any:
    given = {"model": object(), "clip": object(), "vae": object(), "content": picture(1, 8, 8, 3), **inputs}
    return pack.run("StyleTransferSD", styles={f"style{i}": style for i, style in enumerate(styles)}, **given)


def follow(pack: Pack, **inputs: object) -> Any:
    return pack.run("TextObjective", **{"clip": object(), "clip_vision": object(), "image": picture(1, 8, 8, 3), **inputs})


@pytest.mark.parametrize(
    ("content", "style"),
    [
        ((1, 1, 1, 3), (1, 1, 1, 3)),
        ((1, 2, 3, 3), (1, 40, 7, 3)),
        ((1, 31, 257, 3), (1, 1, 90, 3)),
        ((1, 24, 24, 1), (1, 24, 24, 1)),
        ((1, 24, 24, 4), (1, 24, 24, 4)),
        ((3, 24, 24, 3), (1, 24, 24, 3)),
        ((1, 24, 24, 4), (3, 24, 24, 3)),
        ((2, 24, 24, 3), (3, 24, 24, 3)),
    ],
)
def test_any_picture_gives_a_picture(pack: Pack, content: tuple[int, ...], style: tuple[int, ...]) -> None:
    made = stylize(pack, picture(*content), picture(*style))
    channels = 4 if content[3] == 4 else 3
    assert made.shape == (max(content[0], style[0]), *content[1:3], channels)
    assert bool(torch.isfinite(made).all())
    torch.testing.assert_close(made, made.clamp(0, 1))
    transferred = pack.run("AdaIN", content=encode(pack, picture(*content)), style=encode(pack, picture(*style)))
    assert decode(pack, transferred).shape == (max(content[0], style[0]), *content[1:3], 3)


@pytest.mark.slow
def test_a_very_long_picture_gives_a_picture(pack: Pack) -> None:
    assert stylize(pack, picture(1, 31, 4097, 3)).shape == (1, 31, 4097, 3)
    assert stylize(pack, picture(1, 4097, 31, 3), memory_budget=0.01).shape == (1, 4097, 31, 3)


def test_transparency_is_kept_and_the_styles_is_ignored(pack: Pack) -> None:
    content, style = picture(2, 24, 32, 4), picture(1, 16, 16, 4)
    made = stylize(pack, content, style)
    torch.testing.assert_close(made[..., 3:], content[..., 3:])
    torch.testing.assert_close(made[..., :3], stylize(pack, content[..., :3], style[..., :3]))


CASES: dict[str, tuple[Case, str]] = {
    "measures: nothing to compare": (lambda p: p.run("MeasurePair", image=picture(1, 8, 8, 3)), "content and style are both"),
    "measures: no pictures": (lambda p: p.run("MeasureSets"), "results has no pictures"),
    "measures: no stylizers": (lambda p: p.run("RankStylizers", stylizers={}), "stylizers holds none"),
    "measures: an empty report": (lambda p: p.run("Report", measures={}), "measures holds nothing"),
    "empty batch": (lambda p: stylize(p, torch.zeros(0, 8, 8, 3)), "content holds no picture"),
    "empty style": (lambda p: stylize(p, picture(1, 8, 8, 3), torch.zeros(0, 8, 8, 3)), "style 1 holds no picture"),
    "no pixels": (lambda p: stylize(p, torch.zeros(1, 0, 8, 3)), "content holds no picture"),
    "not a number": (lambda p: stylize(p, NAN), "content holds values that are not numbers"),
    "infinite style": (lambda p: stylize(p, picture(1, 8, 8, 3), NAN / 0), "style 1 holds values that are not numbers"),
    "two channels": (lambda p: stylize(p, picture(1, 8, 8, 2)), "content is not a batch of gray, RGB or RGBA"),
    "no batch": (lambda p: stylize(p, picture(8, 8, 3)), "content is not a batch"),
    "a latent": (lambda p: stylize(p, {"samples": picture(1, 4, 8, 8)}), "content is not a batch"),
    "no styles": (
        lambda p: p.run("Stylize", stylizer=p.run("LoadStylizer", stylizer=POCKET), content=picture(1, 8, 8, 3), styles={}),
        "styles holds no picture",
    ),
    "weights: words": (lambda p: stylize(p, picture(1, 8, 8, 3), style_weights="much"), "style_weights 'much' is not a list"),
    "weights: too many": (lambda p: stylize(p, picture(1, 8, 8, 3), style_weights="1, 2"), "style_weights has 2 numbers"),
    "weights: negative": (lambda p: stylize(p, picture(1, 8, 8, 3), style_weights="-1"), "style_weights '-1' must be"),
    "weights: nothing": (lambda p: stylize(p, picture(1, 8, 8, 3), style_weights="0"), "style_weights '0' must be"),
    "weights: nan": (lambda p: stylize(p, picture(1, 8, 8, 3), style_weights="nan"), "style_weights 'nan' must be"),
    "weights: gap": (lambda p: stylize(p, picture(1, 8, 8, 3), style_weights="1,,2"), "style_weights '1,,2' is not a list"),
    "mask: LoadImage's": (
        lambda p: stylize(p, picture(1, 8, 8, 3), content_masks={"content_mask0": torch.zeros(1, 64, 64)}),
        "content mask 1 is all black",
    ),
    "mask: batch": (
        lambda p: stylize(p, picture(2, 8, 8, 3), content_masks={"content_mask0": torch.ones(3, 8, 8)}),
        "content mask 1 has 3 masks for 2 pictures",
    ),
    "mask: empty": (
        lambda p: stylize(p, picture(1, 8, 8, 3), style_masks={"style_mask0": torch.ones(0, 8, 8)}),
        "style mask 1 holds no mask",
    ),
    "mask: a picture": (
        lambda p: stylize(p, picture(1, 8, 8, 3), style_masks={"style_mask0": picture(1, 8, 8, 3)}),
        "style mask 1 is not a mask",
    ),
    "mask: not a number": (
        lambda p: stylize(p, picture(1, 8, 8, 3), style_masks={"style_mask0": NAN[..., 0]}),
        "style mask 1 holds values that are not numbers",
    ),
    "mask: without its style": (
        lambda p: stylize(p, picture(1, 8, 8, 3), style_masks={"style_mask1": torch.ones(1, 8, 8)}),
        "style mask 2 belongs to style 2, which is not connected",
    ),
    "mask: one of two": (
        lambda p: stylize(p, *[picture(1, 8, 8, 3)] * 3, content_masks={"content_mask0": torch.ones(1, 8, 8)}),
        "content mask 2 is missing",
    ),
    "unknown tap": (lambda p: encode(p, picture(1, 8, 8, 3), taps="relu9_9"), "taps: .* has no tap relu9_9"),
    "encode: not a number": (lambda p: encode(p, NAN), "image holds values that are not numbers"),
    "other encoder's features": (
        lambda p: p.run(
            "AdaIN", content=encode(p, picture(1, 16, 16, 3)), style=encode(p, picture(1, 16, 16, 3), "Filter bank (built-in)")
        ),
        "same encoder",
    ),
    "other encoder's decoder": (
        lambda p: decode(p, encode(p, picture(1, 16, 16, 3), "Filter bank (built-in)")),
        "the decoder Pocket takes features of the encoder pocket",
    ),
    "missing taps": (lambda p: decode(p, encode(p, picture(1, 16, 16, 3), taps="half")), "needs features at"),
    "feature mask": (
        lambda p: p.run(
            "WCT",
            content=encode(p, picture(1, 16, 16, 3)),
            style=encode(p, picture(1, 16, 16, 3)),
            style_mask=torch.zeros(1, 4, 4),
        ),
        "style_mask is all black",
    ),
    "blend: sizes": (
        lambda p: p.run(
            "BlendFeatures",
            features={"features0": encode(p, picture(1, 16, 16, 3)), "features1": encode(p, picture(1, 32, 16, 3))},
        ),
        "must have the same size",
    ),
    "blend: nothing": (lambda p: p.run("BlendFeatures", features={}), "features has nothing to blend"),
    "blend: weights": (
        lambda p: p.run("BlendFeatures", features={"features0": encode(p, picture(1, 16, 16, 3))}, weights="1 2"),
        "weights '1 2' is not a list of numbers",
    ),
    "color: not a number": (
        lambda p: p.run("KeepColor", image=picture(1, 8, 8, 3), reference=NAN),
        "reference holds values that are not numbers",
    ),
    "text: empty": (lambda p: follow(p, text=" \n"), "text is empty: write what the picture shall look like"),
    "text: no source": (lambda p: follow(p, source_text=""), "source_text is empty: write what the picture is now"),
    "text: nothing asked": (lambda p: follow(p, direction=0.0, crops=0), "direction and patches ask for nothing"),
    "text: not a number": (lambda p: follow(p, image=NAN), "image holds values that are not numbers"),
    "text: no picture": (lambda p: follow(p, image=torch.zeros(0, 8, 8, 3)), "image holds no picture"),
    # the embedded host has no CLIP at all; a real one looks at what is connected
    "text: no CLIP": (lambda p: follow(p), "asks CLIP, which needs a real ComfyUI|clip_vision is not a vision model"),
    "sd: no painting": (lambda p: transfer(p), "styles holds no picture: connect at least one painting"),
    "sd: no photo": (lambda p: transfer(p, picture(1, 8, 8, 3), content=NAN[:0]), "content holds no picture"),
    "sd: weights": (lambda p: transfer(p, picture(1, 8, 8, 3), style_weights="1, 2"), "style_weights has 2 numbers"),
    "sd: masks": (
        lambda p: transfer(p, *[picture(1, 8, 8, 3)] * 2, content_masks={"content_mask0": torch.ones(1, 8, 8)}),
        "content_masks holds 1 masks for 2 styles",
    ),
    "sd: black mask": (
        lambda p: transfer(p, picture(1, 8, 8, 3), content_masks={"content_mask0": torch.zeros(1, 8, 8)}),
        "content_mask0 is all black",
    ),
    "no such file": (lambda p: p.run("LoadStylizer", stylizer="gone.pth"), "There is no file 'gone.pth'"),
    "outside": (lambda p: p.run("LoadStylizer", stylizer="../../etc/passwd"), "There is no file"),
    "absolute": (lambda p: p.run("LoadEncoder", encoder="/etc/passwd"), "There is no file"),
}


def pictures(pack: Pack, *images: torch.Tensor, **inputs: object) -> Any:
    cuts = {"folder": "none", "every": 12, "smallest_cut": 0.5, "largest_cut": 1.0, "flip": True, "color": 0.0, "memory": 512}
    return pack.run("PictureSet", **{key: [value] for key, value in (cuts | inputs).items()}, images=list(images) or None)


def train(pack: Pack, **inputs: object) -> Any:
    family = {"family": "Fast network of one style (Johnson)", "width": "small", "content_weight": 1.0, "style_weight": 1.0}
    given = {"styles": pictures(pack, picture(1, 24, 24, 3)), "family": family, "name": "bad", "steps": 1, "size": 16}
    return pack.run("TrainStylizer", **(given | inputs))


ADAATTN = {"family": "AdaAttN", "style_weight": 1.0, "local_weight": 1.0}
DISTILL = {"family": "Distill pairs into a fast network", "width": "small"}
CASES |= {
    "pictures: none": (lambda p: pictures(p), "there are no pictures: choose a folder, or connect images or a video"),
    "pictures: not a number": (lambda p: pictures(p, NAN), "images holds values that are not numbers"),
    "pictures: empty": (lambda p: pictures(p, torch.zeros(0, 8, 8, 3)), "images holds no picture"),
    "pictures: gone": (lambda p: pictures(p, folder="gone"), "folder 'gone' is not in"),
    "pictures: outside": (lambda p: pictures(p, folder="../.."), r"folder '../..' is not in"),
    "pictures: cuts": (
        lambda p: pictures(p, picture(1, 8, 8, 3), smallest_cut=0.9, largest_cut=0.2),
        "smallest_cut 0.9 is above largest_cut 0.2: exchange them",
    ),
    "train: a picture": (lambda p: train(p, styles=picture(1, 8, 8, 3)), "styles is not a set of pictures: connect Picture Set"),
    "train: nothing": (lambda p: train(p, styles=None), "styles is not a set of pictures"),
    "train: contents": (lambda p: train(p, contents=picture(1, 8, 8, 3)), "contents is not a set of pictures"),
    "train: size": (lambda p: train(p, size=20), "size 20 is not a multiple of 8: write 16"),
    "train: outside": (lambda p: train(p, name="../../x"), "leads out of"),
    "train: no name": (lambda p: train(p, name=" "), "leads out of"),
    "train: not a number": (lambda p: train(p, sample_photo=NAN), "sample_photo holds values that are not numbers"),
    "train: another family": (
        lambda p: train(p, start_from=p.run("LoadStylizer", stylizer=POCKET)),
        "start_from is Pocket, not a fast network of one style: connect one of that family, or nothing",
    ),
    "train: nothing to start from": (lambda p: train(p, family=ADAATTN), "start_from is needed for AdaAttN"),
    "train: no pairs": (lambda p: train(p, family=DISTILL), "contents and targets are both needed to distill"),
    "train: odd pairs": (
        lambda p: train(p, family=DISTILL, contents=pictures(p, picture(2, 8, 8, 3)), targets=pictures(p, picture(3, 8, 8, 3))),
        "2 and 3 pictures cannot be paired",
    ),
}


def of_objective(name: str) -> dict[str, tuple[dict[str, object], str]]:
    """{row: (inputs, words of the sentence)} for the objectives that look at pictures."""
    rows: dict[str, tuple[dict[str, object], str]] = {
        "not a number": ({"image": NAN}, "image holds values that are not numbers"),
        "empty": ({"image": torch.zeros(0, 8, 8, 3)}, "image holds no picture"),
        "no batch": ({"image": picture(8, 8, 3)}, "image is not a batch"),
        "mask": ({"mask": torch.zeros(1, 8, 8)}, "mask is all black"),
        "mask: a picture": ({"mask": picture(1, 8, 8, 3)}, "mask is not a mask"),
        "mask: not a number": ({"mask": NAN[..., 0]}, "mask holds values that are not numbers"),
        "layers": ({"layers": "relu9_9"}, "layers: the encoder Pocket VGG has no tap relu9_9: it has relu1_1"),
        "layer weights: words": ({"layers": "relu1_1", "layer_weights": "much"}, "layer_weights 'much' is not a list"),
        "layer weights: too many": (
            {"layers": "relu1_1", "layer_weights": "1, 2"},
            "layer_weights has 2 numbers and 1 are needed",
        ),
        "layer weights: negative": ({"layers": "relu1_1", "layer_weights": "-1"}, "layer_weights '-1' must be numbers from 0 up"),
        "layer weights: alone": ({"layer_weights": "1, 2"}, "layer_weights has no layers to belong to"),
    }
    if name == "Content":
        return {**rows, "mask: batch": ({"mask": torch.ones(3, 8, 8)}, "mask has 3 masks for 1 pictures")}
    return {
        **rows,
        "style mask": ({"style_mask": torch.zeros(1, 8, 8)}, "style_mask is all black"),
        "style mask: batch": ({"style_mask": torch.ones(3, 8, 8)}, "style_mask has 3 masks for 1 pictures"),
    }


CASES |= {
    f"{name.lower()}: {row}": (partial(objective, name=name, **inputs), words)
    for name in OBJECTIVES
    for row, (inputs, words) in of_objective(name).items()
}
CASES |= {
    "smoothness: mask": (lambda p: p.run("SmoothnessObjective", mask=torch.zeros(1, 8, 8)), "mask is all black"),
    "smoothness: a picture": (lambda p: p.run("SmoothnessObjective", mask=picture(1, 8, 8, 3)), "mask is not a mask"),
    "patch: none so large": (
        lambda p: optimize(p, objective(p, "Patch", image=picture(1, 1, 9, 3)), start_image=picture(1, 1, 9, 3)),
        "style picture has no patch of 3x3 features at relu3_1: take a larger one",
    ),
    "combine: nothing": (lambda p: combine(p), "objectives holds none"),
    "combine: a picture": (lambda p: combine(p, picture(1, 8, 8, 3)), "objective 1 is not an objective"),
    "combine: words": (lambda p: combine(p, objective(p, "Content"), weights="much"), "weights 'much' is not a list"),
    "combine: too many": (
        lambda p: combine(p, objective(p, "Content"), weights="1, 2"),
        "weights has 2 numbers and 1 are needed",
    ),
    "combine: negative": (lambda p: combine(p, objective(p, "Content"), weights="-1"), "weights '-1' must be numbers from 0 up"),
    "optimize: no objective": (lambda p: optimize(p, None), "objective is not an objective: connect"),
    "optimize: a picture": (lambda p: optimize(p, picture(1, 8, 8, 3)), "objective is not an objective: connect"),
    "optimize: no size": (
        lambda p: optimize(p, objective(p, "Style"), start="noise", width=64),
        "start_image is not connected and no content objective gives a size: connect one, or set width and height",
    ),
    "optimize: no start": (
        lambda p: optimize(p, objective(p, "Style"), width=64, height=64),
        "start_image is not connected and there is no content objective: connect one, or start from noise",
    ),
    "optimize: not a number": (lambda p: optimize(p, objective(p, "Style"), start_image=NAN), "start_image holds values"),
    "optimize: empty": (
        lambda p: optimize(p, objective(p, "Style"), start_image=torch.zeros(0, 8, 8, 3)),
        "start_image holds no picture",
    ),
    "optimize: L-BFGS follows the loss": (
        lambda p: optimize(p, objective(p, "Content"), {"optimizer": "L-BFGS", "history": 5, "normalise_gradients": True}),
        "normalise_gradients needs the optimizer",
    ),
    "optimize: too small for edges": (
        lambda p: optimize(p, objective(p, "Content", kind=EDGES), smallest_size=8),
        "smallest_size 8 begins with 8x8 pixels, and a Laplacian content objective needs 16",
    ),
    "paint: empty": (lambda p: paint(p, torch.zeros(0, 8, 8, 3)), "content holds no picture"),
    "paint: not a number": (lambda p: paint(p, NAN), "content holds values that are not numbers"),
    "paint: infinite style": (lambda p: paint(p, picture(1, 8, 8, 3), NAN / 0), "style 1 holds values that are not numbers"),
    "paint: two channels": (lambda p: paint(p, picture(1, 8, 8, 2)), "content is not a batch of gray, RGB or RGBA"),
    "paint: no styles": (lambda p: p.run("NeuralStyle", content=picture(1, 8, 8, 3), styles={}), "styles holds no picture"),
    "paint: words": (lambda p: paint(p, picture(1, 8, 8, 3), style_weights="much"), "style_weights 'much' is not a list"),
    "paint: too many": (lambda p: paint(p, picture(1, 8, 8, 3), style_weights="1, 2"), "style_weights has 2 numbers"),
    "paint: nothing": (lambda p: paint(p, picture(1, 8, 8, 3), style_weights="0"), "style_weights '0' must be"),
    "paint: mask": (
        lambda p: paint(p, picture(1, 8, 8, 3), content_masks={"content_mask0": torch.zeros(1, 64, 64)}),
        "content mask 1 is all black",
    ),
    "paint: masks": (
        lambda p: paint(p, picture(2, 8, 8, 3), content_masks={"content_mask0": torch.ones(3, 8, 8)}),
        "content mask 1 has 3 masks for 2 pictures",
    ),
    "paint: style mask": (
        lambda p: paint(p, picture(1, 8, 8, 3), style_masks={"style_mask0": torch.ones(0, 8, 8)}),
        "style mask 1 holds no mask",
    ),
    "paint: without its style": (
        lambda p: paint(p, picture(1, 8, 8, 3), style_masks={"style_mask1": torch.ones(1, 8, 8)}),
        "style mask 2 belongs to style 2, which is not connected",
    ),
    "paint: one of two": (
        lambda p: paint(p, *[picture(1, 8, 8, 3)] * 3, content_masks={"content_mask0": torch.ones(1, 8, 8)}),
        "content mask 2 is missing",
    ),
    "analogy: nan": (lambda p: learn(p, before=NAN), "before holds values that are not numbers"),
    "analogy: tiny": (lambda p: learn(p, images=picture(1, 8, 8, 3)), "images is 8x8 pixels and at least 11x11 are needed"),
    "analogy: too large": (lambda p: learn(p, SCAN, size=1024, before=picture(1, 512, 512, 3)), "too large for the scan order"),
    "analogy: no mask": (lambda p: learn(p, mask=torch.zeros(1, 8, 8)), "mask is all black"),
    "example: no batch": (lambda p: by_example(p, style=picture(24, 24, 3)), "style is not a batch"),
    "example: tiny": (lambda p: by_example(p, style=picture(1, 5, 24, 3)), "style is 24x5 pixels"),
    "example: one region": (lambda p: by_example(p, regions=torch.ones(1, 8, 8)), "style_regions is missing"),
    "example: half a guide": (
        lambda p: by_example(p, style_guides={"style_guide0": picture(1, 24, 24, 3)}),
        "target_guide0 is missing",
    ),
    "example: weights": (
        lambda p: by_example(
            p,
            style_guides={"style_guide0": picture(1, 24, 24, 3)},
            target_guides={"target_guide0": picture(1, 24, 24, 3)},
            guide_weights="1, 2",
        ),
        "guide_weights has 2 numbers",
    ),
    "example: tap": (
        lambda p: by_example(p, encoder=p.run("LoadEncoder", encoder=POCKET), tap="relu9_9"),
        "tap: the encoder Pocket",
    ),
    "keyframes: nothing": (lambda p: propagate(p, picture(1, 24, 24, 3), images=None), "neither video nor images is connected"),
    "keyframes: none painted": (lambda p: propagate(p), "painted is not connected"),
    "keyframes: numbers": (
        lambda p: propagate(p, picture(1, 24, 24, 3), frames="0, 1"),
        "frames names 2 frames and 1 are painted",
    ),
    "keyframes: words": (
        lambda p: propagate(p, picture(1, 24, 24, 3), frames="first"),
        "frames 'first' is not a list of numbers",
    ),
    "keyframes: beyond": (
        lambda p: propagate(p, picture(1, 24, 24, 3), frames="7"),
        "frames names frame 7 and the clip ends with 2",
    ),
    "keyframes: twice": (lambda p: propagate(p, picture(2, 24, 24, 3), frames="1, 1"), "must be different numbers"),
    "keyframes: tiny": (lambda p: propagate(p, picture(1, 8, 8, 3), images=picture(2, 8, 8, 3)), "the clip is 8x8 pixels"),
    "texture: infinite": (lambda p: weave(p, texture=NAN / 0), "texture holds values that are not numbers"),
    "texture: tiny": (lambda p: weave(p, GROWN, texture=picture(1, 8, 8, 3)), "texture is 8x8 pixels and at least 11x11"),
    "texture: too large": (lambda p: weave(p, GROWN, texture=picture(1, 300, 300, 3)), "too large to work pixel by pixel"),
    "transfer: a latent": (lambda p: transfer_texture(p, texture={"samples": 0}), "texture is not a batch"),
    "transfer: tiny": (lambda p: transfer_texture(p, texture=picture(1, 4, 8, 3)), "texture is 8x4 pixels"),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_input_gives_one_sentence(pack: Pack, folder: Path, name: str) -> None:
    case, words = CASES[name]
    with pytest.raises(Exception, match=words) as raised:
        case(pack)
    assert_one_sentence(str(raised.value))


@pytest.mark.parametrize("loader", ["LoadEncoder", "LoadDecoder", "LoadStylizer"])
@pytest.mark.parametrize("kind", ["web page", "empty", "text", "picture of tensors", "truncated"])
def test_a_file_that_is_no_network_gives_one_sentence(pack: Pack, folder: Path, kind: str, loader: str) -> None:
    name = f"{kind.replace(' ', '_')}.safetensors"
    path = folder / name
    save_file({"picture": torch.zeros(3, 4, 4)}, path)
    contents = {
        "web page": b"<!DOCTYPE html><html>404</html>",
        "empty": b"",
        "text": b"hello",
        "truncated": path.read_bytes()[:-9],
    }
    path.write_bytes(contents.get(kind, path.read_bytes()))
    with pytest.raises(Exception, match=name) as raised:
        pack.run(loader, **{loader.removeprefix("Load").lower(): name})
    assert_one_sentence(str(raised.value))
