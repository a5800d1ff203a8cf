"""The hub's settings: read from file, environment and flags, refused in a sentence, shown with their origins."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hub_process import package_environment
from hypothesis import given
from hypothesis import strategies as st

from CastHubLib.settings import SETTINGS, HubSettings, about
from CastHubLib.settings_page import as_json, as_toml
from CastHubLib.settings_sources import PREFIX, quantity, resolve
from CastLib.errors import CastError, WrongUsage

ROOT = Path(__file__).resolve().parents[2]

#: For each type a value that is nobody's default, as TOML writes it and as a variable does.
OTHER: dict[type, tuple[str, str, Any]] = {
    str: ('"::1"', "::1", "::1"),
    bool: ("true", "yes", True),
    tuple: ('["https://a.example", "https://b.example"]', "https://a.example, https://b.example", None),
}


def other(name: str) -> tuple[str, str, Any]:
    """A value for a setting which is not its default: in TOML, in a variable, and read."""
    value, known = getattr(HubSettings(), name), about(SETTINGS[name])
    if known.choices:
        choice = next(one for one in known.choices if one != value)
        return json.dumps(choice), choice, choice
    if isinstance(value, Path):
        return '"elsewhere"', "elsewhere", None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        changed = min(value + 1, known.most) if value != known.most else known.least
        return json.dumps(changed), str(changed), changed
    if name == "public_url":
        return '"https://h.example"', "https://h.example", None
    if name == "trusted_proxies":
        return '["10.0.0.0/8", "::1"]', "10.0.0.0/8,::1", None
    return OTHER[type(value)]


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_can_be_given_in_a_file_and_in_a_variable(name: str, tmp_path: Path) -> None:
    toml, text, expected = other(name)
    file = tmp_path / "hub.toml"
    file.write_text(f"{name} = {toml}\n")
    if name.endswith("lease_seconds"):
        expected = None  # checked together with the others
        file.write_text(f"{name} = {getattr(HubSettings(), name)}\n")
        text = str(getattr(HubSettings(), name))
    from_file = resolve({}, str(file), {})
    from_variable = resolve({}, None, {PREFIX + name.upper(): text})
    assert from_file.origins[name] == str(file)
    assert from_variable.origins[name] == PREFIX + name.upper()
    values = [getattr(resolved.settings, name) for resolved in (from_file, from_variable)]
    if name == "samples":
        assert values == [str(tmp_path / expected), expected], "a path in a file begins at the file's folder"
    elif expected is not None:
        assert values == [expected, expected]
    elif name == "state":
        assert values == [tmp_path / "elsewhere", Path("elsewhere")]
    else:
        assert values[0] == values[1]
    for resolved in (from_file, from_variable):
        assert {origin for key, origin in resolved.origins.items() if key != name} == {"default"}


def test_each_place_outdoes_the_one_before(tmp_path: Path) -> None:
    file = tmp_path / "hub.toml"
    file.write_text("port = 1\nmax_codes = 2\nmax_queued_events = 3\n")
    environment = {"CAST_HUB_PORT": "10", "CAST_HUB_MAX_CODES": "20", "CAST_HUB_SETTINGS": str(file)}
    resolved = resolve({"port": "100"}, None, environment)
    settings, origins = resolved.settings, resolved.origins
    assert (settings.port, settings.max_codes, settings.max_queued_events) == (100, 20, 3)
    assert [origins[name] for name in ("port", "max_codes", "max_queued_events", "host")] == [
        "--port",
        "CAST_HUB_MAX_CODES",
        str(file),
        "default",
    ]


def test_a_file_named_by_flag_outdoes_the_one_named_by_variable(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"{number}.toml").write_text(f"port = {number}\n")
    resolved = resolve({}, str(tmp_path / "1.toml"), {"CAST_HUB_SETTINGS": str(tmp_path / "2.toml")})
    assert resolved.settings.port == 1


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("max_body_bytes", "64MiB", 64 * 2**20),
        ("max_body_bytes", "64 mib", 64 * 2**20),
        ("max_body_bytes", "1.5 GiB", 3 * 2**29),
        ("max_body_bytes", "2MB", 2_000_000),
        ("max_body_bytes", "70000", 70_000),
        ("payload_seconds", "30min", 1800),
        ("payload_seconds", "1d", 86_400),
        ("bind_seconds", "1.5h", 5400.0),
        ("join_seconds", "1ms", 0.001),
        ("join_seconds", "1e-3", 0.001),
        ("bind_seconds", "30s", 30.0),
        ("insecure_mock", "On", True),
        ("insecure_mock", "0", False),
        ("allowed_origins", "", ()),
        ("samples", "~/samples", str(Path("~/samples").expanduser())),
    ],
)
def test_values_as_people_write_them(name: str, text: str, value: Any) -> None:
    settings = resolve({}, None, {PREFIX + name.upper(): text}).settings
    assert getattr(settings, name) == value
    assert type(getattr(settings, name)) is type(value)


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("prt = 1", "prt is no setting: is port meant?"),
        ("nothing_like_it = 1", "nothing_like_it is no setting; docs/settings.md"),
        ("[hub]\nport = 1", "hub is no setting"),
        ('port = "x"', "port: must be a number, not 'x'"),
        ("port = true", "port: must be a number, not true or false"),
        ("port = 65536", "port: must be from 0 to 65535, not 65536"),
        ("port = 1.5", "port: must be a whole number, not 1.5"),
        ("port = -1", "port: must be from 0 to 65535, not -1"),
        ("ping_seconds = nan", "ping_seconds: must be from 0.1s to 1d, not nan"),
        ("ping_seconds = inf", "ping_seconds: must be from 0.1s to 1d, not inf"),
        ("max_body_bytes = 1e300", "max_body_bytes: must be from 1KiB to"),
        ('max_body_bytes = "1 apple"', "max_body_bytes: must be a number of bytes, or as 64MiB, not '1 apple'"),
        ('ping_seconds = "5 MiB"', "ping_seconds: must be a number of seconds, or as 30s, not '5 MiB'"),
        ('auth = "none"', "auth: must be mock or single-user, not 'none'"),
        ("host = 5", "host: must be text on one line, not 5"),
        ('host = "a\\nb"', "host: must be text on one line"),
        ("insecure_mock = 1", "insecure_mock: must be true or false, not 1"),
        ("allowed_origins = 5", "allowed_origins: must be a list of texts, not 5"),
        ("allowed_origins = [5]", "allowed_origins: must be text on one line, not 5"),
        ("state = []", "state: must be text on one line, not a list"),
        ("port = 1\nport = 2", "is not TOML: "),
        ('public_url = "hub.example"', "public_url: hub.example is no address: write it as https://hub.example"),
        ('public_url = "https://u:p@hub.example"', "public_url: https://u:p@hub.example is no address"),
        ('public_url = "https://hub.example?q=1"', "is no address"),
        ('public_url = "https://hub.example:99999"', "is no address"),
        ('trusted_proxies = ["10.0.0.0/33"]', "trusted_proxies: 10.0.0.0/33 is no address or network"),
        ('trusted_proxies = ["proxy"]', "trusted_proxies: proxy is no address or network"),
        ('allowed_origins = ["viewer"]', "allowed_origins: viewer is no origin: write it as https://viewer.example"),
        ("min_lease_seconds = 9000", "min_lease_seconds (9000), default_lease_seconds (7200)"),
    ],
)
def test_what_is_wrong_in_a_file_is_one_sentence(toml: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "hub.toml"
    file.write_text(toml)
    with pytest.raises(CastError) as caught:
        resolve({}, str(file), {})
    assert said in str(caught.value)
    assert "lease" in said or str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "text", "said"),
    [
        ("CAST_HUB_PROT", "1", "the variable CAST_HUB_PROT is no setting: is CAST_HUB_PORT meant?"),
        ("CAST_HUB_PORT", "x", "the variable CAST_HUB_PORT: must be a number, not 'x'"),
        ("CAST_HUB_INSECURE_MOCK", "maybe", "the variable CAST_HUB_INSECURE_MOCK: must be true or false"),
        ("CAST_HUB_SETTINGS", "nowhere.toml", "nowhere.toml cannot be read"),
    ],
)
def test_what_is_wrong_in_the_environment_is_one_sentence(variable: str, text: str, said: str) -> None:
    with pytest.raises(WrongUsage) as caught:
        resolve({}, None, {variable: text})
    assert said in str(caught.value)


def test_what_others_put_into_the_environment_is_let_be() -> None:
    environment = {
        "CAST_HUB": "http://127.0.0.1:2018",
        "CAST_HUB_HOST": "",
    }
    assert resolve({}, None, environment).settings == HubSettings()


def test_a_file_as_windows_writes_it(tmp_path: Path) -> None:
    (tmp_path / "hub.toml").write_bytes(b"\xef\xbb\xbfport = 5\r\n")
    assert resolve({}, str(tmp_path / "hub.toml"), {}).settings.port == 5


def test_a_file_that_is_no_utf8_and_a_folder(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b'host = "\xe4"')
    for file, said in ((tmp_path / "latin.toml", "is not UTF-8"), (tmp_path, "cannot be read")):
        with pytest.raises(WrongUsage, match=said):
            resolve({}, str(file), {})


def test_what_is_printed_is_a_settings_file(tmp_path: Path) -> None:
    changed = resolve({"port": "5", "state": str(tmp_path / 'a "b" \\ ä')}, None, {"CAST_HUB_JOIN_SECONDS": "1.5ms"})
    file = tmp_path / "again.toml"
    file.write_text(as_toml(changed), encoding="utf-8")
    assert resolve({}, str(file), {}).settings == changed.settings


@given(st.sampled_from([name for name in SETTINGS if about(SETTINGS[name]).unit]), st.floats(0.1, 10**6))
def test_numbers_survive_being_written_as_people_write_them(name: str, number: float) -> None:
    known = about(SETTINGS[name])
    value = max(known.least, min(known.most, int(number) if isinstance(getattr(HubSettings(), name), int) else number))
    if not name.endswith("lease_seconds"):
        assert getattr(resolve({name: quantity(value, known)}, None, {}).settings, name) == value


def test_as_json_has_value_unit_and_origin() -> None:
    shown = json.loads(as_json(resolve({"port": "5"}, None, {"CAST_HUB_MAX_BODY_BYTES": "1MiB"})))
    assert list(shown) == list(SETTINGS)
    assert shown["port"] == {"value": 5, "origin": "--port"}
    assert shown["max_body_bytes"] == {"value": 2**20, "unit": "bytes", "origin": "CAST_HUB_MAX_BODY_BYTES"}
    assert shown["insecure_mock"]["value"] is False


def test_every_setting_says_what_it_is_and_its_default_is_within_bounds() -> None:
    for name, each in SETTINGS.items():
        known, value = about(each), getattr(HubSettings(), name)
        assert known.meaning.endswith("."), name
        if isinstance(value, (int, float)):
            assert known.least <= value <= known.most, name


def test_the_page_names_every_setting() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert [name for name in SETTINGS if f"\n| `{name}` |" not in page] == []


def run(command: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
    environment = package_environment() | variables
    return subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, env=environment, timeout=300
    )


@pytest.mark.parametrize("command", [["CastCLI", "hub"], ["CastHubLib"]])
def test_both_commands_print_settings(command: list[str], tmp_path: Path) -> None:
    file = tmp_path / "hub.toml"
    file.write_text("max_queued_events = 7")
    given = [*command, "--settings", str(file), "--allow-origin", "https://a.example", "--print-settings"]
    shown = run(given, CAST_HUB_LOG_LEVEL="error")
    assert shown.returncode == 0 and shown.stderr == ""
    lines = dict(line.split(" = ", 1) for line in shown.stdout.splitlines())
    assert lines["max_queued_events"].split("#") == [lines["max_queued_events"].split("#")[0], f" {file}"]
    assert lines["log_level"].endswith("# CAST_HUB_LOG_LEVEL") and lines["host"].endswith("# default")
    assert lines["allowed_origins"] == '["https://a.example"]' + lines["allowed_origins"].partition("]")[2]
    assert json.loads(run([*given, "--json"]).stdout)["max_queued_events"] == {"value": 7, "origin": str(file)}


@pytest.mark.parametrize("given", [["--port", "70000"], ["--auth", "no"], ["--settings", "nowhere"], ["--json"]])
def test_wrong_settings_end_the_command_with_code_2_and_one_line(given: list[str]) -> None:
    done = run(["CastHubLib", *given])
    assert done.returncode == 2 and done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1 and given[0].lstrip("-") in done.stderr
