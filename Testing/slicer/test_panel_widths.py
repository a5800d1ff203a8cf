"""The three panels in a module panel of 400 pixels with its scroll bar: nothing has to be scrolled sideways."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from interface_parts import open_module

WIDTH = 400  # pixels of Slicer's module panel, its vertical scroll bar taken off
SECTIONS = "ctkCollapsibleButton"


@pytest.fixture
def panel(host: Any) -> Iterator[Any]:
    """Slicer's module panel, its scroll bar always there; fonts are put back."""
    import qt

    area, font = host._window.panel(), qt.QFont(host.app.font())
    policy = area.verticalScrollBarPolicy
    area.setVerticalScrollBarPolicy(qt.Qt.ScrollBarAlwaysOn)
    yield area
    area.setVerticalScrollBarPolicy(policy)
    qt.QApplication.setFont(font)


@pytest.mark.parametrize("points", [9, 12])
@pytest.mark.parametrize("name", ["CastInterface", "CastHub", "CastServiceProvider"])
def test_nothing_is_scrolled_sideways(host: Any, panel: Any, name: str, points: int) -> None:
    import qt

    font = qt.QFont(host.app.font())
    font.setPointSize(points)
    qt.QApplication.setFont(font)
    module = open_module(host, name)
    for widget in vars(module.widget.ui).values():
        if hasattr(widget, "className") and widget.className() == SECTIONS:
            widget.collapsed = False
        elif hasattr(widget, "isWidgetType") and widget.isWidgetType():
            widget.setVisible(True)  # also what only appears now and then
    host.grab(module, f"width-{name}-{points}.png", WIDTH)
    assert panel.verticalScrollBar().isVisible() and panel.width <= WIDTH
    bar = panel.horizontalScrollBar().maximum
    wide = {
        key: widget.minimumSizeHint.width()
        for key, widget in vars(module.widget.ui).items()
        if hasattr(widget, "minimumSizeHint") and widget.minimumSizeHint.width() > 150
    }
    assert not bar, (bar, wide)
