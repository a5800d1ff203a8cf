"""The hub's log: one line an event, ``word key=value …``, with message ids and endpoint ids.

Never a token, a person's name, a topic (topics are user names here) or a context.
"""

from __future__ import annotations

import json
import logging

_logger = logging.getLogger("cast.hub")


def quiet_libraries() -> None:
    """Keep the libraries' own tales (a peer that speaks no HTTP, a broken connection) out of the log."""
    for name in ("aiohttp", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def debug(word: str, **values: object) -> None:
    """Note what happens with every message."""
    if _logger.isEnabledFor(logging.DEBUG):
        _logger.debug(_line(word, values))


def info(word: str, **values: object) -> None:
    """Note what happens once a connection, batch or request."""
    if _logger.isEnabledFor(logging.INFO):
        _logger.info(_line(word, values))


def warning(word: str, **values: object) -> None:
    """Note what somebody should look at."""
    _logger.warning(_line(word, values))


def failure(word: str, error: BaseException) -> None:
    """Note a mistake of the hub's own, with where it happened."""
    _logger.error(_line(word, {"error": type(error).__name__}), exc_info=error)


def endpoint(id: str) -> str:
    """Return an endpoint's name in the log: enough to follow it, too little to bind to it."""
    return id[:8]


def _line(word: str, values: dict[str, object]) -> str:
    return " ".join([word, *(f"{key}={_value(value)}" for key, value in values.items())])


def _value(value: object) -> str:
    """Quote what is not one plain word, so that no value from outside can look like a line of the log."""
    text = str(value)[:200]
    plain = text.isascii() and text.replace("-", "").replace("_", "").replace(".", "").isalnum()
    return text if plain else json.dumps(text)
