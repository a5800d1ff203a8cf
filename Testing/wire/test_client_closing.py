"""A session at a real hub is closed: from anywhere, at any moment, and nothing of it is left."""

from __future__ import annotations

import threading
import time

import psutil
import pytest
from relay import Relay
from session_desk import WAIT, Desk, log_comes

from CastLib.client import Pump, Session, SessionSettings
from CastLib.errors import CastError, HubNotReachable, Refused, TimedOut
from CastLib.message import Message


def threads_of(session: Session) -> list[str]:
    return [thread.name for thread in threading.enumerate() if session.name in thread.name]


def test_closing_leaves_nothing(desk, hub):
    session, got = desk.receiver()
    session.on_request("STATUS", lambda message: {}, in_background=True)
    other = desk.session("B")
    assert other.request("STATUS")["ok"]
    other.publish("a-b", [])
    assert threads_of(session)
    session.close()
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
        return desk.pump.call(dict, 600)

    session.on_request("STATUS", answer, in_background=True)
    asker = desk.session("B")
    asking = threading.Thread(target=lambda: asker.request("STATUS", timeout=0.2))
    asking.start()
    assert entered.wait(WAIT)
    session.close()
    assert threads_of(session) == [], "the answer was served, or its thread would wait for ten minutes"
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
        session.close()
        assert threads_of(session) == []


def test_a_silent_hub_times_out(desk):
    with Relay(int(desk.hub.rsplit(":", 1)[1])) as relay:
        relay.frozen = True
        desk.hub = f"http://127.0.0.1:{relay.port}"
        with pytest.raises(TimedOut, match=r"gave no answer within 0\.2 s"):
            desk.session(online=False, call_timeout=0.2).status()


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
    port = int(desk.hub.rpartition(":")[2])
    of_others = connections_to(port)  # an earlier test's, which are still going
    session = desk.session(online=False)
    session.status()
    manager = session._http._adapter.poolmanager
    pools = [manager.pools[key] for key in manager.pools.keys()]
    assert own(of_others, port), "it is kept for the next call"
    session.close()
    assert not own(of_others, port)
    assert pools


def own(of_others: list[object], port: int) -> list[object]:
    return [each for each in connections_to(port) if each not in of_others]


def connections_to(port: int) -> list[object]:
    return [each for each in psutil.Process().net_connections("tcp") if each.raddr and each.raddr.port == port]
