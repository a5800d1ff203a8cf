"""The stand-in behaves as Slicer does towards a module, and refuses what Slicer would: one test a rule."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from slicer_host import Host, LoadedModule

TESTING = Path(__file__).resolve().parents[1]
SAMPLE = TESTING.parent / "Resources" / "SampleStudy" / "DICOM"

MODULE = """
import os, qt, slicer, socket, subprocess, sys, threading, vtk
from slicer.i18n import tr as _
from slicer.ScriptedLoadableModule import *
from slicer.util import VTKObservationMixin
from ExampleLib import words

class Example(ScriptedLoadableModule):
    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Example module")
        self.parent.categories = ["Informatics"]

class ExampleWidget(ScriptedLoadableModuleWidget):
    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        self.calls = []
    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        self.label = qt.QLabel(words.WORD)
        self.layout.addWidget(self.label)
        self.logic = ExampleLogic()
        self.calls.append("setup")
    def enter(self):
        self.calls.append("enter")
    def exit(self):
        self.calls.append("exit")
    def cleanup(self):
        self.calls.append("cleanup")

class ExampleLogic(ScriptedLoadableModuleLogic):
    def leave_thread(self, until):
        threading.Thread(target=until.wait, name="left").start()
    def leave_process(self):
        self.process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    def leave_timer(self):
        self.timer = qt.QTimer()
        self.timer.start(50)
    def leave_observer(self, node):
        return node.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: None)
    def leave_connection(self):
        slicer.app.aboutToQuit.connect(self.ended)
    def ended(self):
        pass
    def leave_socket(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
    def leave_file(self):
        open(os.path.join(slicer.app.temporaryPath, "left.txt"), "w").close()

class ExampleTest(ScriptedLoadableModuleTest):
    runs = 0
    def runTest(self):
        self.delayDisplay("testing")
        ExampleTest.runs += 1
"""


@pytest.fixture
def example_folder(tmp_path: Path) -> Path:
    """A module file with a library beside it, as installed: all in one folder."""
    (tmp_path / "Example.py").write_text(MODULE, encoding="utf-8")
    (tmp_path / "ExampleLib").mkdir()
    (tmp_path / "ExampleLib" / "__init__.py").write_text("", encoding="utf-8")
    (tmp_path / "ExampleLib" / "words.py").write_text("WORD = 'first'\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def example(host: Host, example_folder: Path) -> Any:
    """The example module, chosen."""
    yield host.load_module("Example", example_folder)
    sys.path.remove(str(example_folder))
    for name in [name for name in sys.modules if name.partition(".")[0] == "ExampleLib"]:
        del sys.modules[name]


def in_thread(function: Callable[[], Any]) -> BaseException | None:
    """What the function raises on another thread."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            function()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return raised[0] if raised else None


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


# --- modules ---------------------------------------------------------------------------------------------------------


def test_a_module_is_found_by_every_name_slicer_gives_it(host: Host, example: LoadedModule) -> None:
    import slicer

    assert slicer.modules.example.title == "Example module"
    assert slicer.modules.example.categories == ("Informatics",)
    assert slicer.modules.example.name == "Example"
    assert slicer.modules.ExampleInstance.parent is slicer.modules.example
    assert slicer.modules.ExampleWidget is example.widget
    assert slicer.util.getModule("Example") is slicer.modules.example
    assert slicer.util.getModuleWidget("Example") is example.widget
    assert slicer.util.getModuleLogic("Example") is example.widget.logic
    assert slicer.util.modulePath("Example").endswith("Example.py")
    assert "Example" in slicer.util.moduleNames()


def test_choosing_a_module_sets_it_up_and_enters_it_and_choosing_another_leaves_it(
    host: Host, example: LoadedModule
) -> None:
    import slicer

    assert example.widget.calls == ["setup", "enter"]
    assert slicer.util.selectedModule() == "Example"
    assert example.widget.parent.isEntered and example.widget.label.visible
    host.select("")
    slicer.util.selectModule(slicer.modules.example)
    assert example.widget.calls == ["setup", "enter", "exit", "enter"]


def test_a_module_that_was_not_chosen_has_no_panel_yet(host: Host, example_folder: Path) -> None:
    import slicer

    host.load_module("Example", example_folder, select=False)
    assert not hasattr(slicer.modules, "ExampleWidget")
    assert slicer.util.getModuleLogic("Example").moduleName == "Example"
    assert slicer.modules.ExampleWidget.calls == ["setup"]


def test_reload_makes_a_new_panel_from_the_changed_file_and_does_not_enter_it(
    host: Host, example: LoadedModule, example_folder: Path
) -> None:
    old, file = example.widget, example_folder / "Example.py"
    file.write_text(MODULE.replace("words.WORD", "'second'"), encoding="utf-8")
    new = host.reload(example)
    assert new is not old and new is example.widget
    assert old.calls[-1] == "cleanup"
    assert new.label.text == "second" and new.label.visible and not old.label.visible
    assert new.calls == ["setup"]  # Slicer does not call enter() again


def test_reload_by_itself_keeps_the_libraries(host: Host, example: LoadedModule, example_folder: Path) -> None:
    (example_folder / "ExampleLib" / "words.py").write_text("WORD = 'another'\n", encoding="utf-8")
    assert host.reload(example).label.text == "first"
    for name in ("ExampleLib", "ExampleLib.words"):
        del sys.modules[name]
    assert host.reload(example).label.text == "another"


def test_the_button_reload_and_test_does_both(host: Host, example_folder: Path) -> None:
    import slicer

    slicer.app.settings().setValue("Developer/DeveloperMode", True)
    example = host.load_module("Example", example_folder)
    example.widget.reloadTestButton.click()
    assert example.file.ExampleTest.runs == 1
    assert host.messages == []


def test_a_parameter_node_is_one_to_a_module_and_survives_closing_the_scene(host: Host, example: LoadedModule) -> None:
    import slicer

    node = example.logic.getParameterNode()
    assert node is example.logic.getParameterNode()
    assert node.GetAttribute("ModuleName") == "Example"
    host.close_scene()
    assert example.logic.getParameterNode().GetAttribute("ModuleName") == "Example"
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScriptedModuleNode") == 1


def test_observation_mixin_calls_and_lets_go(host: Host, example: LoadedModule) -> None:
    import slicer
    import vtk

    class Watcher(slicer.util.VTKObservationMixin):
        pass

    watcher, seen = Watcher(), []
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode")

    def changed(caller: Any, event: str) -> None:
        seen.append((caller, event))

    watcher.addObserver(node, vtk.vtkCommand.ModifiedEvent, changed)
    node.SetText("a")
    assert seen[0] == (node, "ModifiedEvent")
    watcher.removeObservers()
    count = len(seen)
    node.SetText("b")
    assert len(seen) == count


def test_a_panel_that_cannot_be_made_leaves_nothing_half_made(host: Host, example_folder: Path) -> None:
    import slicer

    broken = MODULE.replace("self.logic = ExampleLogic()", "self.logic = NoSuchLogic()")
    (example_folder / "Example.py").write_text(broken, encoding="utf-8")
    with pytest.raises(NameError, match="NoSuchLogic"):
        host.load_module("Example", example_folder)
    assert slicer.util.selectedModule() == "" and not hasattr(slicer.modules, "ExampleWidget")


def test_unloading_cleans_up_and_takes_every_name_away(host: Host, example_folder: Path) -> None:
    import slicer

    widget = host.load_module("Example", example_folder).widget
    host.unload_all()
    assert widget.calls[-2:] == ["exit", "cleanup"]
    for name in ("example", "ExampleInstance", "ExampleWidget"):
        assert not hasattr(slicer.modules, name)


# --- what is left behind ---------------------------------------------------------------------------------------------


def test_a_thread_left_behind_is_found(host: Host, example: LoadedModule) -> None:
    end = threading.Event()
    example.logic.leave_thread(end)
    assert any("thread left" in line and "Example.py" in line for line in host.leftovers())
    end.set()
    assert host.spin(lambda: not any("thread" in line for line in host.leftovers()), 10)


def test_a_process_left_behind_is_found_and_a_tests_own_is_not(host: Host, example: LoadedModule) -> None:
    own = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    example.logic.leave_process()
    found = [line for line in host.leftovers() if line.startswith("process")]
    assert len(found) == 1 and "Example.py" in found[0]
    for process in (own, example.logic.process):
        process.communicate(b"\n")


def test_a_timer_left_behind_is_found(host: Host, example: LoadedModule) -> None:
    example.logic.leave_timer()
    assert "timer of 50 ms" in host.leftovers()
    example.logic.timer.stop()
    assert "timer of 50 ms" not in host.leftovers()


@pytest.mark.parametrize("which", ["scene", "node"])
def test_an_observer_left_behind_is_found(host: Host, example: LoadedModule, which: str) -> None:
    import slicer

    scene = slicer.mrmlScene
    owner = scene if which == "scene" else scene.AddNewNodeByClass("vtkMRMLTextNode")
    tag = example.logic.leave_observer(owner)
    assert any("observer" in line and "Example.py" in line for line in host.leftovers())
    owner.RemoveObserver(tag)
    assert not any("observer" in line for line in host.leftovers())


def test_an_observer_goes_with_its_node(host: Host, example: LoadedModule) -> None:
    import slicer

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode")
    example.logic.leave_observer(node)
    slicer.mrmlScene.RemoveNode(node)
    del node
    assert not any("observer" in line for line in host.leftovers())


def test_a_connection_to_the_application_left_behind_is_found(host: Host, example: LoadedModule) -> None:
    import slicer

    logic = example.logic
    logic.leave_connection()
    assert any("aboutToQuit" in line for line in host.leftovers())
    slicer.app.aboutToQuit.disconnect(logic.ended)


def test_a_socket_left_behind_is_found_also_when_nobody_holds_it(host: Host, example: LoadedModule) -> None:
    logic = example.logic
    logic.leave_socket()
    port = logic.socket.getsockname()[1]
    assert any("socket:" in line and str(port) in line for line in host.leftovers())
    logic.socket.close()
    assert not any("socket:" in line for line in host.leftovers())
    logic.leave_socket()
    logic.socket = [logic.socket]
    logic.socket.append(logic.socket)  # only the garbage collector would close it
    del logic.socket
    assert any("socket:" in line for line in host.leftovers())
    assert not any("socket:" in line for line in host.leftovers())


def test_a_temporary_file_left_behind_is_found(host: Host, example: LoadedModule) -> None:
    import slicer

    example.logic.leave_file()
    with tempfile.NamedTemporaryFile():
        found = [line for line in host.leftovers() if line.startswith("temporary")]
        assert len(found) == 2 and "temporary file left.txt" in found
    Path(slicer.app.temporaryPath, "left.txt").unlink()


# --- scene, views and files ------------------------------------------------------------------------------------------


def load_sample(host: Host) -> Any:
    import slicer
    from DICOMLib import DICOMUtils

    host.import_dicom(SAMPLE)
    database = slicer.dicomDatabase
    study = database.studiesForPatient(database.patients()[0])[0]
    return slicer.mrmlScene.GetNodeByID(DICOMUtils.loadSeriesByUID(database.seriesForStudy(study)[:1])[0])


def test_the_database_knows_what_was_imported(host: Host) -> None:
    import pydicom
    import slicer

    database = slicer.dicomDatabase
    assert database.patients() == ()
    host.import_dicom(SAMPLE)
    (patient,) = database.patients()
    study = database.studiesForPatient(patient)[0]
    path = database.filesForSeries(database.seriesForStudy(study)[0])[0]
    header = pydicom.dcmread(path)
    assert database.fileForInstance(header.SOPInstanceUID) == path
    assert database.fieldForStudy("AccessionNumber", study) == header.AccessionNumber
    assert database.fileValue(path, "0010,0020") == header.PatientID
    assert database.fileForInstance("1.2.3") == "" and database.seriesForStudy("1.2.3") == ()
    with pytest.raises(AttributeError, match="STUDY_FIELDS"):
        database.fieldForStudy("Nonsense", study)


def test_a_series_is_loaded_in_the_order_along_its_normal(host: Host) -> None:
    import pydicom
    import slicer

    volume = load_sample(host)
    uids = volume.GetAttribute("DICOM.instanceUIDs").split()
    first = pydicom.dcmread(slicer.dicomDatabase.fileForInstance(uids[0]))
    voxels = slicer.util.arrayFromVolume(volume)
    assert len(voxels) == len(uids)
    scale, offset = float(first.get("RescaleSlope", 1)), float(first.get("RescaleIntercept", 0))
    assert np.array_equal(voxels[0], first.pixel_array * scale + offset)


def test_views_of_the_layout_are_real_and_show_what_is_loaded(host: Host) -> None:
    import slicer
    import vtk

    manager = slicer.app.layoutManager()
    assert set(manager.sliceViewNames()) == {"Red", "Green", "Yellow"}
    assert manager.threeDViewCount == 1
    volume = load_sample(host)
    slicer.util.setSliceViewerLayers(background=volume, fit=True)
    view = manager.sliceWidget("Red").sliceView()
    view.forceRender()
    grab = vtk.vtkWindowToImageFilter()
    grab.SetInput(view.renderWindow())
    grab.ReadFrontBufferOff()
    grab.Update()
    low, high = grab.GetOutput().GetScalarRange()
    assert high - low > 50
    assert manager.sliceWidget("Red").mrmlSliceNode().GetLayoutName() == "Red"
    assert manager.sliceWidget("Red").sliceLogic().GetSliceCompositeNode().GetBackgroundVolumeID() == volume.GetID()
    assert manager.sliceWidget("Purple") is None and manager.threeDWidget(1) is None


def test_a_layout_may_be_changed_and_views_stay(host: Host) -> None:
    import slicer

    manager = slicer.app.layoutManager()
    red = manager.sliceWidget("Red")
    manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView)
    assert manager.layout == slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView
    manager.layout = slicer.vtkMRMLLayoutNode.SlicerLayoutDual3DView
    assert manager.threeDViewCount == 2
    assert manager.sliceWidget("Red") is red


def test_files_are_read_and_written(host: Host, tmp_path: Path) -> None:
    import slicer

    volume = load_sample(host)
    assert slicer.util.saveNode(volume, str(tmp_path / "v.nrrd"))
    again = slicer.util.loadVolume(tmp_path / "v.nrrd")
    assert np.array_equal(slicer.util.arrayFromVolume(again), slicer.util.arrayFromVolume(volume))


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
    assert either_host.spin(lambda: done, 5)
    began = time.monotonic()
    assert not either_host.spin(lambda: False, 0.2)
    assert time.monotonic() - began < 2


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
    return subprocess.run(command, cwd=TESTING, capture_output=True, text=True, timeout=120)


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
