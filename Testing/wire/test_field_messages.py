"""The field's recorded messages at hub and provider: passed on unchanged, acted upon, or refused with a sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from contract import check
from field_page import Page
from hub_process import HubProcess
from hub_wire import Wire, batch_body, new_topic
from provider_process import ProviderProcess

DATA = Path(__file__).parents[1] / "data" / "field_messages.json"
MESSAGES: dict[str, Any] = json.loads(DATA.read_text("utf-8"))
SENDS: list[dict[str, Any]] = MESSAGES["sends: OHIF TotalSegmentator dialog and the address send"]

SCRIPT = """
'''Says what it was asked.'''
def onMessage(message, context):
    task = message["event"]["context"]["totalSegmentator"]["task"]
    context.progress(f"{task} of {len(context.files())} files")
"""


def bodies() -> dict[str, dict[str, Any]]:
    """Every recorded message as a publish body, on a topic to be put in."""
    found = {}
    for name, recorded in MESSAGES.items():
        if "event" in recorded:
            found[name] = recorded
        elif "event" in recorded[0]:
            found |= {f"{name}, {number}": body for number, body in enumerate(recorded)}
        else:
            found[name] = {"event": {"hub.event": "ImagingStudy-open", "context": recorded}}
    return found


BODIES = bodies()


@pytest.fixture
def page(hub: HubProcess) -> Iterator[Page]:
    """The worklist's, subscribed to all."""
    page = Page(hub.url, "WKLST", new_topic())
    page.sign_in()
    assert page.subscribe("*", ["WORKLIST_CLIENT"]) == 202
    yield page
    page.told().close()


def as_sent(page: Page, recorded: dict[str, Any]) -> dict[str, Any]:
    """With what the JavaScript client adds to each message that it is given."""
    told = recorded["event"]
    body = page.message(told["hub.event"], told["context"])
    return body | {key: value for key, value in recorded.items() if key != "event"}


@pytest.mark.parametrize("name", BODIES)
def test_each_is_passed_on_as_it_is(page: Page, name: str) -> None:
    body = as_sent(page, BODIES[name])
    with Wire(page.url, page.topic) as wire:
        listener = wire.listen("DISPLAY", subscriber__actors="ID,EC", subscriber__product__name="TOTALSEG")
        plain = wire.listen(events="ImagingStudy-open")
        assert page.publish(body) == 200
        assert listener.event() == body
        check("publish-cast", body)
        if body["event"]["hub.event"] == "ImagingStudy-open" and body.get("target.actor", "*") == "*":
            assert plain.event() == body
        page.told().nothing()


@pytest.mark.parametrize("name", BODIES)
def test_without_what_the_client_adds_it_is_refused_with_a_sentence(page: Page, name: str) -> None:
    body = {**BODIES[name], "event": {**BODIES[name]["event"], "hub.topic": page.topic}}
    answer = page.post(json.dumps(body), **{"Content-Type": "application/json"})
    assert answer.status_code == 400 and answer.json()["message"] == "id: is missing"


@pytest.fixture(scope="module")
def provider(hub: HubProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProviderProcess]:
    folder = tmp_path_factory.mktemp("provider")
    (folder / "Says.py").write_text(SCRIPT)
    process = ProviderProcess(folder / "Says.py", hub.url, folder / "temp", "--product", "TOTALSEG")
    yield process
    assert process.stop() == 0


def told(page: Page, *events: str) -> list[dict[str, Any]]:
    """The next frames of these events, in whatever order they come."""
    found: dict[str, dict[str, Any]] = {}
    while set(found) != set(events):
        frame = page.next()
        found.setdefault(frame["event"]["hub.event"], frame)
    return [found[event] for event in events]


def line(page: Page) -> str:
    message: str = told(page, "status-update")[0]["event"]["context"]["message"]
    return message


@pytest.mark.parametrize("recorded", SENDS, ids=["OHIF", "address send"])
def test_a_provider_says_which_setting_to_come_allows_addresses(
    page: Page, provider: ProviderProcess, recorded: dict[str, Any]
) -> None:
    page.name = recorded["subscriber.name"]
    assert page.subscribe("status-update,syncerror", ["ID"]) == 202
    body = as_sent(page, recorded)
    assert page.publish(body) == 200
    update, error = told(page, "status-update", "SyncError")
    check("status-update", update)
    context = update["event"]["context"]
    assert (update["target.subscriber.name"], context["inReplyTo"]) == (page.name, body["id"])
    assert context["level"] == "error" and context["ended"] is True
    assert context["message"].startswith("The files are only addresses, but this provider fetches no addresses until")
    assert "allowed_hosts" in context["message"]
    coding = error["event"]["context"][0]["resource"]["issue"][0]["details"]["coding"]
    assert body["id"] in [code["code"] for code in coding]


@pytest.mark.parametrize("recorded", SENDS, ids=["OHIF", "address send"])
def test_a_provider_works_on_the_same_with_bytes_and_is_told_what_stands_beside_them(
    page: Page, provider: ProviderProcess, recorded: dict[str, Any]
) -> None:
    page.name = recorded["subscriber.name"]
    assert page.subscribe("status-update", ["ID"]) == 202
    body = as_sent(page, recorded)
    files = [{"fileName": f"{number}.dcm", "byteLength": 3} for number in range(2)]
    body["event"] = {**body["event"], "context": {**body["event"]["context"], "files": files}}
    kind = 'multipart/related; boundary="b"; type="application/dicom"'
    assert page.post(batch_body(body, [b"one", b"two"]), **{"Content-Type": kind}).status_code == 200
    assert line(page) == "total of 2 files"


def test_of_a_batch_with_addresses_among_its_files_a_script_is_told_which(
    page: Page, provider: ProviderProcess
) -> None:
    page.name = SENDS[1]["subscriber.name"]
    assert page.subscribe("status-update", ["ID"]) == 202
    body = as_sent(page, SENDS[1])
    files = [{"fileName": "1.dcm", "byteLength": 3}, *body["event"]["context"]["files"]]
    body["event"] = {**body["event"], "context": {**body["event"]["context"], "files": files}}
    kind = 'multipart/related; boundary="b"; type="application/dicom"'
    assert page.post(batch_body(body, [b"one"]), **{"Content-Type": kind}).status_code == 200
    message = line(page)
    assert "volume is only an address, but this provider" in message and "allowed_hosts" in message


def test_a_provider_answers_status_as_the_contract_has_it(page: Page, provider: ProviderProcess) -> None:
    body = page.message("status-request", {"dataType": "STATUS", "timeoutSeconds": 30})
    (response,) = page.request(body | {"target.product.name": "TOTALSEG"})["responses"]
    check("status-of-provider", response["data"], whole=True)
    assert response["actor"] == "EC"
