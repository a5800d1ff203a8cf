"""Packages from npm, as a package-lock.json pins them, installed once beside the Python environment."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

FILES = ("package.json", "package-lock.json")
INSTALL_SECONDS = 300
OLDEST_NODE = 20
NO_NETWORK = ("ENOTFOUND", "EAI_AGAIN", "ETIMEDOUT", "ECONNREFUSED", "ENETUNREACH")


def npm_packages(here: Path, factory: pytest.TempPathFactory) -> Path:
    """The folder that holds ``node_modules``, as the two files in ``here`` have them. Skips where that cannot be."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("needs Node and npm: programs in JavaScript are run")
    version = subprocess.run([node, "--version"], capture_output=True, text=True).stdout.strip()
    if int(version.lstrip("v").split(".")[0]) < OLDEST_NODE:
        pytest.skip(f"needs Node {OLDEST_NODE} or newer, and this is {version}")
    text = b"".join((here / name).read_bytes() for name in FILES)
    beside = Path(sys.prefix) if sys.prefix != sys.base_prefix and os.access(sys.prefix, os.W_OK) else None
    folder = (beside or factory.mktemp("npm")) / "npm-packages" / hashlib.sha256(text).hexdigest()[:16]
    if not folder.exists():
        folder.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
            made = Path(temporary) / "made"
            made.mkdir()
            for name in FILES:
                shutil.copy(here / name, made)
            _install(npm, made)
            try:
                made.rename(folder)
            except OSError:
                assert folder.exists(), "another process has installed the same meanwhile"
    return folder


def _install(npm: str, folder: Path) -> None:
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    if done.returncode and any(word in done.stderr for word in NO_NETWORK):
        pytest.skip("npm reaches no registry, from which the packages come")
    assert done.returncode == 0, f"npm ci failed:\n{done.stderr[-2000:]}"
