"""The demo as its user runs it: what it leaves, how it fails, and that it leaves nothing else."""

import json
import signal
import time

import psutil
import pytest
from cast_command import CastCommand
from PIL import Image

from CastInterfaceLib.study.segmentation_file import read_segmentation

DEMO_SECONDS = 400
VIEWS = ("axial", "coronal", "sagittal", "3d")


@pytest.fixture
def demo(tmp_path):
    """Start the demo with a temporary folder of its own."""
    (tmp_path / "temporary").mkdir()
    environment = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(tmp_path / "temporary"))
    started = []

    def start(*arguments):
        command = CastCommand(tmp_path, "demo", "--json", *arguments, environment=environment)
        started.append(command)
        return command

    yield start
    for command in started:
        if command.process.poll() is None:
            command.process.kill()


def children(command, count):
    """Return the demo's child processes once there are ``count``."""
    process = psutil.Process(command.process.pid)
    end = time.monotonic() + 60
    while len(found := process.children()) < count:
        assert command.process.poll() is None and time.monotonic() < end, command.error_text
        time.sleep(0.05)
    return found


def assert_nothing_left(tmp_path, processes):
    _, alive = psutil.wait_procs(processes, timeout=5)
    assert not alive
    assert list((tmp_path / "temporary").iterdir()) == []


def test_the_demo_leaves_its_pictures_and_nothing_else(tmp_path, demo):
    command = demo()
    processes = children(command, 3)
    assert command.finish(DEMO_SECONDS) == 0, command.error_text
    assert_nothing_left(tmp_path, processes)

    folder = tmp_path / "demo-output"
    for when in ("before", "after"):
        for view in VIEWS:
            picture = Image.open(folder / f"{when}-{view}.png")
            assert picture.size == (1024, 1024)
            assert len(picture.convert("RGB").getcolors(1024 * 1024)) > 100, f"{when}-{view} is empty"
        scene = json.loads((folder / f"scene-view-{when}.json").read_text())
        assert [view["picture"]["data"] for view in scene["viewports"]]
    assert Image.open(folder / "contact-sheet.png").size[0] > 1500

    result = command.json_lines()[0]
    volumes = {segment["label"]: segment["volumeMl"] for segment in result["segments"]}
    counted = read_segmentation(folder / "segmentation.dcm")
    for segment in counted.segments:
        assert volumes[segment.label] == pytest.approx(segment.voxels * counted.voxel_volume / 1000, abs=0.06)
    assert set(volumes) == {"CSF", "Grey matter", "White matter"}
    assert "181 slices" in result["study"] and len(result["steps"]) >= 8
    assert not any("eyJ" in line for line in command.errors)


@pytest.mark.parametrize("count", [1, 3])
def test_ctrl_c_leaves_no_process_and_no_temporary_file(tmp_path, demo, count):
    command = demo()
    processes = children(command, count)
    command.interrupt()
    assert command.finish(30) == 130, command.error_text
    assert "Traceback" not in command.error_text
    assert_nothing_left(tmp_path, processes)


def test_an_application_that_dies_ends_the_demo_with_the_step_and_why(tmp_path, demo):
    command = demo()
    processes = children(command, 3)
    display = next(process for process in processes if "CastInterfaceLib" in process.cmdline())
    display.kill()
    assert command.finish(60) == 1
    assert "failed: the display ended with exit code" in command.error_text
    assert "Traceback" not in command.error_text
    assert_nothing_left(tmp_path, processes)


def test_a_folder_that_cannot_be_made_is_told_before_anything_starts(tmp_path, demo):
    (tmp_path / "taken").write_text("a file")
    command = demo("--out", "taken")
    assert command.finish() == 2
    assert "taken" in command.error_text and "Traceback" not in command.error_text


def test_keep_leaves_everything_running_until_it_is_ended(tmp_path, demo):
    command = demo("--keep")
    processes = children(command, 3)
    command.wait_for_error_line("still running", DEMO_SECONDS)
    assert all(process.is_running() for process in processes)
    command.process.send_signal(signal.SIGTERM)
    assert command.finish(30) == 130
    assert_nothing_left(tmp_path, processes)
