"""Train Stylizer: pictures become a stylizer of one's own."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ..host.images import from_image, to_image, wire_format
from ..host.sockets import EncoderSocket, Hosted, PicturesSocket, StylizerSocket
from .run import Job, carry_out, eye_for, stops, with_wishes

GO_ON, ANEW = "go on", "begin anew"
LARGEST_SIDE = 2048
FAMILY_TITLES = {
    "Fast network of one style (Johnson)": "johnson",
    "Several styles in one network (Dumoulin)": "cin",
    "AdaIN's decoder": "adain",
    "MicroAST": "microast",
    "Pocket": "pocket",
    "CAP-VSTNet": "cap_vstnet",
    "AdaAttN": "adaattn",
    "Ghiasi": "ghiasi",
    "StyleFormer": "styleformer",
    "Distill pairs into a fast network": "distilled",
}


def weight(name: str, what: str) -> Any:
    """A factor of one of a family's losses."""
    return io.Float.Input(name, default=1.0, min=0.0, max=100.0, step=0.05, tooltip=what)


def content() -> Any:
    """The factor of the content's loss."""
    return weight("content_weight", "How much the photo's drawing counts, times the preset's.")


def style() -> Any:
    """The factor of the style's loss."""
    return weight("style_weight", "How much the style counts, times the preset's. More gives larger, wilder strokes.")


def width() -> Any:
    """How large a new network is."""
    return io.Combo.Input(
        "width",
        options=["published", "small"],
        default="published",
        tooltip="published is as its authors have it, 6.4 MiB; small has half the channels, a quarter of the file; faster.",
    )


def families() -> list[Any]:
    """Every family with its own settings."""
    local = weight("local_weight", "How much what attention finds in the style counts, times the preset's.")
    temporal = weight(
        "temporal_weight", "Keeps a moved frame like the one before, for clips. 0 leaves it out; 1 is as published."
    )
    temporal.default = 0.0
    kind = io.Combo.Input(
        "kind", options=["photo", "art"], default="art", tooltip="photo keeps a photograph's structure; art paints more freely."
    )
    own = {
        "johnson": [width(), content(), style()],
        "cin": [width(), content(), style()],
        "cap_vstnet": [kind, style(), temporal],
        "adaattn": [style(), local],
        "distilled": [width()],
    }
    return [io.DynamicCombo.Option(title, own.get(name, [content(), style()])) for title, name in FAMILY_TITLES.items()]


class TrainStylizer(io.ComfyNode):
    """ATELIER_PICTURES -> ATELIER_STYLIZER."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierTrainStylizer",
            display_name="Train Stylizer",
            category="Style Atelier/training",
            description="Teaches a network your own style and gives it as a stylizer at once; it is saved under "
            "models/style_atelier/trained too, for Load Stylizer. Stop it at any time: you get the best so far, and queueing it "
            "again goes on where it was.",
            search_aliases=["train", "fine-tune", "learn style", "dataset", "fast neural style", "distill", "own model"],
            is_output_node=True,
            inputs=[
                PicturesSocket.Input("styles", tooltip="The paintings to learn from, from Picture Set. One is enough."),
                PicturesSocket.Input(
                    "contents",
                    optional=True,
                    tooltip="Photos like those that you want to paint, from Picture Set. Left out: scenes that the pack paints, "
                    "and its own photos.",
                ),
                PicturesSocket.Input(
                    "targets",
                    optional=True,
                    tooltip="For distilling: what is to become of each of the contents, with equal names or in the same order.",
                ),
                io.DynamicCombo.Input(
                    "family", options=families(), tooltip="What kind of network to train. The first learns one style in minutes."
                ),
                io.Combo.Input(
                    "preset",
                    options=["quick", "good", "authors"],
                    default="quick",
                    tooltip="quick works on a small card or a processor in minutes; good takes about an hour on a card; authors "
                    "has the constants of the paper's own code, which take hours to days.",
                ),
                io.String.Input(
                    "name",
                    default="my style",
                    tooltip="Name of the file under models/style_atelier/trained. A training of this name that is there goes on.",
                ),
                io.Combo.Input(
                    "if_there",
                    options=[GO_ON, ANEW],
                    default=GO_ON,
                    tooltip="What to do where a training of this name is there: go on with it, or forget it and begin anew.",
                ),
                io.Int.Input(
                    "steps", default=0, min=0, max=10000000, step=1, tooltip="Steps in all; 0 takes the preset's number."
                ),
                io.Float.Input(
                    "minutes",
                    default=0.0,
                    min=0.0,
                    max=100000.0,
                    step=0.5,
                    tooltip="End after so many minutes; the rate falls so that it ends with them. 0 sets no limit.",
                ),
                io.Int.Input(
                    "size",
                    default=0,
                    min=0,
                    max=LARGEST_SIDE,
                    step=8,
                    tooltip="Side of the pieces in pixels, a multiple of 8; 0 takes the preset's. Larger ones need more memory.",
                ),
                io.Int.Input(
                    "batch", default=0, min=0, max=256, step=1, tooltip="Pieces in a step; 0 takes the preset's number."
                ),
                io.Float.Input(
                    "rate",
                    default=0.0,
                    min=0.0,
                    max=1.0,
                    step=0.00001,
                    advanced=True,
                    tooltip="How far a step may change the weights; 0 takes the preset's.",
                ),
                io.Int.Input(
                    "style_size",
                    default=384,
                    min=0,
                    max=LARGEST_SIDE,
                    step=8,
                    tooltip="Shorter side in pixels at which paintings are seen: a smaller one gives smaller strokes. 0 takes "
                    "their own size. For networks with styles of their own.",
                ),
                io.Int.Input(
                    "random_seed",  # the page would draw a new one after each run of one that is called seed
                    default=0,
                    min=0,
                    max=0xFFFFFFFF,
                    step=1,
                    tooltip="Of all that is drawn by chance: the same gives the same network.",
                ),
                StylizerSocket.Input(
                    "start_from",
                    optional=True,
                    tooltip="A stylizer of the same family to go on from, which is much faster. Of several styles in one network "
                    "the new ones are added, and only they are learned.",
                ),
                EncoderSocket.Input(
                    "encoder",
                    optional=True,
                    tooltip="What the losses look through, from Load Style Encoder. Left out: the family's VGG where it has been "
                    "downloaded, else the built-in Pocket VGG; with the preset authors it is downloaded.",
                ),
                io.Image.Input(
                    "sample_photo", optional=True, tooltip="A photo that is painted from time to time, to see how far it is."
                ),
            ],
            outputs=[
                StylizerSocket.Output(display_name="stylizer", tooltip="The best so far, for Stylize."),
                io.Image.Output(display_name="samples", tooltip="What became of the sample photo on the way."),
                io.Image.Output(display_name="curve", tooltip="How the losses fell, as a picture."),
                io.String.Output(display_name="report", tooltip="Steps, time, losses, and what happened, for Preview Any."),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, **inputs: Any) -> int:
        return stops()

    @classmethod
    def execute(
        cls,
        styles: Any,
        family: dict[str, Any],
        preset: str,
        name: str,
        if_there: str,
        steps: int,
        minutes: float,
        size: int,
        batch: int,
        rate: float,
        style_size: int,
        random_seed: int,
        contents: Any = None,
        targets: Any = None,
        start_from: Hosted | None = None,
        encoder: Hosted | None = None,
        sample_photo: Tensor | None = None,
    ) -> io.NodeOutput:
        from ...models.library.recipes import FAMILIES, Order

        if size % 8:
            raise ValueError(f"size {size} is not a multiple of 8: write {size // 8 * 8}, or 0 for the preset's.")
        for value, what in ((styles, "styles"), (contents, "contents"), (targets, "targets")):
            if what == "styles" or value is not None:
                check_pictures(value, what)
        chosen = FAMILY_TITLES[family["family"]]
        eye = eye_for(chosen, preset, encoder)
        plan = with_wishes(
            FAMILIES[chosen].plans[preset], steps=steps, minutes=minutes, size=size, batch=batch, rate=rate, seed=random_seed
        )
        settings = {key: value for key, value in family.items() if key != "family"}
        files = start_from.files if start_from is not None else ()
        order = Order(
            preset,
            eye.model,
            styles,
            settings,
            random_seed,
            style_size,
            None if start_from is None else start_from.model,
            files[0][0] if files else None,
        )
        photo = None if sample_photo is None else from_image(sample_photo, "sample_photo").rgb[:1]
        made = carry_out(Job(name, chosen, order, plan, eye, start_from, contents, targets, photo, if_there == ANEW))
        return io.NodeOutput(
            made.stylizer,
            to_image(made.samples, None, *wire_format()),
            to_image(made.curve, None, *wire_format()),
            made.report,
        )


def check_pictures(value: Any, name: str) -> None:
    """Raise ValueError for anything but a set of pictures."""
    from ...models.training.picture_set import PictureSet

    if not isinstance(value, PictureSet):
        raise ValueError(f"{name} is not a set of pictures: connect Picture Set to it.")
