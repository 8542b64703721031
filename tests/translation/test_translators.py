"""What every translator promises: any size, tiles that equal the whole, batches, strengths, styles, plain words for misuse."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from style_atelier.models.families.stargan.labels import face_attributes
from style_atelier.models.library.registry import architecture, architectures
from style_atelier.models.translation import style_code
from style_atelier.models.translation.style_code import StyleCode
from style_atelier.models.translation.translator import TranslateOptions, Translator
from style_atelier.tests.families.translator_files import CONFIGS, small

TRANSLATORS = [a.id for a in architectures() if a.translator is not None]
WITH_CODES = ("stargan", "stargan2", "munit", "funit")


def make(identity: str) -> Translator:
    known = architecture(identity)
    tensors = small(identity)
    network = known.build(CONFIGS[identity])
    network.load_state_dict(known.rename(tensors, CONFIGS[identity]))
    assert known.translator is not None
    return known.translator(network.train(False).requires_grad_(False), identity, known.title, known.license)


def picture(*shape: int, seed: int = 1) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def options_for(translator: Translator, count: int = 1, **changes: Any) -> TranslateOptions:
    """Options with style codes where they are needed."""
    codes = picture(count, translator.code_size, seed=5) * 2 - 1 if translator.code_size else None
    code = None if codes is None else StyleCode(codes, translator.code_family)
    return replace(TranslateOptions(code=code, evaluation="deterministic"), **changes)


@pytest.mark.parametrize("identity", TRANSLATORS)
@pytest.mark.parametrize("size", [(1, 1), (7, 90), (65, 97), (64, 64)])
def test_any_size(identity: str, size: tuple[int, int]) -> None:
    translator = make(identity)
    for sizing in ("automatic", "network") if translator.sizes.fixed else ("picture", "network"):
        made = translator.translate(picture(1, 3, *size), options_for(translator, sizing=sizing))
        assert made.images.shape == (1, 3, *size)
        assert bool(torch.isfinite(made.images).all())
        assert 0 <= float(made.images.min()) <= float(made.images.max()) <= 1
        assert (made.attention is not None) == translator.has_attention
        if made.attention is not None:
            assert made.attention.shape == (1, 1, *size)
            assert 0 <= float(made.attention.min()) <= float(made.attention.max()) <= 1


@pytest.mark.parametrize("identity", [i for i in TRANSLATORS if make(i).tileable and not make(i).sizes.fixed])
def test_tiles_equal_the_whole(identity: str) -> None:
    translator = make(identity)
    x = picture(1, 3, 170, 230)
    x = torch.nn.functional.interpolate(x[..., ::8, ::8], (170, 230), mode="bilinear") * 0.7 + 0.3 * x
    whole = translator.translate(x, options_for(translator, sizing="picture"))
    tiled = translator.translate(x, options_for(translator, sizing="picture", tile=64))
    assert float((whole.images - tiled.images).abs().max()) <= 1e-3
    if whole.attention is not None and tiled.attention is not None:
        assert float((whole.attention - tiled.attention).abs().max()) <= 1e-3


@pytest.mark.parametrize("identity", TRANSLATORS)
def test_a_batch_is_its_pictures(identity: str) -> None:
    translator = make(identity)
    x = picture(3, 3, 32, 32)
    together = translator.translate(x, options_for(translator, together=2))
    for i in range(3):
        alone = translator.translate(x[i : i + 1], options_for(translator))
        torch.testing.assert_close(together.images[i : i + 1], alone.images, atol=1e-4, rtol=0)


@pytest.mark.parametrize("identity", WITH_CODES)
def test_one_picture_in_many_styles_is_encoded_once(identity: str) -> None:
    translator = make(identity)
    calls = []
    encode = translator.encode
    translator.encode = lambda *given: calls.append(1) or encode(*given)  # type: ignore[method-assign]
    x, options = picture(1, 3, 32, 32), options_for(translator, 5, together=2)
    many = translator.translate(x, options).images
    assert len(calls) == 1
    assert options.code is not None
    for i in range(5):
        code = StyleCode(options.code.values[i : i + 1], translator.code_family)
        alone = translator.translate(x, replace(options, code=code)).images
        torch.testing.assert_close(many[i : i + 1], alone, atol=1e-4, rtol=0)
    assert float((many[0] - many[1]).abs().max()) > 1e-3


@pytest.mark.parametrize("identity", TRANSLATORS)
def test_strength(identity: str) -> None:
    translator = make(identity)
    x = picture(1, 3, 64, 64)
    full, half, none = (translator.translate(x, options_for(translator, strength=s)).images for s in (1.0, 0.5, 0.0))
    torch.testing.assert_close(none, x)
    torch.testing.assert_close(half, (x + full) / 2)
    weak = options_for(translator, strength=0.5, strength_in="features")
    if translator.feature_strength:
        inside = translator.translate(x, weak).images
        assert float((inside - full).abs().max()) > 1e-3
        strong = options_for(translator, strength=1.0, strength_in="features")
        torch.testing.assert_close(translator.translate(x, strong).images, full)
    else:
        with pytest.raises(ValueError, match="strength_in is features"):
            translator.translate(x, weak)


@pytest.mark.parametrize("identity", [i for i in WITH_CODES if make(i).feature_strength])
def test_pictures_and_styles_of_different_number_are_weakened_row_by_row(identity: str) -> None:
    translator = make(identity)
    x, options = picture(2, 3, 32, 32), options_for(translator, 3, strength=0.5, strength_in="features")
    made = translator.translate(x, options).images
    assert made.shape[0] == 3
    assert options.code is not None
    code = StyleCode(options.code.values[2:], translator.code_family)
    alone = translator.translate(x[:1], replace(options, code=code)).images
    torch.testing.assert_close(made[2:], alone, atol=1e-4, rtol=0)


@pytest.mark.parametrize("identity", TRANSLATORS)
@pytest.mark.parametrize("tile", [0, 32])
def test_half_precision_is_the_same_picture_to_a_level_or_two(identity: str, tile: int) -> None:
    translator = make(identity)
    if translator.sizes.fixed:
        tile = 0
    sizing = "network" if translator.sizes.fixed else "picture"
    x = torch.nn.functional.interpolate(picture(1, 3, 8, 8), (64, 64), mode="bicubic").clamp(0, 1)
    full, half = (translator.translate(x, options_for(translator, sizing=sizing, tile=tile, half=h)) for h in (False, True))
    assert full.images.dtype == half.images.dtype == torch.float32
    difference = (full.images - half.images).abs()
    assert float(difference.mean()) < 0.5 / 255
    assert float(difference.max()) < 6 / 255


@pytest.mark.parametrize("identity", ["ugatit", "munit", "unit"])
def test_both_directions(identity: str) -> None:
    translator = make(identity)
    x = picture(1, 3, 32, 32)
    there, back = (translator.translate(x, options_for(translator, direction=d)).images for d in ("A to B", "B to A"))
    assert float((there - back).abs().max()) > 1e-3


def test_pix2pix_has_chance_in_it_as_published() -> None:
    translator = make("pix2pix-unet")
    x = picture(1, 3, 64, 64)
    made = [translator.translate(x, TranslateOptions(seed=seed)).images for seed in (1, 1, 2)]
    torch.testing.assert_close(made[0], made[1])
    assert float((made[0] - made[2]).abs().max()) > 1e-3
    for evaluation in ("no dropout", "deterministic"):
        plain = [translator.translate(x, TranslateOptions(seed=s, evaluation=evaluation)).images for s in (1, 2)]  # type: ignore[arg-type]
        torch.testing.assert_close(plain[0], plain[1])


@pytest.mark.parametrize(
    ("identity", "changes", "said"),
    [
        ("cyclegan-resnet", {"direction": "B to A"}, "direction is B to A"),
        ("cyclegan-resnet", {"code": StyleCode(torch.zeros(1, 8), "MUNIT")}, "takes none: disconnect it"),
        ("munit", {"code": StyleCode(torch.zeros(1, 6), "StarGAN v2")}, "make it with this translator"),
        ("munit", {"code": StyleCode(torch.zeros(1, 5), "MUNIT")}, "make it with this translator"),
        ("stargan", {"code": None}, "Face Attributes"),
        ("funit", {"code": None}, "reference picture"),
        ("ugatit-tensorflow", {"sizing": "picture"}, "works only at 32 pixels"),
    ],
)
def test_misuse_is_answered_in_words(identity: str, changes: dict[str, Any], said: str) -> None:
    translator = make(identity)
    with pytest.raises(ValueError, match=said):
        translator.translate(picture(1, 3, 32, 32), options_for(translator, **changes))


def test_styles_of_pictures_and_by_chance() -> None:
    for identity in ("munit", "stargan2"):
        translator = make(identity)
        domain = translator.domains[-1]
        one, same, other = (translator.style_by_chance(seed, 2, domain, 1.0) for seed in (4, 4, 5))
        torch.testing.assert_close(one.values, same.values)
        assert float((one.values - other.values).abs().max()) > 1e-3
        assert len(one) == 2
        calm = translator.style_by_chance(4, 2, domain, 0.0)
        torch.testing.assert_close(calm.values[0], calm.values[1])
        assert len(translator.style_of(picture(3, 3, 40, 300), domain)) == 3
        with pytest.raises(ValueError, match="not one of"):
            translator.style_by_chance(0, 1, "elephant", 1.0)
    assert len(make("funit").style_of(picture(3, 3, 64, 64), "")) == 1
    with pytest.raises(ValueError, match="no styles to draw"):
        make("funit").style_by_chance(0, 1, "", 1.0)
    with pytest.raises(ValueError, match="takes no style from a picture"):
        make("unit").style_of(picture(1, 3, 32, 32), "")


def test_blend_and_interpolate() -> None:
    a, b = (StyleCode(torch.tensor(rows), "MUNIT", "B") for rows in ([[1.0, 0.0]], [[0.0, 1.0], [0.0, 3.0]]))
    torch.testing.assert_close(style_code.blend([a, b], (1, 3)).values, torch.tensor([[0.25, 0.75], [0.25, 2.25]]))
    walk = style_code.interpolate([a, b], 5)
    torch.testing.assert_close(walk.values[[0, 2, 4]], torch.cat([a.values, b.values]))
    assert walk.domain == "B"
    loop = style_code.interpolate([a, b], 6, closed=True).values
    torch.testing.assert_close(loop[[0, 2, 4]], torch.cat([a.values, b.values]))
    torch.testing.assert_close(loop[5], (b.values[1] + a.values[0]) / 2)
    arc = style_code.interpolate([a, StyleCode(b.values[:1], "MUNIT")], 3, "arc").values
    torch.testing.assert_close(arc.norm(dim=1), torch.ones(3))
    still = style_code.interpolate([a, a], 3, "arc").values
    torch.testing.assert_close(still, a.values.expand(3, -1))
    for codes, frames, said in (([a], 5, "at least two"), ([a, b], 1, "frames is 1"), ([], 5, "no style code")):
        with pytest.raises(ValueError, match=said):
            style_code.interpolate(codes, frames)
    with pytest.raises(ValueError, match="different networks"):
        style_code.blend([a, StyleCode(torch.zeros(1, 2), "FUNIT")], (1, 1))


def test_face_attributes() -> None:
    translator = make("stargan")
    code = face_attributes(translator, "blond", True, False, "happy")
    torch.testing.assert_close(code.values, torch.tensor([[0.0, 1, 0, 1, 0]]))
    own = face_attributes(translator, "blond", True, False, "happy", (1, 0.5, 0, 0, 1))
    torch.testing.assert_close(own.values, torch.tensor([[1, 0.5, 0, 0, 1]]))
    translator.code_size = 8
    assert int(face_attributes(translator, "blond", True, False, "happy").values.argmax()) == 4
    translator.code_size = 3
    with pytest.raises(ValueError, match="3 attributes of its own"):
        face_attributes(translator, "blond", True, False, "happy")
    with pytest.raises(ValueError, match="labels has 2 numbers"):
        face_attributes(translator, "blond", True, False, "happy", (1, 0))
    with pytest.raises(ValueError, match="takes no attributes"):
        face_attributes(make("munit"), "blond", True, False, "happy")
