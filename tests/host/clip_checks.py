"""Run by the host's own Python: the text objective on tiny CLIPs with seeded weights. Prints one line of JSON.

python clip_checks.py COMFYUI ROOT FOLDER
"""

import sys
import types
from pathlib import Path
from typing import Any, ClassVar

COMFYUI, ROOT, FOLDER = (Path(argument) for argument in sys.argv[1:4])
sys.argv = sys.argv[:1]
sys.path[0] = str(COMFYUI)  # instead of this folder, which has a comfy.py of its own
pack = types.ModuleType("style_atelier")
pack.__path__ = [str(ROOT)]
sys.modules["style_atelier"] = pack

import comfy.cli_args

comfy.cli_args.args.cpu = True
import comfy.clip_vision
import comfy.sd
import comfy.sd1_clip
import comfy.sdxl_clip
import folder_paths
import torch
import torch.nn.functional as F
import transformers
from safetensors.torch import save_file
from torch import Tensor

from style_atelier.models.objectives.text import DirectionTerm, PatchDirectionTerm
from style_atelier.models.optimization.engine import OptimizeSettings, begin, optimize
from style_atelier.nodes.generation.project import plain_weights
from style_atelier.nodes.host.folders import register_folder
from style_atelier.nodes.host.networks import on_device
from style_atelier.nodes.optimization.clip import pictures_of, texts_of
from style_atelier.nodes.optimization.text_objective import TextObjective
from style_atelier.tests.host.checks import refused, run_all
from style_atelier.tests.host.tiny_models import CLIP_SIDE, CLIP_TEXT, CLIP_WIDTH, clip_file, clip_text, clip_vision, seeded

folder_paths.models_dir = str(FOLDER / "models")
register_folder()

TEXTS = ("a cat", "A watercolor painting, with (brackets) and numbers 12.", "火", "x " * 60)
OTHERS: dict[str, Any] = {
    "text": "fire",
    "source_text": "a Photo",
    "weight": 1.0,
    "direction": 1.0,
    "patches": 18.0,
    "crops": 4,
    "crop_size": 0.5,
    "threshold": 0.0,
    "templates": False,
}
PICTURE = torch.rand(1, 40, 48, 3, generator=torch.Generator().manual_seed(4))
PADS_G = {"start": 49406, "end": 49407, "pad": 0}
MEASURED: dict[str, Any] = {}


def whole(seed: int = 0) -> tuple[Any, Any, Any]:
    """transformers' CLIP, and the host's two halves with the same weights, read from one file as the host's loaders do."""
    model, path = clip_file(FOLDER, seed)
    return model, clip_text(path), clip_vision(model.state_dict())


def features(answer: Any) -> Tensor:
    """Newer transformers answer with an object."""
    return getattr(answer, "pooler_output", answer)


def theirs(model: Any, texts: tuple[str, ...]) -> Tensor:
    """transformers' embeddings of texts, each read by its own tokenizer with the host's vocabulary."""
    reader = transformers.CLIPTokenizer.from_pretrained(COMFYUI / "comfy" / "sd1_tokenizer")
    return torch.cat([features(model.get_text_features(**reader(text, return_tensors="pt"))) for text in texts])


def normalized(pictures: Tensor) -> Tensor:
    """As CLIP's authors say."""
    mean, std = torch.tensor([0.48145466, 0.4578275, 0.40821073]), torch.tensor([0.26862954, 0.26130258, 0.27577711])
    return (pictures - mean.view(3, 1, 1)) / std.view(3, 1, 1)


def pictures(count: int, seed: int = 0) -> Tensor:
    return torch.rand(count, 3, CLIP_SIDE, CLIP_SIDE, generator=torch.Generator().manual_seed(seed))


def worst(found: Tensor, wanted: Tensor) -> float:
    """Largest difference over the largest value."""
    return float((found - wanted).detach().abs().max() / wanted.detach().abs().max())


def check_texts_are_transformers() -> None:
    """In one CLIP alone, and in SDXL's pair, where the half as wide as the pictures is asked."""
    model, clip, _ = whole()
    seen = tuple(text.replace("(", "").replace(")", "") for text in TEXTS)  # the host takes brackets for weights
    found = texts_of(clip, CLIP_WIDTH)(TEXTS, "text")
    MEASURED["texts"] = worst(found, theirs(model, seen))
    assert found.shape == (len(TEXTS), CLIP_WIDTH)
    assert MEASURED["texts"] < 1e-4
    plain = clip.encode_from_tokens(clip.tokenize(TEXTS[0]), return_pooled=True)[1]
    assert worst(plain, found[:1]) > 0.1, "the host's own call has the projection now: ours may be simpler"
    clip.clip_layer(-2)
    assert torch.equal(texts_of(clip, CLIP_WIDTH)(TEXTS[:1], "text"), found[:1]), "the layer changes what is pooled"
    again = clip.encode_from_tokens(clip.tokenize(TEXTS[0]), return_pooled=True)[1]
    assert torch.equal(plain, again), "the text encoder was left changed"


def check_the_fitting_half_of_a_pair_is_asked() -> None:
    wide, small = {**CLIP_TEXT, "hidden_size": 48}, CLIP_TEXT

    class Pair(comfy.sdxl_clip.SDXLClipModel):
        def __init__(self, dtype: Any = None, **options: Any) -> None:
            torch.nn.Module.__init__(self)
            self.clip_l = comfy.sd1_clip.SDClipModel(textmodel_json_config=dict(small), dtype=dtype)
            self.clip_g = comfy.sd1_clip.SDClipModel(textmodel_json_config=dict(wide), dtype=dtype, special_tokens=PADS_G)
            self.dtypes = {dtype}

    class Target:
        params: ClassVar[dict[str, Any]] = {}
        clip = Pair
        tokenizer = comfy.sdxl_clip.SDXLTokenizer

    clip = comfy.sd.CLIP(Target())
    seeded(clip.cond_stage_model)
    assert texts_of(clip, 32).name == "clip_l"
    assert texts_of(clip, 48).name == "clip_g"
    # of the wider half the host's own call gives the projected text too
    wanted = clip.encode_from_tokens(clip.tokenize("a cat"), return_pooled=True)[1]
    assert worst(texts_of(clip, 48)(["a cat"], "text"), wanted) < 1e-6
    assert "makes vectors of 64 and clip of 32 and 48" in refused(lambda: texts_of(clip, 64))


def check_pictures_are_transformers_and_so_is_their_gradient() -> None:
    """Read as the host reads them, in inference mode; in batches; the gradient also against finite differences."""
    model, _, vision = whole()
    with torch.inference_mode(False), torch.enable_grad():
        embed = pictures_of(vision).model
        assert (embed.side, embed.width) == (CLIP_SIDE, CLIP_WIDTH)
        assert next(embed.module.parameters()).is_inference(), "the host loads elsewhere now: this check proves nothing"
        x = pictures(3).requires_grad_()
        way = torch.randn(3, CLIP_WIDTH, generator=torch.Generator().manual_seed(1))
        wanted = features(model.get_image_features(pixel_values=normalized(x)))
        slope = torch.autograd.grad((wanted * way).sum(), x)[0]
        with plain_weights(embed.module):
            found = embed(x)
            ours = torch.autograd.grad((found * way).sum(), x)[0]
            step = 1e-2 * slope / slope.abs().max()
            with torch.no_grad():
                rise = ((embed(x + step).double() - embed(x - step).double()) * way).sum() / 2
        MEASURED["pictures"], MEASURED["gradient"] = worst(found, wanted), worst(ours, slope)
        MEASURED["finite differences"] = abs(float(rise / (ours * step).sum()) - 1)
        assert MEASURED["pictures"] < 1e-4
        assert MEASURED["gradient"] < 1e-4
        assert MEASURED["finite differences"] < 1e-2
        assert bool((slope != 0).float().mean() > 0.99)
    # as the host's own call sees a picture of that size, up to its rounding to 256 steps
    host = vision.encode_image((pictures(2) * 255).round().movedim(1, -1) / 255)["image_embeds"]
    assert worst(embed((pictures(2) * 255).round() / 255), host) < 1e-4


def check_a_name_says_which_network_it_is() -> None:
    first, same, other = (repr(pictures_of(whole(seed)[2]).model) for seed in (0, 0, 1))
    assert first == same
    assert first != other
    assert "0x" not in first, first


def objective(**changes: Any) -> Any:
    _, clip, vision = whole()
    given = {"clip": clip, "clip_vision": vision, "image": PICTURE, **OTHERS, **changes}
    return TextObjective.execute(**given).result[0]


def check_the_formula() -> None:
    """The whole picture's term and one crop's, written down again with transformers' CLIP."""
    model, _, _ = whole()
    made = objective().objectives.parts[0]
    with torch.inference_mode(False), torch.no_grad(), plain_weights(made.embed.module):
        words = F.normalize(theirs(model, ("fire", "a Photo")), dim=-1)
        way = words[:1] - words[1:]
        assert worst(made.direction, way) < 1e-4
        content = PICTURE.movedim(-1, 1)
        x = torch.rand(1, 3, 40, 48, generator=torch.Generator().manual_seed(6))

        def seen(picture: Tensor) -> Tensor:
            small = F.interpolate(picture, size=(CLIP_SIDE, CLIP_SIDE), mode="bicubic", antialias=True)
            return F.normalize(features(model.get_image_features(pixel_values=normalized(small))), dim=-1)

        origin = seen(content)
        term = DirectionTerm(made.embed, made.side, origin, made.direction)
        wanted = 1 - F.cosine_similarity(seen(x) - origin, way)
        assert abs(float(term.value(x, torch.Generator()) - wanted)) < 1e-4
        patch = PatchDirectionTerm(made.embed, made.side, origin, made.direction, crops=11, crop=0.5, threshold=float(wanted))
        views = patch.views(x, 11, torch.Generator().manual_seed(2))
        moved = F.normalize(features(model.get_image_features(pixel_values=normalized(views))), dim=-1) - origin
        each = 1 - F.cosine_similarity(moved, way)
        each[each < float(wanted)] = 0
        assert bool((each > 0).any())
        assert abs(float(patch.value(x, torch.Generator().manual_seed(2)) - each.mean())) < 1e-4


def check_crops_in_turns_have_the_gradient_of_all_at_once() -> None:
    made = objective().objectives.parts[0]
    with torch.inference_mode(False), torch.enable_grad(), plain_weights(made.embed.module):
        x = torch.rand(1, 3, 40, 48, generator=torch.Generator().manual_seed(6)).requires_grad_()
        with torch.no_grad():
            origin = F.normalize(made.embed(pictures(1)), dim=-1)
        term = PatchDirectionTerm(made.embed, made.side, origin, made.direction, 10, 0.5, 0.9, at_once=4)
        drawn = torch.Generator().manual_seed(3)
        views = torch.cat([term.views(x, count, drawn) for count in (4, 4, 2)])
        plain = term.rejected(views) / 10
        value = term.value(x, torch.Generator().manual_seed(3))
        assert abs(float((value - plain).detach())) < 1e-6
        assert worst(torch.autograd.grad(value * 2, x)[0], 2 * torch.autograd.grad(plain, x)[0]) < 1e-5


def check_steps_follow_the_words() -> None:
    """Through the host's memory management, with weights that it loaded in inference mode, from the content itself."""
    made = objective(crops=8)
    (network,) = made.networks
    assert network.model is made.objectives.parts[0].embed
    settings = OptimizeSettings(steps=80, smallest=0, optimizer="adam", rate=0.03, averaging=0.0)
    with torch.inference_mode(False), on_device(network, 0.0) as device, plain_weights(network.model.module):
        at = begin(PICTURE.movedim(-1, 1).clone(), 40, 48, settings, device)
        optimize(made.objectives, 0, 40, 48, settings, at)
    values = [record.loss for record in at.curve]
    MEASURED["steps"] = [values[0], values[-1]]
    assert all(map(torch.isfinite, map(torch.tensor, values)))
    assert values[-1] < 0.8 * values[0], MEASURED["steps"]
    lbfgs = OptimizeSettings(steps=12, smallest=28, coarse_steps=6, optimizer="lbfgs")
    with torch.inference_mode(False), on_device(network, 0.0) as device, plain_weights(network.model.module):
        at = begin(None, 40, 48, lbfgs, device)
        optimize(made.objectives, 0, 40, 48, lbfgs, at)
    values = [record.loss for record in at.curve if record.scale == at.scale - 1]
    assert min(values) < values[0]


def check_objectives_are_told_apart() -> None:
    same, again, heavier, other, plain = (
        objective(**changes).objectives for changes in ({}, {}, {"weight": 2.0}, {"text": "water"}, {"templates": True})
    )
    assert same.identity() == again.identity() == heavier.identity()
    assert len({same.identity(), other.identity(), plain.identity()}) == 3
    assert "text 'fire', weight 1" in repr(same)
    assert same.parts[0].bytes_beside > 0


def check_what_does_not_fit_is_refused() -> None:
    model, clip, vision = whole()
    state = model.state_dict()

    def asked(**changes: Any) -> str:
        given = {"clip": clip, "clip_vision": vision, "image": PICTURE, **OTHERS, **changes}
        return refused(lambda: TextObjective.execute(**given))

    assert "clip is not a text encoder of ComfyUI's (it is object)" in asked(clip=object())
    assert "clip_vision is not a vision model of ComfyUI's (it is str)" in asked(clip_vision="clip_l.safetensors")
    assert "clip_vision is not a vision model" in asked(clip_vision=clip)
    assert "clip is not a text encoder" in asked(clip=vision)
    narrow = {k: v for k, v in state.items() if k != "visual_projection.weight"}
    assert "clip_vision (clip_vision_model) has no projection" in asked(clip_vision=clip_vision(narrow))
    assert "makes vectors of 16 and clip of 32: load the two halves" in asked(clip_vision=clip_vision(None, projection_dim=16))
    for name, projection in {"absent": None, "zeros": torch.zeros(32, 32), "the identity": torch.eye(32)}.items():
        path = FOLDER / f"{name.replace(' ', '_')}.safetensors"
        rest = {k: v.contiguous() for k, v in state.items() if k != "text_projection.weight"}
        save_file(rest if projection is None else {**rest, "text_projection.weight": projection}, str(path))
        assert "clip (clip_l) comes without its projection" in asked(clip=clip_text(path)), name

    class Words(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.t5xxl = torch.nn.Linear(2, 2)

    other = types.SimpleNamespace(cond_stage_model=Words(), tokenize=clip.tokenize, patcher=clip.patcher)
    assert "clip (t5xxl) is a text encoder without a CLIP in it" in asked(clip=other)
    assert "text is empty" in asked(text=" \n")
    assert "source_text is empty" in asked(source_text="")
    assert "text is longer than CLIP reads at once (75 tokens)" in asked(text="word " * 90)
    assert "text and source_text are the same to CLIP" in asked(text="a photo")
    assert "ask for nothing" in asked(direction=0.0, crops=0)
    assert "image holds values that are not numbers" in asked(image=PICTURE / 0)


if __name__ == "__main__":
    run_all(globals(), MEASURED)
