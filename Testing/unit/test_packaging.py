"""The tree, its CMake lists, its metadata and its lock file say the same."""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Callable
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
    "CastInterface": ["CastLib", "CastSlicerLib", "CastInterfaceLib", "CastCLI"],
    "CastServiceProvider": ["CastServiceProviderLib", "CastServiceProviderWidgets"],
    "CastHub": ["CastHubLib", "CastHubWidgets"],
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
        addresses = extension_facts()[address].split()
        assert addresses
        for each in addresses:
            path = each.removeprefix(extension_facts()["HOMEPAGE"] + "/")
            assert (ROOT / re.sub("^raw/[^/]+/", "", path)).is_file(), each  # as GitHub serves a file


def test_every_address_of_the_project_begins_with_its_homepage() -> None:
    """So that all of them change at once, as CONTRIBUTING.md says."""
    homepage = extension_facts()["HOMEPAGE"]
    assert catalogue_entry()["scm_url"].startswith(homepage)
    for module in MODULES:
        constants = re.findall(r'^HOMEPAGE = "(.+)"$', (ROOT / module / f"{module}.py").read_text(), re.MULTILINE)
        assert constants == [homepage], module
    assert f"{homepage} | xargs sed" in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def extension_facts() -> dict[str, str]:
    """What the top-level CMakeLists.txt says of the extension, by the names after ``EXTENSION_``."""
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    facts = dict(re.findall(r'set\(EXTENSION_(\w+) "([^"]*)"\)', text))
    return {name: value.replace("${EXTENSION_HOMEPAGE}", facts["HOMEPAGE"]) for name, value in facts.items()}


def test_the_older_description_says_what_cmake_says() -> None:
    lines = (ROOT / "CastInterface.s4ext").read_text(encoding="utf-8").splitlines()
    described = dict(line.split(" ", 1) for line in lines if line and not line.startswith("#"))
    facts = extension_facts()
    for name, value in facts.items():
        assert described[name.lower()] == value, name
    entry = catalogue_entry()
    assert (described["scm"], described["scmurl"]) == (entry["scm_type"], entry["scm_url"])
    assert described["scmrevision"] == entry["scm_revision"] and described["category"] == entry["category"]
    assert described["build_subdirectory"] == entry["build_subdirectory"]


def catalogue_entry() -> dict[str, Any]:
    entry: dict[str, Any] = json.loads((ROOT / "CastInterface.json").read_text(encoding="utf-8"))
    return entry


#: The fields of Slicer's catalogue schema 1.0.2, which takes no others, and what each may be.
CATALOGUE_FIELDS: dict[str, Callable[[Any], bool]] = {
    "$schema": lambda value: isinstance(value, str),
    "category": lambda value: isinstance(value, str),
    "scm_url": lambda value: isinstance(value, str),
    "scm_revision": lambda value: isinstance(value, str),
    "scm_type": lambda value: value in ("git", "local"),
    "build_dependencies": lambda value: isinstance(value, list) and all(isinstance(one, str) for one in value),
    "build_subdirectory": lambda value: isinstance(value, str),
    "dicom_support_rule": lambda value: isinstance(value, str),
    "enabled": lambda value: isinstance(value, bool),
    "tier": lambda value: type(value) is int and 1 <= value <= 5,
}


def test_the_catalogue_entry_is_valid() -> None:
    entry = catalogue_entry()
    assert {"$schema", "category", "scm_url"} <= set(entry) <= set(CATALOGUE_FIELDS)
    assert [name for name, value in entry.items() if not CATALOGUE_FIELDS[name](value)] == []
    version = re.search(r"slicer-extension-catalog-entry-schema-v(\d+)\.(\d+)\.(\d+)\.json", entry["$schema"])
    assert version and tuple(map(int, version.groups())) >= (1, 0, 2)


@each_module
def test_what_a_module_installs_in_slicer_is_what_the_package_wants(module: str) -> None:
    text = (ROOT / module / "Resources" / f"{module}-requirements.txt").read_text(encoding="utf-8")
    wanted = [Requirement(line) for line in text.splitlines() if line and not line.startswith("#")]
    assert wanted
    bounds = {canonicalize_name(one.name): one.specifier for one in declared()}
    for requirement in wanted:
        name = canonicalize_name(requirement.name)
        assert requirement.specifier == bounds.get(name, requirement.specifier), requirement
        versions = [
            one.version for pin in locked().get(canonicalize_name(requirement.name), []) for one in pin.specifier
        ]
        assert versions and all(requirement.specifier.contains(Version(version)) for version in versions), requirement


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
