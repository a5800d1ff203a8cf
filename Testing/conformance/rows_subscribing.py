"""FHIRcast 2.4, subscribing; 4.3, its security; and what clients in the field do besides ("practice")."""

from __future__ import annotations

from functools import partial

from conformance.kit import CAST, FHIRCAST, QUICK, SIGN_IN, STRICT, Hub, Program, Socket, add, event, refused, row, same

EVENTS = "Patient-open,Patient-close"
Change = dict[str, str | None]


def subscribe(program: Program, change: Change | None = None):  # type: ignore[no-untyped-def]
    form = program.form("", EVENTS) | (change or {})
    return program.http.post(program.hub, data={key: value for key, value in form.items() if value is not None})


@row("FHIRcast 2.4.1", "a subscription is answered 202 with JSON that holds hub.channel.endpoint")
def _(hub: Hub) -> None:
    answer = subscribe(hub.program())
    assert answer.status_code == 202, answer.text[:200]
    assert answer.headers["Content-Type"].split(";")[0] == "application/json"
    assert answer.json()["hub.channel.endpoint"].split("://")[0] in ("ws", "wss")


@row("FHIRcast 2.4.1", "each endpoint is its own and cannot be guessed")
def _(hub: Hub) -> None:
    program = hub.program()
    endpoints = [subscribe(program).json()["hub.channel.endpoint"] for _ in range(50)]
    assert len(set(endpoints)) == 50
    pairs = enumerate(zip(min(endpoints), max(endpoints), strict=False))
    same = next(index for index, pair in pairs if pair[0] != pair[1])
    assert all(len(endpoint) - same >= 20 for endpoint in endpoints), "128 bits take 22 characters of base 64"
    assert all(program.topic not in endpoint for endpoint in endpoints)


@row("FHIRcast 2.4.1", "fields nobody knows, hub.callback and hub.secret among them, are ignored")
def _(hub: Hub) -> None:
    change: Change = {"hub.callback": "http://127.0.0.1:9/callback", "hub.secret": "s", "x.unknown": "1"}
    assert subscribe(hub.program(), change).status_code == 202


@row("FHIRcast 2.4.1", "a repeated field is refused")
def _(hub: Hub) -> None:
    program = hub.program()
    pairs = [*program.form("", EVENTS).items(), ("hub.topic", "other")]
    assert 400 <= program.http.post(program.hub, data=pairs).status_code < 500


def error(hub: Hub, change: Change) -> None:
    answer = subscribe(hub.program(), change)
    assert 400 <= answer.status_code < 500, f"{answer.status_code}: {answer.text[:200]}"


def plain_text(hub: Hub, change: Change) -> None:
    answer = subscribe(hub.program(), change)
    assert 400 <= answer.status_code < 500 and answer.headers["Content-Type"].split(";")[0] == "text/plain"
    assert answer.text.strip() and "Traceback" not in answer.text


ERRORS: list[tuple[str, Change, str]] = [
    ("no hub.mode", {"hub.mode": None}, FHIRCAST),
    ("an unknown hub.mode", {"hub.mode": "publish"}, FHIRCAST),
    ("no hub.topic", {"hub.topic": None}, FHIRCAST),
    ("an empty hub.topic", {"hub.topic": ""}, FHIRCAST),
    ("a channel type that is not websocket", {"hub.channel.type": "webhook"}, FHIRCAST),
    ("no channel type", {"hub.channel.type": None}, STRICT),
    ("no hub.events", {"hub.events": None}, FHIRCAST),
    ("an empty list of hub.events", {"hub.events": " , "}, FHIRCAST),
    ("a lease that is no number", {"hub.lease_seconds": "soon"}, FHIRCAST),
    ("a negative lease", {"hub.lease_seconds": "-5"}, FHIRCAST),
    ("an endpoint that was not issued", {"hub.channel.endpoint": "ws://127.0.0.1/bind/not-issued"}, FHIRCAST),
]
for title, change, where in ERRORS:
    add("FHIRcast 2.4.1", f"{title} is refused", partial(error, change=change), where)
add("FHIRcast 2.4.1", "the reason of an error is plain text", partial(plain_text, change={"hub.topic": None}), STRICT)
for title, change in {
    "hub.events * is refused": {"hub.events": "*"},
    "* among hub.events is refused": {"hub.events": "Patient-open,*"},
    "hub.topic * is refused": {"hub.topic": "*"},
}.items():
    add("FHIRcast 2.3.2", title, partial(error, change=change), STRICT)


@row("FHIRcast 2.4.1", "Cast's fields make no difference where only FHIRcast is spoken", STRICT)
def _(hub: Hub) -> None:
    program = hub.program()
    socket = program.listen("S", EVENTS, subscriber__product__name="P", subscriber__actors='["ID"]')
    for root in ({"subscriber_name": "S"}, {"target_actor": "EC"}, {"target_product_name": "Q"}):
        sent = program.send("Patient-open", **root)
        assert same(socket.event(), sent)
    program.nothing_more(socket)


@row("Practice", "the address may end in a slash or not")
def _(hub: Hub) -> None:
    program = hub.program()
    for address in (program.hub.rstrip("/"), program.hub.rstrip("/") + "/"):
        assert program.http.post(address, data=program.form("", EVENTS)).status_code == 202
        body = event("Patient-open", program.topic)
        assert 200 <= program.http.post(address, json=body).status_code < 300


@row("FHIRcast 2.4.1", "a request without a good token is refused", needs=(SIGN_IN,))
def _(hub: Hub) -> None:
    program = hub.program()
    for token in "", "nonsense":
        program.use(token)
        assert subscribe(program).status_code in (401, 403)


@row("FHIRcast 2.4.1", "a subscription belongs to its token: no other renews or ends it", needs=(SIGN_IN,))
def _(hub: Hub) -> None:
    program, other = hub.program(), hub.program()
    endpoint = program.subscribe("", EVENTS)
    socket = program.bind(endpoint)
    form = other.form("", "Encounter-open", hub__channel__endpoint=endpoint, hub__topic=program.topic)
    for mode in "subscribe", "unsubscribe":
        assert 400 <= other.http.post(other.hub, data=form | {"hub.mode": mode}).status_code < 500
    program.nothing_more(socket)


@row("FHIRcast 2.4.1", "the confirmation is the first frame, with mode, topic, events and a number of lease seconds")
def _(hub: Hub) -> None:
    program = hub.program()
    first = program.listen("", EVENTS).first
    assert (first["hub.mode"], first["hub.topic"]) == ("subscribe", program.topic)
    assert {event.strip().casefold() for event in first["hub.events"].split(",")} == set(EVENTS.casefold().split(","))
    assert isinstance(first["hub.lease_seconds"], (int, float)) and first["hub.lease_seconds"] > 0
    assert "event" not in first


@row("FHIRcast 2.4.1", "a lease is not longer than the token lives", needs=(SIGN_IN,))
def _(hub: Hub) -> None:
    program = hub.program()
    seconds = program.sign_in({"user_name": program.topic, "topic": program.topic})["expires_in"]
    assert program.listen("", EVENTS, hub__lease_seconds="999999999").first["hub.lease_seconds"] <= seconds


@row("FHIRcast 2.4.1", "when its lease is over a subscription ends and its socket is closed", needs=(QUICK,))
def _(hub: Hub) -> None:
    program = hub.program()
    endpoint = program.subscribe("", EVENTS, hub__lease_seconds="1")
    socket = program.bind(endpoint)
    assert socket.first["hub.lease_seconds"] == 1
    frame = socket.frame()
    if "hub.mode" in frame:
        assert frame["hub.mode"] == "denied" and frame["hub.topic"] == program.topic
        frame = socket.frame()
    assert "closed" in frame
    assert refused(endpoint)


@row("FHIRcast 2.4.1", "subscribing again with the endpoint replaces the events and keeps the endpoint")
def _(hub: Hub) -> None:
    program = hub.program()
    endpoint = program.subscribe("", "Patient-open")
    socket = program.bind(endpoint)
    assert program.subscribe("", "Encounter-open", hub__channel__endpoint=endpoint) == endpoint
    program.send("Patient-open")
    program.nothing_more(socket, name="Encounter-open")


@row("FHIRcast 2.4.1", "subscribing again renews the lease", needs=(QUICK,))
def _(hub: Hub) -> None:
    program = hub.program()
    endpoint = program.subscribe("", EVENTS, hub__lease_seconds="1")
    socket = program.bind(endpoint)
    program.subscribe("", EVENTS, hub__channel__endpoint=endpoint, hub__lease_seconds="3600")
    watch = program.bind(program.subscribe("", EVENTS, hub__lease_seconds="1"))
    while "closed" not in watch.frame():
        pass  # by then the first lease would be over too
    program.nothing_more(socket)


@row("FHIRcast 2.4.1", "the list of events is a set: a repeated one comes once")
def _(hub: Hub) -> None:
    program = hub.program()
    socket = program.listen("", "Patient-open,patient-OPEN, Patient-open ,Patient-close")
    sent = program.send("Patient-open")
    assert socket.event()["id"] == sent["id"]
    program.nothing_more(socket, name="Patient-close")


@row("FHIRcast 2.4.1", "event names are compared without case and passed on as they were sent")
def _(hub: Hub) -> None:
    program = hub.program()
    socket = program.listen("", "patient-OPEN")
    program.send("PATIENT-open")
    assert socket.event()["event"]["hub.event"] == "PATIENT-open"


@row("FHIRcast 2.4.3", "denial frame: mode denied, topic and events, then the socket is closed")
def _(hub: Hub) -> None:
    program = hub.program()
    endpoint = program.subscribe("", EVENTS)
    socket = program.bind(endpoint)
    program.unsubscribe(endpoint)
    frame = socket.frame()
    assert (frame["hub.mode"], frame["hub.topic"]) == ("denied", program.topic)
    assert set(frame["hub.events"].casefold().split(",")) == set(EVENTS.casefold().split(","))
    assert isinstance(frame.get("hub.reason", ""), str)
    assert "closed" in socket.frame()


@row("FHIRcast 2.4.4", "unsubscribing is answered 202 with JSON that holds the endpoint")
def _(hub: Hub) -> None:
    program = hub.program()
    endpoint = program.subscribe("", EVENTS)
    program.bind(endpoint)
    answer = program.unsubscribe(endpoint)
    assert answer.status_code == 202 and answer.headers["Content-Type"].split(";")[0] == "application/json"
    assert answer.json()["hub.channel.endpoint"] == endpoint


@row("FHIRcast 2.4.4", "after unsubscribing the endpoint is dead")
def _(hub: Hub) -> None:
    program = hub.program()
    endpoint = program.subscribe("", EVENTS)
    program.unsubscribe(endpoint)
    assert refused(endpoint)
    assert 400 <= subscribe(program, {"hub.channel.endpoint": endpoint}).status_code < 500


@row("FHIRcast 2.4.4", "the guide's own example, an endpoint that ends in %0A, is understood")
def _(hub: Hub) -> None:
    program = hub.program()
    endpoint = program.subscribe("", EVENTS)
    assert program.unsubscribe(endpoint + "\n").status_code == 202


@row("FHIRcast 2.4.4", "unsubscribing ends one subscription and no other")
def _(hub: Hub) -> None:
    program = hub.program()
    endpoint = program.subscribe("SAME", EVENTS)
    program.bind(endpoint)
    other = program.listen("SAME", EVENTS)
    assert program.unsubscribe(endpoint).status_code == 202
    program.nothing_more(other)


def not_unsubscribed(hub: Hub, change: Change, kind: str) -> None:
    program = hub.program()
    sockets = [program.listen("SAME", EVENTS), program.listen("SAME", EVENTS)]
    form = {"hub.channel.type": "websocket", "hub.mode": "unsubscribe", "hub.topic": program.topic, **change}
    answer = program.http.post(program.hub, data=form)
    assert 400 <= answer.status_code < 500 and answer.headers["Content-Type"].split(";")[0] in (kind, "text/plain")
    assert answer.text.strip()
    program.nothing_more(*sockets)


for title, change in {
    "an endpoint nobody has": {"hub.channel.endpoint": "ws://127.0.0.1/bind/unknown"},
    "no endpoint and several subscriptions": {},
    "no endpoint and a name that several have": {"subscriber.name": "SAME"},
    "no endpoint and a name that nobody has": {"subscriber.name": "NOBODY"},
}.items():
    check = partial(not_unsubscribed, change=change, kind="text/plain")
    add("FHIRcast 2.4.4", f"unsubscribing with {title} is refused in plain text and ends nothing", check, STRICT)
    check = partial(not_unsubscribed, change=change, kind="application/json")
    add("Cast Subscribe", f"unsubscribing with {title} is refused and ends nothing", check, CAST)


@row("FHIRcast 2.4.4", "unsubscribing by topic alone ends the caller's only subscription", STRICT)
def _(hub: Hub) -> None:
    program = hub.program()
    other = hub.program(program.topic).listen("", EVENTS)
    socket = program.listen("", EVENTS)
    form = {"hub.channel.type": "websocket", "hub.mode": "unsubscribe", "hub.topic": program.topic}
    assert program.http.post(program.hub, data=form).status_code == 202
    assert socket.frame()["hub.mode"] == "denied"
    assert 400 <= program.http.post(program.hub, data=form).status_code < 500
    program.nothing_more(other)


@row("FHIRcast 4.3", "a socket address that was not issued is refused, or its socket denied and closed")
def _(hub: Hub) -> None:
    program = hub.program()
    endpoint = program.subscribe("", EVENTS)
    for address in (endpoint[:-4] + "AAAA", endpoint + "x", endpoint.rsplit("/", 1)[0] + "/nonsense"):
        assert refused(address)


@row("Practice", "a second socket at an endpoint takes the first one's place")
def _(hub: Hub) -> None:
    program = hub.program()
    endpoint = program.subscribe("", EVENTS)
    first, second = program.bind(endpoint), program.bind(endpoint)
    assert "closed" in first.frame()
    program.nothing_more(second)


@row("Practice", "a client that acknowledges and whose socket broke binds again at its endpoint and misses nothing")
def _(hub: Hub) -> None:
    program = hub.program()
    endpoint = program.subscribe("", EVENTS)
    socket = program.bind(endpoint)
    acknowledged, lost = program.send("Patient-open"), program.send("Patient-close")
    socket.send({"id": socket.event()["id"], "status": 200})
    program.listen("", EVENTS)  # the hub has read the acknowledgement before it answers this
    socket.cut()
    meanwhile, again = program.send("Patient-open"), program.bind(endpoint)
    frames = [again.event()["id"] for _ in range(2)]
    assert frames == [lost["id"], meanwhile["id"]] and acknowledged["id"] not in frames
    program.nothing_more(again)


@row("Practice", "medplum 4 unsubscribes by endpoint")
def _(hub: Hub) -> None:
    program = hub.program()
    endpoint = program.subscribe("", EVENTS)
    socket = program.bind(endpoint)
    form = {"hub.channel.type": "websocket", "hub.mode": "unsubscribe", "hub.topic": program.topic}
    answer = program.http.post(program.hub, data={**form, "hub.events": EVENTS, "endpoint": endpoint})
    assert answer.status_code == 202
    assert socket.frame()["hub.mode"] == "denied"


@row("Practice", "OHIF unsubscribes by topic and name, with 202")
def _(hub: Hub) -> None:
    program = hub.program()
    socket = program.listen("OHIF-1", EVENTS)
    other = program.listen("OTHER", EVENTS)
    form = {"hub.mode": "unsubscribe", "hub.topic": program.topic, "subscriber.name": "OHIF-1"}
    answer = program.http.post(program.hub, data={**form, "hub.callback": "http://localhost/castCallback"})
    assert answer.status_code == 202
    assert socket.frame()["hub.mode"] == "denied"
    program.nothing_more(other)


@row("Practice", "OHIF subscribes with hub.lease and hub.callback, and says its endpoint on the socket")
def _(hub: Hub) -> None:
    program = hub.program()
    more = {"hub__lease": "999", "hub__callback": "http://localhost/castCallback", "hub__secret": "s"}
    endpoint = program.subscribe("OHIF-1", EVENTS, **more)
    socket = program.bind(endpoint)
    socket.send({"hub.channel.endpoint": endpoint})
    program.nothing_more(socket)


FRAMES = ["no json", "[" * 100_000, '"text"', [], {"type": "ping"}, {"id": 5, "status": {}}, {"event": 5}]
FRAMES += [{"event": {"hub.event": "status-response", "context": []}}, {"id": "x", "status": 409}, {"id": "x"}]


@row("Practice", "frames that mean nothing to a hub are passed over, and the socket stays")
def _(hub: Hub) -> None:
    program = hub.program()
    socket: Socket = program.listen("", EVENTS)
    for frame in FRAMES:
        socket.send(frame)
    program.nothing_more(socket)
