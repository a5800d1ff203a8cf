"""One hub, one name of an event in many spellings: who subscribes with one is sent what is published with another."""

from __future__ import annotations

from typing import Any

from provider_process import Asker


def test_spellings_meet_at_the_hub_and_in_the_client(hub: Any) -> None:
    asker = Asker(hub.url)
    listener = Asker(hub.url, asker.topic, product="OTHER", events=("\u00a0patient-OPEN\t", "strasse-open"))
    try:
        for spelling in ("Patient-open", " PATIENT-open\0", "Stra\u00dfe-open", "Patient-close"):
            asker.session.publish(spelling, [])
        listener.until(lambda: len(listener.events) == 3)
        assert [message.key for message in listener.events] == ["patient-open", "patient-open", "strasse-open"]
        assert listener.events[1].wire["event"]["hub.event"] == " PATIENT-open\0", "it travels as it was written"
    finally:
        listener.close()
        asker.close()
