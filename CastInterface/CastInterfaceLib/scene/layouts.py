"""Slicer's layouts: their names on a command line, and where each view of one lies. Standard library only.

A layout's description is Slicer's own XML (``vtkMRMLLayoutNode::GetLayoutDescription``): nested ``layout`` elements of
type ``horizontal`` or ``vertical`` whose ``item`` elements hold another ``layout`` or a ``view``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.etree import ElementTree

DRAWABLE = ("vtkMRMLSliceNode", "vtkMRMLViewNode")


@dataclass(frozen=True, slots=True)
class Slot:
    """One view of a layout: the class of its node and its singleton tag ("Red", "1" …)."""

    node_class: str
    tag: str


@dataclass(frozen=True, slots=True)
class Split:
    """A row or a column of views; ``shares`` (adding up to 1) tell how the room is divided."""

    direction: str
    items: tuple[Slot | Split, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle in pixels, from the upper left corner."""

    left: int
    top: int
    width: int
    height: int

    def as_dict(self) -> dict[str, int]:
        """The rectangle as scene views spell it."""
        return {"left": self.left, "top": self.top, "width": self.width, "height": self.height}


def layout_name(constant: str) -> str:
    """The name people type for a layout constant: ``SlicerLayoutOneUpRedSliceView`` is ``one-up-red-slice``."""
    words = constant.removeprefix("SlicerLayout").removesuffix("View")
    return re.sub(r"(?<=[a-z])(?=[A-Z0-9])|(?<=[0-9D])(?=[A-Z][a-z])", "-", words).lower()


def parse_layout(description: str) -> Split | None:
    """The tree of a layout, or None when it holds what offscreen views cannot draw (plots, tables, open-ended rows)."""
    try:
        root = ElementTree.fromstring(description)
    except ElementTree.ParseError:
        return None
    tree = _parse_element(root)
    return Split("row", (tree,), (1.0,)) if isinstance(tree, Slot) else tree


def _parse_element(element: ElementTree.Element) -> Slot | Split | None:
    if element.tag == "view":
        node_class, tag = element.get("class", ""), element.get("singletontag", "")
        return Slot(node_class, tag) if node_class in DRAWABLE and tag else None
    direction = {"horizontal": "row", "vertical": "column"}.get(element.get("type", "horizontal"))
    if element.tag != "layout" or direction is None:
        return None
    items: list[Slot | Split] = []
    weights: list[float] = []
    for item in element.findall("item"):
        child = _parse_element(item[0]) if len(item) == 1 and item.get("multiple") is None else None
        if child is None:
            return None
        items.append(child)
        weights.append(float(item.get("splitSize", 0)))
    if not items:
        return None
    # Sizes count only when every item has one; Slicer divides evenly else.
    if not all(weights):
        weights = [1.0] * len(items)
    return Split(direction, tuple(items), tuple(weight / sum(weights) for weight in weights))


def slots(tree: Slot | Split) -> list[Slot]:
    """The views of a layout in reading order: their place in this list is the scene view's ``slotIndex``."""
    return [tree] if isinstance(tree, Slot) else [slot for item in tree.items for slot in slots(item)]


def arrange(tree: Slot | Split, room: Rect) -> list[Rect]:
    """Where each of `slots` lies when the layout fills ``room``."""
    if isinstance(tree, Slot):
        return [room]
    rects: list[Rect] = []
    row = tree.direction == "row"
    whole = room.width if row else room.height
    done = 0.0
    for item, share in zip(tree.items, tree.shares, strict=True):
        start, end = round(done * whole), round((done + share) * whole)
        done += share
        part = (
            Rect(room.left + start, room.top, end - start, room.height)
            if row
            else Rect(room.left, room.top + start, room.width, end - start)
        )
        rects += arrange(item, part)
    return rects


def extent(tree: Slot | Split) -> tuple[int, int]:
    """How many views stand beside and above each other at most: the window's size in views."""
    if isinstance(tree, Slot):
        return 1, 1
    widths, heights = zip(*(extent(item) for item in tree.items), strict=True)
    return (sum(widths), max(heights)) if tree.direction == "row" else (max(widths), sum(heights))


def as_items(tree: Split) -> dict[str, object]:
    """The layout as scene views spell it: ``{direction, items: [{type: "slot", slotIndex} | {type: "layout", …}]}``."""
    counter = iter(range(len(slots(tree))))

    def spell(node: Slot | Split) -> dict[str, object]:
        if isinstance(node, Slot):
            return {"type": "slot", "slotIndex": next(counter)}
        return {"type": "layout", "direction": node.direction, "items": [spell(item) for item in node.items]}

    return {"direction": tree.direction, "items": [spell(item) for item in tree.items]}
