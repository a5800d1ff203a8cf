"""Where settings come from: defaults, a TOML file, ``CAST_HUB_*`` variables, flags; each outdoes the one before."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_type_hints

from CastHubLib.settings import BYTES, SECONDS, SETTINGS, About, HubSettings, about, check
from CastLib.errors import WrongUsage
from CastLib.fields import kind_of

DEFAULT = "default"
PREFIX = "CAST_HUB_"
FILE_VARIABLE = PREFIX + "SETTINGS"

_SIZES: Mapping[str, float] = {
    "": 1,
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
}
_TIMES: Mapping[str, float] = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?(?:e-?[0-9]+)?)\s*([a-z]*)")
_TRUTH = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_TYPES: dict[str, Any] = get_type_hints(HubSettings)


@dataclass(frozen=True, slots=True)
class Resolved:
    """Settings, and for each the place that its value came from."""

    settings: HubSettings
    origins: dict[str, str]


def resolve(flags: Mapping[str, Any], file: str | None = None, environment: Mapping[str, str] = os.environ) -> Resolved:
    """Return the settings of this process. Raises WrongUsage, naming the file, variable or flag and the key.

    ``flags`` holds what was given on the command line, by setting; ``file`` outdoes the variable CAST_HUB_SETTINGS.
    """
    values: dict[str, Any] = {}
    origins = dict.fromkeys(SETTINGS, DEFAULT)
    for name, value, origin in [*_from_file(file or environment.get(FILE_VARIABLE)), *_from_environment(environment)]:
        values[name], origins[name] = value, origin
    for name, given in flags.items():
        origins[name] = flag_name(name)
        values[name] = read(SETTINGS[name], given, origins[name], Path())
    settings = HubSettings(**values)
    check(settings)
    return Resolved(settings, origins)


def flag_name(name: str) -> str:
    """Return the flag of a setting that has one."""
    return {"allowed_origins": "--allow-origin"}.get(name, "--" + name.replace("_", "-"))


def _from_file(file: str | None) -> Iterable[tuple[str, Any, str]]:
    if not file:
        return
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    path = Path(file).expanduser().absolute()
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise WrongUsage(f"the settings file {path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise WrongUsage(f"the settings file {path} is not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise WrongUsage(f"the settings file {path} is not TOML: {error}") from None
    for key, value in table.items():
        if key not in SETTINGS:
            raise WrongUsage(f"{path}: {key} is no setting{_meant(key, SETTINGS)}")
        yield key, read(SETTINGS[key], value, f"{path}: {key}", path.parent), str(path)


def _from_environment(environment: Mapping[str, str]) -> Iterable[tuple[str, Any, str]]:
    variables = {PREFIX + name.upper(): name for name in SETTINGS}
    for variable, text in environment.items():
        if not variable.startswith(PREFIX) or variable == FILE_VARIABLE or not text:
            continue
        if variable not in variables:
            raise WrongUsage(f"the variable {variable} is no setting{_meant(variable, variables)}")
        name = variables[variable]
        yield name, read(SETTINGS[name], text, f"the variable {variable}", Path()), variable


def _meant(key: str, known: Iterable[str]) -> str:
    close = get_close_matches(key, known, 1)
    return f": is {close[0]} meant?" if close else "; docs/settings.md and `cast hub --print-settings` list them"


def read(setting: Field[Any], value: Any, where: str, folder: Path) -> Any:
    """Return a setting's value from a TOML value or a text; raises WrongUsage, naming ``where`` it stood.

    ``folder`` is where relative paths begin.
    """
    known, kind = about(setting), _TYPES[setting.name]
    try:
        if kind is Path:
            return folder / Path(_text(value)).expanduser()
        if known.is_path:
            return str(folder / Path(value).expanduser()) if _text(value) else ""
        reader: Callable[[Any, About], Any] = _READERS[kind]
        result = reader(value, known)
        if known.check is not None:
            known.check(result)
        return result
    except ValueError as error:
        raise WrongUsage(f"{where}: {error}") from None


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError(f"must be text on one line, not {_said(value)}")
    return value


def _choice(value: Any, known: About) -> str:
    text = _text(value)
    if known.choices and text not in known.choices:
        raise ValueError(f"must be {' or '.join(known.choices)}, not {_said(value)}")
    return text


def _truth(value: Any, known: About) -> bool:
    if isinstance(value, str) and value.strip().lower() in _TRUTH:
        return _TRUTH[value.strip().lower()]
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, not {_said(value)}")
    return value


def _texts(value: Any, known: About) -> tuple[str, ...]:
    """A list, or, in a variable, its entries with commas between them."""
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, list):
        raise ValueError(f"must be a list of texts, not {_said(value)}")
    return tuple(map(_text, value))


def _whole(value: Any, known: About) -> int:
    number = _number(value, known)
    if number != int(number):
        raise ValueError(f"must be a whole number{_of(known)}, not {_said(value)}")
    return int(number)


def _number(value: Any, known: About) -> float:
    number: float
    if isinstance(value, str):
        number = _quantity(value, known)
    elif isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"must be a number{_of(known)}, not {_said(value)}")
    else:
        number = value
    if not known.least <= number <= known.most:  # also what is not a number
        bounds = f"{quantity(known.least, known)} to {quantity(known.most, known)}"
        raise ValueError(f"must be from {bounds}, not {_said(value)}")
    return number


def _quantity(text: str, known: About) -> float:
    units = {BYTES: _SIZES, SECONDS: _TIMES}.get(known.unit, {"": 1.0})
    found = _QUANTITY.fullmatch(text.strip().lower())
    if not found or found[2] not in units:
        raise ValueError(f"must be a number{_of(known)}, not {_said(text)}")
    return float(found[1]) * units[found[2]] if found[2] or not found[1].isdigit() else int(found[1])


def _of(known: About) -> str:
    return {BYTES: " of bytes, or as 64MiB", SECONDS: " of seconds, or as 30s"}.get(known.unit, "")


def _said(value: Any) -> str:
    return repr(value[:80]) if isinstance(value, str) else str(value)[:80] if _is_number(value) else kind_of(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def quantity(value: float, known: About) -> str:
    """Return a number as a person writes it: ``64MiB``, ``30min``, ``10000``."""
    if known.unit == BYTES:
        for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
            if value and value % size == 0:
                return f"{int(value) // size}{unit}"
    elif known.unit == SECONDS:
        for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
            if value and value % size == 0:
                return f"{int(value) // size}{unit}"
    number = str(int(value)) if value == int(value) else repr(value)
    return number + ("s" if known.unit == SECONDS else "")


_READERS: dict[Any, Callable[[Any, About], Any]] = {
    str: _choice,
    bool: _truth,
    int: _whole,
    float: lambda value, known: float(_number(value, known)),
    tuple[str, ...]: _texts,
}
