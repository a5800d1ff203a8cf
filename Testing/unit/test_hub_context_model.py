"""The kept context beside a naive model: opens, closes, Home-open and time in any order."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from hub_subscribers import unmanaged
from hypothesis import given
from hypothesis import strategies as st

from CastHubLib.delivery.outbox import json_frame
from CastHubLib.delivery.publication import Publication
from CastHubLib.extras.current_context import CurrentContext
from CastHubLib.payloads.store import PayloadStore
from CastHubLib.routing.subscriber import Owner, Subscriber
from CastHubLib.routing.table import Table
from CastHubLib.settings import HubSettings
from CastLib.message import make_message, parse_publish
from CastLib.subscription import make_subscription

KEYS = {"Patient": "patient", "ImagingStudy": "study", "DiagnosticReport": "report", "Observation": "observation"}
EVENTS = [f"{type}-open" for type in KEYS] + ["Home-open"]
SECONDS = 100.0
MOST = 4
OWNER = Owner("u", "t")

types, ids = st.sampled_from(sorted(KEYS)), st.sampled_from(["", "1", "2", "3"])
steps = st.one_of(
    st.tuples(st.just("open"), types, ids),
    st.tuples(st.just("close"), types, ids),
    st.just(("home",)),
    st.tuples(st.just("wait"), st.sampled_from([40.0, 120.0])),
    st.just(("other",)),
)


@dataclass
class Told:
    """Stands for the publisher: remembers what is sent again."""

    ids: list[str] = field(default_factory=list)

    def send_again(self, id: str, event: str, topic: str, subscriber: Subscriber, frame: bytes) -> None:
        self.ids.append(id)


@dataclass
class Model:
    """Opens as a list, the last one at the end: [type, id, message id, time]."""

    opens: list[tuple[str, str, str, float]] = field(default_factory=list)
    current: str = ""

    def open(self, type: str, id: str, message: str, at: float) -> None:
        self.opens = [each for each in self.opens if each[:2] != (type, id) and each[0] != "Home"]
        self.opens.append((type, id, message, at))
        self.current = message
        self.opens = self.opens[-MOST:]

    def close(self, type: str, id: str) -> None:
        fitting = [each for each in self.opens if each[0] == type and (each[1] in (id, "") or not id)]
        exact = [each for each in fitting if each[1] == id]
        for each in (exact or fitting)[-1:]:
            self.opens.remove(each)

    def age(self, now: float) -> None:
        self.opens = [each for each in self.opens if each[3] > now - SECONDS]

    def answer(self) -> tuple[str, str]:
        for type, id, message, _ in self.opens:
            if message == self.current and type != "Home":
                return type, id
        return "", ""

    def told(self) -> list[str]:
        last = {each[0]: each[2] for each in self.opens}
        return [each[2] for each in self.opens if last[each[0]] == each[2]]


@given(st.lists(steps, max_size=25))
def test_as_the_model_has_it(sequence: list[tuple[Any, ...]]) -> None:
    now, model, told = 0.0, Model(), Told()
    settings = HubSettings(context="keep", context_seconds=SECONDS, max_context_topic_opens=MOST)
    context = CurrentContext(lambda: now, settings, Table(), told, PayloadStore(settings))  # type: ignore[arg-type]
    subscriber = unmanaged("s", make_subscription("t", EVENTS), OWNER)
    for kind, *values in sequence:
        if kind == "wait":
            now += values[0]
        elif kind == "home":
            id = _publish(context, "Home-open", [])
            model.open("Home", "", id, now)
        elif kind == "other":
            _publish(context, "Patient-update", [])
        else:
            type, anchor = values
            resource = {"resourceType": type} | ({"id": anchor} if anchor else {})
            id = _publish(context, f"{type}-{kind}", [{"key": KEYS[type], "resource": resource}])
            model.open(type, anchor, id, now) if kind == "open" else model.close(type, anchor)
        model.age(now)
        answer = json.loads(context.answer("t"))
        first = answer["context"][0]["resource"].get("id", "") if answer["context"] else ""
        assert (answer["context.type"], first) == model.answer()
        told.ids.clear()
        context.confirmed(subscriber, subscriber.subscription.events)
        assert told.ids == model.told()
    context.subscription_ended("t")
    told.ids.clear()
    context.confirmed(subscriber, subscriber.subscription.events)
    assert not told.ids and json.loads(context.answer("t"))["context"] == []


def _publish(context: CurrentContext, name: str, items: list[Any]) -> str:
    message = parse_publish(make_message(name, "t", items))
    context.published(Publication(message, json_frame(message.wire), ()), OWNER)
    return message.id
