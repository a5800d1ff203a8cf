"""Options of the conformance table, and the hub that each row is looked at with."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import hub_wire
import pytest
from conformance import kit
from hub_process import HubProcess

for file in sorted(Path(__file__).parent.glob("rows_*.py")):
    import_module(f"conformance.{file.stem}")

DEFAULT_PATHS = ["/fhircast", "/api/hub"]

#: Short times for the hub that is started here, so that leases, grace times and heartbeats can be seen to end.
QUICK_SETTINGS = "token_seconds = 3600\nmin_lease_seconds = 1\ngrace_seconds = 0.5\nheartbeat_seconds = 0.2\n"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("conformance of a hub")
    group.addoption("--hub", metavar="URL", help="hub to look at, http://host:port (default: this product's, started)")
    group.addoption("--dialect", choices=(kit.FHIRCAST, kit.CAST), help="only the rules of this dialect")
    group.addoption(
        "--fhircast-path",
        metavar="PATH",
        action="append",
        help=f"where FHIRcast is spoken; may be repeated (default: {' and '.join(DEFAULT_PATHS)})",
    )
    group.addoption("--cast-path", metavar="PATH", default="/api/hub", help="where Cast is spoken (default: /api/hub)")
    group.addoption("--token", help="bearer token to use instead of signing in; empty for a hub that wants none")
    group.addoption("--quick", action="store_true", help="the hub was set up with short times: see README.md")
    group.addoption("--wait", type=float, metavar="S", default=10.0, help="what must come comes in this time")


def option(config: pytest.Config, name: str) -> object:
    """An option's value; as when it is not given, where pytest was started for all tests and does not know it."""
    defaults = {"cast_path": "/api/hub", "wait": 10.0}
    return config.getoption(name, default=defaults.get(name))


class Hubs:
    """The hub at ``--hub``; without one, this product's own, started once with and once without a kept context."""

    def __init__(self, config: pytest.Config, folder: pytest.TempPathFactory) -> None:
        self._config = config
        self._folder = folder
        self._own: dict[bool, HubProcess] = {}

    def hub(self, row: kit.Row, path: str) -> kit.Hub:
        url, token = option(self._config, "hub"), option(self._config, "token")
        if url is None:
            return kit.Hub(self._started(kit.CONTEXT in row.needs).url, path, quick=True, own=True)
        quick = bool(option(self._config, "quick"))
        return kit.Hub(str(url).rstrip("/"), path, None if token is None else str(token), quick)

    def _started(self, keep: bool) -> HubProcess:
        if keep not in self._own:
            folder = self._folder.mktemp("hub")
            settings = folder / f"{secrets.token_hex(4)}.toml"
            settings.write_text(QUICK_SETTINGS)
            mode = "keep" if keep else "off"
            self._own[keep] = HubProcess(folder, "--settings", str(settings), "--context", mode)
        return self._own[keep]

    def stop(self) -> None:
        for process in self._own.values():
            process.stop()


@pytest.fixture(scope="session")
def hubs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hubs]:
    hub_wire.WAIT = float(str(option(request.config, "wait")))
    made = Hubs(request.config, tmp_path_factory)
    yield made
    made.stop()


@pytest.fixture
def hub(hubs: Hubs, row: kit.Row, path: str) -> Iterator[kit.Hub]:
    made = hubs.hub(row, path)
    for need in row.needs:
        made.check(need)
    yield made
    made.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test for each row and each address at which its rule holds."""
    if "row" not in metafunc.fixturenames:
        return
    config = metafunc.config
    dialect, cast = option(config, "dialect"), str(option(config, "cast_path"))
    paths = option(config, "fhircast_path") or DEFAULT_PATHS
    assert isinstance(paths, list)
    strict = [path for path in paths if dialect == kit.FHIRCAST or path.rstrip("/") != cast.rstrip("/")]
    where = {kit.FHIRCAST: paths, kit.STRICT: strict, kit.CAST: [cast]}
    cases = []
    for each in kit.TABLE:
        if dialect in (None, kit.CAST if each.where == kit.CAST else kit.FHIRCAST):
            many = len(where[each.where]) > 1
            cases += [(each, path, f"{each.name} at {path}" if many else each.name) for path in where[each.where]]
    metafunc.parametrize(("row", "path"), [case[:2] for case in cases], ids=[case[2] for case in cases])
