"""Python packages that a module needs beside Slicer's own: looked for without network, installed when the user says so.

Each module has one list, ``Resources/<Module>-requirements.txt``. Nothing that Slicer brought is replaced: what is
installed already stands as a constraint beside the list.
"""

from __future__ import annotations

import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

import slicer
from packaging.requirements import Requirement


def read_requirements(path: Path) -> list[Requirement]:
    """The requirements in a file that hold for this Python and system."""
    lines = (line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    requirements = [Requirement(line) for line in lines if line]
    return [one for one in requirements if one.marker is None or one.marker.evaluate()]


def missing_requirements(path: Path) -> list[Requirement]:
    """Those that are not installed, or too old."""
    return [requirement for requirement in read_requirements(path) if not _is_installed(requirement)]


def _is_installed(requirement: Requirement) -> bool:
    try:
        return requirement.specifier.contains(metadata.version(requirement.name), prereleases=True)
    except metadata.PackageNotFoundError:
        return False


def install_requirements(path: Path, module: str) -> bool:
    """Install what is missing, after Slicer or this function has asked the user. May take minutes.

    Args:
        path: the module's list.
        module: its title, for the question.

    Returns:
        whether everything is there now.
    """
    missing = missing_requirements(path)
    if not missing:
        return True
    with tempfile.TemporaryDirectory(prefix="cast-packages-") as folder:
        constraints = Path(folder) / "constraints.txt"
        constraints.write_text(_installed_versions(missing), encoding="utf-8")
        packaging: Any = getattr(slicer, "packaging", None)
        if hasattr(packaging, "pip_ensure"):
            packaging.pip_ensure(missing, constraints=str(constraints), requester=module)
        else:
            names = " ".join(str(requirement) for requirement in missing)
            question = f"{module} needs these Python packages: {names}. Install them now?"
            if not slicer.util.confirmOkCancelDisplay(question, windowTitle=module):
                return False
            quoted = " ".join(f'"{requirement}"' for requirement in missing)
            slicer.util.pip_install(f'{quoted} --constraint "{constraints}"')
    return not missing_requirements(path)


def _installed_versions(missing: list[Requirement]) -> str:
    """Every package that is installed at its version, but for those that are too old for us."""
    wanted = {requirement.name.lower() for requirement in missing}
    found = {
        distribution.metadata["Name"]: distribution.version
        for distribution in metadata.distributions()
        if distribution.metadata["Name"] and distribution.metadata["Name"].lower() not in wanted
    }
    return "".join(f"{name}=={version}\n" for name, version in sorted(found.items()) if "+" not in version)
