"""Clients that others wrote, installed once by npm beside the Python environment."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hub_process import HubProcess
from thirdparty.medplum import MedplumClient

HERE = Path(__file__).resolve().parent
FILES = ("package.json", "package-lock.json")
INSTALL_SECONDS = 300
OLDEST_NODE = 20
NO_NETWORK = ("ENOTFOUND", "EAI_AGAIN", "ETIMEDOUT", "ECONNREFUSED", "ENETUNREACH")


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that holds ``node_modules``, as package-lock.json has them. Skips where that cannot be."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("needs Node and npm: clients from npm are run")
    version = subprocess.run([node, "--version"], capture_output=True, text=True).stdout.strip()
    if int(version.lstrip("v").split(".")[0]) < OLDEST_NODE:
        pytest.skip(f"needs Node {OLDEST_NODE} or newer, and this is {version}")
    text = b"".join((HERE / name).read_bytes() for name in FILES)
    beside = Path(sys.prefix) if sys.prefix != sys.base_prefix and os.access(sys.prefix, os.W_OK) else None
    folder = (beside or tmp_path_factory.mktemp("npm")) / "thirdparty-clients" / hashlib.sha256(text).hexdigest()[:16]
    if not folder.exists():
        folder.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
            made = Path(temporary) / "made"
            made.mkdir()
            for name in FILES:
                shutil.copy(HERE / name, made)
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
        pytest.skip("npm reaches no registry, from which the clients come")
    assert done.returncode == 0, f"npm ci failed:\n{done.stderr[-2000:]}"


@pytest.fixture(scope="session")
def keeping(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """A hub that keeps the current context."""
    process = HubProcess(tmp_path_factory.mktemp("hub"), "--context", "keep")
    yield process
    process.stop()


@pytest.fixture(scope="session")
def clients(packages: Path) -> Iterator[dict[str, MedplumClient]]:
    """The clients' processes by npm package, each started when it is first wanted."""
    started: dict[str, MedplumClient] = {}
    yield started
    for client in started.values():
        client.stop()


@pytest.fixture
def medplum(packages: Path, clients: dict[str, MedplumClient]) -> Callable[..., MedplumClient]:
    """A function that gives a fresh client: (npm package, hub.url, bearer token). A test has one of each package."""

    def start(package: str, hub_url: str, token: str) -> MedplumClient:
        if package not in clients:
            clients[package] = MedplumClient(packages, package)
        clients[package].start(hub_url, token)
        return clients[package]

    return start
