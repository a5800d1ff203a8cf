"""Settings shown: each value with where it came from, and the page of all of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from CastHubLib.settings import SETTINGS, About, about, default_state_folder
from CastHubLib.settings_sources import PREFIX, Resolved, quantity


def as_toml(resolved: Resolved) -> str:
    """Return a line a setting, ``name = value  # origin``: what it prints can be read again as a settings file."""
    rows = [
        (f"{name} = {_toml(getattr(resolved.settings, name), about(each))}", resolved.origins[name])
        for name, each in SETTINGS.items()
    ]
    width = max(len(line) for line, _ in rows if len(line) < 50)
    return "".join(f"{line:<{width}}  # {origin}\n" for line, origin in rows)


def as_json(resolved: Resolved) -> str:
    """Return one JSON object: ``{name: {"value", "unit"?, "origin"}}``."""
    rows = {}
    for name, each in SETTINGS.items():
        value = getattr(resolved.settings, name)
        row: dict[str, Any] = {"value": str(value) if isinstance(value, Path) else value}
        if about(each).unit:
            row["unit"] = about(each).unit
        rows[name] = row | {"origin": resolved.origins[name]}
    return json.dumps(rows)


def _toml(value: Any, known: About) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(_quoted(item) for item in value)}]"
    if isinstance(value, (int, float)):
        text = quantity(value, known)
        return text if text.isdigit() else _quoted(text)
    return _quoted(str(value))


def _quoted(text: str) -> str:
    """JSON's text is TOML's, when its characters stay what they are."""
    return json.dumps(text, ensure_ascii=False)


_HEAD = f"""# The hub's settings

Made from `CastHub/CastHubLib/settings.py` by `python Testing/tools/make_documents.py`.

A value comes from the last of these places that has one: the default; a TOML file, given with `--settings FILE` or in
the variable `{PREFIX}SETTINGS`; a variable, the setting's name in capitals after `{PREFIX}`; a flag.
`cast hub --print-settings` shows every value and where it came from (`--json` as JSON); what it prints is a settings
file in its turn. A hub that Slicer's panel starts takes file and variables from Slicer's environment.

```toml
port = 2018
max_payloads_bytes = "8GiB"   # bytes, or KB MB GB (thousands), KiB MiB GiB (1024s)
payload_seconds = "45min"        # seconds, or ms s m h d
allowed_origins = ["https://viewer.example"]
```

`CAST_HUB_MAX_PAYLOADS_BYTES=8GiB` and `CAST_HUB_ALLOWED_ORIGINS=https://a.example,https://b.example` say the same. True
and false are also written yes and no, on and off, 1 and 0; an empty variable is as none; `~` is the home folder; a
relative path in a file begins at the file's folder. An unknown name, a wrong type or a value out of bounds ends the hub
with exit code 2 and a sentence that names file or variable and key.

| setting | default | from – to | what it is |
|---|---|---|---|
"""


def as_markdown() -> str:
    """Return the page that documents every setting."""
    return _HEAD + "".join(_rows())


def _rows() -> Iterator[str]:
    for name, each in SETTINGS.items():
        known = about(each)
        value = each.default
        if each.default_factory is default_state_folder:
            default = "the user's, e.g. `~/.local/state/cast-hub`"
        else:
            default = "none" if value in ((), "") else f"`{_toml(value, known).strip(chr(34))}`"
        bounds = ""
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            most = f" – {quantity(known.most, known)}" if known.most < 2**53 else " –"
            bounds = quantity(known.least, known) + most
        listed = all(choice in known.meaning for choice in known.choices)
        choices = "" if listed else f" One of {', '.join(f'`{choice}`' for choice in known.choices)}."
        yield f"| `{name}` | {default} | {bounds} | {known.meaning}{choices} |\n"
