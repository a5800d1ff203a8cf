"""PythonQt's manners on PySide6: ``install(app)`` puts a strict ``qt`` and ``ctk`` into ``sys.modules``.

Slicer talks to Qt through PythonQt, which differs from PySide6 in what a program may write. PySide6's classes are
changed in place, once a process, so that objects made by Qt itself (a `.ui` file, ``findChild``) behave the same. What
PythonQt refuses, this refuses; where PythonQt lets a mistake pass and crashes later (a widget touched off the main
thread) this raises at once.
"""

from __future__ import annotations

import enum
import sys
from pathlib import Path
from typing import Any, NoReturn

import shiboken6
from PySide6 import QtCore, QtGui, QtUiTools, QtWidgets

from . import qt_list
from .main_thread import WrongThread, check_thread
from .pythonqt_attributes import (
    count_as_cpp,
    keep,
    make_getattribute,
    plain_delete,
    refuse,
    refused,
    set_attribute,
    set_value_attribute,
    texts_as_qt_has_them,
)
from .pythonqt_items import patch_items

__all__ = ["WrongThread", "check_thread", "count_as_cpp", "install", "keep"]

MODULES = (QtCore, QtGui, QtWidgets, QtUiTools)


def make_init(original: Any, is_qobject: bool) -> Any:
    """A constructor that takes no keywords and, for QObjects, runs on the main thread only."""

    def init(self: Any, *arguments: Any, **keywords: Any) -> None:
        if keywords:
            raise ValueError(
                f"{type(self).__name__}: PythonQt takes no keyword arguments in a constructor ({', '.join(keywords)}); "
                "set the properties afterwards"
            )
        if is_qobject:
            check_thread(f"{type(self).__name__} made")
        original(self, *texts_as_qt_has_them(arguments))

    return init


class Refused:
    """Takes the place of a value class's member that came with Qt 6."""

    def __init__(self, owner: str, name: str) -> None:
        self.owner, self.name = owner, name

    def __get__(self, instance: Any, owner: type | None = None) -> NoReturn:
        refuse(self.owner, self.name)


def classes_of_qt() -> tuple[list[type], list[type]]:
    """All QObject classes, and the listed value classes (QColor, QPoint, QTableWidgetItem …)."""
    objects: dict[type, None] = {}
    values: dict[type, None] = {}
    listed = set(qt_list.CORE + qt_list.GUI + qt_list.WIDGETS)
    for module in MODULES:
        # dir() and getattr(), for vars() of these modules fills up only as names are used.
        for name in dir(module):
            kind = getattr(module, name)
            if not isinstance(kind, type) or not isinstance(kind, type(QtCore.QObject)):
                continue
            if issubclass(kind, QtCore.QObject):
                objects[kind] = None
            elif name in listed and name != "Qt":
                values[kind] = None
    return list(objects), list(values)


def patch_enums(kinds: list[type]) -> None:
    """Make the enums of these classes ints to the eye: ``int(e)``, ``e == 4``, an index, a key."""
    for kind in kinds:
        for name in dir(kind):
            member = getattr(kind, name, None)
            if isinstance(member, type) and issubclass(member, enum.Enum) and not issubclass(member, int):
                member.__int__ = member.__index__ = lambda self: self.value  # type: ignore[attr-defined]
                member.__eq__ = lambda self, other: (  # type: ignore[method-assign, assignment]
                    self.value == other if type(other) is int else self is other
                )
                member.__hash__ = lambda self: hash(self.value)  # type: ignore[method-assign, assignment]


def patch_classes() -> None:
    """Give PySide6's classes PythonQt's manners, in place."""
    objects, values = classes_of_qt()
    count_as_cpp(*objects, *values)
    patch_enums([*objects, *values, QtCore.Qt])
    # Shiboken wires methods with static and instance overloads in a class's own __getattribute__: wrap each one.
    own = {kind: dict(kind.__dict__) for kind in objects}
    for kind in objects:
        if kind is QtCore.QObject or "__getattribute__" in own[kind]:
            original = own[kind].get("__getattribute__", QtCore.QObject.__getattribute__)
            kind.__getattribute__ = make_getattribute(original)  # type: ignore[method-assign]
        kind.__setattr__, kind.__delattr__ = set_attribute, plain_delete  # type: ignore[method-assign, assignment]
        if "__init__" in own[kind]:
            kind.__init__ = make_init(own[kind]["__init__"], is_qobject=True)  # type: ignore[misc]
    for kind in values:
        kind.__setattr__ = set_value_attribute  # type: ignore[method-assign, assignment]
        kind.__init__ = make_init(kind.__init__, is_qobject=False)  # type: ignore[misc]
    patch_items()
    QtCore.QObject.__bool__ = lambda self: shiboken6.isValid(self)  # type: ignore[attr-defined]
    for owner, names in qt_list.QT6_ONLY.items():
        kind = next(getattr(m, owner) for m in MODULES if hasattr(m, owner))
        for name in names:
            if kind in objects:
                refused[name] = (*refused.get(name, ()), kind)
            else:
                setattr(kind, name, Refused(owner, name))


def install(app: QtWidgets.QApplication, settings_folder: Path | None = None, starving: bool = False) -> None:
    """Put ``qt`` and ``ctk`` into sys.modules; once a process, on the main thread, after the application was made.

    QSettings go to INI files in `settings_folder` (a temporary one by default), never to the person's own.
    """
    if "qt" in sys.modules:
        return
    check_thread("the host started")
    patch_classes()
    from . import ctk, dialogs, qt_module
    from . import starving as loop

    loop.use(app, starving)
    dialogs.patch()
    qt_module.install(app, settings_folder)
    ctk.install()
