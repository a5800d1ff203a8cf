"""The head as a scanner sends it: what all other tests here differ from."""

from __future__ import annotations

from pathlib import Path

import head_phantom
from display_desk import Desk
from image_rows import row


@row("Images", "A CT series, one file a slice", "shown")
def test_a_plain_series_is_shown_whole(desk: Desk, folder: Path) -> None:
    uid = head_phantom.save(folder / "plain", head_phantom.series("plain"))
    desk.open(uid)
    desk.until_shown(uid)
    assert desk.items("problem") == []
