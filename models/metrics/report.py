"""Numbers of many things in one table, in which only what may be compared stands in one column."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from math import hypot, isfinite, isinf, isnan

from .measurement import Measured, Measurement

FORMAT = "style_atelier.report"
VERSION = 1
ERRORS_APART = 2.0


@dataclass(frozen=True)
class Column:
    """One measure under one set of settings. cells: one for each row, None where it was not taken."""

    first: Measurement
    number: int
    alone: bool
    cells: tuple[Measurement | None, ...]

    @property
    def title(self) -> str:
        """With a number where the same measure stands in another column with other settings."""
        return self.first.title if self.alone else f"{self.first.title} [{self.number}]"

    @property
    def best(self) -> int | None:
        """The row with the best number, None where there is nothing to choose, or where another is within their errors of it."""
        there = {row: cell for row, cell in enumerate(self.cells) if cell is not None and not isnan(cell.value)}
        if len({cell.value for cell in there.values()}) < 2:
            return None
        choose = max if self.first.better == "higher" else min
        best = choose(there, key=lambda row: there[row].value)
        doubts = (not surely_apart(there[best], cell) for row, cell in there.items() if row != best)
        return None if any(doubts) else best


@dataclass(frozen=True)
class Report:
    """rows: what was measured, in order."""

    rows: tuple[Measured, ...]

    def columns(self) -> list[Column]:
        """In the order in which they first appear."""
        kinds = list(dict.fromkeys(m.comparable for row in self.rows for m in row.found))
        cells = {kind: tuple(cell_of(row, kind) for row in self.rows) for kind in kinds}
        firsts = {kind: next(cell for cell in cells[kind] if cell) for kind in kinds}
        titles = [firsts[kind].title for kind in kinds]
        return [
            Column(firsts[kind], titles[: place + 1].count(titles[place]), titles.count(titles[place]) == 1, cells[kind])
            for place, kind in enumerate(kinds)
        ]

    def grid(self) -> list[list[str]]:
        """Titles with an arrow to the better side, then the rows."""
        columns = self.columns()
        head = ["", *(f"{c.title} {'↑' if c.first.better == 'higher' else '↓'}" for c in columns)]
        return [head, *([row.label, *(shown(c.cells[i]) for c in columns)] for i, row in enumerate(self.rows))]

    def text(self) -> str:
        """The table with what it means below."""
        grid = self.grid()
        widths = [max(len(line[i]) for line in grid) for i in range(len(grid[0]))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in grid]
        return "\n".join([*lines, "", *self.notes()])

    def notes(self) -> list[str]:
        """What each column was made of, and what is missing."""
        lines = [note(column) for column in self.columns()]
        absent: dict[str, dict[str, None]] = {}
        for m in (m for row in self.rows for m in row.missing):
            absent.setdefault(m.reason, {})[m.title] = None
        return lines + [f"{', '.join(titles)}: not measured, {reason}" for reason, titles in absent.items()]

    def csv(self) -> str:
        """Full numbers, a column each, and one for the standard error where there is one."""
        columns = self.columns()
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        erring = [any(cell is not None and cell.error is not None for cell in c.cells) for c in columns]
        head = ["name"]
        for column, errs in zip(columns, erring, strict=True):
            head += [column.title, f"{column.title} standard error"] if errs else [column.title]
        writer.writerow(head)
        for index, row in enumerate(self.rows):
            line = [row.label]
            for column, errs in zip(columns, erring, strict=True):
                cell = column.cells[index]
                line.append("" if cell is None else plain(cell.value))
                if errs:
                    line.append("" if cell is None or cell.error is None else plain(cell.error))
            writer.writerow(line)
        return stream.getvalue()

    def json(self) -> str:
        """Everything: numbers, counts, settings, what is missing. Infinite numbers are text."""
        rows = [
            {
                "name": row.label,
                "measures": [
                    {
                        "measure": m.measure,
                        "title": m.title,
                        "value": m.value if isfinite(m.value) else m.written(),
                        "error": m.error if m.error is None or isfinite(m.error) else "unknown",
                        "better": m.better,
                        "pictures": list(m.counts),
                        "depends_on_number_of_pictures": m.biased,
                        "settings": dict(m.settings),
                    }
                    for m in row.found
                ],
                "missing": [{"title": m.title, "reason": m.reason} for m in row.missing],
            }
            for row in self.rows
        ]
        return json.dumps({"format": FORMAT, "version": VERSION, "rows": rows}, indent=2, ensure_ascii=False, allow_nan=False)


def surely_apart(a: Measurement, b: Measurement) -> bool:
    """Whether two numbers differ by more than chance: twice their joint standard error, where they have one."""
    if a.error is None or b.error is None or isinf(a.value) or isinf(b.value):
        return True
    return abs(a.value - b.value) > ERRORS_APART * hypot(a.error, b.error)


def cell_of(row: Measured, kind: tuple[object, ...]) -> Measurement | None:
    """The row's number of this kind."""
    return next((m for m in row.found if m.comparable == kind), None)


def shown(cell: Measurement | None) -> str:
    """As the table has it."""
    return "-" if cell is None else cell.written()


def plain(value: float) -> str:
    """All digits that count, for other programs."""
    return f"{value:.10g}"


def note(column: Column) -> str:
    """ "FID: lower is better; of 24 and 4 pictures, which it depends on; ..."."""
    first = column.first
    made = sorted({cell.counts for cell in column.cells if cell is not None})
    of = ", ".join(" and ".join(map(str, counts)) for counts in made)
    pictures = "picture" if of == "1" else "pictures"
    parts = [f"{first.better} is better", f"of {of} {pictures}{', on which it depends' if first.biased else ''}"]
    parts += [f"{name} {value}" for name, value in first.settings]
    return f"{column.title}: {'; '.join(parts)}"


def joined(measured: Sequence[Measured]) -> Report:
    """A report of several. Different measures of one label share a row; the same measure again gets a row with a number.

    Raises ValueError for none.
    """
    if not measured:
        raise ValueError("measures holds nothing: connect at least one output of a node that measures")
    rows: dict[str, Measured] = {}
    for one in measured:
        names = (one.label if number == 1 else f"{one.label} ({number})" for number in count(1))
        label = next(name for name in names if name not in rows or apart(rows[name], one))
        before = rows.get(label, Measured(label, ()))
        rows[label] = Measured(label, before.found + one.found, before.missing + one.missing)
    return Report(tuple(rows.values()))


def apart(a: Measured, b: Measured) -> bool:
    """Whether both have measures, and none in common."""
    names = [{m.measure for m in one.found} for one in (a, b)]
    return all(names) and not names[0] & names[1]
