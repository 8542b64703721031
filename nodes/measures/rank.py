"""Rank Stylizers: photographs times paintings through stylizers, measured, in a table and in one plot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import folder_paths
from comfy_api.latest import io
from PIL import Image
from torch import Tensor

from ...models.library.choices import FID, judge_choices
from ...models.progress import Progress
from ..host.drawing import from_pillow, to_pillow
from ..host.feedback import Watch, show
from ..host.folders import model_files
from ..host.images import Picture, slots, to_image, wire_format
from ..host.networks import load, on_device
from ..host.sockets import EncoderSocket, Hosted, MeasuresSocket, StylizerSocket
from ..host.widgets import memory_budget
from ..stylization.compare_stylizers import MOST_STYLIZERS, styles_for, trial
from ..stylization.features import STRENGTH_TOOLTIP
from ..stylization.stylize import LARGEST_SIZE
from .charts import Axis, Cloud, figure, plot, table_picture
from .sets import BATCH_MEMORY
from .sources import FOLDER_TOOLTIP, NONE, feature_cache, folder_choices, items_of, stamp
from .taking import ENCODER_TOOLTIP, MEASURES_TOOLTIP, Taker, names_of, prepare

if TYPE_CHECKING:
    from ...models.metrics.judge import Judge
    from ...models.metrics.measurement import Measured, Measurement, Missing
    from ...models.metrics.pairs import PairMeasure
    from ...models.metrics.pictures import Item
    from ...models.metrics.ranking import Trial

FOLDER = "style_atelier_rankings"
OWN_STYLE = "it has a style of its own, which no painting stands for"
SHOWN = 4  # rows of the figure


@dataclass
class Ranked:
    """One stylizer's turn. trials: numbers of each result. files: the results, in order. own: its style is its own."""

    label: str
    own: bool
    trials: list[list[Measurement]] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    missing: dict[str, Missing] = field(default_factory=dict)
    sets: list[Measurement] = field(default_factory=list)

    def measured(self, taker: Taker) -> Measured:
        """Means over the results, and the numbers of all of them as a set."""
        from ...models.metrics.measurement import Measured
        from ...models.metrics.ranking import averaged

        mean = averaged(self.label, self.trials, [*taker.missing, *self.missing.values()])
        return Measured(mean.label, (*mean.found, *self.sets), mean.missing)

    def cloud(self, across: str, up: str) -> Cloud | None:
        """Where it lies in the plot, None where it has not both numbers."""
        both = [tuple(next((m.value for m in t if m.measure == axis), None) for axis in (across, up)) for t in self.trials]
        points = [(x, y) for x, y in both if x is not None and y is not None]
        if not points:
            return None
        return Cloud(
            self.label, (sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)), tuple(points)
        )


class RankStylizers(io.ComfyNode):
    """Photographs, paintings and stylizers -> what each does to content and style."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        tooltip = "From Load Stylizer; a socket for the next appears as you connect."
        template = io.Autogrow.TemplatePrefix(
            StylizerSocket.Input("stylizer", tooltip=tooltip), prefix="stylizer", min=1, max=MOST_STYLIZERS
        )
        folders, networks = folder_choices(), judge_choices(FID, model_files())
        return io.Schema(
            node_id="StyleAtelierRankStylizers",
            display_name="Rank Stylizers",
            category="Style Atelier/measures",
            description="Paints every photograph in the style of every painting with every stylizer, measures all results, and "
            "shows in one plot what each method keeps and what it takes. What is done stays done: stop it and go on another day.",
            search_aliases=["compare methods", "ablation", "benchmark stylizers", "pareto", "style vs content", "which stylizer"],
            inputs=[
                io.Autogrow.Input("stylizers", template=template, tooltip=tooltip),
                io.Image.Input("photos", optional=True, tooltip="The photographs, as a batch."),
                io.Combo.Input(
                    "photos_folder", options=folders, default=NONE, tooltip=FOLDER_TOOLTIP.format(what="the photographs")
                ),
                io.Image.Input("paintings", optional=True, tooltip="The paintings, as a batch."),
                io.Combo.Input(
                    "paintings_folder", options=folders, default=NONE, tooltip=FOLDER_TOOLTIP.format(what="the paintings")
                ),
                io.String.Input("measures", default="available", tooltip=MEASURES_TOOLTIP),
                io.Combo.Input(
                    "content_axis",
                    options=names_of("content"),
                    default="ssim",
                    tooltip="The measure that says in the plot how much of the photograph is kept.",
                ),
                io.Combo.Input(
                    "style_axis",
                    options=names_of("style"),
                    default="gram",
                    tooltip="The measure that says in the plot how near the results are to their paintings.",
                ),
                io.Combo.Input(
                    "network",
                    options=[NONE, *networks],
                    default=NONE,
                    tooltip="Inception-v3 of FID: also gives KID and FID of all results of a method against all paintings.",
                ),
                io.Int.Input(
                    "size", default=512, min=32, max=LARGEST_SIZE, step=8, tooltip="Shorter side of the results in pixels."
                ),
                io.Float.Input("strength", default=1.0, min=0.0, max=1.0, step=0.01, tooltip=STRENGTH_TOOLTIP),
                io.String.Input(
                    "name",
                    default="ranking",
                    tooltip="Folder in output/style_atelier_rankings with results and numbers. The same name goes on where it "
                    "was stopped; results of other settings in it are painted anew.",
                ),
                EncoderSocket.Input("encoder", optional=True, tooltip=ENCODER_TOOLTIP),
                memory_budget(),
            ],
            outputs=[
                io.Image.Output(display_name="plot", tooltip="Style against content: each method's mean and all its results."),
                io.Image.Output(display_name="table", tooltip="All measures as a picture, the best of each column in bold."),
                io.Image.Output(display_name="figure", tooltip="Photographs, paintings and results side by side."),
                io.String.Output(display_name="report", tooltip="The table with what each column was made of, for Preview Any."),
                MeasuresSocket.Output(display_name="measures", tooltip="The numbers of each method, for Report."),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, **inputs: object) -> str:
        return " ".join(stamp(str(inputs.get(f"{name}_folder") or NONE)) for name in ("photos", "paintings"))

    @classmethod
    def execute(
        cls,
        stylizers: io.Autogrow.Type,
        photos_folder: str,
        paintings_folder: str,
        measures: str,
        content_axis: str,
        style_axis: str,
        network: str,
        size: int,
        strength: float,
        name: str,
        memory_budget: float,
        photos: Tensor | None = None,
        paintings: Tensor | None = None,
        encoder: Hosted | None = None,
    ) -> io.NodeOutput:
        from ...models.library.judges import load_judge
        from ...models.metrics.report import joined
        from ...models.weights.writing import write_text

        given: dict[int, Hosted] = slots(stylizers, "stylizer")
        if not given:
            raise ValueError("stylizers holds none: connect at least one Load Stylizer.")
        contents, styles = items_of(photos, photos_folder, "photos"), items_of(paintings, paintings_folder, "paintings")
        taker = prepare(measures, encoder)
        for axis, chosen in (("content_axis", content_axis), ("style_axis", style_axis)):
            if chosen not in [m.name for m in taker.wanted]:
                raise ValueError(f"{axis} is {chosen} and measures does not take it: add it there, or choose another axis")
        work = Work(contents, styles, taker, size, strength, memory_budget, place_of(name))
        watch = Watch(len(given))
        ranked = [work.rank(hosted, f"stylizer{slot}", watch, i) for i, (slot, hosted) in enumerate(given.items())]
        if network != NONE:
            measure_as_sets(ranked, styles, load("judge", network, load_judge))
        rows = tuple(one.measured(taker) for one in ranked)
        report = joined(rows)
        write_text(work.folder / "report.json", report.json())
        write_text(work.folder / "report.csv", report.csv())
        show(report.text())
        wire = wire_format()
        pictures = (drawn(ranked, content_axis, style_axis, taker), table_picture(report), work.figure(ranked))
        return io.NodeOutput(*(to_image(from_pillow(p), None, *wire) for p in pictures), report.text(), rows)


def place_of(name: str) -> Path:
    """The folder of a ranking. Raises ValueError for names that lead out."""
    from ...models.weights.writing import contained

    return contained(Path(folder_paths.get_output_directory(), FOLDER), name, "")


@dataclass(frozen=True)
class Work:
    """What all stylizers are put to."""

    photos: Sequence[Item]
    paintings: Sequence[Item]
    taker: Taker
    size: int
    strength: float
    budget: float
    folder: Path

    def rank(self, hosted: Hosted, name: str, watch: Watch, part: int) -> Ranked:
        """Paint and measure everything that is not there yet. name: of the socket."""
        from ...models.metrics.ranking import Trial, key_of, plain_name

        model = hosted.model
        found = Ranked(model.title, not (model.style_kind and model.takes_pictures))
        identity = f"{model!r} {' '.join(f'{path.name} {path.stat().st_size} {changed}' for path, changed in hosted.files)}"
        folder = self.folder / f"{part + 1:02d}_{plain_name(model.title)}"
        for number, (photo, painting, place) in enumerate(self.pairs(found.own)):
            facts = (identity, photo.digest, "" if found.own else painting.digest, str(self.size), f"{self.strength:g}")
            one = Trial(folder / place, key_of(*facts))
            content = Picture(photo.load()).with_shorter_side(self.size)
            style = Picture(painting.load())

            def paint(content: Picture = content, style: Picture = style, number: int = number) -> Tensor:
                given = styles_for(model, style, name)
                report = self.step(watch.part(part), number)
                return trial(hosted, content, given, self.strength, self.budget, report).picture

            result = one.painted(paint)
            found.files.append(one.picture)
            found.trials.append(list(self.numbers(one, found, result, content.resized(*result.shape[2:]).rgb, style.rgb)))
        watch.part(part)(1, 1)
        return found

    def step(self, report: Progress, number: int) -> Progress:
        """Progress of one of a stylizer's results."""

        def reported(done: int, total: int, preview: Tensor | None = None) -> None:
            report(number * total + done, len(self.photos) * len(self.paintings) * total, preview)

        return reported

    def pairs(self, own: bool) -> Iterator[tuple[Item, Item, str]]:
        """Every photograph with every painting, and the name of the result; a stylizer with its own style paints each once."""
        for i, photo in enumerate(self.photos, 1):
            for j, painting in enumerate(self.paintings[:1] if own else self.paintings, 1):
                yield photo, painting, f"photo{i:03d}" if own else f"photo{i:03d}_painting{j:03d}"

    def numbers(self, one: Trial, found: Ranked, result: Tensor, content: Tensor, style: Tensor) -> Iterator[Measurement]:
        """Of one result; what cannot be taken is noted."""
        from ...models.metrics.measurement import Missing

        for measure in self.taker.wanted:
            if found.own and measure.side == "style":
                found.missing[measure.name] = Missing(measure.title, f"of {found.label}: {OWN_STYLE}")
                continue
            taken = self.number(one, measure, result, content if measure.side == "content" else style)
            if isinstance(taken, Missing):
                found.missing[measure.name] = taken
            else:
                yield taken

    def number(self, one: Trial, measure: PairMeasure, result: Tensor, reference: Tensor) -> Measurement | Missing:
        """From the record, or taken now."""
        from ...models.metrics.measurement import Missing

        try:
            return one.measured(measure.name, self.taker.identity(measure), lambda: self.taker.take(measure, result, reference))
        except ValueError as error:
            if self.taker.strict:
                raise
            return Missing(measure.title, str(error))

    def figure(self, ranked: Sequence[Ranked]) -> Image.Image:
        """The first paintings, each with another photograph, and what every stylizer made of both."""
        from ...models.metrics.pictures import of_file

        rows = []
        for line in range(min(SHOWN, max(len(self.paintings), len(self.photos)))):
            i, j = line % len(self.photos), line % len(self.paintings)
            cells = [to_pillow(self.photos[i].load()[0]), to_pillow(self.paintings[j].load()[0])]
            for one in ranked:
                file = one.files[i if one.own else i * len(self.paintings) + j]
                cells.append(to_pillow(of_file(file).load()[0]))
            rows.append(cells)
        return figure(rows, ["Content", "Style", *(one.label for one in ranked)])


def measure_as_sets(ranked: Sequence[Ranked], paintings: Sequence[Item], hosted: Hosted) -> None:
    """KID and FID of all results of each stylizer against all paintings. Raises ValueError."""
    from ...models.metrics.measurement import Missing
    from ...models.metrics.pictures import of_file
    from ...models.metrics.sets import SetOptions, features_of, measure_features

    judge: Judge = hosted.model
    if judge.architecture != FID:
        raise ValueError(f"network {judge.choice!r} is no Inception-v3 of FID (it is {judge.architecture}): choose another")
    options = SetOptions("pytorch-fid", feature_cache())
    watch = Watch(len(ranked))
    with on_device(hosted, BATCH_MEMORY) as device:
        wanted = features_of(paintings, judge, options, device)
        for part, one in enumerate(ranked):
            if one.own:
                one.missing["fid"] = Missing("FID and KID", f"of {one.label}: {OWN_STYLE}")
                continue
            made = features_of([of_file(file) for file in one.files], judge, options, device, watch.part(part))
            one.sets = measure_features(made, wanted, judge, options)


def drawn(ranked: Sequence[Ranked], content_axis: str, style_axis: str, taker: Taker) -> Image.Image:
    """The plot of those that have both numbers. Raises ValueError where none has."""
    clouds = [cloud for one in ranked if (cloud := one.cloud(content_axis, style_axis)) is not None]
    if not clouds:
        raise ValueError(
            f"no stylizer has both {content_axis} and {style_axis}: connect one that takes its style from a picture, or use "
            "larger pictures"
        )
    axes = {m.name: Axis(m.title, m.better == "higher") for m in taker.wanted}
    return plot(clouds, axes[content_axis], axes[style_axis])
