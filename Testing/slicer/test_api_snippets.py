"""The five snippets of docs/slicer-api.md work when they are pasted, one after the other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hub_process import ROOT, HubProcess
from interface_parts import PATIENCE, run_cast

DOCUMENT = ROOT / "docs" / "slicer-api.md"


def snippets() -> list[str]:
    return re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)


def test_the_snippets_work_when_pasted(
    either_host: Any, hub: HubProcess, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    import slicer

    either_host.load_module("CastInterface")
    from CastSlicerLib.self_test import add_volume

    add_volume("Volume", 4, 4, 4)
    console: dict[str, Any] = {"slicer": slicer}
    said: list[str] = []

    def says(text: str) -> bool:
        said.append(capsys.readouterr().out)
        return text in "".join(said)

    def paste(snippet: str) -> None:
        exec(snippet.replace("http://127.0.0.1:2018", hub.url), console)

    connect, on_event, publish, ask, send = snippets()
    paste(connect)
    assert either_host.spin(lambda: says("Cast is online"), PATIENCE)
    paste(on_event)
    with run_cast("publish", "ImagingStudy-open", "--study", "1.2.3.4.5.6", "--hub", hub.url, "--user", "anna"):
        assert either_host.spin(lambda: says("ImagingStudy-open from CAST-CLI"), PATIENCE)
    paste(publish)
    assert either_host.spin(lambda: says("published"), PATIENCE)
    paste(ask)
    assert either_host.spin(lambda: console["logic"].messages.records()[-1].event == "status-request", PATIENCE)
    paste(send)
    assert either_host.spin(lambda: says("the hub has it"), PATIENCE)
    console["stop"]()


def test_what_ends_a_callback_may_be_called_again_and_after_the_end(host: Any) -> None:
    """An extension that ends later than the module, or twice, is not punished for it."""
    interface, hub = host.load_module("CastInterface").logic, host.load_module("CastHub").logic
    called: list[str] = []
    first, second = (interface.onStateChanged(lambda state: called.append(state.kind)) for _ in range(2))
    first()
    first()
    interface.connect("http://127.0.0.1:9")
    assert called == ["connecting"]
    on_event, on_change = interface.onEvent(called.append), hub.onChanged(called.clear)
    host.unload_all()
    for end in (second, on_event, on_change):
        end()
        end()


def test_every_function_of_the_table_is_there(host: Any) -> None:
    logic = host.load_module("CastInterface").logic
    table = DOCUMENT.read_text(encoding="utf-8").partition("| call |")[2]
    names = re.findall(r"^\| `(\w+)", table, re.MULTILINE)
    assert len(names) > 10
    for name in names:
        assert hasattr(logic, name), name
        assert name in dir(logic), name
