"""Python packages that a module needs beside Slicer's own: looked for without network, installed when the user says so.

Each module has one list, ``Resources/<Module>-requirements.txt``. Nothing that is there is replaced, for it may be
Slicer's or another extension's: all that is installed stands as a constraint beside the list.
"""

from __future__ import annotations

import importlib
import logging
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

import slicer
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version
from slicer.i18n import tr as _

from CastLib.errors import CastError
from CastSlicerLib.slow_calls import slow_call

log = logging.getLogger("cast.packages")


def read_requirements(path: Path) -> list[Requirement]:
    """The requirements in a file that hold for this Python and system."""
    lines = (line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    requirements = [Requirement(line) for line in lines if line]
    return [one for one in requirements if one.marker is None or one.marker.evaluate()]


def missing_requirements(path: Path) -> list[Requirement]:
    """Those that are not installed, or too old."""
    return [requirement for requirement in read_requirements(path) if not _is_installed(requirement)]


def _is_installed(requirement: Requirement) -> bool:
    version = _version(requirement)
    return bool(version) and requirement.specifier.contains(version, prereleases=True)


def _version(requirement: Requirement) -> str:
    """The version that is installed, "" when none is."""
    try:
        return metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return ""


def install_requirements(path: Path, module: str) -> bool:
    """Ask the user, and install what is missing. May take minutes. Main thread only.

    Args:
        path: the module's list.
        module: its title, for the question.

    Returns:
        whether everything is there now; False when the user said no, or was told already why it failed.

    Raises:
        CastError: a package is too old, or pip failed.
    """
    missing = missing_requirements(path)
    if not missing:
        return True
    old = [f"{one.name} {_version(one)}" for one in missing if _version(one)]
    if old:
        words = _("{module} needs {needed}, but {found} is installed, and Slicer or an extension may need that one.")
        needed = ", ".join(str(requirement) for requirement in missing if _version(requirement))
        raise CastError(words.format(module=module, needed=needed, found=", ".join(old)))
    names = ", ".join(str(requirement) for requirement in missing)
    question = _(
        "{module} needs these Python packages: {names}. Download them from the Python Package Index and install them "
        "into Slicer? Nothing that is installed is replaced."
    )
    title = _("Install Python packages")
    if not slicer.util.confirmOkCancelDisplay(question.format(module=module, names=names), windowTitle=title):
        return False
    with tempfile.TemporaryDirectory(prefix="cast-packages-") as folder, slow_call("Slicer's pip installs packages"):
        constraints = Path(folder) / "constraints.txt"
        constraints.write_text(installed_versions(), encoding="utf-8")
        _install(missing, constraints, module)
    importlib.invalidate_caches()
    return not missing_requirements(path)


def _install(missing: list[Requirement], constraints: Path, module: str) -> None:
    """Have Slicer install packages, which is agreed to already."""
    try:
        from slicer.packaging import pip_ensure
    except ImportError:  # Slicer 5.10 and older: no progress, and pip's words only in the Python console
        arguments = [*(str(requirement) for requirement in missing), "--constraint", str(constraints)]
        try:
            slicer.util.pip_install(arguments)
        except subprocess.CalledProcessError as error:
            words = _("pip failed with exit code {code}; the Python console has its words.")
            raise CastError(words.format(code=error.returncode)) from error
        return
    try:
        pip_ensure(missing, constraints=str(constraints), prompt_install=False, requester=module)
    except subprocess.CalledProcessError as error:
        log.warning("pip failed with exit code %d", error.returncode)  # Slicer has shown the user pip's words


def installed_versions() -> str:
    """Every package that is installed, at its version, as a file of constraints for pip.

    The names of the ``.dist-info`` folders say it (PyPA: recording installed projects); to open a file in each would
    hold the main thread.
    """
    found: dict[str, str] = {}
    for folder in sys.path:
        for path in sorted(Path(folder or ".").glob("*.dist-info")):
            name, _dash, text = path.stem.partition("-")
            try:
                version = str(Version(text))
            except InvalidVersion:  # pip knows no such version either
                continue
            found.setdefault(canonicalize_name(name), version)  # the first on Python's path is the one that is used
    return "".join(f"{name}=={version}\n" for name, version in sorted(found.items()))
