"""Fixtures of the tests over real sockets."""

from session_desk import desk  # noqa: F401
