"""The items of tables, lists and trees as PythonQt has them: texts end at a NUL, a destroyed item says so."""

from __future__ import annotations

from collections.abc import Callable
from types import BuiltinMethodType
from typing import Any

import shiboken6
from PySide6 import QtWidgets

from .pythonqt_attributes import check_item_data, texts_as_qt_has_them

ITEMS = (QtWidgets.QTableWidgetItem, QtWidgets.QListWidgetItem, QtWidgets.QTreeWidgetItem)


def make_method(name: str, original: Any) -> Callable[..., Any]:
    """A method of an item with PythonQt's manners, over PySide6's own."""

    def call(self: Any, *arguments: Any) -> Any:
        if not shiboken6.isValid(self):
            raise ValueError(f"Trying to call '{name}' on a destroyed {type(self).__name__} object")
        check_item_data(name, arguments)
        try:
            return original(self, *texts_as_qt_has_them(arguments))
        except OverflowError as error:
            raise ValueError(f"{type(self).__name__}.{name}: {error}") from None

    return call


def make_init(original: Any) -> Callable[..., None]:
    """An item's constructor, which takes texts too."""

    def init(self: Any, *arguments: Any) -> None:
        original(self, *texts_as_qt_has_them(arguments))

    return init


def patch_items() -> None:
    """Give the classes of items these manners, in place; once a process."""
    for kind in ITEMS:
        for name, member in list(vars(kind).items()):
            if not name.startswith("_") and callable(member) and not isinstance(member, (type, BuiltinMethodType)):
                setattr(kind, name, make_method(name, member))
        kind.__init__ = make_init(kind.__init__)  # type: ignore[method-assign]
