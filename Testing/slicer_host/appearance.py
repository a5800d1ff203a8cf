"""How the stand-in looks: Slicer's dark style, and pictures of its panels."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def grab(widget: Any, path: Path, width: int, height: int | None, window: Any) -> Path:
    """Write a picture of a widget to a path, and return that; see `Host.grab`. ``window``: the main one, if any."""
    from PySide6.QtCore import QCoreApplication

    panel = window.panel() if window is not None else None
    if panel is not None and panel.widget() is widget:
        frame = 2 * panel.frameWidth
        window.resize(width, height or 900)
        QCoreApplication.processEvents()
        wanted = height or max(widget.sizeHint.height(), widget.minimumSizeHint.height()) + frame + 2
        chrome = window.height - panel.height
        window.resize(width, wanted + chrome)
        widget = panel
    else:
        widget.resize(width, height or widget.sizeHint.height())
        widget.show()
    for _ in range(3):
        QCoreApplication.processEvents()
    path.parent.mkdir(parents=True, exist_ok=True)
    if not widget.grab().save(str(path)):
        raise OSError(f"the picture {path} could not be written")
    return path


def dark_palette() -> Any:
    """The colours of Slicer's dark style."""
    import qt

    palette = qt.QPalette()
    colors = {
        "Window": "#323232", "WindowText": "#ffffff", "Base": "#242424", "AlternateBase": "#323232",
        "ToolTipBase": "#323232", "ToolTipText": "#ffffff", "Text": "#ffffff", "Button": "#323232",
        "ButtonText": "#ffffff", "BrightText": "#ff5555", "Link": "#57a5ff", "Highlight": "#2a82da",
        "HighlightedText": "#ffffff", "PlaceholderText": "#9a9a9a",
    }  # fmt: skip
    for role, color in colors.items():
        palette.setColor(getattr(qt.QPalette, role), qt.QColor(color))
    for role in ("WindowText", "Text", "ButtonText"):
        palette.setColor(qt.QPalette.Disabled, getattr(qt.QPalette, role), qt.QColor("#7f7f7f"))
    return palette
