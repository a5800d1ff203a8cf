"""Fixtures of the tests over real sockets."""

from cast_desk import _no_command_left, peer, user  # noqa: F401
from session_desk import desk  # noqa: F401
