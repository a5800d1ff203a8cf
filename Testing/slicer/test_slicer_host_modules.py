"""The stand-in loads, reloads and unloads modules as Slicer does, and finds what they leave behind."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from example_module import MODULE

if TYPE_CHECKING:
    from slicer_host import Host, LoadedModule


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
    assert host.spin(lambda: not any("thread" in line for line in host.leftovers()), 120)


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
