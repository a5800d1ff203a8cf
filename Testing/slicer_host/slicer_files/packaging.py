"""``slicer.packaging`` (Slicer 5.11 and later): looks what is missing, asks, and records what pip would install."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import metadata
from typing import Any

import slicer.util
from packaging.requirements import Requirement


def pip_check(requirements: Any) -> bool:
    """Whether all are installed."""
    return not _missing(requirements)


def pip_ensure(
    requirements: Any,
    constraints: Any = None,
    skip_packages: Any = None,
    prompt_install: bool = True,
    prompt_restart: bool = True,
    requester: str | None = None,
    skip_in_testing: bool = True,
    show_progress: bool = True,
) -> None:
    """Install what is missing.

    Raises RuntimeError when the person declines, CalledProcessError when pip fails; Slicer has told of that already.
    """
    missing = _missing(requirements)
    if not missing or (skip_in_testing and slicer.app.testingEnabled()):
        return
    question = f"{len(missing)} Python packages would be added. Go on?"
    details = "\n".join(str(one) for one in missing)
    if prompt_install and not slicer.util.confirmOkCancelDisplay(question, requester, detailedText=details):
        raise RuntimeError("User declined package installation")
    slicer.util.pip_install(
        [str(one) for one in missing],
        constraints=constraints,
        skip_packages=skip_packages,
        blocking=True,
        show_progress=show_progress,
        requester=requester,
    )


def _missing(requirements: Any) -> list[Requirement]:
    each: Iterable[Any] = [requirements] if isinstance(requirements, (str, Requirement)) else requirements
    return [one for one in map(_requirement, each) if not _is_installed(one)]


def _requirement(value: Any) -> Requirement:
    return Requirement(value) if isinstance(value, str) else value


def _is_installed(requirement: Requirement) -> bool:
    if requirement.marker is not None and not requirement.marker.evaluate():
        return True
    try:
        return requirement.specifier.contains(metadata.version(requirement.name), prereleases=True)
    except metadata.PackageNotFoundError:
        return False
