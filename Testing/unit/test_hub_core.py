"""The routing core: who gets what (protocol: subscribe, publish, request)."""

from __future__ import annotations

from typing import Any

import pytest
from hub_subscribers import unmanaged
from hypothesis import given, settings
from hypothesis import strategies as st

from CastHubLib.routing.hub_events import subscription_removed
from CastHubLib.routing.subscriber import Owner, Subscriber, granted_lease
from CastHubLib.routing.table import Table
from CastLib.matching import is_echo, receives
from CastLib.message import Message, Sender, Target, make_message, parse_publish
from CastLib.subscription import make_subscription

ALICE = Owner("alice", "alice")
PROVIDER = Owner("3dslicer-server", "*")


def subscriber(name: str, topic: str = "alice", events: str = "*", owner: Owner = ALICE, **more: Any) -> Subscriber:
    subscription = make_subscription(topic, events.split(","), name=name, **more)
    return unmanaged(f"id-{name}", subscription, owner, connected=True)


def message(event: str = "ImagingStudy-open", topic: str = "alice", sender: str = "", **target: str) -> Message:
    return parse_publish(make_message(event, topic, [], sender=Sender(sender), target=Target(**target)))


def table_of(*subscribers: Subscriber) -> Table:
    table = Table()
    for each in subscribers:
        table.add(each)
    return table


def names(receivers: tuple[Subscriber, ...]) -> list[str]:
    return sorted(each.subscription.name for each in receivers)


def test_route_by_topic_and_everyone() -> None:
    everyone = subscriber("provider", "*", owner=PROVIDER)
    table = table_of(subscriber("a"), subscriber("b", "bob"), everyone)
    assert names(table.route(message())) == ["a", "provider"]
    assert names(table.route(message(topic="bob"))) == ["b", "provider"]
    assert names(table.route(message(topic="nobody-is-here"))) == ["provider"]


def test_events_are_compared_whole_and_without_case() -> None:
    table = table_of(subscriber("a", events="imagingstudy-OPEN"), subscriber("b", events="ImagingStudy-opened"))
    assert names(table.route(message("ImagingStudy-open"))) == ["a"]


def test_route_answers_are_kept_until_a_subscription_comes_changes_or_goes() -> None:
    first = subscriber("a", events="ImagingStudy-open")
    table = table_of(first)
    kept = table.route(message())
    assert table.route(message()) is kept
    table.add(subscriber("b", "bob"))
    assert table.route(message()) is kept, "another topic's subscriptions change nothing here"
    table.add(subscriber("c", "*", owner=PROVIDER))
    assert names(table.route(message())) == ["a", "c"]
    table.replace_events(first, make_subscription("alice", ["Patient-open"], name="a"))
    assert names(table.route(message())) == ["c"]
    assert names(table.route(message("Patient-open"))) == ["a", "c"]
    assert table.remove("id-a") is first
    assert table.remove("id-a") is None
    assert names(table.route(message("Patient-open"))) == ["c"]


def test_a_topic_without_subscriptions_leaves_nothing_behind() -> None:
    table = table_of(subscriber("a"))
    table.remove("id-a")
    for number in range(100):
        table.route(message(topic=f"t{number}"))
    assert table.topic_count == 0 and len(table._topics) == 1


def test_echo_by_dialect() -> None:
    cast, plain = subscriber("one", product="P"), subscriber("one-plain", events="ImagingStudy-open")
    star = subscriber("*", product="OHIF")
    table = table_of(cast, plain, star)
    assert names(table.route(message(sender="one"))) == ["*", "one-plain"]
    assert names(table.route(message(sender="one-plain"))) == ["*", "one", "one-plain"]
    assert "*" in names(table.route(message(sender="*")))


def test_topic_star_reaches_everyone_who_wants_the_event() -> None:
    table = table_of(subscriber("a"), subscriber("b", "bob"), subscriber("c", "carol", events="Patient-open"))
    removed = subscription_removed(make_subscription("*", ["*"], name="gone", product="P"), "unsubscribe")
    assert names(table.route(removed)) == ["a", "b"]


def test_subscription_removed_as_the_worklist_reads_it() -> None:
    gone = make_subscription("alice", ["*"], name="S", product="P", actors=("ID", "EC"))
    wire = subscription_removed(gone, "send-failure").wire
    assert wire["subscriber.name"] == "S" and wire["subscriber.product.name"] == "P"
    assert wire["subscriber.actor"] == ["ID", "EC"]
    assert wire["event"] == {
        "hub.topic": "alice",
        "hub.event": "subscription-removed",
        "context": {"reason": "send-failure", "subscriber": "S"},
    }


def test_asked_are_connected_and_never_the_asker() -> None:
    off = subscriber("off")
    off.transport = None
    table = table_of(subscriber("asker"), subscriber("other"), off, subscriber("p", "*", owner=PROVIDER))
    assert names(table.ask(message("status-request", sender="asker"), ALICE)) == ["other", "p"]


def test_a_request_without_topic_asks_all_topics_its_asker_may_see() -> None:
    table = table_of(subscriber("a"), subscriber("b", "bob"), subscriber("p", "*", owner=PROVIDER))
    question = Message({}, "1", "", "", "status-request", "status-request", {}, Sender("p"), Target())
    assert names(table.ask(question, PROVIDER)) == ["a", "b"]
    assert names(table.ask(question, ALICE)) == ["a"]


def test_an_asker_called_star_is_told_apart_by_its_token() -> None:
    table = table_of(subscriber("*", product="OHIF"), subscriber("a"))
    assert names(table.ask(message("status-request", sender="*"), ALICE)) == ["a"]
    assert names(table.ask(message("status-request", sender="*"), Owner("bob", "alice"))) == ["*", "a"]


def test_named_wants_topic_name_and_token() -> None:
    mine, others = subscriber("x"), subscriber("y")
    table = table_of(mine, others)
    assert table.named("alice", "x", ALICE) == [mine]
    assert table.named("alice", "x", Owner("bob", "bob")) == []
    assert table.named("bob", "x", ALICE) == []


@pytest.mark.parametrize(("asked", "granted"), [(None, 7200), (1, 60), (999, 999), (10**9, 86_400), (0, 60)])
def test_granted_lease(asked: int | None, granted: int) -> None:
    assert granted_lease(asked, 7200, 60, 86_400) == granted


_words = st.sampled_from(["a", "A", "b", "*", ""])
_topics = st.sampled_from(["t", "u", "*"])
_events = st.lists(st.sampled_from(["e", "E-open", "*", "x"]), min_size=1, max_size=3)
_subscriptions = st.builds(
    lambda topic, events, name, product, actors: make_subscription(
        topic, events, name=name, product=product, actors=tuple(a for a in actors if a)
    ),
    _topics, _events, _words, _words, st.lists(_words, max_size=2),
)  # fmt: skip
_messages = st.builds(
    lambda event, topic, context, name, target: parse_publish(
        make_message(event, topic, context, sender=Sender(name), target=Target(*target))
    ),
    st.sampled_from(["e", "e-OPEN", "x"]), st.sampled_from(["t", "u"]), st.sampled_from([[], {"k": 1}]),
    _words, st.tuples(_words, _words, _words),
)  # fmt: skip
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), _subscriptions),
        st.tuples(st.just("remove"), st.integers(0, 9)),
        st.tuples(st.just("replace"), st.integers(0, 9), _events),
        st.tuples(st.just("route"), _messages),
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(_steps)
def test_table_agrees_with_the_rules_asked_one_by_one(steps: list[Any]) -> None:
    """Whatever comes and goes, kept answers included: the table says what a loop over all subscriptions says."""
    table, model = Table(), []
    for number, step in enumerate(steps):
        if step[0] == "add":
            each = unmanaged(str(number), step[1], ALICE)
            table.add(each)
            model.append(each)
        elif step[0] == "remove" and step[1] < len(model):
            table.remove(model.pop(step[1]).id)
        elif step[0] == "replace" and step[1] < len(model):
            before = model[step[1]].subscription
            table.replace_events(model[step[1]], make_subscription(before.topic, step[2], name=before.name))
        elif step[0] == "route":
            wanted = {s.id for s in model if receives(s.subscription, step[1]) and not is_echo(s.subscription, step[1])}
            routed = table.route(step[1])
            assert {s.id for s in routed} == wanted and len(routed) == len(wanted)
    assert len(table) == len(model)
