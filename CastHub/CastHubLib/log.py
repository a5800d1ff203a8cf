"""The hub's log: one line an event, ``word key=value …`` or the same as JSON, with message ids and endpoints.

Never a token, a code, a person's name, a topic (topics are user names here), a context or a file name: what came from
outside is logged only where it is an id or an event's name. Endpoints and token holders appear as `Hidden`.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import sys
import time
from hashlib import blake2b
from traceback import extract_tb
from types import TracebackType
from typing import Any

from aiohttp import web

from CastHubLib.settings import JSON_LINES
from CastLib.message import Message

_logger = logging.getLogger("cast.hub")
_LIBRARIES = ("aiohttp", "asyncio")
_EVENT = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_MAX_TEXT = 200  # characters of a value
_KEY = secrets.token_bytes(16)


def _key(name: str) -> Any:
    """Return the key of a request's note: aiohttp 3.14 warns of text, 3.10 knows nothing else."""
    return web.RequestKey(name, object) if hasattr(web, "RequestKey") else name


#: What a request's handler notes for the line about its refusal: the token's holder, and the id of its event.
HOLDER, MESSAGE = _key("holder"), _key("message")


class Hidden:
    """What must not be logged, as a short name of its own: enough to follow it in one run's log, and good for no more.

    The name is made with a key that nobody has, so it cannot be found by trying names; it is made when it is logged.
    """

    __slots__ = ("_what",)

    def __init__(self, what: object) -> None:
        self._what = what

    def __str__(self) -> str:
        return blake2b(repr(self._what).encode("utf-8", "replace"), key=_KEY, digest_size=4).hexdigest()


def endpoint(id: str) -> Hidden:
    """Return an endpoint for the log: the id itself would be enough to bind to it."""
    return Hidden(id)


def holder(owner: object) -> Hidden:
    """Return a token's holder for the log."""
    return Hidden(owner)


def event(name: str) -> str:
    """Return an event's name for the log, if it is one."""
    return name if _EVENT.fullmatch(name) else "other"


def set_up(level: str, form: str) -> None:
    """Log to stderr. What libraries log (they quote what came in) is logged by its kind and place alone."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines() if form == JSON_LINES else _Text())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING if level == "debug" else logging.CRITICAL)


def debug(word: str, **values: object) -> None:
    """Note what happens with every message."""
    if _logger.isEnabledFor(logging.DEBUG):
        _logger.debug(_Line(word, values))


def published(message: Message, owner: object, receivers: int) -> None:
    """Note an event that was passed on: what every publish does must cost nothing when nobody wants to read it."""
    if _logger.isEnabledFor(logging.DEBUG):
        debug("published", id=message.id, event=event(message.event), by=holder(owner), receivers=receivers)


def info(word: str, **values: object) -> None:
    """Note what happens once a connection, batch or refusal."""
    if _logger.isEnabledFor(logging.INFO):
        _logger.info(_Line(word, values))


def warning(word: str, **values: object) -> None:
    """Note what somebody should look at."""
    _logger.warning(_Line(word, values))


def failure(word: str, error: BaseException) -> None:
    """Note a mistake of the hub's own, with where it happened; its text may quote what came in and is left out."""
    _logger.error(_Line(word, {"error": type(error).__name__, "where": _where(error.__traceback__)}))


class _Line:
    __slots__ = ("values", "word")

    def __init__(self, word: str, values: dict[str, object]) -> None:
        self.word = word
        self.values = values

    def __str__(self) -> str:
        return " ".join([self.word, *(f"{key}={_quoted(value)}" for key, value in self.values.items())])


def _quoted(value: object) -> str:
    """Quote what is not one plain word, so that no value from outside can look like a line of the log."""
    text = str(value)[:_MAX_TEXT]
    plain = text.isascii() and text.replace("-", "").replace("_", "").replace(".", "").isalnum()
    return text if plain else json.dumps(text)


def _json_value(value: object) -> Any:
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)[:_MAX_TEXT]


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"{_time(record)} {record.levelname} {record.name}: {_line(record)}"


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = _line(record)
        values = {"time": _time(record), "level": record.levelname.lower(), "what": line.word}
        return json.dumps(values | {key: _json_value(value) for key, value in line.values.items()})


def _time(record: logging.LogRecord) -> str:
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03d}Z"


def _line(record: logging.LogRecord) -> _Line:
    if isinstance(record.msg, _Line):
        return record.msg
    values: dict[str, object] = {"logger": record.name}
    if record.exc_info and record.exc_info[0]:
        values |= {"error": record.exc_info[0].__name__, "where": _where(record.exc_info[2])}
    return _Line("library", values)


def _where(traceback: TracebackType | None) -> str:
    frames = extract_tb(traceback)[-6:]
    return " > ".join(f"{frame.filename.replace(chr(92), '/').rsplit('/', 1)[-1]}:{frame.lineno}" for frame in frames)
