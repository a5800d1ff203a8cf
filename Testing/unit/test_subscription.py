"""Subscribe and unsubscribe forms, and who gets an event."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import json_values

from CastLib.actors import parse_actors
from CastLib.errors import FieldError
from CastLib.forms import parse_fields
from CastLib.matching import is_echo, receives
from CastLib.message import Sender, Target, make_message, parse_publish
from CastLib.subscription import (
    endpoint_id,
    make_subscribe_form,
    make_subscription,
    parse_subscribe,
    parse_unsubscribe,
)

FORM = {"hub.channel.type": "websocket", "hub.mode": "subscribe", "hub.topic": "ann", "hub.events": "Patient-open"}


def test_the_dialect_belongs_to_the_subscription():
    assert not parse_subscribe(FORM).subscription.cast
    for extra in (
        {"subscriber.product.name": "P"},
        {"subscriber.actors": "ID"},
        {"hub.events": "*"},
        {"hub.topic": "*"},
    ):
        assert parse_subscribe({**FORM, **extra}).subscription.cast


def test_events_are_a_set_without_case_and_keep_their_spelling():
    subscription = parse_subscribe({**FORM, "hub.events": " Patient-open,patient-OPEN , ,Home-open"}).subscription
    assert subscription.event_list == ("Patient-open", "Home-open")
    assert subscription.wants("home-open") and not subscription.wants("home-opened")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"hub.topic": ""}, "hub.topic"),
        ({"hub.events": ""}, "hub.events"),
        ({"hub.events": 7}, "hub.events"),
        ({"hub.channel.type": "webhook"}, "hub.channel.type"),
        ({"hub.lease_seconds": "soon"}, "hub.lease_seconds"),
        ({"hub.lease_seconds": "-1"}, "hub.lease_seconds"),
        ({"subscriber.actors": "[1]"}, "subscriber.actors[0]"),
        ({"subscriber.actors": '["ID"'}, "subscriber.actors"),
        ({"subscriber.name": []}, "subscriber.name"),
        ({"subscriber.acknowledges": "yes"}, "subscriber.acknowledges"),
        ({"subscriber.acknowledges": 1.5}, "subscriber.acknowledges"),
    ],
)
def test_a_mistake_in_a_form_is_named(change, field):
    with pytest.raises(FieldError) as caught:
        parse_subscribe({**FORM, **change})
    assert caught.value.field == field


@pytest.mark.parametrize("text", ["ID", '"ID"', '["ID"]', '["ID","id"]', " ID , "])
def test_actors_in_every_form(text):
    assert parse_actors(text) == ("ID",)


@pytest.mark.parametrize(
    ("value", "expected"), [("true", True), ("True", True), (True, True), ("false", False), (False, False), ("", False)]
)
def test_a_word_to_acknowledge_makes_no_dialect(value, expected):
    found = parse_subscribe({**FORM, "subscriber.acknowledges": value}).subscription
    assert found.acknowledges is expected and not found.cast


def test_a_repeated_field_is_refused():
    with pytest.raises(FieldError, match="body: 'hub.topic' is given twice"):
        parse_fields(b"hub.topic=a&hub.topic=b", "application/x-www-form-urlencoded")


@given(st.binary(max_size=100), st.sampled_from(["application/json", "application/x-www-form-urlencoded", ""]))
def test_any_body_gives_fields_or_a_field_error(body, content_type):
    try:
        assert isinstance(parse_fields(body, content_type), dict)
    except FieldError:
        pass


@given(st.dictionaries(st.sampled_from([*FORM, "subscriber.name", "subscriber.actors", "endpoint"]), json_values))
def test_any_fields_give_a_form_or_a_field_error(fields):
    for parse in (parse_subscribe, parse_unsubscribe):
        try:
            parse(fields)
        except FieldError:
            pass


def test_what_is_made_is_read_back():
    subscription = make_subscription(
        "ann",
        ["A-open", "b"],
        name="me",
        product="P",
        version="1",
        actors=("ID", "EC"),
        lease_seconds=60,
        acknowledges=True,
    )
    form = parse_subscribe(make_subscribe_form(subscription, "ws://h/bind/xyz"))
    assert (form.subscription, form.endpoint_id) == (subscription, "xyz")


@pytest.mark.parametrize("tail", ["", "%0A", "\n", "?a=b", "/", "#x"])
def test_an_endpoint_is_known_by_its_id_whatever_its_origin(tail):
    assert endpoint_id("wss://elsewhere:8/bind/abc_-1" + tail) == "abc_-1"
    assert endpoint_id("ws://h/other/abc") == ""


def test_three_habits_of_unsubscribing():
    assert parse_unsubscribe({"hub.channel.endpoint": "ws://h/bind/x"}).endpoint_id == "x"
    assert parse_unsubscribe({"endpoint": "ws://h/bind/x"}).endpoint_id == "x"
    by_name = parse_unsubscribe({"hub.topic": "ann", "subscriber.name": "me", "hub.callback": "http://x"})
    assert (by_name.endpoint_id, by_name.topic, by_name.name) == ("", "ann", "me")
    with pytest.raises(FieldError):
        parse_unsubscribe({"hub.topic": "ann"})


def subscription(topic="ann", events="*", **fields):
    return make_subscription(topic, events.split(","), **{"name": "me", "product": "P", "actors": ("ID",), **fields})


def message(event="scene-update", topic="ann", sender="", context=(), **target):
    made = make_message(event, topic, list(context), sender=Sender(sender), target=Target(**target))
    return parse_publish(made)


@pytest.mark.parametrize(
    ("who", "what", "expected"),
    [
        (subscription(), message(), True),
        (subscription(topic="bob"), message(), False),
        (subscription(topic="*"), message(), True),
        (subscription(topic="Ann"), message(), False),
        (subscription(events="study-open"), message("ImagingStudy-opened"), False),
        (subscription(events="SCENE-update"), message(), True),
        (subscription(), message(actor="id"), True),
        (subscription(), message(actor="EC"), False),
        (subscription(), message(actor="*", product="*", name="*"), True),
        (subscription(), message(product="p"), True),
        (subscription(), message(product="Q"), False),
        (subscription(), message(name="ME"), True),
        (subscription(), message(name="you"), False),
        (subscription(actors=()), message(actor="ID"), False),
        (subscription(), message(actor="ID", product="Q"), False),
    ],
)
def test_who_gets_an_event(who, what, expected):
    assert receives(who, what) is expected


def test_strict_fhircast_knows_no_targets_and_no_star():
    plain = make_subscription("ann", ["scene-update"], name="me")
    assert receives(plain, message(actor="EC"), strict=True)
    assert not receives(subscription(events="*"), message(), strict=True)
    assert not receives(subscription(topic="*", events="scene-update"), message(), strict=True)


def test_only_a_cast_subscription_that_the_sender_names_is_spared_its_echo():
    plain = make_subscription("ann", ["scene-update"], name="me")
    assert is_echo(subscription(), message(sender="Me"))
    assert not is_echo(subscription(), message())
    assert not is_echo(subscription(name="*"), message(sender="*"))
    assert not is_echo(plain, message(sender="me"))


@given(st.sampled_from(["ann", "bob", "*"]), st.sampled_from(["*", "a", "b", "a,b"]), st.sampled_from(["a", "b", "c"]))
def test_narrowing_never_adds_a_receiver(topic, events, event):
    who = subscription(topic=topic, events=events)
    wide = receives(who, message(event))
    for target in ({"actor": "ID"}, {"product": "Z"}, {"name": "me"}):
        assert wide or not receives(who, message(event, **target))
