"""Group topics as values, and what they do to routing (protocol: group topics)."""

from __future__ import annotations

from typing import Any

import pytest
from hub_subscribers import unmanaged
from hypothesis import given, settings
from hypothesis import strategies as st

from CastHubLib.errors import Denied
from CastHubLib.routing.groups import Group, Groups
from CastHubLib.routing.subscriber import Owner, Subscriber
from CastHubLib.routing.table import Table
from CastLib.errors import FieldError
from CastLib.message import make_message, parse_publish
from CastLib.subscription import make_subscription

HEARD: dict[str, tuple[str, ...]] = {}


@pytest.fixture
def groups() -> Groups:
    HEARD.clear()
    return Groups(3, 4, HEARD.__setitem__)


def test_all_hear_all_while_it_lasts(groups: Groups) -> None:
    group = groups.start("host", "Board", ["a", "host", "a"])
    assert group.record() == {"hostTopic": "host", "sceneLeaderTopic": "host", "title": "Board", "topics": ["a"]}
    groups.join(group, "b")
    groups.join(group, "b")
    assert HEARD == {"host": ("a", "b"), "a": ("host", "b"), "b": ("host", "a")}
    assert not groups.leave(group, "a")
    assert HEARD == {"host": ("b",), "a": (), "b": ("host",)}
    groups.end(group)
    assert set(HEARD.values()) == {()} and len(groups) == 0


def test_an_attendee_of_two_groups_is_heard_in_both_which_do_not_hear_each_other(groups: Groups) -> None:
    groups.start("h1", "1", ["a", "b"])
    second = groups.start("h2", "2", ["a", "b"])
    assert set(HEARD["a"]) == {"h1", "h2", "b"} and len(HEARD["a"]) == 3
    assert set(HEARD["h1"]) == {"a", "b"}
    groups.end(second)
    assert set(HEARD["a"]) == {"h1", "b"} and HEARD["h2"] == ()


def test_a_leader_that_leaves_gives_the_lead_back(groups: Groups) -> None:
    group = groups.start("host", "t", ["a", "b"])
    groups.lead(group, "a")
    assert not groups.leave(group, "a")
    assert (group.host, group.leader) == ("host", "host")


@pytest.mark.parametrize(("leader", "host"), [("host", "a"), ("b", "b")])
def test_a_host_that_leaves_hands_over_to_the_leader_or_to_the_first(groups: Groups, leader: str, host: str) -> None:
    group = groups.start("host", "t", ["a", "b"], "Dr. H")
    groups.lead(group, leader)
    assert not groups.leave(group, "host")
    assert (group.host, group.leader, group.host_user) == (host, host, "")
    assert groups.get(host) is group and groups.get("host") is None
    assert sorted(group.participants) == ["a", "b"] and HEARD["host"] == ()


def test_a_host_hands_over_only_to_one_that_hosts_nothing_else(groups: Groups) -> None:
    group = groups.start("host", "t", ["a", "b"])
    groups.start("a", "u", ["c"])
    assert not groups.leave(group, "host") and group.host == "b"
    groups.join(group, "c")
    groups.start("c", "v", [])
    assert groups.leave(group, "b") and list(groups) != []


def test_the_last_but_one_ends_it(groups: Groups) -> None:
    group = groups.start("host", "t", ["a"])
    assert groups.leave(group, "a")
    assert groups.get("host") is None and set(HEARD.values()) == {()}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (lambda groups, group: groups.join(group, "host"), "joinTopic"),
        (lambda groups, group: groups.join(group, "*"), "joinTopic"),
        (lambda groups, group: groups.lead(group, "stranger"), "sceneLeaderTopic"),
        (lambda groups, group: groups.start("*", "t", []), "hostTopic"),
        (lambda groups, group: groups.start("x", "t", ["*"]), "topics"),
        (lambda groups, group: groups.start("x", "t", list("abcd")), "topics"),
        (lambda groups, group: [groups.join(group, each) for each in "abcd"], "joinTopic"),
    ],
)
def test_mistakes_name_the_field(groups: Groups, wrong: Any, field: str) -> None:
    group = groups.start("host", "t", ["a"])
    with pytest.raises(FieldError) as error:
        wrong(groups, group)
    assert error.value.field == field


def test_there_is_an_end_to_groups(groups: Groups) -> None:
    for number in range(3):
        groups.start(f"h{number}", "t", [])
    with pytest.raises(Denied):
        groups.start("more", "t", [])


def test_a_deserted_group_is_found_when_it_has_been_so_for_long(groups: Groups) -> None:
    group = groups.start("host", "t", ["a"])
    assert groups.deserted(0, 10, lambda topic: False) == []
    assert groups.deserted(9, 10, lambda topic: topic == "a") == []
    assert groups.deserted(12, 10, lambda topic: False) == []
    assert groups.deserted(21, 10, lambda topic: False) == []
    assert groups.deserted(22, 10, lambda topic: False) == [group]


def subscriber(topic: str, events: str, *, product: str = "", strict: bool = False) -> Subscriber:
    subscription = make_subscription(topic, events.split(","), name=f"{topic} {events} {product}", product=product)
    return unmanaged(
        f"{topic} {events} {product} {strict}", subscription, Owner("o", topic), strict=strict, connected=True
    )


def test_the_strict_path_hears_across_topics_what_it_has_listed() -> None:
    table = Table()
    listed, other = subscriber("u", "e", strict=True), subscriber("u", "x", strict=True)
    for each in (listed, other):
        table.add(each)
    Groups(9, 9, table.let_hear).start("t", "title", ["u"])
    assert table.route(parse_publish(make_message("e", "t", []))) == (listed,)
    assert table.ask(parse_publish(make_message("e", "t", [])), ASKER) == ()


def test_the_hubs_own_word_reaches_cast_whatever_it_listed_and_others_that_listed_it() -> None:
    table = Table()
    wanted = [
        subscriber("t", "x", product="P"),
        subscriber("t", "conference-start"),
        subscriber("u", "conference-start", strict=True),
        subscriber("*", "conference-start"),
    ]
    others = [
        subscriber("t", "x"),
        subscriber("u", "x", strict=True),
        subscriber("*", "x", product="P"),
        subscriber("v", "conference-start", product="P"),
    ]
    for each in wanted + others:
        table.add(each)
    told = table.audience(["t", "u"], parse_publish(make_message("conference-start", "t", {})))
    assert set(map(id, told)) == set(map(id, wanted)) and len(told) == len(wanted)


TOPICS = ["t", "u", "v", "w"]
_topics = st.sampled_from(TOPICS)
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("subscribe"), st.sampled_from([*TOPICS, "*"]), st.booleans()),
        st.tuples(st.just("unsubscribe"), st.integers(0, 9)),
        st.tuples(st.just("start"), _topics, st.lists(_topics, max_size=3)),
        st.tuples(st.just("join"), _topics, _topics),
        st.tuples(st.just("leave"), _topics, _topics),
        st.tuples(st.just("end"), _topics),
        st.tuples(st.just("publish"), _topics),
    ),
    max_size=40,
)


@settings(max_examples=200, deadline=None)
@given(_steps)
def test_routing_hears_what_a_loop_over_all_groups_and_subscriptions_hears(steps: list[Any]) -> None:
    table = Table()
    groups = Groups(9, 9, table.let_hear)
    subscribers: list[Subscriber] = []
    for number, step in enumerate([*steps, *(("publish", topic) for topic in TOPICS)]):
        group: Group | None = groups.get(step[1]) if isinstance(step[1], str) else None
        if step[0] == "subscribe":
            subscription = make_subscription(step[1], ["e"], name=f"s{number}", product="P" if step[2] else "")
            subscribers.append(unmanaged(str(number), subscription, Owner("o", step[1]), connected=True))
            table.add(subscribers[-1])
        elif step[0] == "unsubscribe" and step[1] < len(subscribers):
            table.remove(subscribers.pop(step[1]).id)
        elif step[0] == "start" and group is None:
            groups.start(step[1], "title", step[2])
        elif step[0] == "join" and group is not None and step[2] != group.host:
            groups.join(group, step[2])
        elif step[0] == "leave" and group is not None and step[2] in group.participants:
            groups.leave(group, step[2])
        elif step[0] == "end" and group is not None:
            groups.end(group)
        elif step[0] == "publish":
            topics = {step[1], "*"}.union(*(each.participants for each in groups if step[1] in each.participants))
            _agree(table.route(parse_publish(make_message("e", step[1], []))), subscribers, topics)
            _agree(table.ask(parse_publish(make_message("e", step[1], [])), ASKER), subscribers, {step[1], "*"})
    for group in groups:
        groups.end(group)
    for each in subscribers:
        table.remove(each.id)
    assert table.topic_count == 0 and len(table._topics) == 1, "nothing is left behind"


ASKER = Owner("asker", "t")


def _agree(got: tuple[Subscriber, ...], subscribers: list[Subscriber], topics: set[str]) -> None:
    wanted = {each.id for each in subscribers if each.subscription.topic in topics}
    assert {each.id for each in got} == wanted and len(got) == len(wanted)
