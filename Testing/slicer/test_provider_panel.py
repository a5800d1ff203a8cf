"""The panel "Cast Service Provider" worked by mouse and keyboard, against a real hub and a real asker."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hub_process import HubProcess
from panel_parts import ECHO, ENDLESS, RAISES, ProviderPart, empty, script
from provider_process import Asker


@pytest.fixture
def part(host: Any) -> ProviderPart:
    return empty(ProviderPart(host))


@pytest.fixture
def asker(hub: HubProcess) -> Iterator[Asker]:
    asker = Asker(hub.url)
    yield asker
    asker.close()


def image(folder: Path) -> Path:
    path = folder / "image.nii"
    path.write_bytes(bytes(344) + b"n+1\0" + bytes(1000))
    return path


def send(part: ProviderPart, asker: Asker, product: str, folder: Path) -> None:
    """Send to the service from a thread, as an application elsewhere does."""
    work = threading.Thread(target=asker.send, args=(product, [image(folder)], "nifti-send"))
    work.start()
    part.until(lambda: not work.is_alive())


# The list


def test_the_example_is_listed_at_first_and_an_emptied_list_stays_empty(host: Any) -> None:
    import qt

    qt.QSettings().remove("CastServiceProvider/Services")
    part = ProviderPart(host)
    assert part.cell(0, 1) == "BrainTissue" and part.cell(0, 3) == "Off"
    assert not part.logic.services.all()[0].on
    empty(part)
    assert "There is no service yet" in part.ui.serviceLabel.text
    assert not part.ui.startButton.enabled and not part.ui.tryButton.enabled and not part.ui.cancelButton.enabled
    part.pictures("empty")
    host.reload(part.module)
    assert ProviderPart(host).ui.servicesTable.rowCount == 0


def test_a_script_is_added_kept_and_a_bad_one_refused(part: ProviderPart, tmp_path: Path) -> None:
    part.add(script(tmp_path, ECHO))
    assert (part.cell(0, 1), part.cell(0, 2)) == ("Example", "Example.py")
    assert part.ui.serviceLabel.text == "Example.py: Sends back what came."
    part.add(script(tmp_path, "def wrong(): pass", "Wrong.py"))
    assert "has no function onMessage" in part.host.messages[-1].text
    assert part.ui.servicesTable.rowCount == 1
    (tmp_path / "Example.py").unlink()
    part.host.reload(part.module)
    again = ProviderPart(part.host)
    assert (again.cell(0, 1), again.cell(0, 3)) == ("Example", "Script?")
    assert "no such file" in again.ui.serviceLabel.text.replace("\u200b", "")
    again.pictures("script-gone")
    empty(again)


def test_a_new_script_is_written_and_listed(part: ProviderPart, tmp_path: Path) -> None:
    from slicer_host import dialogs

    dialogs.answer_next(str(tmp_path / "Fresh"))
    part.click(part.ui.newButton)
    assert part.cell(0, 1) == "Fresh"
    assert "def onMessage(message, context):" in (tmp_path / "Fresh.py").read_text(encoding="utf-8")
    dialogs.answer_next(str(tmp_path / "Fresh.py"))
    part.click(part.ui.newButton)
    assert "exists already" in part.host.messages[-1].text


def test_a_service_is_given_another_name_by_keyboard(part: ProviderPart, hub: HubProcess, tmp_path: Path) -> None:
    service = part.add(script(tmp_path, ECHO))
    other = part.add(script(tmp_path, ECHO, "Other.py"))

    def name(row: int, product: str) -> None:
        part.ui.servicesTable.setFocus()
        part.ui.servicesTable.setCurrentCell(row, 1)
        part.press(part.ui.servicesTable, "F2")
        editor = part.host.app.focusWidget()
        part.type(editor, product)
        part.press(editor, "Return")
        part.until(lambda: part.host.app.focusWidget() is not editor)

    name(0, "Lungs")
    assert (service.product, part.cell(0, 1)) == ("Lungs", "Lungs")
    name(1, "lungs")
    assert "There is a service lungs already" in part.host.messages[-1].text
    assert (other.product, part.cell(1, 1)) == ("Other", "Other")
    part.ui.servicesTable.setCurrentCell(0, 2)
    part.press(part.ui.servicesTable, "F2")  # no other column can be changed
    assert part.host.app.focusWidget() is part.ui.servicesTable
    part.start(hub.url)
    assert service.session.settings.product == "Lungs"
    with pytest.raises(Exception, match="Stop Lungs first"):
        part.logic.rename(service, "Liver")
    part.host.reload(part.module)
    again = ProviderPart(part.host)
    assert [again.cell(row, 1) for row in (0, 1)] == ["Lungs", "Other"]
    empty(again)


def test_the_limits_of_jobs_are_kept_and_hold(
    part: ProviderPart, hub: HubProcess, asker: Asker, tmp_path: Path
) -> None:
    import qt

    part.open_section("limits")
    assert (part.ui.slotsBox.value, part.ui.queueBox.value, part.ui.timeBox.value) == (1, 16, 30)
    part.ui.slotsBox.setFocus()
    part.press(part.ui.slotsBox, "Up")
    part.ui.queueBox.value = 0
    part.ui.timeBox.value = 5
    part.pictures("limits", (400,))
    part.add(script(tmp_path, ENDLESS))
    service = part.start(hub.url)
    assert service.provider.jobs._settings.timeout == 300
    for _ in range(3):
        send(part, asker, "Example", tmp_path)
    part.until(lambda: service.running == 2)
    part.until(lambda: (asker.pump.drain(), asker.errors)[1])  # two run, and none may wait
    assert "try again later" in asker.errors[0]
    part.click(part.ui.startButton)
    part.host.reload(part.module)
    again = ProviderPart(part.host)
    assert (again.ui.slotsBox.value, again.ui.queueBox.value, again.ui.timeBox.value) == (2, 0, 5)
    qt.QSettings().setValue("CastServiceProvider/Limits", '{"slots": "many"}')
    part.host.reload(part.module)
    assert ProviderPart(part.host).ui.slotsBox.value == 1
    empty(ProviderPart(part.host))


# At a hub


def test_a_job_shows_progress_result_and_log(either_host: Any, hub: HubProcess, asker: Asker, tmp_path: Path) -> None:
    part = empty(ProviderPart(either_host))
    service = part.add(script(tmp_path, ECHO))
    part.start(hub.url)
    part.until(lambda: part.cell(0, 3) == "Online")
    assert part.ui.startButton.text == "&Stop" and not part.ui.hubEdit.enabled
    send(part, asker, "Example", tmp_path)
    part.until(lambda: part.job(0, 2) == "Running" and "Half of it (50%)" in part.job(0, 3))
    assert part.cell(0, 4) == "1 + 0" and part.ui.jobProgress.value == 50
    part.pictures("job")
    part.until(lambda: service.last is not None and part.cell(0, 5).startswith("Done"))
    assert "printed by the script" in part.ui.logText.plainText
    asker.until(lambda: asker.results)
    assert asker.results[0].key == "nifti-send" and "Half of it" in [one["message"] for one in asker.updates]
    part.click(part.ui.startButton)
    assert (service.on, part.cell(0, 3)) == (False, "Off")
    part.until(lambda: not part.logic._background.busy)


def test_a_script_that_raises_is_told_here_and_there(
    part: ProviderPart, hub: HubProcess, asker: Asker, tmp_path: Path
) -> None:
    part.add(script(tmp_path, RAISES))
    part.start(hub.url)
    send(part, asker, "Example", tmp_path)
    part.until(lambda: part.cell(0, 5) == "Failed")
    assert part.ui.servicesTable.item(0, 5).toolTip() == "No brain was found"
    assert "line 2, in onMessage" in part.ui.logText.plainText
    asker.until(lambda: asker.errors)
    assert asker.errors == ["No brain was found"]
    part.pictures("failed")


def test_jobs_are_called_off_whether_they_run_or_wait(
    part: ProviderPart, hub: HubProcess, asker: Asker, tmp_path: Path
) -> None:
    part.add(script(tmp_path, ENDLESS))
    part.start(hub.url)
    send(part, asker, "Example", tmp_path)
    part.until(lambda: "for ever" in part.job(0, 3))
    send(part, asker, "Example", tmp_path)
    part.until(lambda: part.ui.jobsTable.rowCount == 2 and part.job(0, 2) == "Waiting")
    assert part.cell(0, 4) == "1 + 1"
    part.pictures("waiting")
    for row in (0, 1):  # the newest, which waits, stands first
        part.ui.jobsTable.selectRow(row)
        part.click(part.ui.cancelButton)
        part.until(lambda row=row: part.job(row, 2) == "Cancelled")  # type: ignore[misc]
    asker.until(lambda: len(asker.errors) == 2)
    assert asker.errors == ["the job was cancelled"] * 2


def test_of_a_hundred_jobs_and_one_more_only_the_new_one_is_written(part: ProviderPart, tmp_path: Path) -> None:
    from CastLib.message import make_message, parse_publish
    from CastServiceProviderLib.job_runner import Outcome

    service = part.add(script(tmp_path, ECHO))

    def work(number: int) -> Any:
        record = service.records.new(parse_publish(make_message("dicom-send", "T", {"number": number})))
        record.asker = f"Asker {number}"
        record.end(Outcome("No brain was found" if number % 2 else ""))
        return record

    records = [work(number) for number in range(100)]
    part.until(lambda: part.ui.jobsTable.item(99, 1) is not None)
    assert [part.job(row, 1) for row in range(100)] == [f"Asker {99 - row}" for row in range(100)]
    assert (part.job(0, 2), part.job(99, 2)) == ("Failed", "Done, 0.0 s")

    written: set[int] = set()
    model = part.ui.jobsTable.model()
    model.connect("dataChanged(QModelIndex,QModelIndex)", lambda first, last: written.add(first.row()))
    work(100)
    part.until(lambda: written)
    part.panel.refresh()
    assert written == {0}
    assert part.ui.jobsTable.rowCount == 100 and part.job(99, 1) == "Asker 1"
    assert part.panel.jobs.selected() is service.records.all()[-1]  # for the one that was selected is over
    assert records[0] not in service.records.all()


def test_the_box_in_the_table_starts_and_stops_by_keyboard(part: ProviderPart, hub: HubProcess, tmp_path: Path) -> None:
    service = part.add(script(tmp_path, ECHO))
    part.type(part.ui.hubEdit, hub.url)
    part.ui.servicesTable.setFocus()
    part.ui.servicesTable.setCurrentCell(0, 0)
    part.press(part.ui.servicesTable, "Space")
    part.until(lambda: service.state.kind == "online")
    part.press(part.ui.servicesTable, "Space")
    assert not service.on


def test_no_hub_is_told_and_a_wrong_address_refused(part: ProviderPart, tmp_path: Path) -> None:
    service = part.add(script(tmp_path, ECHO))
    part.type(part.ui.hubEdit, "ftp://nowhere")
    part.click(part.ui.startButton)
    assert "must begin with http:// or https://" in part.host.messages[-1].text and not service.on
    part.type(part.ui.hubEdit, "http://127.0.0.1:9")
    part.click(part.ui.startButton)
    part.until(lambda: part.cell(0, 3) == "Reconnecting")
    assert "no hub answers" in part.ui.serviceLabel.text
    part.pictures("no-hub")


def test_hub_and_id_are_kept_and_the_secret_is_not(part: ProviderPart, hub: HubProcess, tmp_path: Path) -> None:
    import qt

    part.add(script(tmp_path, ECHO))
    part.type(part.ui.clientEdit, "my-client")
    part.type(part.ui.secretEdit, "hush-hush")
    part.start(hub.url)
    part.host.reload(part.module)
    again = ProviderPart(part.host)
    assert (again.ui.hubEdit.text, again.ui.clientEdit.text) == (hub.url, "my-client")
    assert again.ui.secretEdit.text == ""
    settings = qt.QSettings()
    assert not any("hush" in str(settings.value(key)) for key in settings.allKeys())
    settings.remove("CastServiceProvider/Access")
    empty(again)


# The module


def test_nothing_stays_running_when_the_module_goes_while_a_job_runs(
    part: ProviderPart, hub: HubProcess, asker: Asker, tmp_path: Path
) -> None:
    part.add(script(tmp_path, ENDLESS))
    part.start(hub.url)
    send(part, asker, "Example", tmp_path)
    part.until(lambda: "for ever" in part.job(0, 3))
    part.host.reload(part.module)
    asker.until(lambda: asker.errors)
    assert asker.errors == ["the service is stopping"]
    empty(ProviderPart(part.host))


def test_missing_packages_are_offered_and_not_installed_by_themselves(
    host: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from packaging.requirements import Requirement

    import CastSlicerLib.module_frame as dependencies

    monkeypatch.setattr(dependencies, "missing_requirements", lambda path: [Requirement("websocket-client>=1.7")])
    module = host.load_module("CastServiceProvider")
    assert "websocket-client" in module.widget.frame.missing.text and host.installs == []
    host.grab(module, "cast-provider-missing-400.png", 400)
    monkeypatch.setattr(dependencies, "install_requirements", lambda path, name: True)
    module.widget.frame.install_button.click()
    assert module.widget.panel is not None


def test_the_self_test_passes(host: Any) -> None:
    host.load_module("CastServiceProvider").test()


def test_every_control_has_a_tooltip_and_can_be_reached_by_keyboard(part: ProviderPart) -> None:
    part.check_controls()
