"""Clients that others wrote, installed once by npm beside the Python environment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hub_process import HubProcess
from npm_packages import npm_packages
from thirdparty.medplum import MedplumClient


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that holds the clients' ``node_modules``."""
    return npm_packages(Path(__file__).parent, tmp_path_factory)


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
