"""The list of services, their jobs' records, and a script tried without a hub (CastServiceProviderLib)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from CastLib.client import Pump
from CastLib.errors import CastError, FieldError
from CastLib.message import Message, Sender, make_message, parse_publish
from CastServiceProviderLib.job_records import CANCELLED, DONE, FAILED, MOST, RUNNING, JobRecords
from CastServiceProviderLib.job_settings import JobSettings
from CastServiceProviderLib.services import HubAccess, Services
from CastServiceProviderLib.trial import Trial

COPY = """
import shutil
def onMessage(message, context):
    files = context.files()
    context.progress("Copying", 0.5)
    print("printed by the script")
    results = [shutil.copy(path, path.with_name("result-" + path.name)) for path in files]
    context.send_files(results, event=message["event"]["hub.event"])
"""
RAISES = 'def onMessage(message, context):\n    print("before")\n    raise ValueError("No brain was found")\n'
SLOW = """
import time
def onMessage(message, context):
    context.progress("Sleeping", 0.1)
    while not context.cancelled():
        time.sleep(0.02)
    raise RuntimeError("ended in good order")
"""


@pytest.fixture
def services() -> Iterator[Services]:
    threads: list[threading.Thread] = []

    def in_background(text: str, work: Callable[[], object]) -> None:
        threads.append(threading.Thread(target=work, name=text))
        threads[-1].start()

    made = Services(Pump(), JobSettings(timeout=30, grace=5), in_background)
    yield made
    made.close()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive(), thread.name


def write(folder: Path, text: str, name: str = "Example.py") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def nifti(folder: Path, name: str = "image.nii") -> Path:
    path = folder / name
    path.write_bytes(bytes(344) + b"n+1\0" + bytes(100))
    return path


def trial(services: Services, folder: Path, script: str, files: list[Path] | None = None) -> Trial:
    results = folder / "results"
    results.mkdir(exist_ok=True)
    service = services.add(write(folder, script))
    return services.try_out(service, "nifti-send", files or [nifti(folder)], results)


def test_services_are_added_named_apart_and_removed(services: Services, tmp_path: Path) -> None:
    path = write(tmp_path, COPY)
    first, second = services.add(path), services.add(path)
    assert (first.product, second.product) == ("Example", "Example-2")
    with pytest.raises(CastError, match="already"):
        services.add(path, "example")
    services.remove(first)
    assert services.all() == [second] and path.exists()


@pytest.mark.parametrize(("text", "why"), [("x = (", "line 1"), ("x = 1", "has no function onMessage")])
def test_a_script_that_is_none_is_not_added(services: Services, tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(CastError, match=why):
        services.add(write(tmp_path, text))
    assert services.all() == []


@pytest.mark.parametrize(("name", "why"), [(" ", "needs a name"), ("*", "means everybody"), ("two", "already")])
def test_a_service_keeps_its_name_when_the_new_one_is_none_of_its_own(
    services: Services, tmp_path: Path, name: str, why: str
) -> None:
    one, _two = services.add(write(tmp_path, COPY, "One.py")), services.add(write(tmp_path, COPY, "Two.py"))
    with pytest.raises(CastError, match=why):
        services.rename(one, name)
    assert one.product == "One"


def test_the_list_is_kept_and_a_script_that_is_gone_is_told(services: Services, tmp_path: Path) -> None:
    services.add(write(tmp_path, COPY), "One")
    services.add(write(tmp_path, COPY, "Other.py"), "Two")
    kept = services.to_wire()
    (tmp_path / "Other.py").unlink()
    again = Services(Pump(), JobSettings(), lambda text, work: None)
    again.restore([*kept, "nonsense", {"product": 1}, {"product": "One", "script": "x"}, {}])
    assert [(one.product, bool(one.problem)) for one in again.all()] == [("One", False), ("Two", True)]
    assert "no such file" in again.all()[1].problem
    with pytest.raises(CastError, match="no such file"):
        again.start(again.all()[1], HubAccess("http://127.0.0.1:9"))
    assert not again.all()[1].on
    for nonsense in (None, {}, "text", 3):
        again.restore(nonsense)
    assert len(again.all()) == 2


def test_a_wrong_hub_is_refused_and_one_that_is_away_waited_for(services: Services, tmp_path: Path) -> None:
    service = services.add(write(tmp_path, COPY))
    with pytest.raises(FieldError):
        services.start(service, HubAccess("ftp://nowhere"))
    assert not service.on
    services.start(service, HubAccess("http://127.0.0.1:9"))
    assert service.on
    assert services._pump.run_until(lambda: service.state.kind == "waiting to reconnect", 60)
    services.stop(service)
    assert (service.on, service.state.kind) == (False, "offline")


def test_a_secret_is_not_shown() -> None:
    assert "hush" not in repr(HubAccess("http://hub", "id", "hush"))


def test_a_trial_runs_the_script_and_keeps_its_results(services: Services, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    made = trial(services, tmp_path, COPY, [nifti(tmp_path), nifti(other)])  # two files of one name
    results = made.run()
    record = made.record
    assert [path.parent.name for path in results] == ["results"] * 2 and all(path.is_file() for path in results)
    assert (record.state, record.files, record.trial, record.error) == (DONE, 2, True, "")
    assert "Copying (50%)" in record.log and "printed by the script" in record.log
    assert services.all()[0].last is record


def test_a_trial_that_raises_says_why_and_where(services: Services, tmp_path: Path) -> None:
    made = trial(services, tmp_path, RAISES)
    with pytest.raises(CastError, match="No brain was found"):
        made.run()
    assert (made.record.state, made.record.error) == (FAILED, "No brain was found")
    assert "before" in made.record.log and "line 3, in onMessage" in made.record.log


def test_a_trial_can_be_called_off(services: Services, tmp_path: Path) -> None:
    made = trial(services, tmp_path, SLOW)
    errors: list[CastError] = []

    def run() -> None:
        try:
            made.run()
        except CastError as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert services._pump.run_until(lambda: made.record.text == "Sleeping", 60)
    assert (made.record.state, made.record.fraction, services.all()[0].running) == (RUNNING, 0.1, 1)
    made.record.cancel()
    thread.join(10)
    assert made.record.state == CANCELLED and errors


def test_a_trial_s_files_are_written_on_its_thread(services: Services, tmp_path: Path) -> None:
    service = services.add(write(tmp_path, COPY))
    made = services.try_out(service, "nifti-send", [tmp_path / "image.nii"], tmp_path, lambda: nifti(tmp_path))
    assert made.record.files == 1
    (result,) = made.run()
    assert result.stat().st_size == 448

    def fail() -> None:
        raise CastError("its axes are not at right angles")

    made = services.try_out(service, "nifti-send", [tmp_path / "image.nii"], tmp_path, fail)
    with pytest.raises(CastError, match="right angles"):
        made.run()
    assert (made.record.state, service.running) == (FAILED, 0)
    made = services.try_out(service, "nifti-send", [tmp_path / "image.nii"], tmp_path, lambda: made.record.cancel())
    with pytest.raises(CastError, match="cancelled"):
        made.run()
    assert made.record.state == CANCELLED


def test_a_trial_needs_files(services: Services, tmp_path: Path) -> None:
    service = services.add(write(tmp_path, COPY))
    with pytest.raises(FieldError):
        services.try_out(service, "nifti-send", [], tmp_path)


def message() -> Message:
    return parse_publish(make_message("dicom-send", "t", {"files": []}, sender=Sender("A", "VIEWER")))


def test_old_records_make_room_and_those_under_way_stay() -> None:
    from CastServiceProviderLib.job_runner import Outcome

    records = JobRecords()
    first = records.new(message())
    for _ in range(2 * MOST):
        records.new(message()).end(Outcome(""))
    kept = records.all()
    assert len(kept) == MOST and kept[0] is first and kept[-1].number == 2 * MOST + 1
    assert first.asker == "VIEWER"
