"""The tree, its CMake lists, its metadata and its lock file say the same."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
MODULES = {
    "CastInterface": ["CastLib", "CastInterfaceLib", "CastCLI"],
    "CastServiceProvider": ["CastServiceProviderLib"],
    "CastHub": ["CastHubLib"],
}
each_module = pytest.mark.parametrize("module", MODULES)


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def cmake_list(module: str, name: str) -> list[str]:
    text = (ROOT / module / "CMakeLists.txt").read_text(encoding="utf-8")
    found = re.search(rf"set\({name}\s(.*?)\)", text, re.DOTALL)
    assert found, f"{module}/CMakeLists.txt has no list {name}"
    return [entry.replace("${MODULE_NAME}", module) for entry in found.group(1).split()]


def tree(folder: Path, *, of_python: bool) -> set[str]:
    """The files below a package or resource folder, by their path from the module's folder."""
    found = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {
        path.relative_to(ROOT).as_posix().partition("/")[2] for path in found if (path.suffix == ".py") == of_python
    }


@each_module
def test_cmake_lists_every_python_file_once(module: str) -> None:
    listed = cmake_list(module, "MODULE_PYTHON_SCRIPTS")
    expected = {f"{module}.py"}.union(*(tree(ROOT / module / package, of_python=True) for package in MODULES[module]))
    assert sorted(listed) == sorted(expected)


@each_module
def test_cmake_lists_every_resource_once(module: str) -> None:
    listed = cmake_list(module, "MODULE_PYTHON_RESOURCES")
    folders = [ROOT / module / "Resources", *(ROOT / module / package for package in MODULES[module])]
    expected = set[str]().union(*(tree(folder, of_python=False) for folder in folders))
    expected |= tree(ROOT / module / "Resources", of_python=True)  # scripts that a user copies
    assert sorted(listed) == sorted(expected)


def test_the_extension_builds_every_module_and_says_what_it_is() -> None:
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    assert set(re.findall(r"add_subdirectory\((\w+)\)", text)) == set(MODULES)
    for fact in ("HOMEPAGE", "CATEGORY", "CONTRIBUTORS", "DESCRIPTION", "ICONURL", "SCREENSHOTURLS", "DEPENDS"):
        assert re.search(rf'set\(EXTENSION_{fact} "[^"]+"\)', text), fact
    for address in ("ICONURL", "SCREENSHOTURLS"):
        path = re.search(rf'EXTENSION_{address} "\$\{{EXTENSION_HOMEPAGE\}}/([^"]+)"', text)
        assert path
        assert (ROOT / path.group(1)).is_file()


def test_metadata_names_every_package_of_the_tree() -> None:
    setuptools = project()["tool"]["setuptools"]
    folders = setuptools["package-dir"]
    expected = set(folders)
    for package in [package for packages in MODULES.values() for package in packages]:
        folder = ROOT / folders[package]
        inner = {path.parent for path in folder.rglob("*.py")} - {folder}
        expected |= {".".join([package, *path.relative_to(folder).parts]) for path in inner}
    assert set(setuptools["packages"]) == expected


def assigned_names(path: Path) -> set[str]:
    """The names that a file sets at its top level."""
    statements = [node for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, ast.Assign)]
    return {target.id for node in statements for target in node.targets if isinstance(target, ast.Name)}


def test_the_version_stands_in_one_place() -> None:
    assert project()["project"]["dynamic"] == ["version"]
    folders = [ROOT / module / package for module, packages in MODULES.items() for package in packages]
    files = [path for folder in folders for path in folder.rglob("*.py")]
    places = [path for path in files if "__version__" in assigned_names(path)]
    assert places == [ROOT / "CastInterface" / "CastLib" / "version.py"]


def locked() -> dict[str, list[Requirement]]:
    """What the lock file pins, by canonical name; one name may be pinned differently for different Pythons."""
    pins: dict[str, list[Requirement]] = {}
    for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines():
        if "==" in line:
            requirement = Requirement(line.rstrip(" \\"))
            pins.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return pins


def declared() -> list[Requirement]:
    facts = project()
    extras = facts["project"]["optional-dependencies"]
    texts = [*facts["project"]["dependencies"], *(text for group in extras.values() for text in group)]
    texts += facts["dependency-groups"]["dev"]
    return [Requirement(text) for text in texts if not text.startswith("slicer-cast-interface")]


@pytest.mark.parametrize("requirement", declared(), ids=lambda requirement: str(requirement.name))
def test_the_lock_file_fulfils_what_is_declared(requirement: Requirement) -> None:
    pins = locked().get(canonicalize_name(requirement.name), [])
    versions = [specifier.version for pin in pins for specifier in pin.specifier]
    assert versions
    assert all(requirement.specifier.contains(Version(version)) for version in versions)


def test_the_lock_file_has_a_hash_for_each_pin_and_names_no_host_or_path() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    blocks = re.split(r"\n(?=\S)", text.strip())
    assert all(re.match(r"[a-z0-9-]+==", block) and "--hash=sha256:" in block for block in blocks)
    assert "/" not in text


def stand_in(name: str, **attributes: object) -> types.ModuleType:
    module = types.ModuleType(name)
    module.__dict__.update(attributes)
    return module


class Recorder:
    """Takes what a module file sets on a Slicer or Qt object, so that it can be looked at."""

    def __init__(self, text: object = None) -> None:
        self.text = text
        self.added: list[Any] = []
        self.parent = self.layout = self

    def setup(self) -> None:
        pass

    def addWidget(self, widget: object) -> None:
        self.added.append(widget)

    def addStretch(self, factor: int) -> None:
        pass


@each_module
def test_a_module_file_describes_itself_and_shows_its_panel(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bases = {
        f"ScriptedLoadableModule{part}": type(f"Base{part}", (Recorder,), {})
        for part in ("", "Logic", "Test", "Widget")
    }
    stand_ins = (
        stand_in("qt", QLabel=Recorder, Qt=types.SimpleNamespace(TextSelectableByMouse=1)),
        stand_in("slicer"),
        stand_in("slicer.i18n", tr=lambda text: text, translate=lambda context, text: text),
        stand_in("slicer.ScriptedLoadableModule", **bases),
    )
    for each in stand_ins:
        monkeypatch.setitem(sys.modules, each.__name__, each)
    spec = importlib.util.spec_from_file_location(module, ROOT / module / f"{module}.py")
    assert spec and spec.loader
    loaded: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)

    description = getattr(loaded, module)(Recorder())
    assert description.parent.title
    assert description.parent.categories == ["Informatics"]
    assert len(description.parent.helpText) > 50
    assert set(description.parent.dependencies) <= set(MODULES) - {module}
    widget = getattr(loaded, f"{module}Widget")()
    widget.setup()
    assert widget.logic.version() in widget.added[0].text
    assert "python3 run.py" in widget.added[0].text
    assert hasattr(getattr(loaded, f"{module}Test"), "runTest")
