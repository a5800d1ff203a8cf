"""What clients that exist already put on the wire, field by field, as they do it: one test a client and habit.

The JavaScript client of the worklist and OHIF, the Python client of providers and displays, and OHIF's older ones.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
import websocket
from field_page import FORM, PAGE, Page
from hub_process import HubProcess
from hub_wire import Socket, Wire, event, new_topic

WORKLIST_EVENTS = "imagingstudy-open,imagingstudy-close,status-request,subscription-removed,status-update"
MIB = 1024 * 1024


@pytest.fixture
def worklist(hub: HubProcess) -> Iterator[Page]:
    page = Page(hub.url, "WKLST", new_topic())
    page.sign_in()
    assert page.subscribe(WORKLIST_EVENTS, ["WORKLIST_CLIENT"], 7200) == 202
    yield page
    page.told().close()


@pytest.fixture
def display(worklist: Page) -> Iterator[Page]:
    client = Page(worklist.url, "3DSLICER-ID", worklist.topic, python=True)
    client.sign_in("alice")
    assert client.subscribe() == 202
    yield client
    client.told().close()


@pytest.mark.parametrize("python", [False, True])
def test_a_page_or_program_without_a_name_is_given_one_and_comes_back_with_its_id_token(
    start_hub: Callable[..., HubProcess], tmp_path: Any, python: bool
) -> None:
    first = start_hub(folder=tmp_path / "same")
    client = Page(first.url, "WKLST", python=python)
    topic = client.sign_in()["topic"]
    assert topic.startswith("USER-") and client.subscribe(lease=7200) == 202
    client.told().cut()
    first.stop()
    client.url = start_hub(folder=tmp_path / "same").url
    assert client.subscribe() == 202, "the token outlives the hub, so that a reconnect needs no sign-in"
    client.told().close()
    client.topic = ""
    assert client.sign_in()["topic"] == topic


@pytest.mark.parametrize("python", [False, True])
def test_after_401_it_signs_in_once_more_and_keeps_its_topic(hub: HubProcess, python: bool) -> None:
    client = Page(hub.url, "OHIF", new_topic(), python=python)
    topic, client.token, client.id_token = client.topic, "of another hub", "of another hub"
    assert client.subscribe() == 401
    client.sign_in()
    assert client.subscribe() == 202 and client.topic == topic


def test_a_viewer_is_launched_with_the_worklists_access_token_as_its_id_token(worklist: Page) -> None:
    viewer = Page(worklist.url, "VOLVIEW")
    viewer.id_token = worklist.token
    assert viewer.sign_in()["topic"] == worklist.topic


def test_the_lease_that_it_sends_is_a_hint_and_the_socket_lives_on(worklist: Page, display: Page) -> None:
    for client in (worklist, display):
        assert client.confirmation["hub.mode"] == "subscribe" and client.confirmation["hub.lease_seconds"] == 7200


def test_unsubscribing_by_topic_name_and_callback_without_an_endpoint(worklist: Page, display: Page) -> None:
    assert worklist.post(worklist.form("unsubscribe", WORKLIST_EVENTS, ["WORKLIST_CLIENT"]), **FORM).status_code == 202
    assert display.next()["subscriber.name"] == worklist.name


def test_unsubscribing_by_the_endpoint_with_the_origin_rewritten(worklist: Page, display: Page) -> None:
    display.endpoint = display.endpoint.replace("127.0.0.1", "localhost")
    assert display.post(display.form("unsubscribe", "*", ["ID"]), **FORM).status_code == 202
    gone = worklist.next()
    assert gone["event"]["hub.event"] == "subscription-removed" and gone["subscriber.name"] == display.name


def test_unsubscribing_by_the_field_endpoint(hub: HubProcess) -> None:
    with Wire(hub.url) as wire:  # medplum 4, plain FHIRcast
        endpoint = wire.subscribe(events="Patient-open", endpoint="")
        form = {"hub.channel.type": "websocket", "hub.mode": "unsubscribe", "hub.topic": wire.topic}
        assert wire.http.post(wire.hub, data=form | {"endpoint": endpoint, "hub.events": "*"}).status_code == 202
        with pytest.raises(websocket.WebSocketBadStatusException):
            Socket(endpoint)


def test_a_page_that_closes_its_socket_without_a_code_is_gone_at_once(worklist: Page, display: Page) -> None:
    worklist.told().leave(0)
    assert display.next()["event"]["context"] == {"reason": "websocket-disconnect", "subscriber": worklist.name}


def test_presence_is_a_status_request_to_everyone(worklist: Page, display: Page) -> None:
    body = worklist.message("status-request", {"dataType": "STATUS"}, target_actor="*")
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(worklist.request, body)
        frame = display.next()
        assert (frame["subscriber.name"], frame["subscriber.product.name"]) == (worklist.name, "WKLST")
        display.answer(frame, {"source": "status", "items": []})
        collated = asked.result()
    [response] = collated["responses"]
    assert (response["subscriber"], response["actor"], response["productName"]) == (display.name, "ID", "3DSLICER-ID")
    assert collated["expected"] == [display.name] and collated["missing"] == [] and collated["timedOut"] is False


def test_ohif_calls_itself_and_everybody_by_a_star(worklist: Page, display: Page) -> None:
    ohif = Page(worklist.url, "OHIF", worklist.topic)
    ohif.sign_in()
    assert ohif.subscribe("*", ["ID", "EC"]) == 202
    stars = {"subscriber.name": "*", "subscriber.actor": "ID", "target.actor": "*", "target.product.name": "*"}
    sent = ohif.message("imagingstudy-open", [{"key": "study", "resource": {}}]) | stars
    assert ohif.publish(sent) == 200
    for client in (worklist, display, ohif):
        assert client.next()["id"] == sent["id"], "its own comes back: it knows it by its id"
    ohif.told().close()


def test_the_python_client_fills_in_a_target_unless_it_names_a_subscriber(worklist: Page, display: Page) -> None:
    assert display.publish(display.message("imagingstudy-open", {}, target_actor="WORKLIST_CLIENT")) == 200
    note = {"message": "done", "level": "info"}
    assert display.publish(display.message("status-update", note, target_subscriber_name=worklist.name)) == 200
    assert worklist.next()["id"].startswith("PYCAST-") and worklist.next()["event"]["context"] == note
    display.told().nothing()


def test_the_worklist_sends_addresses_to_a_product(worklist: Page, display: Page) -> None:
    files = [{"url": "https://x.example/a.nii.gz", "fileName": "volume"}]
    sent = worklist.message("nifti-send", {"files": files, "task": "total"}, target_product_name="3DSLICER-ID")
    assert worklist.publish(sent) == 200 and display.next() == sent


@pytest.mark.parametrize("python", [False, True])
def test_a_batch_and_its_chunks_25_at_a_time_each_by_a_connection_of_its_own(
    worklist: Page, display: Page, python: bool
) -> None:
    sender = Page(worklist.url, "EC", worklist.topic, python=python)
    sender.sign_in()
    parts = [secrets.token_bytes(9 * MIB), *(secrets.token_bytes(100_000 + n) for n in range(30))]
    files = [{"fileName": f"{n}.dcm", "mimeType": "application/dicom", "byteLength": len(parts[n])} for n in range(31)]
    manifest = sender.message("dicom-send", {"files": files}, target_actor="*")
    boundary = f"hub-batch-{manifest['id']}"
    body = f"--{boundary}\r\nContent-Type: application/dicom+json\r\n\r\n{json.dumps(manifest)}\r\n".encode()
    for part in parts:
        body += f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode() + part + b"\r\n"
    kind = f'multipart/related; boundary="{boundary}"; type="application/dicom"'
    assert sender.post(body + f"--{boundary}--\r\n".encode(), **{"Content-Type": kind}).status_code == 200
    entries = display.next()["event"]["context"]["files"]
    slots = [
        (id, length)
        for entry in entries
        for id, length in zip(entry["payloadIds"], entry["chunkByteLengths"], strict=True)
    ]
    assert len(slots) == 33

    def fetch(slot: tuple[str, int]) -> bytes:
        headers = {"Authorization": f"Bearer {display.token}", "Connection": "close"}
        answer = requests.get(f"{display.url}/api/hub/payloads/{slot[0]}", headers=headers)
        assert answer.status_code == 200 and int(answer.headers["Content-Length"]) == len(answer.content) == slot[1]
        return answer.content

    with ThreadPoolExecutor(25) as pool:
        assert b"".join(pool.map(fetch, slots)) == b"".join(parts)


def test_pages_poll_metrics_and_groups_without_a_token(worklist: Page) -> None:
    status = f"{worklist.url}/api/hub/status"
    polled = worklist.http.get(f"{worklist.url}/api/hub/admin/metrics")
    assert polled.status_code == 200 and polled.json() == {"started_at": worklist.http.get(status).json()["started_at"]}
    groups = worklist.http.get(f"{worklist.url}/api/hub/conference")
    assert groups.status_code == 200 and isinstance(groups.json(), list)
    topics = worklist.http.get(f"{worklist.url}/api/hub/conference-topics").json()
    assert {"topic": worklist.topic, "timezone": "Europe/Paris"} in topics
    assert {"studies", "organization"} <= set(worklist.http.get(f"{worklist.url}/api/hub/samples").json())


def test_what_a_page_sends_along_harms_nobody(worklist: Page, display: Page) -> None:
    for frame in ({"type": "pong", "timestamp": "t"}, {"hub.channel.endpoint": worklist.endpoint}):
        worklist.told().send(frame)
    context = {"requestId": "1", "data": {}}
    worklist.told().send({"id": "OHIF-1", "event": {"hub.event": "get-response", "context": context}})
    assert worklist.publish(worklist.message("heartbeat", {"note": "hello"})) == 200
    assert display.next()["event"]["hub.event"] == "heartbeat"


def test_an_older_ohif_has_client_credentials_no_name_and_its_topic_in_the_address(hub: HubProcess) -> None:
    with Wire(hub.url, "reading room", token="") as wire:
        form = {"grant_type": "client_credentials", "client_id": "c", "client_secret": "s", "client_product_name": "O"}
        wire.use(requests.post(f"{hub.url}/oauth/token", data=form).json()["access_token"])
        socket = wire.listen(hub__callback=f"{PAGE}/castCallback", hub__lease="999", subscriber__name="")
        sent = event("annotation-update", wire.topic, [{"key": "annotation", "resource": {"uid": "1"}}])
        wire.publish(sent, 202, path=wire.topic)
        assert socket.event() == sent
