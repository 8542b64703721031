"""Graphs in columns: every wire goes from left to right, what follows stands beside what it follows, groups share no column."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

Link = tuple[int, int, int]  # source, target, the target's slot
Box = tuple[float, float, float, float]  # x, y, width, height

FAR = 3  # columns
BETWEEN_COLUMNS = 80.0
BETWEEN_GROUPS = 120.0
BETWEEN_NODES = 60.0
PADDING = 30.0
GROUP_TITLE = 44.0


@dataclass(frozen=True)
class Node:
    """width and height: of all that it may show, its title bar included."""

    id: int
    width: float
    height: float


@dataclass(frozen=True)
class Plan:
    """Top left corners (of the title bar) by node, and (kind, box) of the groups: given, work, results."""

    positions: dict[int, tuple[float, float]]
    groups: list[tuple[str, Box]]


def placed(nodes: Sequence[Node], links: Sequence[Link]) -> Plan:
    """Where each node stands. Nodes without wires (notes) stand at the left, outside of all groups."""
    wired = {id for source, target, _ in links for id in (source, target)}
    column = columns(sorted(wired), links)
    order = reading_order(sorted(wired), links)
    members: dict[int, list[Node]] = defaultdict(list)
    for node in nodes:
        members[column[node.id] if node.id in wired else -1].append(node)
    kinds = {index: kind_of(index, members, links) for index in sorted(members) if index >= 0}
    positions: dict[int, tuple[float, float]] = {}
    boxes: dict[str, list[Box]] = defaultdict(list)
    x, before = 0.0, ""
    for index in sorted(members):
        kind = kinds.get(index, "")
        if positions:
            x += BETWEEN_COLUMNS if kind == before else BETWEEN_GROUPS
        above = {node.id: min((positions[s][1] for s, t, _ in links if t == node.id), default=0) for node in members[index]}
        y, width = 0.0, max(node.width for node in members[index])
        for node in sorted(members[index], key=lambda node: (above[node.id], order.get(node.id, 0))):
            y = max(y, above[node.id])
            positions[node.id] = (round(x), round(y))
            y += node.height + BETWEEN_NODES
        if kind:
            boxes[kind].append((x, 0.0, width, y - BETWEEN_NODES))
        x, before = x + width, kind
    return Plan(positions, [(kind, around(boxes[kind])) for kind in ("given", "work", "results") if kind in boxes])


def columns(ids: Sequence[int], links: Sequence[Link]) -> dict[int, int]:
    """The column of every node: behind all that it needs. What needs nothing stands in the first, or right before what needs it
    where that is far.
    """
    needs, needed = defaultdict(set), defaultdict(set)
    for source, target, _ in links:
        needs[target].add(source)
        needed[source].add(target)
    found: dict[int, int] = {}

    def depth(id: int) -> int:
        if id not in found:
            found[id] = max((depth(each) + 1 for each in needs[id]), default=0)
        return found[id]

    for id in ids:
        depth(id)
    for id in ids:
        if not needs[id] and (user := min((found[each] for each in needed[id]), default=0)) > FAR:
            found[id] = user - 1
    used = {index: i for i, index in enumerate(sorted(set(found.values())))}
    return {id: used[index] for id, index in found.items()}


def reading_order(ids: Sequence[int], links: Sequence[Link]) -> dict[int, int]:
    """The order in which a reader meets the nodes who follows every socket, from above, back to where it comes from."""
    sources: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for source, target, slot in links:
        sources[target].append((slot, source))
    last = [id for id in ids if id not in {source for source, _, _ in links}]
    order: dict[int, int] = {}

    def visit(id: int) -> None:
        if id in order:
            return
        order[id] = -1
        for _, source in sorted(sources[id]):
            visit(source)
        order[id] = len(order)

    for id in last:
        visit(id)
    return order


def kind_of(index: int, members: dict[int, list[Node]], links: Sequence[Link]) -> str:
    """given: the first column; results: those at the right whose nodes lead nowhere; work: all between."""
    leads = {source for source, _, _ in links}
    if index == 0:
        return "given"
    if all(node.id not in leads for each in range(index, max(members) + 1) for node in members[each]):
        return "results"
    return "work"


def around(boxes: Sequence[Box]) -> Box:
    """The group's frame around its columns."""
    left, top = min(x for x, *_ in boxes), min(y for _, y, *_ in boxes)
    right = max(x + width for x, _, width, _ in boxes)
    bottom = max(y + height for _, y, _, height in boxes)
    return (
        round(left - PADDING),
        round(top - GROUP_TITLE - PADDING),
        round(right - left + 2 * PADDING),
        round(bottom - top + GROUP_TITLE + 2 * PADDING),
    )
