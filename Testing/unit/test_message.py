"""Messages: what is wanted, what is kept, and which field an error names."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import json_values

from CastLib.errors import FieldError
from CastLib.frames import parse_frame
from CastLib.message import (
    Acknowledgement,
    Message,
    Response,
    Sender,
    Target,
    make_message,
    make_request,
    make_response,
    parse_acknowledgement,
    parse_publish,
    parse_request,
    parse_response,
)
from CastLib.subscription import Confirmation, Denial, make_confirmation, make_denial, make_subscription

EVENT = {
    "timestamp": "2026-01-01T00:00:00Z",
    "id": "PYCAST-1",
    "event": {"hub.topic": "ann", "hub.event": "ImagingStudy-Open", "context": [{"key": "study", "resource": {}}]},
}


def changed(path, value):
    body = copy.deepcopy(EVENT)
    *parents, last = path.split("/")
    place = body
    for parent in parents:
        place = place[parent]
    if value is KeyError:
        del place[last]
    else:
        place[last] = value
    return body


def test_an_event_keeps_its_spelling_and_its_unknown_fields():
    body = changed("x.vendor", {"any": 1})
    message = parse_publish(body)
    assert (message.event, message.key) == ("ImagingStudy-Open", "imagingstudy-open")
    assert message.wire is body


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("id", KeyError, "id"),
        ("id", {"a": 1}, "id"),
        ("id", "", "id"),
        ("timestamp", 7, "timestamp"),
        ("event", KeyError, "event"),
        ("event", [], "event"),
        ("event/hub.topic", KeyError, "event.hub.topic"),
        ("event/hub.topic", ["ann"], "event.hub.topic"),
        ("event/hub.event", 1, "event.hub.event"),
        ("event/context", "text", "event.context"),
        ("event/context", [1], "event.context[0]"),
        ("subscriber.name", {}, "subscriber.name"),
        ("subscriber.actor", 5, "subscriber.actor"),
        ("target.actor", ["ID"], "target.actor"),
    ],
)
def test_a_mistake_is_named_by_its_field(path, value, field):
    with pytest.raises(FieldError) as caught:
        parse_publish(changed(path, value))
    assert caught.value.field == field


def test_a_body_that_is_no_object_is_refused():
    for body in ([], "text", None, 3):
        with pytest.raises(FieldError, match="^body: must be an object"):
            parse_publish(body)


@given(json_values)
def test_any_json_gives_a_value_or_a_field_error(value):
    for body in (value, {"event": value, "id": "1"}, {"id": value, "event": EVENT["event"]}):
        for parse in (parse_publish, parse_request, parse_response, parse_frame, parse_acknowledgement):
            try:
                parse(body)
            except FieldError:
                pass


@given(
    st.sampled_from(["", "ID", "*"]), st.sampled_from(["", "P"]), st.lists(st.sampled_from(["ID", "EC"]), unique=True)
)
def test_what_is_made_is_read_back(actor, product, actors):
    sender, target = Sender("me", "CAST", "", tuple(actors)), Target(actor, product, "")
    message = parse_publish(make_message("dicom-send", "ann", {"files": []}, sender=sender, target=target))
    assert (message.sender, message.target, message.context) == (sender, target, {"files": []})
    assert message.id and message.timestamp.endswith("Z")


@pytest.mark.parametrize(
    ("where", "seconds", "expected"),
    [
        ("event", 9, 9),
        ("body", 8, 8),
        ("root", "7.5", 7.5),
        ("event", 1e9, 300),
        ("none", None, 2),
    ],
)
def test_a_request_waits_as_long_as_it_says(where, seconds, expected):
    body = make_request("STATUS", "ann", sender=Sender("me"))
    del body["event"]["context"]["timeoutSeconds"]
    if where == "event":
        body["event"]["context"]["timeoutSeconds"] = seconds
    elif where == "body":
        body["context"] = {"timeoutSeconds": seconds}
    elif where == "root":
        body["timeoutSeconds"] = seconds
    assert parse_request(body).timeout_seconds == expected


def test_a_request_is_answered_under_its_own_id():
    asked = parse_publish(make_message("status-request", "ann", {"id": "q1", "dataType": "STATUS"}))
    answer = parse_response(make_response(asked, {"a": [1]}, sender=Sender("me", "P", "", ("ID",))))
    assert (answer.request_id, answer.data_type, answer.data) == ("q1", "STATUS", {"a": [1]})
    assert answer.sender.actors == ("ID",)


def test_the_responder_may_say_its_role_in_the_context():
    body = make_message("status-response", "ann", {"id": "q", "actor": "EC", "data": None})
    assert parse_response(body).sender.actors == ("EC",)


@pytest.mark.parametrize(
    ("frame", "status"),
    [
        ({"id": "a", "status": 202}, 202),
        ({"id": "a", "status": "200"}, 200),
        ({"id": "a", "timestamp": "…"}, None),
        ({"id": "a", "status": "²"}, None),
        ({"id": "a", "status": True}, None),
    ],
)
def test_acknowledgements_as_the_field_sends_them(frame, status):
    assert parse_acknowledgement(frame) == Acknowledgement("a", status)


def test_frames_are_told_apart():
    subscription = make_subscription("ann", ["*"], name="me")
    assert parse_frame(make_confirmation(subscription, 7200)) == Confirmation("ann", "*", 7200)
    assert parse_frame(make_denial(subscription, "why")) == Denial("ann", "*", "why")
    assert isinstance(parse_frame(EVENT), Message)
    response = make_message("status-response", "ann", {"id": "q", "data": 1})
    assert isinstance(parse_frame(response), Response)
    assert parse_frame({"id": "a", "status": 409}) == Acknowledgement("a", 409)
    for other in ({"hub.channel.endpoint": "ws://"}, {"type": "ping"}, [], "text", None):
        assert parse_frame(other) is None


def test_a_manifest_is_read_once_and_travels_in_the_message():
    files = [{"fileName": "a.dcm", "byteLength": 3, "payloadIds": ["p"]}]
    message = parse_publish(make_message("dicom-send", "T", {"files": files}))
    assert [entry.payload_ids for entry in message.files] == [("p",)]
    assert message.files is message.files
    assert parse_publish(make_message("ImagingStudy-open", "T", [])).files == ()
    broken = parse_publish(make_message("dicom-send", "T", {"files": 5}))
    for _ in range(2):
        with pytest.raises(FieldError, match="files"):
            broken.files  # noqa: B018
