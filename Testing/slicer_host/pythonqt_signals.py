"""PythonQt's signals: string signatures, arguments cut to what the slot takes, callables kept alive."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from types import FunctionType, MethodType
from typing import Any
from weakref import WeakMethod

import shiboken6
from PySide6 import QtCore

from CastLib.thread_time import MainThreadTime

from .main_thread import check_thread
from .origins import is_products

# (signature, callable, the function Qt calls) by the sender's address: the sender's Python object may come and go.
_connections: dict[int, list[tuple[str, Any, Any]]] = {}
# Called after each Python slot (the loop looks whether its wait is over).
after_slot: list[Callable[[], None]] = []
# Exceptions that slots raised; PythonQt prints them and goes on, and a test may look here.
slot_errors: list[BaseException] = []


def seconds_in_slow_calls() -> tuple[float, float]:
    """What the product spent in the calls to Slicer and VTK that it names."""
    module = sys.modules.get("CastSlicerLib.slow_calls")
    return module.seconds_inside() if module is not None else (0.0, 0.0)


# How long the product's slots, and what else Slicer calls of it (a panel's setup), held the main thread, but for those
# calls. The pump's slot is one of them: a tick, with all callbacks that it runs.
slots_held = MainThreadTime(seconds_in_slow_calls)


def measured(slot: Any) -> AbstractContextManager[None]:
    """A context that measures the slot, when it is the product's."""
    if is_products(slot):
        return slots_held.by(slot)
    return nullcontext()


def arguments_taken(slot: Any) -> int | None:
    """How many arguments PythonQt gives a callable: a function's own count (defaults included); None for all."""
    function = slot.__func__ if isinstance(slot, MethodType) else slot
    if not isinstance(function, FunctionType) or function.__code__.co_flags & 0x04:
        return None
    return function.__code__.co_argcount - (1 if isinstance(slot, MethodType) else 0)


def make_slot(slot: Any, count: int) -> Callable[..., None]:
    """The function Qt calls: at most `count` arguments, errors printed, never raised into Qt."""
    taken = arguments_taken(slot)
    count = count if taken is None else min(count, taken)

    def call(*arguments: Any) -> None:
        try:
            with measured(slot):
                slot(*arguments[:count])
        except Exception as error:
            slot_errors.append(error)
            sys.excepthook(type(error), error, error.__traceback__)
        for function in tuple(after_slot):
            function()

    return SHAPES[count](call)


# PySide6 counts a function's parameters and gives that many: each slot shows exactly what it takes.
SHAPES: tuple[Callable[[Callable[..., None]], Callable[..., None]], ...] = (
    lambda call: lambda: call(),
    lambda call: lambda a: call(a),
    lambda call: lambda a, b: call(a, b),
    lambda call: lambda a, b, c: call(a, b, c),
    lambda call: lambda a, b, c, d: call(a, b, c, d),
    lambda call: lambda a, b, c, d, e: call(a, b, c, d, e),
)


def weakly(method: Any) -> Callable[..., None]:
    """A slot that does not keep its object alive, for stand-ins that listen to their own parts."""
    reference = WeakMethod(method)

    def call(*arguments: Any) -> None:
        alive = reference()
        if alive is not None:
            alive(*arguments)

    return call


def normalized(owner: Any, signature: str) -> str | None:
    """The signature as the object's meta-object has it; None for a signal it has not."""
    plain = re.sub(r"\bconst\b|&|\s+", "", signature)
    for aliases in (getattr(c, "SIGNAL_ALIASES", {}) for c in type(owner).__mro__):
        plain = aliases.get(plain, plain)
    meta = QtCore.QObject.metaObject(owner)
    return plain if meta.indexOfSignal(plain) >= 0 else None


def connect(owner: Any, *arguments: Any) -> bool:
    """``owner.connect("clicked()", f)`` or ``owner.connect("clicked()", receiver, "slot()")``.

    False, and a line printed, when there is no such signal.
    """
    if len(arguments) not in (2, 3) or not isinstance(arguments[0], str):
        raise ValueError("connect takes a signal's signature as text and a callable, or a receiver and its slot")
    signature, slot = arguments[0], arguments[1]
    if len(arguments) == 3:
        slot = getattr(slot, arguments[2].split("(")[0])
    if not callable(slot):
        raise TypeError(f"connect({signature!r}): {slot!r} cannot be called")
    plain = normalized(owner, signature)
    if plain is None:
        print(
            f"PythonQt: QObject::connect() signal '{signature}' does not exist on {type(owner).__name__}",
            file=sys.stderr,
        )
        return False
    inner = plain.partition("(")[2].rstrip(")")
    return BoundSignal.of(owner, plain.partition("(")[0]).add(plain, slot, len(inner.split(",")) if inner else 0)


def disconnect(owner: Any, *arguments: Any) -> bool:
    """``owner.disconnect("clicked()", f)``, or all of that signal without `f`; False when nothing was connected."""
    if len(arguments) not in (1, 2, 3) or not isinstance(arguments[0], str):
        raise ValueError("disconnect takes a signal's signature as text, and a callable")
    signature = arguments[0]
    slot = arguments[1] if len(arguments) > 1 else None
    if len(arguments) == 3:
        slot = getattr(slot, arguments[2].split("(")[0])
    plain = normalized(owner, signature)
    if plain is None:
        print(
            f"PythonQt: QObject::disconnect() signal '{signature}' does not exist on {type(owner).__name__}",
            file=sys.stderr,
        )
        return False
    return BoundSignal.of(owner, plain.partition("(")[0]).remove(plain, slot)


class BoundSignal:
    """``button.clicked``: connect, disconnect and emit, on the main thread only; calling it emits."""

    __slots__ = ("__self__", "name", "signal")

    def __init__(self, owner: Any, name: str, signal: QtCore.SignalInstance) -> None:
        self.__self__, self.name, self.signal = owner, name, signal

    @staticmethod
    def of(owner: Any, name: str) -> BoundSignal:
        bound = getattr(owner, name)
        if not isinstance(bound, BoundSignal):
            raise AttributeError(f"{type(owner).__name__} has no signal named '{name}'")
        return bound

    def signature(self) -> str:
        """The full signature, the one with most arguments."""
        meta = QtCore.QObject.metaObject(self.__self__)
        found = [
            method.methodSignature().data().decode()
            for method in (meta.method(i) for i in range(meta.methodCount()))
            if method.methodType() == QtCore.QMetaMethod.MethodType.Signal
            and method.name().data().decode() == self.name
        ]
        return max(found, key=lambda text: text.count(",") + (not text.endswith("()")))

    def check(self, doing: str) -> None:
        check_thread(f"{type(self.__self__).__name__}.{self.name} {doing}")

    def connect(self, *arguments: Any) -> bool:
        self.check("connected")
        if len(arguments) != 1:
            raise ValueError("Called connect with wrong number of arguments")
        if not callable(arguments[0]):
            raise TypeError(f"{self.name}.connect: {arguments[0]!r} cannot be called")
        signature = self.signature()
        inner = signature.partition("(")[2].rstrip(")")
        return self.add(signature, arguments[0], len(inner.split(",")) if inner else 0)

    def disconnect(self, *arguments: Any) -> bool:
        self.check("disconnected")
        if len(arguments) > 1:
            raise ValueError("Called disconnect with wrong number of arguments")
        return self.remove(self.signature(), arguments[0] if arguments else None)

    def emit(self, *arguments: Any) -> None:
        # From another thread this crashes PythonQt; here it is refused.
        self.check("emitted")
        self.signal.emit(*arguments)

    __call__ = emit

    def add(self, signature: str, slot: Any, count: int) -> bool:
        address = shiboken6.getCppPointer(self.__self__)[0]
        known = _connections.get(address)
        if known is None:
            known = _connections[address] = []
            forget = make_forget(address)
            # Past a subclass's own way to read attributes, which may refuse this name.
            QtCore.QObject.__getattribute__(self.__self__, "destroyed").signal.connect(forget)
        function = make_slot(slot, count)
        self.signal.connect(function)
        known.append((signature, slot, function))
        return True

    def remove(self, signature: str, slot: Any) -> bool:
        known = _connections.get(shiboken6.getCppPointer(self.__self__)[0], [])
        found = [c for c in known if c[0] == signature and (slot is None or c[1] == slot)]
        for connection in found if slot is None else found[:1]:
            known.remove(connection)
            self.signal.disconnect(connection[2])
        return bool(found)

    def __repr__(self) -> str:
        return f"<qt signal {self.name} of {type(self.__self__).__name__}>"


def make_forget(address: int) -> Callable[..., None]:
    def forget(*_: Any) -> None:
        _connections.pop(address, None)

    return forget
