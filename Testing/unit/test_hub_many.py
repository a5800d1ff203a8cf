"""What many do together costs their number, not its square: counted in steps, not in seconds."""

from __future__ import annotations

import pytest
from hub_subscribers import unmanaged
from manual_loop import ManualLoop

from CastHubLib.delivery.departures import Departures
from CastHubLib.delivery.outbox import Outbox
from CastHubLib.delivery.publisher import Publisher
from CastHubLib.routing import table as core
from CastHubLib.routing.resume_queue import KeptBytes, Notification, ResumeQueue
from CastHubLib.routing.subscriber import DISCONNECT, Owner
from CastHubLib.routing.table import Table
from CastHubLib.settings import MIB, HubSettings
from CastHubLib.spread import Spread
from CastLib.subscription import make_subscription

OWNER, MANY = Owner("u", "t"), 400


def test_subscriptions_that_end_together_are_each_told_once_to_who_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0
    real = core.receives

    def counted(*arguments: object, **named: object) -> bool:
        nonlocal asked
        asked += 1
        return real(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(core, "receives", counted)
    loop, table = ManualLoop(), Table()
    outbox = Outbox(loop, HubSettings(), table)  # type: ignore[arg-type]
    departures = Departures(loop, table, Publisher(loop, table, outbox), Spread(loop, 1, print))  # type: ignore[arg-type]
    left = unmanaged(
        "left", make_subscription("t", ["*"], name="left", product="P"), OWNER, queue=ResumeQueue(MANY * 2, MIB)
    )
    table.add(left)
    gone = [unmanaged(f"{n}", make_subscription("t", ["*"], name=f"n{n}", product="P"), OWNER) for n in range(MANY)]
    for each in gone:
        table.add(each)
    for each in gone:
        table.remove(each.id)
        departures.note(each, DISCONNECT, broke=True)
    loop.pass_time(1)
    outbox.flush()
    assert len(left.queue or ()) == 2 * MANY, "subscription-removed and SyncError of each"
    assert asked <= 4 * MANY


def test_an_unknown_acknowledgement_does_not_look_through_the_tail() -> None:
    compared = 0

    class Id(str):
        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    queue, kept = ResumeQueue(MANY, MIB), KeptBytes()
    queue.add([Notification(b"x", Id(f"id-{number}"), 0.0, kept) for number in range(MANY)], MANY)
    for number in range(MANY):
        assert not queue.acknowledged(f"other-{number}")
    assert compared <= 4 * MANY
    assert queue.acknowledged("id-10") and len(queue) == MANY - 11 and queue.size == MANY - 11
    assert not queue.acknowledged("id-10")
    queue.add([Notification(b"x", Id("id-10"), 0.0, kept)], 1)
    assert queue.acknowledged("id-10") and not len(queue) and not queue.size
    assert kept.bytes == 0, "what nobody holds is not counted"
