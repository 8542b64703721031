"""Measure Sets: results against paintings as sets, by FID, KID and ArtFID."""

from __future__ import annotations

from typing import TYPE_CHECKING

from comfy_api.latest import io
from torch import Tensor

from ...models.library.choices import FID, judge_choices
from ..host.feedback import Watch, show
from ..host.folders import file_stamp, model_files
from ..host.networks import load, on_device
from ..host.sockets import Hosted, MeasuresSocket
from .sources import FOLDER_TOOLTIP, NONE, feature_cache, folder_choices, items_of, stamp

if TYPE_CHECKING:
    from ...models.metrics.judge import Judge
    from ...models.metrics.layouts import Layout
    from ...models.metrics.measurement import Measurement
    from ...models.metrics.pictures import Item
    from ...models.metrics.sets import SetOptions

CLEAN = "FID and KID (clean-fid)"
PYTORCH = "FID and KID (pytorch-fid)"
ART_FID = "ArtFID"
LAYOUTS: dict[str, Layout] = {CLEAN: "clean-fid", PYTORCH: "pytorch-fid", ART_FID: "art-fid"}
BATCH_MEMORY = 1.5 * 1024**3  # of Inception and eight pictures of 299 pixels, generously
BYTES_PER_PIXEL = 2500.0  # of Inception and LPIPS with pictures as they are


class MeasureSets(io.ComfyNode):
    """Two or three sets of pictures -> numbers."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        networks = judge_choices(FID, model_files())
        folders = folder_choices()
        return io.Schema(
            node_id="StyleAtelierMeasureSets",
            display_name="Measure Sets",
            category="Style Atelier/measures",
            description="Measures how far a set of results is from a set of paintings: KID with its error, FID, or ArtFID, as "
            "the papers define them. Features are kept, so a set is looked at once.",
            search_aliases=["fid", "kid", "artfid", "frechet inception distance", "clean-fid", "pytorch-fid", "style metric"],
            inputs=[
                io.Combo.Input(
                    "measure",
                    options=list(LAYOUTS),
                    default=PYTORCH,
                    tooltip="Whose definition: they differ in how pictures are resized, and their numbers do not compare. ArtFID "
                    "also needs contents, the photograph of each result.",
                ),
                io.Image.Input("results", optional=True, tooltip="The results, as a batch."),
                io.Combo.Input(
                    "results_folder", options=folders, default=NONE, tooltip=FOLDER_TOOLTIP.format(what="the results")
                ),
                io.Image.Input("references", optional=True, tooltip="The paintings they should be like, as a batch."),
                io.Combo.Input(
                    "references_folder", options=folders, default=NONE, tooltip=FOLDER_TOOLTIP.format(what="the paintings")
                ),
                io.Image.Input(
                    "contents", optional=True, tooltip="For ArtFID: the photograph of each result, in the same order and size."
                ),
                io.Combo.Input(
                    "contents_folder",
                    options=folders,
                    default=NONE,
                    tooltip=FOLDER_TOOLTIP.format(
                        what="for ArtFID, the photograph of each result under a name in the same order"
                    ),
                ),
                io.Combo.Input(
                    "network",
                    options=networks,
                    default=networks[0],
                    advanced=True,
                    tooltip="Inception-v3 of FID, or your own file of it: the number then bears its name. ArtFID has its own.",
                ),
                io.String.Input("label", default="results", tooltip="The name of the row in a report."),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=0xFFFFFFFF,
                    step=1,
                    control_after_generate=io.ControlAfterGenerate.fixed,
                    advanced=True,
                    tooltip="Of the bootstrap that gives KID's error.",
                ),
            ],
            outputs=[
                io.Float.Output(
                    display_name="value",
                    tooltip="ArtFID; or FID where both sets have 1,000 pictures, and KID where they have fewer.",
                ),
                MeasuresSocket.Output(display_name="measures", tooltip="All numbers, for Report."),
                io.String.Output(display_name="table", tooltip="The numbers and what they were made with, for Preview Any."),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, **inputs: object) -> str:
        folders = (str(inputs.get(f"{name}_folder") or NONE) for name in ("results", "references", "contents"))
        return " ".join([*(stamp(folder) for folder in folders), str(file_stamp(str(inputs.get("network") or "")))])

    @classmethod
    def execute(
        cls,
        measure: str,
        results_folder: str,
        references_folder: str,
        contents_folder: str,
        network: str,
        label: str,
        seed: int,
        results: Tensor | None = None,
        references: Tensor | None = None,
        contents: Tensor | None = None,
    ) -> io.NodeOutput:
        from ...models.library.judges import load_judge
        from ...models.metrics.measurement import Measured
        from ...models.metrics.report import Report
        from ...models.metrics.sets import SetOptions

        made = items_of(results, results_folder, "results")
        wanted = items_of(references, references_folder, "references")
        options = SetOptions(LAYOUTS[measure], feature_cache(), seed)
        if measure == ART_FID:
            found = by_art(made, wanted, items_of(contents, contents_folder, "contents"), options)
        else:
            found = by_features(made, wanted, load("judge", network, load_judge), options, Watch(2))
        measured = Measured(label.strip() or "results", tuple(found))
        table = Report((measured,)).text()
        show(table)
        return io.NodeOutput(found[0].value, (measured,), table)


def by_features(made: list[Item], wanted: list[Item], hosted: Hosted, options: SetOptions, watch: Watch) -> list[Measurement]:
    """KID and FID through Inception-v3. Raises ValueError for a network of another kind."""
    from ...models.metrics.sets import features_of, measure_features

    judge: Judge = hosted.model
    if judge.architecture != FID:
        raise ValueError(f"network {judge.choice!r} is no Inception-v3 of FID (it is {judge.architecture}): choose another")
    with on_device(hosted, BATCH_MEMORY) as device:
        sets = [features_of(items, judge, options, device, watch.part(i)) for i, items in enumerate((made, wanted))]
    return measure_features(sets[0], sets[1], judge, options)


def by_art(made: list[Item], wanted: list[Item], photos: list[Item], options: SetOptions) -> list[Measurement]:
    """ArtFID through its own Inception-v3 and LPIPS' AlexNet."""
    from ...models.library.choices import ART
    from ...models.library.judges import load_judge
    from ...models.metrics.sets import measure_art

    inception, alexnet = (load("judge", name, load_judge) for name in (judge_choices(ART, ())[0], "alexnet"))
    first = made[0].load()
    memory = max(BATCH_MEMORY, BYTES_PER_PIXEL * 8 * first.shape[2] * first.shape[3])
    with on_device(inception, memory) as one, on_device(alexnet, memory) as two:
        return measure_art(made, wanted, photos, inception.model, alexnet.model, options, (one, two), Watch().part(0))
