"""What a run looks like in the terminal: a bar with a small picture where one is looking, plain lines elsewhere."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TextIO

from PIL import Image

from ..models.weights.words import shown

LONGEST_TITLE = 80
BAR = 24
PREVIEW_COLUMNS = 48
SECONDS_BETWEEN_DRAWINGS = 0.1
UPPER_HALF = "\u2580"


class Lines:
    """One line when a node begins and one when it is done."""

    def __init__(self, out: TextIO) -> None:
        self.out = out
        self.title = ""

    def started(self, node_id: str, title: str) -> None:
        """A node begins."""
        self.title = shown(title, LONGEST_TITLE)
        self.say(f"{title} ...")

    def progressed(self, node_id: str, value: float, total: float, preview: Image.Image | None) -> None:
        """Progress within a node is not worth a line."""

    def finished(self, node_id: str, seconds: float) -> None:
        """A node is done."""
        self.say(f"{self.title} done in {seconds:.1f} s")

    def kept(self, node_id: str, title: str) -> None:
        """A node did not have to run."""
        self.say(f"{shown(title, LONGEST_TITLE)} unchanged")

    def say(self, text: str) -> None:
        """A line of its own."""
        print(text, file=self.out, flush=True)


class Screen(Lines):
    """A bar for the node that runs, with its preview below, drawn over each other."""

    def __init__(self, out: TextIO) -> None:
        super().__init__(out)
        self.below = 0
        self.drawn = 0.0
        self.picture: list[str] = []

    def started(self, node_id: str, title: str) -> None:
        """A node begins."""
        self.title, self.picture = shown(title, LONGEST_TITLE), []
        self.draw(0)

    def progressed(self, node_id: str, value: float, total: float, preview: Image.Image | None) -> None:
        """Move the bar; show the preview."""
        if preview is not None:
            self.picture = half_blocks(preview, min(PREVIEW_COLUMNS, shutil.get_terminal_size().columns - 1))
        if time.monotonic() - self.drawn > SECONDS_BETWEEN_DRAWINGS:
            self.draw(min(max(value / total, 0.0), 1.0) if total else 0)

    def finished(self, node_id: str, seconds: float) -> None:
        """A node is done: its line stays."""
        self.say(f"{self.title}  {seconds:.1f} s")

    def draw(self, share: float) -> None:
        """Draw the bar and the preview in place of the last ones."""
        self.drawn = time.monotonic()
        filled = round(share * BAR)
        lines = [f"{self.title}  [{'#' * filled}{'.' * (BAR - filled)}] {share:4.0%}", *self.picture]
        self.clear()
        self.out.write("\n".join(lines))
        self.below = len(lines) - 1
        self.out.flush()

    def clear(self) -> None:
        """Go back to where the last drawing began, and wipe it."""
        self.out.write(f"\x1b[{self.below}A" if self.below else "")
        self.out.write("\r\x1b[J")
        self.below = 0

    def say(self, text: str) -> None:
        """A line that stays, in place of the drawing."""
        self.clear()
        super().say(text)


def display(out: TextIO | None = None) -> Lines:
    """What suits this output: drawings for a terminal, lines for a file or a pipe."""
    place = sys.stderr if out is None else out
    return Screen(place) if place.isatty() else Lines(place)


def half_blocks(picture: Image.Image, columns: int) -> list[str]:
    """A picture as lines of ANSI text, two pixels to a letter: the upper is its ink, the lower its ground."""
    rows = max(1, round(picture.height * columns / picture.width / 2))
    small = picture.convert("RGB").resize((columns, 2 * rows), Image.Resampling.BOX)
    pixels = small.tobytes()

    def color(x: int, y: int) -> str:
        start = 3 * (y * columns + x)
        return ";".join(str(value) for value in pixels[start : start + 3])

    def letter(x: int, row: int) -> str:
        return f"\x1b[38;2;{color(x, 2 * row)};48;2;{color(x, 2 * row + 1)}m{UPPER_HALF}"

    return ["".join(letter(x, row) for x in range(columns)) + "\x1b[0m" for row in range(rows)]
