"""The stand-in behaves as Slicer does towards a module, and refuses what Slicer would: one test a rule."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from example_module import in_thread

if TYPE_CHECKING:
    from slicer_host import Host, LoadedModule

TESTING = Path(__file__).resolve().parents[1]


# --- strictness ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("owner", "place"),
    [
        ("slicer.app", "app.py"),
        ("slicer.app.layoutManager()", "layout_manager.py"),
        ("slicer.app.layoutManager().sliceWidget('Red')", "layout_manager.py"),
        ("slicer.app.ioManager()", "io_manager.py"),
        ("slicer.app.moduleManager()", "qSlicerModuleManager"),
        ("slicer.dicomDatabase", "dicom.py"),
        ("slicer.modules", "load_module"),
        ("slicer", "host.py"),
        ("slicer.util.mainWindow()", "qSlicerMainWindow"),
    ],
)
def test_an_attribute_outside_the_list_is_refused_and_the_list_named(host: Host, owner: str, place: str) -> None:
    import slicer

    found = eval(owner, {"slicer": slicer})
    with pytest.raises(AttributeError, match=place):
        found.somethingNobodyListed  # noqa: B018


@pytest.mark.parametrize("owner", ["slicer.app", "slicer.app.layoutManager()", "slicer.dicomDatabase"])
def test_no_attribute_can_be_put_on_slicers_objects(host: Host, owner: str) -> None:
    import slicer

    with pytest.raises(AttributeError, match="creating new attributes"):
        eval(owner, {"slicer": slicer}).mine = 1


@pytest.mark.parametrize(
    "touch",
    [
        "slicer.app.processEvents()",
        "slicer.app.layoutManager()",
        "slicer.mrmlScene.GetNumberOfNodes()",
        "node.GetName()",
        "slicer.app.applicationName",
        "slicer.dicomDatabase.isOpen",
        "slicer.util.infoDisplay('x')",
    ],
)
def test_slicers_objects_and_mrml_nodes_are_for_the_main_thread(host: Host, touch: str) -> None:
    import slicer
    from slicer_host.pythonqt import WrongThread

    names = {"slicer": slicer, "node": slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")}
    eval(touch, names)
    assert isinstance(in_thread(lambda: eval(touch, names)), WrongThread)


def test_nodes_that_cpp_makes_or_hands_back_are_guarded_too(host: Host) -> None:
    import slicer
    from slicer_host.pythonqt import WrongThread

    volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    volume.CreateDefaultDisplayNodes()
    display = volume.GetDisplayNode()
    assert isinstance(volume, slicer.vtkMRMLScalarVolumeNode)
    assert isinstance(in_thread(display.__class__), type(None))  # making none of it
    assert isinstance(in_thread(lambda: display.GetWindow()), WrongThread)
    assert volume.GetScene() is slicer.mrmlScene


# --- the application -------------------------------------------------------------------------------------------------


def test_the_application_tells_who_it_is_and_where(host: Host) -> None:
    import slicer

    assert slicer.app.applicationName == "Slicer"
    assert Path(slicer.app.temporaryPath).is_dir()
    assert Path(slicer.app.slicerHome).is_dir()
    assert slicer.app.mrmlScene() is slicer.mrmlScene
    assert slicer.app.applicationLogic().GetModuleLogic("Volumes") is not None
    assert slicer.util.mainWindow().statusBar() is not None
    assert slicer.util.showStatusMessage("hello")


def test_settings_are_kept_within_a_test_and_never_the_persons_own(host: Host) -> None:
    import qt
    import slicer

    slicer.app.settings().setValue("CastHub/port", 2018)
    assert slicer.util.settingsValue("CastHub/port", 1, converter=int) == 2018
    assert str(host.folder) in qt.QSettings().fileName()
    host.end_test()
    assert slicer.util.settingsValue("CastHub/port", 1) == 1


def test_python_slicer_knows_slicers_packages_but_not_the_extensions(host: Host) -> None:
    import shutil

    python = shutil.which("PythonSlicer")
    assert python
    script = "import requests, importlib.util as u; print(u.find_spec('CastLib'), u.find_spec('CastHubLib'))"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}  # a developer's own
    told = subprocess.run(
        [python, "-c", script], capture_output=True, text=True, check=True, cwd=host.folder, env=environment
    )
    assert told.stdout.split() == ["None", "None"]


def test_messages_are_recorded_and_nobody_waits(host: Host) -> None:
    import slicer

    slicer.util.infoDisplay("done")
    slicer.util.errorDisplay("failed", windowTitle="Cast", detailedText="why")
    assert [(m.text, m.title) for m in host.messages] == [("done", "Slicer info"), ("failed", "Cast")]
    assert host.messages[1].details == "why"


def test_a_question_wants_its_answer_beforehand(host: Host) -> None:
    import slicer

    host.answer("Ok", "Cancel")
    assert slicer.util.confirmOkCancelDisplay("sure?")
    assert not slicer.util.confirmOkCancelDisplay("sure?")
    with pytest.raises(RuntimeError, match="nobody answers"):
        slicer.util.confirmOkCancelDisplay("sure?")


def test_an_error_is_shown_and_raised_again(host: Host) -> None:
    import slicer

    with pytest.raises(ValueError), slicer.util.tryWithErrorDisplay("It failed.", waitCursor=True):
        raise ValueError("because")
    assert host.messages[0].text == "It failed.\n\nbecause"
    assert slicer.app.overrideCursor() is None


def test_pip_is_asked_for_and_never_run(host: Host, tmp_path: Path) -> None:
    import slicer
    import slicer.packaging

    slicer.packaging.pip_ensure("numpy>=1", requester="Cast Hub")
    assert host.installs == [] and host.messages == []
    host.answer("Ok", "Cancel")
    constraints = tmp_path / "c.txt"
    constraints.write_text("numpy==2.0\n")
    slicer.packaging.pip_ensure(["numpy>=1", "no-such-package>=3"], constraints=constraints, requester="Cast Hub")
    assert host.installs[0][0] == ("no-such-package>=3",)
    assert host.installs[0][1]["constraints"] == "numpy==2.0\n"
    with pytest.raises(RuntimeError, match="declined"):
        slicer.packaging.pip_ensure("no-such-package", requester="Cast Hub")
    slicer.util.pip_install("aiohttp")
    assert host.installs[1][0] == ("aiohttp",)
    with pytest.raises(ValueError):
        slicer.util.pip_install(("aiohttp",))
    with pytest.raises(TypeError):
        slicer.util.pip_install("aiohttp", constraint="c.txt")


def test_texts_are_translated_by_the_file_they_stand_in(host: Host, example: LoadedModule) -> None:
    import slicer.i18n
    from slicer_host.app import state

    asked: list[tuple[str, str]] = []
    state.translator = lambda context, text: asked.append((context, text)) or text.upper()
    assert slicer.i18n.translate("qSlicerAbstractCoreModule", "Informatics") == "INFORMATICS"
    assert slicer.i18n.tr("hello {name}") == "hello {name}"  # the placeholder was spoilt: the text stays
    host.reload(example)
    assert ("test_slicer_host", "hello {name}") in asked
    with pytest.raises(TypeError):
        slicer.i18n.tr(None)


# --- time ------------------------------------------------------------------------------------------------------------


def test_starving_threads_live_only_while_python_runs(starving_host: Host) -> None:
    count = [0]
    stop = threading.Event()

    def tick() -> None:
        while not stop.wait(0.001):
            count[0] += 1

    thread = threading.Thread(target=tick)
    thread.start()
    before = count[0]
    starving_host.spin(None, 0.5)
    starved = count[0] - before
    starving_host.set_starving(False)
    before = count[0]
    starving_host.spin(None, 0.5)
    fed = count[0] - before
    stop.set()
    thread.join()
    assert starved < 5 < fed


def test_spin_ends_when_the_condition_holds_and_says_whether_it_did(either_host: Host) -> None:
    import qt

    done: list[int] = []
    qt.QTimer.singleShot(20, lambda: done.append(1))
    assert either_host.spin(lambda: done, 120)
    assert not either_host.spin(lambda: False, 0.2)


# --- without a window ------------------------------------------------------------------------------------------------


def test_without_a_window_there_is_no_layout_manager_and_no_message(headless_host: Host, example_folder: Path) -> None:
    import slicer

    assert slicer.app.layoutManager() is None and slicer.util.mainWindow() is None
    slicer.util.errorDisplay("nobody sees it")
    assert headless_host.messages == []
    example = headless_host.load_module("Example", example_folder)
    assert example.logic.moduleName == "Example"
    assert example.widget.calls == ["setup"]


def run_slicer(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "slicer_host", *arguments]
    return subprocess.run(command, cwd=TESTING, capture_output=True, text=True, timeout=300)


def test_a_script_gets_its_flags_and_ends_slicer(tmp_path: Path) -> None:
    script = tmp_path / "service.py"
    script.write_text(
        textwrap.dedent(
            """
            import sys, slicer, qt
            assert __name__ == "__main__" and __file__ == sys.argv[0]
            assert slicer.app.layoutManager() is None
            print(*sys.argv[1:])
            qt.QTimer.singleShot(50, lambda: slicer.util.exit(7))
            """
        ),
        encoding="utf-8",
    )
    ended = run_slicer("--no-main-window", "--python-script", str(script), "--", "--hub", "http://127.0.0.1:2018")
    assert ended.returncode == 7, ended.stderr
    assert ended.stdout.split() == ["--hub", "http://127.0.0.1:2018"]


def test_slicers_log_takes_everything(host: Host) -> None:
    logging.getLogger("somebody").debug("said %d", 7)
    assert host.log[-1] == "DEBUG somebody: said 7"
