"""What a person can choose: families of stylizers, how much to invest in one, and the recipe that follows from it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..encoders.encoder import Encoder
from ..encoders.looking import Looking
from ..encoders.vgg import VGG
from ..stylization.stylizer import Stylizer
from ..training.distill import Distill
from ..training.picture_set import PictureSet
from ..training.plan import Plan
from ..training.recipe import Eye, Recipe

QUICK, GOOD, AUTHORS = PRESETS = ("quick", "good", "authors")
FOUR_DEEP = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
FOUR_FIRST = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
CONTENT, STYLE, RANGE = 0.12, 1.0, 10.0  # weights of relative errors
SHORT = Plan(steps=1000, batch=2, size=128, schedule="cosine", average=0.99)
LONG = Plan(steps=6000, batch=4, size=256, schedule="cosine", average=0.995)


@dataclass(frozen=True)
class Order:
    """What is to be trained. settings: the family's own, by their names in `FAMILIES`. start: a stylizer to go on from.

    start_file: the file that it was read from, where it was. style_side: shorter side in pixels at which a painting is looked at,
    0 for its own.
    """

    preset: str
    eye: Encoder
    styles: PictureSet
    settings: Mapping[str, Any]
    seed: int = 0
    style_side: int = 0
    start: Stylizer | None = None
    start_file: Path | None = None

    @property
    def own_constants(self) -> bool:
        """Whether the losses are weighted as the family's authors do."""
        return self.preset == AUTHORS

    @property
    def look(self) -> Eye:
        """The encoder as losses look through it."""
        return Looking(self.eye.module) if isinstance(self.eye.module, VGG) else self.eye.module

    @property
    def pictures(self) -> list[Tensor]:
        """All styles, [1, 3, H, W] each."""
        return [self.styles.whole(index, self.style_side) for index in range(len(self.styles))]

    def taps(self) -> tuple[tuple[str, ...], str]:
        """(of the style, of the content) of losses by Gram matrices: Johnson's where the encoder has them."""
        known = self.eye.taps
        if set(FOUR_DEEP) <= set(known):
            return FOUR_DEEP, FOUR_DEEP[1]
        style = tuple(tap for tap in FOUR_FIRST if tap in known) or known
        return style, "relu3_1" if "relu3_1" in known else known[-1]

    def needs(self, taps: tuple[str, ...], family: str) -> VGG:
        """The encoder's network. Raises ValueError for one without these taps."""
        missing = [tap for tap in taps if tap not in self.eye.taps]
        if missing or not isinstance(self.eye.module, VGG):
            raise ValueError(
                f"encoder: {family} is trained through a VGG with {', '.join(taps)}, and {self.eye.title} has not all of them: "
                "load VGG-19, normalized, with Load Style Encoder."
            )
        return self.eye.module

    def start_network(self, kind: type, family: str) -> Any:
        """A copy of the network to go on from, with gradients, or None. Raises ValueError for a stylizer of another family."""
        if self.start is None:
            return None
        for module in self.start.module.modules():
            if isinstance(module, kind):
                return with_gradients(module)
        raise ValueError(f"start_from is {self.start.title}, not {family}: connect one of that family, or nothing.")


def with_gradients(network: nn.Module) -> Any:
    """A copy that can be trained."""
    made = copy.deepcopy(network)
    for part in made.modules():
        for name, value in part._parameters.items():
            if value is not None:
                part._parameters[name] = nn.Parameter(value.detach().clone().float())
        for name, value in part._buffers.items():
            if value is not None:
                part._buffers[name] = value.detach().clone()
    return made.train()


@dataclass(frozen=True)
class Family:
    """title: for people. eye: name of the encoder that its authors' losses look through. plans: by preset. any_style: learns from
    many styles, for any other. extension: what the trained file's name ends in beside its own.
    """

    title: str
    eye: str
    plans: Mapping[str, Plan]
    build: Callable[[Order], Recipe]
    any_style: bool = True
    ending: Callable[[Order], str] = lambda order: ""


def plans(authors: Plan, quick: Plan = SHORT, good: Plan = LONG, **same: Any) -> dict[str, Plan]:
    """By preset. same: of the authors' plan that the others take over."""
    kept = {name: getattr(authors, name) for name in ("betas", "weight_decay", "amsgrad", "clip")} | same
    return {QUICK: replace(quick, **kept), GOOD: replace(good, **kept), AUTHORS: authors}


def johnson(order: Order) -> Recipe:
    """A fast network of the painting."""
    from ..families.johnson import train
    from ..families.johnson.network import TransformerNet

    network = order.start_network(TransformerNet, "a fast network of one style")
    if network is None:
        network = train.fresh(train.config_of(train.WIDTHS[order.settings["width"]]), order.seed)
    content, style = (order.settings[name] for name in ("content_weight", "style_weight"))
    style_taps, content_tap = order.taps()
    made = train.TrainJohnson(network, order.look, order.pictures, content_tap=content_tap, style_taps=style_taps)
    if order.own_constants:
        return replaced(made, content_weight=content * train.CONTENT_WEIGHT, style_weight=style * train.STYLE_WEIGHT)
    return replaced(made, content_weight=content * CONTENT, style_weight=style * STYLE, range_weight=RANGE, relative_errors=True)


def cin(order: Order) -> Recipe:
    """All paintings in one network, or new ones as rows of a trained one."""
    from ..families.cin import train
    from ..families.cin.stylize import StyledPastiche

    known = order.start_network(StyledPastiche, "a network of many styles")
    count = len(order.styles)
    if known is None:
        network = train.fresh(train.config_of(train.WIDTHS[order.settings["width"]]), count, order.seed)
    else:
        network = train.with_new_rows(known, count)
    content, style = (order.settings[name] for name in ("content_weight", "style_weight"))
    style_taps, content_tap = order.taps()
    made = train.TrainCIN(network, order.look, order.pictures, style_taps=style_taps, content_tap=content_tap, known=known)
    if order.own_constants:
        made.eye = Looking(order.eye.with_pooling("average").module)  # type: ignore[arg-type]
        tap = "relu3_3" if "relu3_3" in order.eye.taps else content_tap
        return replaced(made, content_weight=content, style_weight=style * train.STYLE_WEIGHT, content_tap=tap)
    return replaced(made, content_weight=content * CONTENT, style_weight=style * STYLE, relative_errors=True)


def adain(order: Order) -> Recipe:
    """AdaIN's decoder."""
    from ..decoders.inverse_vgg import InverseVGG
    from ..families.adain import train

    eye = order.needs(train.TAPS, "AdaIN's decoder")
    network = order.start_network(InverseVGG, "AdaIN")
    if network is None:
        torch.manual_seed(order.seed)
        network = InverseVGG(train.config_for(dict(eye.config.widths)))
    elif network.config.widths[0][1] != dict(eye.config.widths)["conv4_1"]:
        raise ValueError("encoder is not the one that start_from was trained with: connect that one, or nothing.")
    content, style = (order.settings[name] for name in ("content_weight", "style_weight"))
    return train.TrainAdaIN(network, Looking(eye), content, 10.0 * style)


def adaattn(order: Order) -> Recipe:
    """AdaAttN, from its published network on."""
    from ..families.adaattn import train

    if order.start is None or not hasattr(order.start, "networks"):
        raise ValueError("start_from is needed for AdaAttN, whose published network is trained on: connect Load Stylizer.")
    network = with_gradients(order.start.networks)  # type: ignore[attr-defined]
    style, local = (order.settings[name] for name in ("style_weight", "local_weight"))
    eye = order.needs(train.TAPS, "AdaAttN")
    return train.TrainAdaAttN(network, Looking(eye), global_weight=10.0 * style, local_weight=3.0 * local)


def cap_vstnet(order: Order) -> Recipe:
    """CAP-VSTNet, for photographs or for art."""
    from ..families.cap_vstnet import train
    from ..families.cap_vstnet.network import RevResNet

    photo = order.settings["kind"] == "photo"
    network = order.start_network(RevResNet, "CAP-VSTNet")
    if network is None:
        torch.manual_seed(order.seed)
        network = RevResNet(train.config_of(2 if photo else 1))
    laplacian, reconstruction = train.PHOTO_WEIGHTS if photo else train.ART_WEIGHTS
    eye = order.needs(train.TAPS, "CAP-VSTNet")
    style, temporal = (order.settings[name] for name in ("style_weight", "temporal_weight"))
    return train.TrainCAPVSTNet(
        network, Looking(eye), style_weight=style, laplacian=laplacian, reconstruction=reconstruction, temporal=60.0 * temporal
    )


def microast(order: Order) -> Recipe:
    """MicroAST."""
    from ..families.microast import train
    from ..families.microast.network import MicroAST, MicroASTConfig

    network = order.start_network(MicroAST, "MicroAST")
    if network is None:
        torch.manual_seed(order.seed)
        network = MicroAST(MicroASTConfig((16, 32, 64)))
    eye = order.needs(train.TAPS, "MicroAST")
    content, style = (order.settings[name] for name in ("content_weight", "style_weight"))
    return train.TrainMicroAST(network, Looking(eye), content, 3.0 * style)


def pocket(order: Order) -> Recipe:
    """Pocket, the built-in stylizer."""
    from ..families.pocket import train
    from ..families.pocket.network import Pocket

    network = order.start_network(Pocket, "Pocket")
    if network is None:
        torch.manual_seed(order.seed)
        network = Pocket()
    eye = order.needs(FOUR_FIRST, "Pocket")
    made = train.TrainPocket(network, eye)
    content, style = (order.settings[name] for name in ("content_weight", "style_weight"))
    weights = made.weights
    made.weights = replace(weights, content_weight=content * weights.content_weight, style_weight=style * weights.style_weight)
    return made


def styleformer(order: Order) -> Recipe:
    """StyleFormer, from its published networks on."""
    from ..families.styleformer import train
    from ..families.styleformer.network import StyleFormerNetworks

    network = order.start_network(StyleFormerNetworks, "StyleFormer")
    if network is None:
        raise ValueError("start_from is needed for StyleFormer, whose published networks are trained on: connect Load Stylizer.")
    eye = order.needs(train.TAPS, "StyleFormer")
    reflecting = VGG(replace(eye.config, padding="reflect"))
    reflecting.load_state_dict(eye.state_dict())
    content, style = (order.settings[name] for name in ("content_weight", "style_weight"))
    return train.TrainStyleFormer(network, Looking(reflecting.requires_grad_(False).to(eye.mean.device)), 60.0 * content, style)


def ghiasi(order: Order) -> Recipe:
    """The network of predicted styles, from magenta's checkpoint on."""
    from ..families.ghiasi import train
    from .registry import open_checkpoint

    found = None if order.start_file is None else open_checkpoint(order.start_file)
    if found is None or found.architecture != "ghiasi":
        raise ValueError("start_from is needed for Ghiasi's network: connect Load Stylizer with ghiasi-magenta.")
    network = train.LiveGhiasi(found.config).read({key: value.float() for key, value in found.tensors.items()})
    content, style = (order.settings[name] for name in ("content_weight", "style_weight"))
    order.needs(train.STYLE_TAPS, "Ghiasi's network")
    eye = Looking(order.eye.with_pooling("average").module)  # type: ignore[arg-type]
    if order.own_constants:
        return train.TrainGhiasi(network, eye, content, 5e-4 * style)  # type: ignore[arg-type]
    return train.TrainGhiasi(network, eye, content * CONTENT, style * STYLE, 1.0, relative_errors=True)  # type: ignore[arg-type]


def distilled(order: Order) -> Recipe:
    """A fast network that learns from pairs."""
    settings = {"content_weight": 1.0, "style_weight": 1.0, **order.settings}
    student = johnson(replace(order, preset=QUICK, settings=settings))
    style_taps, _ = order.taps()
    return Distill(student, order.look, style_taps[:3])


def _family(name: str, title: str, eye: str, build: Callable[[Order], Recipe], **more: Any) -> Family:
    return Family(title, eye, _plans(name), build, **more)


def _plans(name: str) -> dict[str, Plan]:
    inverse: dict[str, Any] = {"schedule": "inverse", "decay": 5e-5}
    if name == "johnson":
        return plans(Plan(steps=41000, batch=4, size=256), replace(SHORT, rate=2e-3), replace(LONG, rate=1e-3))
    if name == "cin":
        return plans(Plan(steps=40000, batch=16, size=256), replace(SHORT, batch=4, steps=2000, rate=2e-3))
    if name == "distilled":
        return plans(replace(LONG, steps=20000))
    if name == "pocket":
        authors = Plan(steps=6000, batch=4, size=160, betas=(0.9, 0.99), schedule="cosine", clip=20.0, average=0.999)
        return plans(authors, replace(SHORT, rate=5e-4), replace(LONG, steps=4000, size=160))
    if name == "cap_vstnet":
        authors = Plan(steps=160000, batch=2, size=256, rate=1e-4, offset=-1, clip=5.0, **inverse)
        return plans(authors, replace(SHORT, rate=2e-4), replace(LONG, batch=2, rate=2e-4))
    if name == "adaattn":
        return plans(Plan(steps=51000, batch=8, size=256, rate=2e-4), replace(SHORT, rate=1e-4), replace(LONG, rate=1e-4))
    if name == "ghiasi":
        return plans(Plan(steps=8000000, batch=8, size=256, rate=1e-5), replace(SHORT, rate=1e-5), replace(LONG, rate=1e-5))
    if name == "styleformer":
        authors = Plan(steps=794000, batch=10, size=256, rate=1e-4, betas=(0.8, 0.999), weight_decay=1e-4, amsgrad=True)
        return plans(authors, replace(SHORT, rate=1e-4), replace(LONG, rate=1e-4))
    return plans(Plan(steps=160000, batch=8, size=256, rate=1e-4, **inverse), replace(SHORT, rate=3e-4), replace(LONG, rate=2e-4))


FAMILIES: dict[str, Family] = {
    "johnson": _family("johnson", "Fast network of one style (Johnson)", "vgg16", johnson, any_style=False),
    "cin": _family("cin", "Several styles in one network (Dumoulin)", "vgg16", cin, any_style=False),
    "adain": _family("adain", "AdaIN's decoder", "vgg19-normalised", adain),
    "microast": _family("microast", "MicroAST", "vgg19-normalised", microast),
    "pocket": _family("pocket", "Pocket", "vgg19-normalised", pocket),
    "cap_vstnet": _family(
        "cap_vstnet", "CAP-VSTNet", "vgg19-normalised", cap_vstnet, ending=lambda order: f"_{order.settings['kind']}"
    ),
    "adaattn": _family("adaattn", "AdaAttN (from its published network)", "vgg19-normalised", adaattn),
    "ghiasi": _family("ghiasi", "Ghiasi (from magenta's checkpoint)", "vgg16", ghiasi),
    "styleformer": _family("styleformer", "StyleFormer (from its published networks)", "vgg16", styleformer),
    "distilled": _family("distilled", "Distill pairs into a fast network", "vgg19-normalised", distilled, any_style=False),
}


def replaced(recipe: Any, **values: Any) -> Any:
    """The recipe with other weights."""
    for name, value in values.items():
        setattr(recipe, name, value)
    return recipe


def score_of(eye: Encoder) -> Callable[[Tensor, Tensor, Tensor], float] | None:
    """(made, content, style) -> how far a picture is from style and drawing, lower is better; None for encoders without the taps.

    The style distance over that of the photo itself, and half of what the edges lack of the photo's.
    """
    from ..metrics.style import TAPS, edge_ssim, style_distance

    if not set(TAPS) <= set(eye.taps):
        return None

    def score(made: Tensor, content: Tensor, style: Tensor) -> float:
        far = style_distance(content, style, eye).clamp_min(1e-6)
        return float((style_distance(made, style, eye) / far + 0.5 * (1 - edge_ssim(made, content))).mean())

    return score
