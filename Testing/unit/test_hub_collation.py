"""Requests as values: asked, answered, once each (protocol: request and response)."""

from __future__ import annotations

from typing import Any

from hub_subscribers import unmanaged

from CastHubLib.routing.requests import OpenRequest, OpenRequests, request_frame
from CastHubLib.routing.subscriber import Owner, Subscriber
from CastLib.message import Response, Sender, make_response, parse_publish, parse_request, parse_response
from CastLib.subscription import make_subscription

ALICE = Owner("alice", "alice")


def subscriber(name: str, owner: Owner = ALICE) -> Subscriber:
    subscription = make_subscription("alice", ["*"], name=name, product=f"P-{name}", actors=("ID",))
    return unmanaged(f"id-{name}", subscription, owner, connected=True)


BODY: dict[str, Any] = {
    "id": "PYCAST-1",
    "subscriber.name": "asker",
    "subscriber.actor": "WORKLIST_CLIENT",
    "target.actor": "ID",
    "event": {"hub.topic": "alice", "hub.event": "status-request", "context": {"dataType": "STATUS", "more": 1}},
}
REQUEST = parse_request(BODY)
A, B = subscriber("a"), subscriber("b")


def answer(who: Subscriber, data: Any = None, request_id: str = "PYCAST-1") -> Response:
    frame = request_frame(REQUEST, None, "alice")
    frame["event"]["context"]["id"] = request_id
    sender = Sender(who.subscription.name, actors=("ID",))
    return parse_response(make_response(parse_publish(frame), data, sender=sender))


def opened() -> tuple[OpenRequests, OpenRequest]:
    requests = OpenRequests()
    return requests, requests.open(REQUEST, ALICE, (A, B))


def test_frame_to_responders() -> None:
    frame = request_frame(REQUEST, make_subscription("alice", ["*"], name="asker", product="VTK-JS"), "alice")
    assert frame["id"] != "PYCAST-1" and frame["timestamp"]
    assert frame["subscriber.name"] == "asker" and frame["subscriber.product.name"] == "VTK-JS"
    assert frame["subscriber.actor"] == "WORKLIST_CLIENT" and frame["target.actor"] == "ID"
    assert frame["event"]["context"] == {"id": "PYCAST-1", "dataType": "STATUS", "more": 1}


def test_collated_when_all_have_answered() -> None:
    requests, open_request = opened()
    requests.answer(A, answer(A, {"x": 1}))
    assert not open_request.complete
    requests.answer(B, answer(B, [2]))
    assert open_request.complete
    collated = open_request.collated()
    assert collated["ok"] is True and collated["timedOut"] is False and collated["missing"] == []
    assert collated["id"] == "PYCAST-1" and collated["subscriber.name"] == "asker" and collated["dataType"] == "STATUS"
    assert collated["subscriber.actor"] == "WORKLIST_CLIENT" and collated["target.actor"] == "ID"
    assert collated["expected"] == ["a", "b"]
    first, second = collated["responses"]
    assert set(first) == {"id", "subscriber", "actor", "productName", "data"}
    assert (first["subscriber"], first["actor"], first["productName"], first["data"]) == ("a", "ID", "P-a", {"x": 1})
    assert second["data"] == [2]


def test_timed_out_keeps_what_came() -> None:
    requests, open_request = opened()
    requests.answer(B, answer(B, 1))
    collated = open_request.collated()
    assert collated["ok"] is False and collated["timedOut"] is True and collated["missing"] == ["a"]
    assert [each["subscriber"] for each in collated["responses"]] == ["b"]


def test_an_answer_counts_once_from_the_asked_for_its_own_request() -> None:
    requests, open_request = opened()
    assert requests.answer(subscriber("stranger"), answer(A)) is None
    assert requests.answer(A, answer(A, request_id="another")) is None
    assert requests.answer(A, answer(A, 1)) is open_request
    assert requests.answer(A, answer(A, 2)) is None
    requests.close(open_request)
    assert requests.answer(B, answer(B)) is None, "too late"
    assert [each["data"] for each in open_request.collated()["responses"]] == [1]


def test_nobody_waits_for_one_who_has_gone() -> None:
    requests, open_request = opened()
    requests.answer(A, answer(A))
    assert requests.subscriber_gone(B) == [open_request]
    assert open_request.complete
    collated = open_request.collated()
    assert collated["missing"] == ["b"] and collated["ok"] is False and collated["timedOut"] is False


def test_nobody_asked_is_complete_at_once() -> None:
    assert OpenRequests().open(REQUEST, ALICE, ()).complete


def test_an_answer_over_http_is_the_asked_one_of_that_token_and_name() -> None:
    requests, _ = opened()
    assert requests.answering(ALICE, answer(A)) == (A, ALICE)
    assert requests.answering(Owner("bob", "alice"), answer(A)) is None
    assert requests.answering(ALICE, answer(subscriber("c"))) is None
    requests.answer(A, answer(A))
    assert requests.answering(ALICE, answer(A)) is None
