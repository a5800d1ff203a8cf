"""PythonQt's way to read and set attributes of Qt objects and to call their methods."""

from __future__ import annotations

import enum
import threading
from types import BuiltinMethodType, MethodType
from typing import Any, NoReturn

import shiboken6
from PySide6 import QtCore

from . import qt_list
from .main_thread import MAIN, check_thread
from .pythonqt_signals import BoundSignal, connect, disconnect

# Classes that count as C++: PySide6's own, and the stand-ins for ctk and qMRML.
cpp: set[type] = set()
# Names read as attributes, by class (Python subclasses included), from the class's meta-object.
_properties: dict[type, frozenset[str]] = {}
# Not empty while a `.ui` file is loaded: PySide6's loader gives the root its named children as attributes, PythonQt's
# does not.
loading: list[bool] = []
# QObject classes that have a member only in Qt 6, by the member's name.
refused: dict[str, tuple[type, ...]] = {}


class Method:
    """A method of Qt bound to its object: the thread is checked at the call, keywords refused, lists become tuples."""

    __slots__ = ("__self__", "function")

    def __init__(self, owner: Any, function: Any) -> None:
        self.__self__ = owner
        self.function = function

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        function, owner = self.function, self.__self__
        what = f"{type(owner).__name__}.{function.__name__}"
        if threading.get_ident() != MAIN:
            check_thread(what)
        if keywords:
            raise ValueError(f"{what}: PythonQt takes no keyword arguments ({', '.join(keywords)})")
        if not shiboken6.isValid(owner):
            raise ValueError(f"Trying to call '{function.__name__}' on a destroyed {type(owner).__name__} object")
        if function.__name__ in ("findChild", "findChildren") and len(arguments) > 2:
            raise ValueError(f"{what} takes a class and a name, nothing else")
        check_item_data(function.__name__, arguments)
        arguments = texts_as_qt_has_them(arguments)
        try:
            value = function(*arguments)
        except TypeError:
            converted = ints_to_enums(function, arguments)
            if converted is None:
                raise
            value = function(*converted)
        except OverflowError as error:
            raise ValueError(f"{what}: {error}") from None
        return tuple(value) if type(value) is list else value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Method) and self.function == other.function

    def __hash__(self) -> int:
        return hash(self.function)

    def __repr__(self) -> str:
        return f"<qt method {self.function.__name__} of {type(self.__self__).__name__}>"


def text_as_qt_has_it(text: str) -> str:
    """A text as PythonQt hands it on: its end is the first NUL.

    Half a surrogate pair is refused (UnicodeEncodeError, which is a ValueError).
    """
    text.encode("utf-8")
    return text.partition("\0")[0]


def texts_as_qt_has_them(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """Arguments with their texts as PythonQt hands them on."""
    return tuple(text_as_qt_has_it(one) if type(one) is str else one for one in arguments)


def check_item_data(name: str, arguments: tuple[Any, ...]) -> None:
    """Raise SystemError for an int that does not fit where an item's data is set, as Python does to PythonQt there."""
    if name in _SETS_DATA and any(type(one) is int and not -(2**63) <= one < 2**63 for one in arguments):
        raise SystemError(f"{name} returned a result with an exception set")


def ints_to_enums(function: Any, arguments: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """`arguments` with ints made the enums the function wants there (to PythonQt enums are ints); None without."""
    if not any(type(value) is int for value in arguments):
        return None
    from shibokensupport.signature import get_signature

    signatures = get_signature(function)
    for signature in signatures if isinstance(signatures, list) else [signatures]:
        kinds = [p.annotation for p in signature.parameters.values() if p.name != "self"] if signature else []
        if len(kinds) < len(arguments):
            continue
        converted = tuple(
            kind(value) if type(value) is int and isinstance(kind, type) and issubclass(kind, enum.Enum) else value
            for kind, value in zip(kinds, arguments, strict=False)
        )
        if any(a is not b for a, b in zip(converted, arguments, strict=True)):
            return converted
    return None


def first_cpp_class(kind: type) -> type:
    """The C++ class a (Python) class is made from; itself for a class of Qt."""
    return next(c for c in kind.__mro__ if c in cpp)


def has_own(kind: type, name: str) -> bool:
    """Whether a Python subclass (not Qt) defines `name`."""
    for c in kind.__mro__:
        if c in cpp:
            return False
        if name in c.__dict__:
            return True
    return False


def properties_of(owner: Any) -> frozenset[str]:
    """Names of the Qt properties of an object."""
    kind = type(owner)
    known = _properties.get(kind)
    if known is None:
        meta = _get(owner, "metaObject")()
        names = {meta.property(i).name() for i in range(meta.propertyCount())} - set(qt_list.METHODS_HERE)
        known = _properties[kind] = frozenset(names)
    return known


# Methods that keep a value with an item.
_SETS_DATA = ("addItem", "insertItem", "setData", "setItemData")

_get: Any = QtCore.QObject.__getattribute__  # PySide6's own: this file is read before the classes are changed


def plain_set(owner: Any, name: str, value: Any) -> None:
    """Python's own way to set an attribute (``object.__setattr__`` refuses classes whose base has another)."""
    for kind in type(owner).__mro__:
        descriptor = kind.__dict__.get(name)
        if isinstance(descriptor, QtCore.Property):
            # PySide6 sets these in its own __setattr__, which is replaced here.
            descriptor.fset(owner, value)
            return
        if descriptor is not None and hasattr(type(descriptor), "__set__"):
            descriptor.__set__(owner, value)
            return
    owner.__dict__[name] = value


def plain_delete(owner: Any, name: str) -> None:
    """``del owner.name`` for what a Python subclass keeps."""
    try:
        del owner.__dict__[name]
    except KeyError:
        raise AttributeError(f"{type(owner).__name__} keeps no attribute '{name}' of its own") from None


def read_property(owner: Any, name: str, value: Any) -> Any:
    """A property's value: by its getter where PySide6 has one of that name, else through the meta-object."""
    if not shiboken6.isValid(owner):
        raise ValueError(f"Trying to read property '{name}' from a destroyed {type(owner).__name__} object")
    if isinstance(value, (BuiltinMethodType, MethodType)):
        value = value()
    elif value is None:
        value = _get(owner, "property")(name)
    return tuple(value) if type(value) is list else value


def write_property(owner: Any, name: str, value: Any) -> None:
    """Set a property; AttributeError when it cannot be written or does not take this value."""
    if not shiboken6.isValid(owner):
        raise AttributeError(f"Trying to set property '{name}' on a destroyed {type(owner).__name__} object")
    if type(value) is str:
        value = text_as_qt_has_it(value)
    meta = _get(owner, "metaObject")()
    prop = meta.property(meta.indexOfProperty(name))
    if not prop.isWritable():
        raise AttributeError(f"Property '{name}' of {type(owner).__name__} object is not writable")
    try:
        if isinstance(getattr(type(owner), name, None), QtCore.Property):
            plain_set(owner, name, value)
            return
        try:
            setter = _get(owner, f"set{name[0].upper()}{name[1:]}")
        except AttributeError:
            done = prop.write(owner, value)
        else:
            Method(owner, setter)(value) if isinstance(setter, BuiltinMethodType) else setter(value)
            done = True
    except OverflowError as error:
        raise ValueError(f"Property '{name}' of {type(owner).__name__} object: {error}") from None
    except TypeError:
        # The setter wants an enum and was given its int: the meta-object converts, as PythonQt does.
        done = prop.isEnumType() and isinstance(value, (int, str)) and prop.write(owner, value)
    if not done:
        raise AttributeError(
            f"Property '{name}' of type '{prop.typeName()}' does not accept an object of type "
            f"{type(value).__name__} ({value!r})"
        )


def make_getattribute(original: Any) -> Any:
    """PythonQt's way to read an attribute, over a class's own."""

    def getattribute(self: Any, name: str) -> Any:
        if name.startswith("__"):
            return original(self, name)
        kind = type(self)
        if threading.get_ident() != MAIN:
            check_thread(f"{kind.__name__}.{name} read")
        own = kind not in cpp and has_own(kind, name)
        if not own:
            if name in ("connect", "disconnect", "className", "delete"):
                return Method(self, _added(self, name))
            if name in refused and isinstance(self, refused[name]):
                refuse(kind.__name__, name)
            name = "objectName" if name == "name" else name
        try:
            value = original(self, name)
        except AttributeError:
            if name in properties_of(self):
                return read_property(self, name, None)
            if name.endswith("_") and not name.endswith("__"):
                # Python's reserved words: `exec_` finds `exec`.
                return getattribute(self, name[:-1])
            raise AttributeError(f"{kind.__name__} has no attribute named '{name}'") from None
        if own:
            return BoundSignal(self, name, value) if isinstance(value, QtCore.SignalInstance) else value
        if isinstance(value, QtCore.SignalInstance):
            return BoundSignal(self, name, value)
        if name in properties_of(self):
            return read_property(self, name, value)
        if isinstance(value, BuiltinMethodType) and value.__self__ is self:
            return Method(self, value)
        return value

    return getattribute


def _added(owner: Any, name: str) -> Any:
    """What PythonQt adds to every QObject, as a function of the arguments alone."""

    def class_name() -> str:
        return type(owner).__name__  # of a Python subclass too, as PythonQt makes a meta-object for it

    def delete() -> None:
        shiboken6.delete(owner)

    def connect_(*arguments: Any) -> bool:
        return connect(owner, *arguments)

    def disconnect_(*arguments: Any) -> bool:
        return disconnect(owner, *arguments)

    return {"className": class_name, "delete": delete, "connect": connect_, "disconnect": disconnect_}[name]


def set_attribute(self: Any, name: str, value: Any) -> None:
    """PythonQt's way to set an attribute of a QObject."""
    kind = type(self)
    check_thread(f"{kind.__name__}.{name} set")
    if isinstance(value, QtCore.SignalInstance):
        # PySide6 itself, at the first use of a signal of an object that Qt made.
        plain_set(self, name, value)
        return
    if name.startswith("__") or (kind not in cpp and has_own(kind, name)):
        plain_set(self, name, value)
        return
    name = "objectName" if name == "name" else name
    if name in refused and isinstance(self, refused[name]):
        refuse(kind.__name__, name)
    if name in (properties_of(self) if shiboken6.isValid(self) else _properties.get(kind, ())):
        write_property(self, name, value)
    elif hasattr(first_cpp_class(kind), name):
        raise AttributeError(f"Slot or signal '{name}' can not be overwritten on {kind.__name__} object")
    else:
        set_value_attribute(self, name, value)


def set_value_attribute(self: Any, name: str, value: Any) -> None:
    """The same for what is no QObject, and for names Qt does not know: only Python subclasses may have their own."""
    kind = type(self)
    if loading and isinstance(value, QtCore.QObject):
        return
    if kind in cpp:
        raise AttributeError(
            f"'{name}' does not exist on {kind.__name__} and creating new attributes on C++ objects is not allowed"
        )
    plain_set(self, name, value)


def refuse(owner: str, name: str) -> NoReturn:
    """Raise AttributeError for a member that Slicer's Qt does not have."""
    raise AttributeError(f"{owner} has no attribute named '{name}' in Qt 5 (it came with Qt 6)")


def keep(owner: Any, name: str, value: Any) -> None:
    """Set a private attribute on a stand-in, past the manners (stand-ins are Python, but count as C++)."""
    owner.__dict__[name] = value


def count_as_cpp(*classes: type) -> None:
    """Hold Python stand-ins (ctk, qMRML) to the rules of C++ objects: no attributes of one's own."""
    cpp.update(classes)
