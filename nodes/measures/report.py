"""Report: numbers of several things in one table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from comfy_api.latest import io

from ..host.drawing import from_pillow
from ..host.feedback import show
from ..host.images import slots, to_image, wire_format
from ..host.saved import Saved
from ..host.sockets import MeasuresSocket
from .charts import table_picture
from .sources import MEASURES

if TYPE_CHECKING:
    from ...models.metrics.measurement import Measured

SAVED = Saved(MEASURES, ".json", "Report")
MOST_ROWS = 32


class MakeReport(io.ComfyNode):
    """ATELIER_MEASURES -> text, CSV, a picture and a JSON file."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        tooltip = "From a node that measures; a socket for the next appears as you connect."
        template = io.Autogrow.TemplatePrefix(
            MeasuresSocket.Input("measures", tooltip=tooltip), prefix="measures", min=1, max=MOST_ROWS
        )
        return io.Schema(
            node_id="StyleAtelierReport",
            display_name="Report Measures",
            category="Style Atelier/measures",
            description="Puts measures into one table: a row for each thing, a column for numbers that may be compared. Saves "
            "everything as JSON to output/style_atelier_measures.",
            search_aliases=["table", "csv", "metrics report", "results table", "json", "export measures"],
            is_output_node=True,
            inputs=[
                io.Autogrow.Input("measures", template=template, tooltip=tooltip),
                io.String.Input(
                    "name", default="report", tooltip="Name of the JSON file. A number is added; nothing is overwritten."
                ),
            ],
            outputs=[
                io.String.Output(display_name="text", tooltip="The table with what each column was made of, for Preview Any."),
                io.String.Output(display_name="csv", tooltip="All digits with commas between, for other programs."),
                io.Image.Output(
                    display_name="picture", tooltip="The table as a picture, the best number of each column in bold."
                ),
            ],
        )

    @classmethod
    def execute(cls, measures: io.Autogrow.Type, name: str) -> io.NodeOutput:
        from ...models.metrics.report import joined
        from ...models.weights.writing import write_numbered

        given: list[tuple[Measured, ...]] = list(slots(measures, "measures").values())
        report = joined([row for rows in given for row in rows])

        def write(temporary: str) -> None:
            with open(temporary, "w", encoding="utf-8") as file:
                file.write(report.json())

        show(SAVED.told(write_numbered(SAVED.place(name), SAVED.suffix, write)))
        picture = to_image(from_pillow(table_picture(report)), None, *wire_format())
        return io.NodeOutput(report.text(), report.csv(), picture)
