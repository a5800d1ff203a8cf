"""The panel "Cast Hub" worked by mouse and keyboard; the hubs and those who connect to them are real."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from hub_process import HubProcess, package_environment
from panel_parts import PATIENCE, HubPart
from provider_process import Asker

from CastLib.actors import actor_words

HERE = Path(__file__).resolve().parent


def hub_children() -> list[psutil.Process]:
    """The hubs that this process has started through its panel."""
    children = psutil.Process().children(recursive=True)
    return [child for child in children if "--end-with-stdin" in child.cmdline()]


@pytest.fixture
def part(host: Any) -> HubPart:
    return HubPart(host)


@pytest.fixture
def either_part(either_host: Any) -> HubPart:
    return HubPart(either_host)


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


def test_stopped_at_first(part: HubPart) -> None:
    assert part.ui.stateLabel.text == "Stopped"
    assert part.ui.addressEdit.text == "" and part.ui.startButton.text == "&Start"
    assert not part.ui.copyButton.enabled and not part.ui.browserButton.enabled
    assert not part.ui.installButton.visible
    assert not hub_children()
    part.pictures("stopped")


def test_a_hub_runs_and_shows_who_is_connected(either_part: HubPart) -> None:
    part = either_part
    part.click(part.ui.startButton)
    assert part.ui.stateLabel.text == "Starting …" and not part.ui.portBox.enabled
    part.pictures("starting")
    part.wait(lambda: part.ui.stateLabel.text == "Running")
    address = str(part.ui.addressEdit.text)
    part.wait(lambda: "listening" in part.ui.logText.plainText)
    assert "Nobody is connected yet" in part.ui.applicationsLabel.text
    part.pictures("running-empty")

    anna = Asker(address, "anna", name="WORKLIST-1", product="WORKLIST", actors=("EC",))
    ben = Asker(address, "anna", name="VIEWER-1", product="VIEWER", actors=("ID", "RC"))
    part.wait(lambda: len(part.rows()) == 2)
    assert part.rows() == [
        ["WORKLIST-1", "WORKLIST", "Evidence Creator", "anna"],
        ["VIEWER-1", "VIEWER", "Image Display, Report Creator", "anna"],
    ]
    assert "2 connected" in part.ui.applicationsLabel.text
    for _ in range(20):
        anna.session.publish("Patient-open", [])
    part.wait(lambda: part.logic.hub.report.rate > 0)
    ben.until(lambda: len(ben.events) >= 20)
    part.pictures("running")

    anna.close()
    part.wait(lambda: [row[0] for row in part.rows()] == ["VIEWER-1"])
    ben.close()
    (child,) = hub_children()
    part.click(part.ui.startButton)
    assert part.ui.stateLabel.text == "Stopping …" and not part.ui.startButton.enabled
    part.wait(lambda: part.ui.stateLabel.text == "Stopped")
    assert not child.is_running() and part.rows() == []
    assert part.logic.state.problem == ""


def test_several_applications_are_told_apart_and_their_messages_counted(part: HubPart) -> None:
    address = part.start()
    facts = [  # name, product, actors, topic
        ("WORKLIST-1", "WORKLIST", ("WORKLIST_CLIENT",), "anna"),
        ("VIEWER-1", "VIEWER", ("ID",), "anna"),
        ("VIEWER-2", "VIEWER", ("ID", "RC"), "anna"),
        ("REPORT-1", "REPORTING", ("RC",), "ben"),
        ("SILENT-1", "VIEWER", ("ID",), "ben"),
    ]
    apps = [Asker(address, topic, name=name, product=kind, actors=actors) for name, kind, actors, topic in facts]
    part.wait(lambda: part.rows() == [[name, kind, actor_words(actors), topic] for name, kind, actors, topic in facts])
    part.wait(lambda: "5 connected, 0 messages a second" in part.ui.applicationsLabel.text)
    told = part.logic.hub.report.deliveries
    for _ in range(25):
        apps[0].session.publish("Patient-open", [])  # to two others
        apps[3].session.publish("Patient-open", [])  # to one
    rates: list[float] = []
    part.logic.onChanged(lambda: rates.append(part.logic.hub.report.rate))
    part.wait(lambda: part.logic.hub.report.deliveries == told + 75)
    assert max(rates) > 0
    part.wait(lambda: "5 connected, 0 messages a second" in part.ui.applicationsLabel.text)
    part.pictures("several")
    apps[3].close()
    part.wait(lambda: "REPORT-1" not in [row[0] for row in part.rows()])
    for app in apps:
        app.close()
    part.wait(lambda: not part.ui.applicationsTable.isVisible())
    assert "Nobody is connected yet" in part.ui.applicationsLabel.text


def test_the_address_is_copied_and_opened(part: HubPart) -> None:
    import qt
    from slicer_host.qt_module import opened_urls

    address = part.start()
    part.click(part.ui.copyButton)
    assert qt.QApplication.clipboard().text() == address
    assert part.ui.addressEdit.selectedText == address
    part.click(part.ui.browserButton)
    assert opened_urls[-1].startswith(address)
    assert requests.get(opened_urls[-1], timeout=PATIENCE).json()["product"] == "Cast Hub"


def test_started_and_stopped_by_keyboard_alone(part: HubPart) -> None:
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    part.ui.portBox.setFocus()
    order = []
    for _ in range(2):
        QTest.keyClick(part.host.app.focusWidget(), Qt.Key.Key_Tab)
        order.append(part.host.app.focusWidget().objectName)
    assert order == ["startButton", "addressEdit"]
    part.ui.startButton.setFocus()
    QTest.keyClick(part.ui.startButton, Qt.Key.Key_Space)
    part.wait(lambda: part.ui.stateLabel.text == "Running")
    QTest.keyClick(part.ui.startButton, Qt.Key.Key_Space)
    part.wait(lambda: part.ui.stateLabel.text == "Stopped")


@pytest.mark.skipif(os.name != "posix", reason="the interpreter is a shell script")
def test_what_the_interpreter_prints_is_no_address_and_no_report(
    part: HubPart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from CastLib import slicer_python

    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\necho welcome\n(sleep 1; echo 'half a word {{') &\nexec {sys.executable} \"$@\"\n")
    python.chmod(0o755)
    monkeypatch.setattr(slicer_python, "slicer_python", lambda: str(python))
    assert part.start().startswith("http://127.0.0.1:")
    part.wait(lambda: "half a word" in part.ui.logText.plainText)
    assert "welcome" in part.ui.logText.plainText
    uptime = part.logic.hub.report.uptime_seconds
    part.wait(lambda: part.logic.hub.report.uptime_seconds > uptime)


def test_a_port_taken_by_another_program_is_told(part: HubPart, taken_port: int) -> None:
    part.ui.portBox.value = taken_port
    part.click(part.ui.startButton)
    part.wait(lambda: part.ui.stateLabel.text.startswith(f"Port {taken_port} is taken"))
    assert part.ui.startButton.enabled and part.ui.portBox.enabled
    part.pictures("port-taken")
    part.ui.portBox.value = 0
    part.start()


def test_a_port_where_another_hub_answers_is_told(part: HubPart, hub: HubProcess) -> None:
    part.ui.portBox.value = int(hub.url.rpartition(":")[2])
    part.click(part.ui.startButton)
    part.wait(lambda: "already (Cast Hub " in part.ui.stateLabel.text)
    part.pictures("another-hub")


def test_missing_packages_are_named_and_installed_on_a_click(part: HubPart, tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("no-such-package-anywhere>=1.0\n")
    part.module.file.REQUIREMENTS = part.logic.hub._requirements = requirements
    part.click(part.ui.startButton)
    assert "no-such-package-anywhere>=1.0" in part.ui.stateLabel.text
    assert not hub_children() and not part.host.installs
    part.pictures("package-missing")
    part.host.answer("Cancel")
    part.click(part.ui.installButton)
    assert not part.host.installs and part.ui.installButton.visible
    part.host.answer("Ok")
    part.click(part.ui.installButton)
    assert "no-such-package-anywhere>=1.0" in str(part.host.installs)
    requirements.write_text("# all there\n")  # as if pip had brought it
    part.click(part.ui.installButton)
    part.wait(lambda: part.ui.stateLabel.text == "Running")
    assert not part.ui.installButton.visible


def test_a_hub_that_dies_is_told_and_started_again(part: HubPart) -> None:
    part.start()
    (child,) = hub_children()
    child.kill()
    part.wait(lambda: "ended by itself" in part.ui.stateLabel.text)
    assert part.ui.addressEdit.text == "" and part.rows() == []
    part.pictures("crashed")
    part.start()


def test_the_port_is_remembered_for_the_user(part: HubPart) -> None:
    part.start()
    part.host.reload(part.module)
    assert part.module.widget.ui.portBox.value == 0


def test_reload_ends_the_hub_and_begins_anew(part: HubPart) -> None:
    part.start()
    (child,) = hub_children()
    part.host.reload(part.module)
    assert not child.is_running()
    part.ui = part.module.widget.ui
    assert part.ui.stateLabel.text == "Stopped"
    part.wait(lambda: part.ui.startButton.isVisible())
    part.start()


def test_stopped_before_it_has_started(part: HubPart) -> None:
    part.click(part.ui.startButton)
    part.click(part.ui.startButton)
    part.wait(lambda: part.ui.stateLabel.text == "Stopped")
    assert not hub_children()


def test_every_control_says_what_it_is(part: HubPart) -> None:
    import qt

    widgets = part.ui.hubSection.parent().findChildren(qt.QWidget)
    named = [w for w in widgets if w.objectName and not w.objectName.startswith("qt_")]
    without = [
        w.objectName
        for w in named
        if not w.toolTip and w.inherits("QAbstractButton") | w.inherits("QLineEdit") | w.inherits("QAbstractScrollArea")
    ]
    assert [name for name in without if name in vars(part.ui)] == []


def test_the_modules_own_test(host: Any) -> None:
    host.load_module("CastHub").test()


SLICER_WITH_HUB = """
import sys
sys.path.insert(0, {testing!r})
from slicer_host import start_host
host = start_host(starving=True)
module = host.load_module("CastHub")
module.widget.logic.start(0)
assert host.spin(lambda: module.widget.logic.state.kind == "running", 120)
print(module.widget.logic.state.address, flush=True)
host.spin(timeout=60)
"""


def test_the_hub_ends_when_slicer_crashes(host: Any, tmp_path: Path) -> None:
    program = SLICER_WITH_HUB.format(testing=str(HERE.parent))
    command = [sys.executable, "-c", program]
    environment = {**package_environment(), "TMPDIR": str(tmp_path), "TEMP": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as slicer:
        assert slicer.stdout is not None
        address = slicer.stdout.readline().decode().strip()
        assert requests.get(f"{address}/api/hub/status", timeout=PATIENCE).ok
        hubs = psutil.Process(slicer.pid).children(recursive=True)
        assert hubs
        slicer.send_signal(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
        _ended, alive = psutil.wait_procs(hubs, timeout=10)
        assert not alive
