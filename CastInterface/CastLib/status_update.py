"""What belongs to a message that somebody sent: the progress of its work, why it failed, its result.

Protocol: status-update; whom a result goes to.
"""

from __future__ import annotations

from typing import Any

from CastLib.events import EVERY
from CastLib.message import Message, Target

#: In a context: the id of the message that this one belongs to, so that two of the same asker are told apart.
IN_REPLY_TO = "inReplyTo"

MAX_TEXT = 500  # characters of one line


def progress_target(message: Message) -> Target | None:
    """The asker alone, without an actor as a worklist is no image display; None when it cannot be told apart.

    An asker whose name is ``*`` (seen) is narrowed by its product.
    """
    asker = message.sender
    if asker.name not in ("", EVERY):
        return Target(name=asker.name)
    return Target(name=asker.name, product=asker.product) if asker.name and asker.product else None


def make_status_update(
    message: Message, text: str, *, level: str, fraction: float | None = None, ended: bool = False
) -> dict[str, Any]:
    """Return the context of a ``status-update`` that tells the asker of ``message`` how it goes.

    ``level`` is ``info``, ``warning`` or ``error``, ``fraction`` how much is done (0 to 1), ``ended`` whether this line
    is the last one.
    """
    context: dict[str, Any] = {"message": text[:MAX_TEXT], "level": level, IN_REPLY_TO: message.id}
    if fraction is not None:
        context["fraction"] = fraction
    if ended:
        context["ended"] = True
    return context


def answered_id(message: Message) -> str:
    """Return the id of the message that this one belongs to, as progress and results say of a batch; "" for none."""
    id = message.context_dict().get(IN_REPLY_TO)
    return id if isinstance(id, str) else ""
