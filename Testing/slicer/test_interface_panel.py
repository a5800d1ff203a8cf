"""The panel "Cast Interface" worked by mouse and keyboard, against real hubs and real applications."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from display_parts import write_phantom
from hub_process import HubProcess
from interface_parts import WIDTHS, InterfacePart, run_cast, study_uid_in


@pytest.fixture
def part(host: Any) -> InterfacePart:
    return InterfacePart(host)


def closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


# Connection


def test_offline_at_first_and_no_connection_without_an_address(part: InterfacePart) -> None:
    assert part.ui.stateLabel.text == "Offline"
    assert not part.ui.connectButton.enabled and not part.ui.testButton.enabled
    assert not part.ui.askButton.enabled and not part.ui.sendButton.enabled
    assert part.ui.studyLabel.text.startswith("Nothing is open.")
    for name in ("ask", "send", "messages"):
        part.open_section(name)
    part.pictures("offline", WIDTHS)


def test_a_hub_on_this_machine_is_found_by_itself(part: InterfacePart, hub: HubProcess) -> None:
    part.panel.connection._local_hub = hub.url
    part.panel.connection._looked_at -= 60
    part.until(lambda: part.ui.hubBox.currentText == hub.url)
    assert hub.url in part.ui.hubLabel.text
    assert part.logic.state.kind == "offline"  # found, not connected
    part.pictures("found")


def test_the_test_button_tells_whether_a_hub_answers(part: InterfacePart, hub: HubProcess) -> None:
    part.type(part.ui.hubBox, hub.url)
    part.click(part.ui.testButton)
    part.until(lambda: "answers" in part.ui.hubLabel.text)
    assert "Cast Hub" in part.ui.hubLabel.text
    part.type(part.ui.hubBox, f"http://127.0.0.1:{closed_port()}")
    assert part.ui.hubLabel.text.strip() == ""
    part.click(part.ui.testButton)
    part.until(lambda: part.ui.testButton.enabled and part.ui.hubLabel.text.strip())
    assert "no hub answers" in part.ui.hubLabel.text
    part.pictures("tested")


def test_colours_follow_when_slicer_turns_dark(part: InterfacePart, hub: HubProcess) -> None:
    from CastSlicerLib.palette import BAD, BUSY

    part.connect(hub.url, "dark")
    part.open_section("ask")
    part.click(part.ui.askButton)
    part.until(lambda: "Nobody answered" in part.ui.answerLabel.text)
    part.click(part.ui.connectButton)
    part.type(part.ui.hubBox, f"http://127.0.0.1:{closed_port()}")
    part.click(part.ui.testButton)
    part.until(lambda: "no hub answers" in part.ui.hubLabel.text)
    for dark in (0, 1, 0):
        part.host.set_dark(bool(dark))
        for label, pair in ((part.ui.hubLabel, BAD), (part.ui.answerLabel, BUSY)):
            part.until(lambda label=label, pair=pair: pair[dark] in label.styleSheet)  # type: ignore[misc]  # noqa: B023


def test_enter_connects_and_the_hub_is_kept(part: InterfacePart, hub: HubProcess) -> None:
    part.type(part.ui.hubBox, hub.url)
    part.type(part.ui.userEdit, "anna")
    part.press(part.ui.userEdit, "Return")
    part.until(lambda: part.logic.state.kind == "online")
    assert part.ui.stateLabel.text == f"Online as {part.logic.name}, topic anna"
    assert part.ui.connectButton.text == "Dis&connect" and not part.ui.hubBox.enabled
    part.pictures("online", WIDTHS)
    part.click(part.ui.connectButton)
    assert part.ui.stateLabel.text == "Offline"
    # A new panel offers the hub and the user again; what is forgotten is not offered.
    part.host.reload(part.module)
    again = InterfacePart(part.host)
    assert again.ui is not part.ui
    assert (again.ui.hubBox.currentText, again.ui.userEdit.text) == (hub.url, "anna")
    again.click(again.ui.forgetButton)
    assert again.ui.hubBox.count == 0


def test_a_connection_that_other_code_made_is_the_one_shown_and_kept(part: InterfacePart, hub: HubProcess) -> None:
    part.ui.hubBox.setEditText("http://typed.example:1")
    part.ui.userEdit.text = "typed"
    part.logic.connect(hub.url, "scripted", "tumour board")
    part.until(lambda: part.logic.state.kind == "online")
    part.until(lambda: "tumour board" in part.ui.stateLabel.text.replace("\u200b", ""))
    shown = part.ui.hubBox.currentText, part.ui.userEdit.text, part.ui.topicEdit.text
    assert shown == (hub.url, "scripted", "tumour board")
    from CastSlicerLib.user_settings import SavedHubs

    assert SavedHubs().last() == shown and "http://typed.example:1" not in SavedHubs().addresses()


def test_a_wrong_address_is_told_in_a_sentence(part: InterfacePart) -> None:
    part.type(part.ui.hubBox, "ftp://nowhere")
    part.click(part.ui.connectButton)
    assert part.host.messages[-1].text.endswith("The hub's address must begin with http:// or https://, not ftp://.")
    assert part.host.messages[-1].details == "" and not part.host.slot_errors, "a sentence, and no traceback"
    assert part.logic.state.kind == "offline"


def test_it_waits_for_a_hub_that_is_not_there_and_can_be_stopped(part: InterfacePart) -> None:
    part.type(part.ui.hubBox, f"http://127.0.0.1:{closed_port()}")
    part.click(part.ui.connectButton)
    part.until(lambda: "Reconnecting in" in part.ui.stateLabel.text)
    part.pictures("reconnecting", WIDTHS)
    part.click(part.ui.connectButton)
    assert part.ui.stateLabel.text == "Offline"


def test_connecting_is_told_and_can_be_stopped(part: InterfacePart) -> None:
    with socket.socket() as silent:  # takes the connection and says nothing
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        part.type(part.ui.hubBox, address)
        part.click(part.ui.connectButton)
        assert part.ui.stateLabel.text.replace("\u200b", "") == f"Connecting to {address} …"
        assert part.ui.connectButton.text == "Dis&connect" and not part.ui.hubBox.enabled
        part.pictures("connecting", WIDTHS)
        part.click(part.ui.connectButton)
        assert part.ui.stateLabel.text == "Offline"


def test_a_refusal_says_why(part: InterfacePart, hub: HubProcess) -> None:
    part.type(part.ui.hubBox, hub.url)
    part.type(part.ui.topicEdit, "*")
    part.click(part.ui.connectButton)
    part.until(lambda: part.logic.state.kind == "refused")
    assert part.ui.stateLabel.text.startswith("Refused: ") and part.ui.stateLabel.text.lower().count("refused") == 1
    assert part.ui.connectButton.text == "&Connect" and part.ui.topicEdit.enabled
    part.pictures("refused", WIDTHS)
    part.type(part.ui.topicEdit, "")
    part.click(part.ui.connectButton)
    part.until(lambda: part.logic.state.kind == "online")


def test_it_reconnects_by_itself(either_host: Any, start_hub: Callable[..., HubProcess]) -> None:
    part = InterfacePart(either_host)
    hub = start_hub()
    port = hub.url.rpartition(":")[2]
    part.connect(hub.url, "anna")
    hub.stop()
    part.until(lambda: part.logic.state.kind == "waiting to reconnect")
    part.until(lambda: "Reconnecting" in part.ui.stateLabel.text)
    start_hub("--port", port, folder=hub.log.parent)
    part.until(lambda: part.logic.state.kind == "online")
    part.click(part.ui.connectButton)
    assert part.logic.state.kind == "offline"


# The module


def test_no_handler_holds_the_main_thread(part: InterfacePart, hub: HubProcess, tmp_path: Path) -> None:
    from CastSlicerLib.pump_timer import slicer_pump
    from CastSlicerLib.slow_calls import longest_calls

    write_phantom(tmp_path / "study")
    part.host.import_dicom(tmp_path / "study")
    part.connect(hub.url, "holding")
    pump = slicer_pump()
    pump.main_thread.reset()
    uid = study_uid_in(tmp_path / "study")
    run_cast("publish", "ImagingStudy-open", "--study", uid, "--hub", hub.url, "--user", "holding").wait()
    part.until(lambda: part.ui.contentTable.rowCount == 1)
    with run_cast("request", "SCENEVIEW", "--hub", hub.url, "--user", "holding", "--timeout", "20") as asking:
        part.until(lambda: asking.poll() is not None)
    print(f"longest handler: {pump.main_thread}; calls to Slicer and VTK:")
    for name, seconds in sorted(longest_calls().items()):
        print(f"  {name}: {seconds * 1000:.0f} ms")


def test_nothing_stays_running_after_disconnecting(either_host: Any, hub: HubProcess) -> None:
    from CastSlicerLib.pump_timer import slicer_timer

    part = InterfacePart(either_host)
    part.connect(hub.url, "leaving")
    part.click(part.ui.connectButton)
    part.until(lambda: not slicer_timer().running)
    part.host.select("")
    assert slicer_timer().users == 0


def test_missing_packages_are_offered_and_not_installed_by_themselves(
    host: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from packaging.requirements import Requirement

    import CastSlicerLib.module_frame as dependencies

    present: list[bool] = []
    real = dependencies.missing_requirements

    def missing(path: Path) -> list[Requirement]:
        return real(path) if present else [Requirement("websocket-client>=1.7")]

    monkeypatch.setattr(dependencies, "missing_requirements", missing)
    module = host.load_module("CastInterface")
    assert "websocket-client" in module.widget.frame.missing.text and host.installs == []
    host.grab(module, "cast-interface-missing-400.png", 400)
    host.answer("Ok", "Yes")
    present_after = module.widget.frame.install_button
    monkeypatch.setattr(dependencies, "install_requirements", lambda path, name: present.append(True) or True)
    present_after.click()
    assert module.widget.panel is not None


def test_the_self_test_passes(host: Any) -> None:
    host.load_module("CastInterface").test()


def test_every_control_has_a_tooltip_and_can_be_reached_by_keyboard(part: InterfacePart) -> None:
    part.check_controls()
