"""An import only goes down: values, client and routing core, shells, module files and command line."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CAST_LIB = ROOT / "CastInterface" / "CastLib"
INTERFACE_LIB = ROOT / "CastInterface" / "CastInterfaceLib"
SLICER_LIB = ROOT / "CastInterface" / "CastSlicerLib"
CLI = ROOT / "CastInterface" / "CastCLI"
PROVIDER_LIB = ROOT / "CastServiceProvider" / "CastServiceProviderLib"
PROVIDER_WIDGETS = ROOT / "CastServiceProvider" / "CastServiceProviderWidgets"
HUB_LIB = ROOT / "CastHub" / "CastHubLib"
HUB_WIDGETS = ROOT / "CastHub" / "CastHubWidgets"
TOP_OF_HUB = ("__main__", "hub_command", "child_process")
# Folders, the lowest first.
HUB_FLOORS = ("routing", "access", "delivery", "payloads", "extras", "http")
DISPLAY_FLOORS = ("study", "scene", "views", "display", "logic", "panels")
MODULE_FILES = [ROOT / name / f"{name}.py" for name in ("CastInterface", "CastServiceProvider", "CastHub")]

SHELLS = {"CastInterfaceLib", "CastServiceProviderLib", "CastHubLib"}
WIDGETS = {"CastServiceProviderWidgets", "CastHubWidgets"}
OURS = {*SHELLS, *WIDGETS, "CastLib", "CastSlicerLib", "CastCLI"}
DICOM = {"pydicom", "numpy"}
DOORS = {
    "asyncio",
    "socket",
    "ssl",
    "select",
    "selectors",
    "threading",
    "subprocess",
    "multiprocessing",
    "http",
    "time",
}


def python_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py"))


def imported_modules(source: str, *, at_start_only: bool = False) -> set[str]:
    """The dotted names that a file imports; with ``at_start_only`` those that importing the file itself imports."""
    names: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(source)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names.add(node.module or "")
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
        is_function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        is_for_types = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if not (at_start_only and (is_function or is_for_types)):
            waiting.extend(ast.iter_child_nodes(node))
    return names


def packages(names: set[str]) -> set[str]:
    """The top-level packages of dotted names, without the standard library."""
    return {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names) - {""}


def imports_of(path: Path, *, at_start_only: bool = False) -> set[str]:
    return imported_modules(path.read_text(encoding="utf-8"), at_start_only=at_start_only)


def each(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=[str(path.relative_to(ROOT)) for path in paths])


def test_reading_imports_finds_every_form() -> None:
    source = """
import os.path, aiohttp as web
from CastLib import client
if True:
    import vtk
def late():
    from slicer.util import arrayFromVolume
"""
    assert packages(imported_modules(source)) == {"aiohttp", "CastLib", "vtk", "slicer"}
    assert packages(imported_modules(source, at_start_only=True)) == {"aiohttp", "CastLib", "vtk"}
    assert "CastLib.client" in imported_modules(source)


@each([path for path in python_files(CAST_LIB) if path.parent == CAST_LIB and path.name != "command_line.py"])
def test_cast_values_import_the_standard_library_only(path: Path) -> None:
    names = imports_of(path)
    assert packages(names) <= {"CastLib"}
    assert not any(name.startswith(("CastLib.client", "CastLib.dicom")) for name in names)


@each(python_files(CAST_LIB / "dicom"))
def test_what_reads_dicom_imports_the_values_and_pydicom(path: Path) -> None:
    names = imports_of(path)
    assert packages(names) <= {"CastLib"} | DICOM
    assert not any(name.startswith("CastLib.client") for name in names)


@each([CAST_LIB / "command_line.py"])
def test_shared_flags_import_nothing_but_the_client(path: Path) -> None:
    assert packages(imports_of(path)) <= {"CastLib"}


@each(python_files(CAST_LIB / "client"))
def test_the_client_imports_requests_and_websocket_only(path: Path) -> None:
    assert packages(imports_of(path)) <= {"CastLib", "requests", "urllib3", "websocket"}


@each(python_files(HUB_LIB))
def test_the_hub_imports_no_other_shell_and_no_client(path: Path) -> None:
    names = imports_of(path)
    others = {"aiohttp", "multidict", "yarl", "uvloop", "jwt", "cryptography", "tomli"}
    assert packages(names) <= {"CastLib", "CastHubLib"} | others
    assert not any(name.startswith("CastLib.client") for name in names)


@each(python_files(HUB_LIB / "routing"))
def test_the_routing_core_opens_nothing_and_reads_no_clock(path: Path) -> None:
    names = imports_of(path)
    assert packages(names) <= {"CastLib", "CastHubLib"}
    assert not {name.partition(".")[0] for name in names} & DOORS


def folders_imported(path: Path, package: str, floors: tuple[str, ...]) -> set[str]:
    """The folders of a package that a file imports from."""
    return {name.split(".")[1] for name in imports_of(path) if name.startswith(f"{package}.")} & set(floors)


@each([path for path in python_files(HUB_LIB) if path.parent.name in HUB_FLOORS])
def test_an_import_in_the_hub_goes_down(path: Path) -> None:
    below = HUB_FLOORS[: HUB_FLOORS.index(path.parent.name)]
    assert folders_imported(path, "CastHubLib", HUB_FLOORS) <= {path.parent.name, *below}


@each([path for path in python_files(INTERFACE_LIB) if path.parent.name in DISPLAY_FLOORS])
def test_an_import_in_the_display_goes_down(path: Path) -> None:
    below = DISPLAY_FLOORS[: DISPLAY_FLOORS.index(path.parent.name)]
    assert folders_imported(path, "CastInterfaceLib", DISPLAY_FLOORS) <= {path.parent.name, *below}


@each([path for path in python_files(HUB_LIB) if path.parent == HUB_LIB and path.stem not in TOP_OF_HUB])
def test_what_stands_beside_the_folders_of_the_hub_imports_none_above_routing(path: Path) -> None:
    assert folders_imported(path, "CastHubLib", HUB_FLOORS) <= {"routing"}


@each([path for path in python_files(HUB_LIB) if path.stem not in ("hub", "current_context")])
def test_only_the_hub_that_joins_all_knows_of_the_current_context(path: Path) -> None:
    assert "CastHubLib.extras.current_context" not in imports_of(path)


@each([*python_files(ROOT / "Testing" / "conformance"), ROOT / "Testing" / "support" / "hub_wire.py"])
def test_the_conformance_table_speaks_to_any_hub_and_imports_nothing_of_ours(path: Path) -> None:
    names = packages(imported_modules(path.read_text(encoding="utf-8"), at_start_only=True))
    assert names <= {"conformance", "hub_process", "hub_wire", "pytest", "requests", "websocket"}


@each(python_files(PROVIDER_LIB))
def test_the_provider_imports_no_other_shell_and_no_slicer(path: Path) -> None:
    assert packages(imports_of(path)) <= {"CastLib", "CastServiceProviderLib", "highdicom", *DICOM}


@each(python_files(INTERFACE_LIB))
def test_the_display_imports_no_other_shell(path: Path) -> None:
    assert packages(imports_of(path)) & OURS <= {"CastInterfaceLib", "CastSlicerLib", "CastLib"}


@each(python_files(SLICER_LIB))
def test_what_the_modules_share_imports_none_of_them(path: Path) -> None:
    assert packages(imports_of(path)) & OURS <= {"CastSlicerLib", "CastLib"}


@each(python_files(HUB_WIDGETS))
def test_the_hubs_panel_imports_no_other_module_and_no_hub(path: Path) -> None:
    assert packages(imports_of(path)) & OURS <= {"CastHubWidgets", "CastSlicerLib", "CastLib"}


@each(python_files(PROVIDER_WIDGETS))
def test_the_providers_panel_imports_no_hub(path: Path) -> None:
    below = {"CastServiceProviderWidgets", "CastServiceProviderLib", "CastInterfaceLib", "CastSlicerLib", "CastLib"}
    assert packages(imports_of(path)) & OURS <= below


@each(python_files(CLI))
def test_the_command_line_imports_shells_only_when_asked_for(path: Path) -> None:
    at_start = packages(imports_of(path, at_start_only=True))
    assert not at_start & {
        "slicer",
        "vtk",
        "SimpleITK",
        "highdicom",
        "aiohttp",
        "CastInterfaceLib",
        "CastServiceProviderLib",
    }


@each(MODULE_FILES)
def test_a_module_file_imports_only_slicer_and_what_is_below(path: Path) -> None:
    own = {path.stem + "Lib", path.stem + "Widgets", "CastLib", "CastSlicerLib"}
    assert packages(imports_of(path)) <= {"slicer", "vtk", "qt", "ctk"} | own


@each([path for path in python_files(ROOT) if not {"Testing", ".venv"} & set(path.relative_to(ROOT).parts)])
def test_nothing_outside_the_tests_imports_another_qt(path: Path) -> None:
    assert not packages(imports_of(path)) & {"PySide6", "PySide2", "PyQt5", "PyQt6"}
