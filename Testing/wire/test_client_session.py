"""A session at a real hub: states, events and their acknowledgements, requests, reconnecting, closing."""

from __future__ import annotations

import ctypes
import logging
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator

import psutil
import pytest
import requests
from hub_process import HubProcess
from hub_wire import hub_in_thread
from relay import Relay

from CastLib.client import HubUnusable, Pump, Session, SessionSettings, State
from CastLib.errors import CastError, FieldError, HubNotReachable, Refused, TimedOut
from CastLib.message import Message, Target

WAIT = 10.0


class Desk:
    """Sessions of one test on one pump and one topic."""

    def __init__(self, hub: str) -> None:
        self.hub = hub
        self.pump = Pump()
        self.topic = "topic-" + secrets.token_hex(4)
        self.sessions: list[Session] = []

    def session(self, product: str = "DISPLAY", *, online: bool = True, **more) -> Session:
        more = {
            "hub": self.hub,
            "user": self.topic,
            "product": product,
            "reconnect_first": 0.05,
            "announce": False,
            **more,
        }
        session = Session(SessionSettings(**more), self.pump)
        self.sessions.append(session)
        if online:
            session.start()
            session.wait_online(WAIT)
        return session

    def receiver(self, product: str = "DISPLAY", **more) -> tuple[Session, list[Message]]:
        session, events = self.session(product, online=False, **more), []
        session.on_event(events.append)
        session.start()
        session.wait_online(WAIT)
        return session, events

    def until(self, predicate: Callable[[], object], timeout: float = WAIT) -> None:
        assert self.pump.run_until(predicate, timeout)

    def close(self) -> None:
        for session in self.sessions:
            session.close()


@pytest.fixture
def desk(hub) -> Iterator[Desk]:
    desk = Desk(hub.url)
    yield desk
    desk.close()


def logged(hub: HubProcess, *words: str) -> bool:
    return any(all(word in line for word in words) for line in hub.log.read_text().splitlines())


def log_comes(hub: HubProcess, *words: str) -> bool:
    end = time.monotonic() + WAIT
    while not logged(hub, *words):
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


# Events


def test_events_come_once_each_in_order_and_not_to_their_sender(desk):
    _, got = desk.receiver("A")
    sender, own = desk.receiver("B")
    ids = [sender.publish("annotation-update", {"number": number}) for number in range(200)]
    desk.until(lambda: len(got) >= 200)
    assert [message.id for message in got] == ids
    assert [message.context["number"] for message in got] == list(range(200))
    assert got[0].sender.name == sender.name and got[0].sender.product == "B"
    desk.pump.run_until(lambda: own, 0.1)
    assert own == []


def test_an_event_is_narrowed_by_its_target(desk):
    one, got_one = desk.receiver("A", actors=("ID",))
    _, got_two = desk.receiver("B", actors=("EC",))
    sender = desk.session("C")
    sender.publish("ImagingStudy-open", [], target=Target(actor="EC"))
    sender.publish("ImagingStudy-close", [], target=Target(name=one.name))
    desk.until(lambda: got_one and got_two)
    assert [m.event for m in got_one] == ["ImagingStudy-close"]
    assert [m.event for m in got_two] == ["ImagingStudy-open"]


def test_only_wanted_events_come(desk):
    _, got = desk.receiver("A", events=("imagingstudy-OPEN",))
    sender = desk.session("B")
    sender.publish("ImagingStudy-close", [])
    sender.publish("ImagingStudy-open", [])
    desk.until(lambda: got)
    assert [m.event for m in got] == ["ImagingStudy-open"]


def test_publishing_needs_no_subscription(desk):
    _, got = desk.receiver("A")
    desk.session("B", online=False).publish("Home-open", [])
    desk.until(lambda: got)
    assert got[0].event == "Home-open"


def test_what_is_no_json_is_named(desk):
    with pytest.raises(FieldError, match=r"event\.context: cannot be written as JSON"):
        desk.session(online=False).publish("x-y", {"a": object()})


def test_acknowledged_before_the_main_thread_has_it_and_refused_later(start_hub):
    hub = start_hub("--log-level", "debug")
    desk = Desk(hub.url)
    session, got = desk.receiver()
    sender = desk.session("B")
    id = sender.publish("ImagingStudy-open", [])
    assert log_comes(hub, "acknowledged", id, "status=202")
    assert got == []
    desk.until(lambda: got)
    session.refuse(got[0], 409, "unsaved work")
    assert log_comes(hub, "acknowledged", id, "status=409")
    with pytest.raises(FieldError):
        session.refuse(got[0], 200, "fine")
    desk.close()
    session.refuse(got[0], 409, "after the end: logged only")


def test_repeats_own_echoes_and_heartbeats_are_dropped(desk):
    session, got = desk.receiver()
    session._sent_ids.add("own")
    message = {
        "timestamp": "2026-01-01T00:00:00.000Z",
        "event": {"hub.topic": desk.topic, "hub.event": "a-b", "context": []},
    }
    token = session._sign_in.token()
    sender = desk.session("B", online=False)
    sender.publish("Heartbeat", [{"key": "period", "decimal": "10"}])
    for id in ("one", "own", "one", "two"):
        answer = requests.post(
            f"{desk.hub}/api/hub", json={**message, "id": id}, headers={"Authorization": f"Bearer {token}"}, timeout=5
        )
        assert answer.status_code == 202
    desk.until(lambda: len(got) == 2)
    desk.pump.run_until(lambda: False, 0.05)
    assert [m.id for m in got] == ["one", "two"]


# Requests


def test_a_request_is_answered_by_those_asked(desk):
    display = desk.session("DISPLAY")
    display.on_request("STATUS", lambda message: {"source": "status", "asker": message.sender.name}, in_background=True)
    provider = desk.session("PROVIDER", actors=("EC",))
    provider.on_request("status", lambda message: {"source": "status"}, in_background=True)
    asker = desk.session("ASKER")
    answer = asker.request("STATUS", {"more": 1}, target=Target(actor="ID"))
    assert answer["ok"] and [r["subscriber"] for r in answer["responses"]] == [display.name]
    assert answer["responses"][0]["data"]["asker"] == asker.name


def test_an_answer_by_the_pump_runs_on_the_main_thread(desk):
    display, threads = desk.session("DISPLAY"), []
    display.on_request("SCENEVIEW", lambda message: threads.append(threading.get_ident()) or {"source": "sceneview"})
    asker, answers = desk.session("ASKER"), []
    thread = threading.Thread(target=lambda: answers.append(asker.request("SCENEVIEW")))
    thread.start()
    desk.until(lambda: answers)
    thread.join()
    assert threads == [threading.get_ident()]
    assert answers[0]["responses"][0]["data"] == {"source": "sceneview"}


def test_status_is_answered_while_the_main_thread_is_busy(desk):
    display = desk.session("DISPLAY")
    display.on_request("STATUS", lambda message: {"source": "status"}, in_background=True)
    display.on_request("SCENEVIEW", lambda message: {"late": True})
    asker = desk.session("ASKER")
    assert asker.request("STATUS", timeout=2.0)["ok"]
    answer = asker.request("SCENEVIEW", timeout=0.1)
    assert answer["timedOut"] and not answer["ok"] and answer["missing"] == [display.name]


def test_none_and_an_exception_are_no_answer(desk, caplog):
    display = desk.session("DISPLAY")
    display.on_request("STATUS", lambda message: None, in_background=True)
    display.on_request("SCENEVIEW", lambda message: 1 / 0, in_background=True)
    display.on_request("DICOMTAG", lambda message: object(), in_background=True)
    asker = desk.session("ASKER")
    for data_type in ("STATUS", "SCENEVIEW", "DICOMTAG"):
        assert asker.request(data_type, timeout=0.1)["missing"] == [display.name]
    assert "ZeroDivisionError" in caplog.text and "cannot be written as JSON" in caplog.text
    assert display.state.kind == "online"


def test_an_answer_that_is_too_large_is_not_sent(desk, caplog):
    display = desk.session("DISPLAY", largest_frame=1000)
    display.on_request("STATUS", lambda message: "x" * 1000, in_background=True)
    assert desk.session("ASKER").request("STATUS", timeout=0.2)["missing"] == [display.name]
    assert "over 1000 bytes" in caplog.text


def test_presence_is_announced_after_each_connect(desk):
    worklist = desk.session("WORKLIST", actors=("WORKLIST_CLIENT",))
    worklist.on_request("STATUS", lambda message: {"context.type": "", "context": []}, in_background=True)
    display, presence = desk.session("DISPLAY", online=False, announce=True), []
    display.on_presence(presence.append)
    display.start()
    desk.until(lambda: presence)
    assert [r["actor"] for r in presence[0]["responses"]] == ["WORKLIST_CLIENT"]


def test_a_provider_hears_every_topic_and_must_name_one(desk):
    provider, got = desk.receiver("P", provider=True, client_id="p", client_secret="s", actors=("EC",), user="")
    assert provider.topic == "*"
    provider.on_request("STATUS", lambda message: {"source": "status"}, in_background=True)
    asker = desk.session("ASKER")
    asker.publish("a-b", [])
    desk.until(lambda: got)
    assert got[0].topic == desk.topic
    assert asker.request("STATUS")["ok"]
    with pytest.raises(FieldError, match="^topic: must be named"):
        provider.publish("a-b", [])
    provider.publish("a-b", [], topic=got[0].topic)


# States


def test_states_are_told_in_order(desk):
    session, states = desk.session(online=False), []
    session.on_state(lambda state: states.append(state.kind))
    assert session.state.kind == "offline"
    session.start()
    desk.until(lambda: "online" in states)
    assert states == ["connecting", "online"] and session.topic == desk.topic


def test_a_hub_that_is_not_there(desk):
    desk.hub = "http://127.0.0.1:1"
    session, states = desk.session(online=False), []
    session.on_state(states.append)
    session.start()
    with pytest.raises(HubNotReachable, match="no hub answers at"):
        session.wait_online(WAIT)
    with pytest.raises(HubNotReachable):
        session.wait_online(0.3, patient=True)
    desk.until(lambda: len(states) > 4)
    assert {state.kind for state in states} == {"connecting", "waiting to reconnect"}
    with pytest.raises(HubNotReachable):
        session.publish("a-b", [])


def test_waiting_for_a_session_that_was_not_started(desk):
    with pytest.raises(HubNotReachable, match="not started"):
        desk.session(online=False).wait_online(1)


def test_a_topic_that_is_not_ones_own_is_refused(desk):
    session = desk.session(online=False, topic="*")
    session.start()
    with pytest.raises(Refused) as caught:
        session.wait_online(WAIT)
    assert caught.value.status == 403 and session.state.kind == "refused" and "providers" in session.state.reason


def test_a_bad_token_is_renewed_once(desk):
    session = desk.session(online=False, topic=desk.topic)
    session._sign_in._token = "spoilt"
    session.start()
    session.wait_online(WAIT)
    session._sign_in._token = "spoilt again"
    session.publish("a-b", [])


def test_something_else_at_the_address(desk):
    with Relay(int(desk.hub.rsplit(":", 1)[1])) as relay:
        desk.hub = f"http://127.0.0.1:{relay.port}/elsewhere"
        session = desk.session(online=False)
        session.start()
        with pytest.raises(HubUnusable, match="is no Cast hub: it has no sign-in"):
            session.wait_online(WAIT)
        assert session.state.kind == "refused"
        with pytest.raises(HubUnusable, match="it has no status"):
            session.status()


def unsubscribe(desk: Desk, session: Session) -> None:
    """End a session's subscription as another program of the same user would."""
    form = {"hub.mode": "unsubscribe", "hub.topic": desk.topic, "subscriber.name": session.name}
    token = session._sign_in.token()
    answer = requests.post(f"{desk.hub}/api/hub", data=form, headers={"Authorization": f"Bearer {token}"}, timeout=5)
    assert answer.status_code == 202


def test_a_denial_ends_it_with_the_hubs_reason(desk):
    session, states = desk.session(online=False), []
    session.on_state(states.append)
    session.start()
    session.wait_online(WAIT)
    unsubscribe(desk, session)
    desk.until(lambda: states and states[-1].kind == "refused")
    assert states[-1].reason == "unsubscribed"
    session.start()
    session.wait_online(WAIT)


# Reconnecting


def test_a_client_that_was_too_slow_says_so_and_subscribes_anew(tmp_path):
    with hub_in_thread(tmp_path, backlog_most=64 * 1024) as url, Relay(int(url.rsplit(":", 1)[1])) as relay:
        desk = Desk(f"http://127.0.0.1:{relay.port}")
        session, got = desk.receiver(call_timeout=5.0)
        states: list[State] = []
        session.on_state(states.append)
        sender = Session(SessionSettings(hub=url, user=desk.topic, topic=desk.topic), desk.pump)
        removed = desk.session("W", online=False, hub=url, events=("subscription-removed",))
        ended: list[Message] = []
        removed.on_event(ended.append)
        removed.start()
        removed.wait_online(WAIT)
        relay.frozen = True
        for _ in range(500):
            sender.publish("a-b", {"much": "x" * 64 * 1024})
            desk.pump.run_once(0)
            if ended:
                break
        relay.frozen = False
        assert ended and ended[0].context_dict()["reason"] == "send-failure"
        desk.until(lambda: states and states[-1].kind == "online")
        waiting = [state for state in states if state.kind == "waiting to reconnect"]
        assert "too slow" in waiting[0].reason and waiting[0].retry_in >= 0
        sender.publish("a-b", {"little": "y"})
        desk.until(lambda: got and got[-1].context_dict() == {"little": "y"})
        sender.close()
        desk.close()


def test_a_lease_is_renewed_at_its_half(desk):
    session, got = desk.receiver()
    assert 0 < session._receiver._renew_at - time.monotonic() <= 3600
    session._receiver._renew_at = session._receiver._lease_ends = time.monotonic()
    sender = desk.session("B", online=False)
    sender.publish("a-b", [])
    desk.until(lambda: got and session._receiver._lease_ends - time.monotonic() > 7000)
    assert session._receiver._renew_at - time.monotonic() > 3500
    sender.publish("a-b", [])
    desk.until(lambda: len(got) == 2)
    assert session.state.kind == "online"


def test_a_denial_when_the_lease_is_over_is_no_refusal(desk):
    session, states = desk.session(), []
    session.on_state(states.append)
    assert session._receiver._lease_ends - time.monotonic() > 3600, "as the hub's confirmation says"
    session._receiver._lease_ends = time.monotonic()
    unsubscribe(desk, session)
    desk.until(lambda: states and states[-1].kind == "online")
    assert states[0].kind == "waiting to reconnect" and "the hub ended the subscription" in states[0].reason


def test_it_comes_back_after_the_hub_was_killed_and_started_again(start_hub, tmp_path):
    hub = start_hub(folder=tmp_path / "hub")
    desk = Desk(hub.url)
    session, got = desk.receiver()
    states: list[str] = []
    session.on_state(lambda state: states.append(state.kind))
    hub.stop(signal.SIGKILL)
    desk.until(lambda: "waiting to reconnect" in states)
    again = start_hub("--port", hub.url.rsplit(":", 1)[1], folder=tmp_path / "hub")
    assert again.url == hub.url
    desk.until(lambda: states[-1] == "online")
    desk.session("B").publish("a-b", [])
    desk.until(lambda: got)
    desk.close()


def test_it_comes_back_with_the_same_user_when_the_hub_forgot_its_key(start_hub):
    hub = start_hub()
    desk = Desk(hub.url)
    session = desk.session(user="", topic="")
    topic = session.topic
    assert topic.startswith("USER-")
    hub.stop(signal.SIGKILL)
    start_hub("--port", hub.url.rsplit(":", 1)[1])
    session.wait_online(WAIT, patient=True)
    desk.until(lambda: session.state.kind == "online")
    desk.close()


def test_a_broken_connection_is_made_anew(desk):
    with Relay(int(desk.hub.rsplit(":", 1)[1])) as relay:
        desk.hub = f"http://127.0.0.1:{relay.port}"
        session, got = desk.receiver()
        states: list[str] = []
        session.on_state(lambda state: states.append(state.kind))
        for _ in range(3):
            states.clear()
            got.clear()
            relay.cut()
            desk.until(lambda: states and states[-1] == "online")
            desk.session("B", online=False).publish("a-b", [])
            desk.until(lambda: got)


def test_a_socket_that_dies_silently_is_noticed(desk):
    with Relay(int(desk.hub.rsplit(":", 1)[1])) as relay:
        desk.hub = f"http://127.0.0.1:{relay.port}"
        session, states = desk.session(ping_interval=0.2, ping_timeout=0.2, call_timeout=0.5), []
        desk.pump.run_until(lambda: session.state.kind != "online", 1.0)
        assert session.state.kind == "online"
        session.on_state(states.append)
        relay.frozen = True
        desk.until(lambda: states)
        assert "silent for 0.4 s" in states[0].reason
        relay.frozen = False
        desk.until(lambda: states[-1].kind == "online")


# Closing


def threads_of(session: Session) -> list[str]:
    return [thread.name for thread in threading.enumerate() if session.name in thread.name]


def test_closing_leaves_nothing(desk, hub):
    session, got = desk.receiver()
    session.on_request("STATUS", lambda message: {}, in_background=True)
    other = desk.session("B")
    assert other.request("STATUS")["ok"]
    other.publish("a-b", [])
    assert threads_of(session)
    before = time.monotonic()
    session.close()
    assert time.monotonic() - before < 2
    session.close()
    assert threads_of(session) == []
    assert session.state.kind == "offline"
    desk.pump.drain()
    assert got == []  # no handler is called any more
    with pytest.raises(CastError, match="closed"):
        session.start()
    with pytest.raises(HubNotReachable, match="closed"):
        session.wait_online(1)


def test_closing_unsubscribes(start_hub):
    hub = start_hub()
    desk = Desk(hub.url)
    _, got = desk.receiver("WATCHER")
    session = desk.session()
    session.close()
    desk.until(lambda: got)
    assert got[0].event == "subscription-removed" and got[0].context["reason"] == "unsubscribe"
    assert log_comes(hub, "ended", "reason=unsubscribe")
    desk.close()


def test_closing_from_a_handler(desk):
    session, done = desk.session(online=False), []
    session.on_event(lambda message: (session.close(), done.append(1)))
    session.start()
    session.wait_online(WAIT)
    desk.session("B").publish("a-b", [])
    desk.until(lambda: done)
    assert threads_of(session) == []


def test_closing_from_a_background_answer(desk):
    session = desk.session()
    session.on_request("STATUS", lambda message: session.close(), in_background=True)
    desk.session("B").request("STATUS", timeout=0.5)
    end = time.monotonic() + WAIT
    while threads_of(session) and time.monotonic() < end:
        time.sleep(0.01)
    assert threads_of(session) == []


def test_closing_serves_an_answer_that_waits_for_the_main_thread(desk):
    session, entered = desk.session(), threading.Event()

    def answer(message: Message) -> object:
        entered.set()
        return desk.pump.call(dict, 30)

    session.on_request("STATUS", answer, in_background=True)
    asker = desk.session("B")
    asking = threading.Thread(target=lambda: asker.request("STATUS", timeout=0.2))
    asking.start()
    assert entered.wait(WAIT)
    began = time.monotonic()
    session.close()
    assert time.monotonic() - began < 2 and threads_of(session) == []
    asking.join()


@pytest.mark.parametrize("hub_url", ["http://127.0.0.1:1"])
def test_closing_while_waiting_to_reconnect(desk, hub_url):
    desk.hub = hub_url
    session = desk.session(online=False, reconnect_first=10.0)
    session.start()
    with pytest.raises(HubNotReachable):
        session.wait_online(WAIT)
    session.close()
    assert threads_of(session) == []


def test_closing_at_once_leaves_no_subscription(start_hub):
    hub = start_hub()
    desk = Desk(hub.url)
    for _ in range(10):
        session = desk.session(online=False)
        session.start()
        session.close()
        assert threads_of(session) == []
    assert desk.session(online=False).status()["subscriptions"] == 0


def test_a_hub_that_does_not_answer_does_not_hold_up_closing(desk):
    with Relay(int(desk.hub.rsplit(":", 1)[1])) as relay:
        desk.hub = f"http://127.0.0.1:{relay.port}"
        session = desk.session(close_timeout=1.0)
        relay.frozen = True
        began = time.monotonic()
        session.close()
        assert time.monotonic() - began < 2
        assert threads_of(session) == []


def test_a_silent_hub_times_out(desk):
    with Relay(int(desk.hub.rsplit(":", 1)[1])) as relay:
        relay.frozen = True
        desk.hub = f"http://127.0.0.1:{relay.port}"
        with pytest.raises(TimedOut, match=r"gave no answer within 0\.2 s"):
            desk.session(online=False, call_timeout=0.2).status()


# Logs and starvation


def test_no_token_and_no_context_is_logged(desk, caplog):
    with caplog.at_level(logging.DEBUG, "cast"):
        session, got = desk.receiver()
        sender = desk.session("B")
        id = sender.publish("a-b", {"patient": "Doe^Jane"})
        desk.until(lambda: got)
        session.refuse(got[0], 404, "study not found")
        token = session._sign_in.token()
    assert id in caplog.text and "Doe" not in caplog.text and token not in caplog.text


@pytest.mark.skipif(sys.platform == "win32", reason="usleep is POSIX")
def test_frames_come_in_order_where_threads_starve(desk):
    """As inside Slicer: between two drains the main thread keeps the interpreter lock."""
    session, got = desk.session("A", online=False), []
    session.on_event(lambda message: got.append((message.context["number"], time.time() - message.context["sent"])))
    sender = desk.session("B")
    session.start()
    holder = ctypes.PyDLL(None)

    def publish() -> None:
        for number in range(60):
            sender.publish("a-b", {"number": number, "sent": time.time()})

    publisher = threading.Thread(target=publish)
    end = time.monotonic() + WAIT
    while len(got) < 60 and time.monotonic() < end:
        if session.state.kind == "online" and publisher.ident is None:
            publisher.start()
        desk.pump.drain()
        holder.usleep(20000)
    publisher.join()
    assert [number for number, _ in got] == list(range(60))
    latencies = sorted(latency for _, latency in got)
    print(f"starving: p50 {latencies[30] * 1000:.1f} ms, p99 {latencies[59] * 1000:.1f} ms")


def test_a_session_that_was_refused_leaves_no_connection(start_hub):
    hub = start_hub()
    pump = Pump()
    session = Session(SessionSettings(hub=hub.url, user="anna", topic="*", announce=False), pump)
    session.start()
    assert pump.run_until(lambda: session.state.kind == "refused", WAIT)
    with pytest.raises(Refused, match="is for providers"):
        session.wait_online(WAIT)
    session.close()
    assert not connections_to(int(hub.url.rpartition(":")[2]))


def test_a_closed_session_leaves_no_connection_though_somebody_holds_its_pool(desk):
    """As the exceptions of urllib3 do, which name the pool they come from."""
    session = desk.session(online=False)
    session.status()
    port = int(desk.hub.rpartition(":")[2])
    manager = session._http._adapter.poolmanager
    pools = [manager.pools[key] for key in manager.pools.keys()]
    assert connections_to(port), "it is kept for the next call"
    session.close()
    assert not connections_to(port)
    assert pools


def connections_to(port: int) -> list[object]:
    return [each for each in psutil.Process().net_connections("tcp") if each.raddr and each.raddr.port == port]
