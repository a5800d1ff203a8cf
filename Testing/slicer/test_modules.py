"""What is asked of each of the three modules alike."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import unittest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from interface_parts import open_module

if TYPE_CHECKING:
    from slicer_host import Host

ROOT = Path(__file__).resolve().parents[2]
MODULES = ("CastInterface", "CastServiceProvider", "CastHub")
each_module = pytest.mark.parametrize("name", MODULES)


@each_module
def test_a_module_describes_itself(host: Host, name: str) -> None:
    module = host.load_module(name).object
    assert module.title
    assert module.categories == ("Informatics",)
    homepage = re.search(r'set\(EXTENSION_HOMEPAGE "(.+)"\)', (ROOT / "CMakeLists.txt").read_text(encoding="utf-8"))
    assert homepage and f'<a href="{homepage[1]}">Documentation</a>' in module.helpText
    assert len(module.helpText.partition("<a ")[0]) > 50
    assert not module.icon.isNull()
    assert set(module.dependencies) <= set(MODULES) - {name}


@each_module
def test_a_panel_fits_into_400_pixels_in_light_and_dark(host: Host, name: str) -> None:
    module = open_module(host, name)
    for dark in (False, True):
        host.set_dark(dark)
        host.grab(module, f"{name}-{'dark' if dark else 'light'}.png", width=400)
        assert not host.scrolls_sideways()


@each_module
def test_tab_goes_through_a_panel_from_top_to_bottom(host: Host, name: str) -> None:
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    module = open_module(host, name)
    host.grab(module, f"{name}-tabs.png", 500)
    ui = module.widget.ui
    named = {widget: key for key, widget in vars(ui).items() if hasattr(widget, "mapTo")}
    top = module.object.widgetRepresentation()
    first = min((one for one in named if one.isVisible() and int(one.focusPolicy) & 1), key=lambda one: place(one, top))
    first.setFocus()
    order = [first]
    for _ in range(60):
        QTest.keyClick(host.app.focusWidget(), Qt.Key.Key_Tab)
        focused = host.app.focusWidget()
        if focused in order:
            break
        if focused in named:
            order.append(focused)
    assert len(order) > 5
    names = [named[one] for one in order]
    rows = [place(one, top)[0] for one in order]
    assert all(after > before - 12 for before, after in itertools.pairwise(rows)), names


def place(widget: Any, top: Any) -> tuple[int, int]:
    """Row and column of a widget's corner in pixels."""
    from PySide6.QtCore import QPoint

    at = widget.mapTo(top, QPoint(0, 0))
    return at.y(), at.x()


@each_module
def test_the_self_test_passes_and_passes_after_a_reload(host: Host, name: str) -> None:
    module = host.load_module(name)
    module.test()
    before = module.file
    host.reload(module)
    assert module.file is not before
    module.test()


@each_module
def test_the_self_test_runs_as_a_unit_test_of_cmakes(host: Host, name: str) -> None:
    """``slicer_add_python_unittest`` hands the module to unittest, which finds each test by its name."""
    host.load_module(name)
    result = unittest.TestResult()
    unittest.TestLoader().loadTestsFromName(name).run(result)
    assert result.wasSuccessful() and not result.skipped, (result.errors, result.failures)
    assert result.testsRun > 2  # those of the module, and the base class that does nothing


@each_module
def test_the_self_test_is_skipped_where_packages_are_missing(
    host: Host, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slicer's build machines run every extension's tests and install nothing for them."""
    module = host.load_module(name)
    import CastSlicerLib.self_test

    monkeypatch.setattr(CastSlicerLib.self_test, "missing_requirements", lambda path: ["websocket-client>=1.7"])
    with pytest.raises(unittest.SkipTest, match="websocket-client"):
        module.test()


@each_module
def test_a_module_goes_without_a_trace(host: Host, name: str) -> None:
    open_module(host, name)
    host.unload_all()
    assert host.leftovers(5) == []


@each_module
def test_a_panel_that_is_seen_lives_on_after_a_reload(host: Host, name: str) -> None:
    """Slicer reloads the module that is chosen and does not enter it again."""
    module = host.load_module(name)
    host.reload(module)
    clock = getattr(module.widget.panel, "_clock", None)
    if clock is not None:  # the hub's panel is told of changes and needs none
        assert clock.isActive()
    host.select("")
    if clock is not None:
        assert not clock.isActive()


def test_the_hubs_panel_needs_no_package_that_slicer_does_not_bring(host: Host) -> None:
    """The client's packages are missing in a fresh Slicer; the hub's panel says what it needs itself, on a click."""
    program = (
        "import sys\n"
        f"sys.path.insert(0, {str(ROOT / 'Testing')!r})\n"
        "from slicer_host import start_host\n"
        "host = start_host()\n"
        "for name in ('websocket', 'aiohttp', 'highdicom'):\n"
        "    sys.modules[name] = None\n"
        "for name in [name for name in sys.modules if name.startswith('Cast')]:\n"
        "    del sys.modules[name]\n"
        "print(host.load_module('CastHub').widget.ui.stateLabel.text)\n"
        "host.quit()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert done.stdout.strip() == "Stopped", done.stderr


@each_module
def test_reloading_again_and_again_leaves_one_panel_and_its_timers(host: Host, name: str) -> None:
    """A timer that nobody disconnects holds its panel where Python's collector does not look."""
    import gc

    def of_ours() -> dict[str, int]:
        gc.collect()
        ours = ("CastInterfaceLib", "CastSlicerLib", "CastHubWidgets", "CastServiceProviderWidgets")
        found = [type(one).__name__ for one in gc.get_objects() if type(one).__module__.startswith(ours)]
        kinds = ("ModuleFrame", "HubPanel", "InterfacePanel", "ProviderPanel", "Slots", "PumpTimer")
        return {kind: found.count(kind) for kind in kinds}

    module = host.load_module(name)
    host.reload(module)
    assert module.widget.frame.panel is not None
    before = of_ours()
    for _ in range(4):
        host.reload(module)
        assert module.widget.frame.panel is not None
    assert before["ModuleFrame"] == 1
    assert host.spin(lambda: of_ours() == before, 60), (of_ours(), before)
