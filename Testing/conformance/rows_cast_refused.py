"""What a Cast hub takes from nobody, and what it keeps for who subscribes anew (sections of the protocol)."""

from __future__ import annotations

from conformance.kit import CAST, QUICK, Hub, event, row


def cast(name: str, section: str = "Cast Subscribe", needs: tuple[str, ...] = ()):  # type: ignore[no-untyped-def]
    return row(section, name, CAST, needs)


@cast("what only the hub says is refused from others", "Cast Publish")
def _(hub: Hub) -> None:
    program = hub.program()
    socket = program.listen("S")
    for name in "subscription-removed", "Conference-Start", "conference-lead", "conference-end":
        for root in {}, {"subscriber_name": "T"}:
            answer = program.publish(event(name, program.topic, {"reason": "unsubscribe", "subscriber": "S"}, **root))
            assert answer.status_code in (400, 403), name
    program.nothing_more(socket)


@cast("an event without a context is refused, one of a named sender without a time is not", "Cast Publish")
def _(hub: Hub) -> None:
    program = hub.program()
    socket = program.listen("S")
    body = event("scene-update", program.topic, {"a": 1}, subscriber_name="T")
    del body["timestamp"]
    assert program.publish(body, 200)
    assert socket.event()["id"] == body["id"]
    del body["event"]["context"]
    assert program.publish(body).status_code == 400


UNSEEN = {"a NUL": "a\0b", "a line feed": "a\nb", "a turn of direction": "a\u202eb"}


@cast("a name with a character that nobody sees is refused, in subscribing, publishing and asking")
def _(hub: Hub) -> None:
    program = hub.program()
    socket = program.listen("S")
    for name in UNSEEN.values():
        for field in "subscriber.name", "subscriber.product.name", "hub.topic", "hub.events":
            answer = program.http.post(program.hub, json=program.form("S") | {field: name})
            assert answer.status_code == 400 and field in answer.text, field
        for root in {"subscriber_name": name}, {"target_subscriber_name": name}, {"subscriber_actor": name}:
            assert program.publish(event("x", program.topic, [], **root)).status_code == 400
        assert program.publish(event(name, program.topic)).status_code == 400
        files = {"files": [{"url": "https://h.example/x", "fileName": name}]}
        assert program.publish(event("dicom-send", program.topic, files)).status_code == 400
        assert program.request(event("x-request", program.topic, subscriber_name=name)).status_code == 400
    program.nothing_more(socket)


@cast("subscribing anew within the grace time gets what was kept for the lost one", "Cast Publish", (QUICK,))
def _(hub: Hub) -> None:
    program = hub.program()
    other = program.listen("O", "x", subscriber__product__name="P")
    program.listen("S", "a-open", subscriber__product__name="P").cut()
    sent = []
    for _ in range(3):
        sent.append(program.send("a-open"))
    anew = program.bind(program.subscribe("S", "a-open", subscriber__product__name="P"))
    last = program.send("a-open")
    ids = [anew.event()["id"]]
    while ids[-1] != last["id"]:
        ids.append(anew.event()["id"])
    order = [each["id"] for each in (*sent, last)]
    assert ids == order[len(order) - len(ids) :], "what the hub saw to be lost, in order, and once"
    program.nothing_more(other, name="x")
