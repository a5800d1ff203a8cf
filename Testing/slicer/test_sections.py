"""A panel hears of what changed, and looks at nothing by itself that it hears of (CastSlicerLib.sections)."""

from __future__ import annotations

from typing import Any

from hub_process import HubProcess
from interface_parts import InterfacePart, run_cast


def test_a_panel_that_shows_nothing_that_moves_waits_until_it_hears(host: Any, hub: HubProcess) -> None:
    part = InterfacePart(host)
    part.open_section("messages")
    part.connect(hub.url, "quiet")
    clock = part.panel._clock
    part.until(lambda: not clock.isActive())  # online and idle: nothing to look at by itself
    rows = part.ui.messagesTable.rowCount
    with run_cast("publish", "Home-open", "--hub", hub.url, "--user", "quiet") as publishing:
        assert publishing.wait() == 0
    part.until(lambda: part.ui.messagesTable.rowCount > rows)
    part.until(lambda: not clock.isActive())
    part.open_section("send")
    assert clock.isActive()  # volumes tell nobody of their names
    host.select("")
    assert not clock.isActive()
