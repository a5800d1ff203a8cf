"""A session at a real hub: its states, and how it comes back when it was refused, cut off or forgotten."""

from __future__ import annotations

import signal
import time

import pytest
import requests
from hub_wire import hub_in_thread
from relay import Relay
from session_desk import WAIT, Desk

from CastLib.client import HubUnusable, Session, SessionSettings, State
from CastLib.errors import HubNotReachable, Refused
from CastLib.message import Message

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
    with hub_in_thread(tmp_path, max_backlog_bytes=64 * 1024) as url, Relay(int(url.rsplit(":", 1)[1])) as relay:
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
