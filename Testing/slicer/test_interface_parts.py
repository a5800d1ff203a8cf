"""What "Cast Interface" is made of and needs neither Qt nor a hub."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from CastInterfaceLib.logic.message_log import LONGEST_TEXT, MAX_VALUES, RECEIVED, SENT, MessageLog, cut
from CastInterfaceLib.logic.peers import Peer, Peers
from CastInterfaceLib.logic.pictures import pictures_of, save_pictures
from CastInterfaceLib.views.png import encode_png, shrink
from CastLib.message import Message, Sender, Target, make_message, parse_publish


def message(event: str = "a-event", context: Any = None, **sender: Any) -> Message:
    made = Sender(**{"name": "THEM", "product": "VIEWER", "actors": ("ID",), **sender})
    return parse_publish(make_message(event, "topic", context or {}, sender=made, target=Target(actor="ID")))


# Messages


def test_the_log_keeps_the_newest_and_counts_on() -> None:
    log = MessageLog(3)
    for number in range(5):
        log.add(RECEIVED, message(f"event-{number}"))
    assert [record.event for record in log.records()] == ["event-2", "event-3", "event-4"]
    assert [record.number for record in log.records(after=4)] == [5]
    assert log.last_number == 5 and log.find(2) is None
    log.clear()
    log.add(SENT, message())
    assert [record.number for record in log.records()] == [6]


def test_a_filter_wants_every_word_in_any_column_and_case() -> None:
    record = MessageLog().add(RECEIVED, message("ImagingStudy-open"))
    assert record.matches("imaging them") and record.matches("") and record.matches("TOPIC")
    assert not record.matches("imaging nobody")


def test_long_texts_and_many_values_are_cut_in_what_is_kept_and_not_in_the_message() -> None:
    files = [{"fileName": f"{number}.dcm", "tags": {str(tag): [tag] for tag in range(50)}} for number in range(1000)]
    received = message(context={"data": "x" * 5000, "files": files, "last": True})
    record = MessageLog().add(RECEIVED, received)
    context = record.wire["event"]["context"]
    assert "5,000 characters" in record.as_json() and len(record.as_json()) < LONGEST_TEXT + 60 * MAX_VALUES
    assert context["last"] is True and context["files"][0]["fileName"] == "0.dcm"
    assert len(received.wire["event"]["context"]["data"]) == 5000 and len(received.context_dict()["files"]) == 1000


def test_what_is_left_out_is_counted() -> None:
    assert cut({"a": [1, 2, 3], "b": {"c": 1}}, 4) == {"a": [1, 2, "… 1 more"], "b": {"…": "1 more"}}
    assert cut({"a": [1, 2, 3]}) == cut({"a": [1, 2, 3]}, 4) == {"a": [1, 2, 3]}


# Peers


def test_peers_are_known_from_messages_and_answers_and_gone_when_the_hub_says_so() -> None:
    peers = Peers("ME")
    peers.take_message(message("status-request", name="B", product="", actors=()))
    peers.take_message(message("Home-open", name="PUBLISHER"))
    peers.take_answer(
        {"responses": [{"subscriber": "b", "productName": "SERVICE", "actor": "EC"}, {"subscriber": "A"}]}
    )
    peers.take_answer({"responses": "nonsense"})
    assert peers.all() == [Peer("A"), Peer("b", "SERVICE", ("EC",))]
    assert peers.all()[1].label == "b (SERVICE, Evidence Creator)"
    assert Peer("Service-1a2b", "SERVICE", ("EC",)).label == "Service-1a2b (Evidence Creator)"
    assert Peer("SERVICE", "SERVICE").label == "SERVICE"
    before = peers.version
    peers.take_message(message("subscription-removed", name="B"))
    assert peers.all() == [Peer("A")] and peers.version > before


@pytest.mark.parametrize("name", ["ME", "me", "*", ""])
def test_oneself_and_nobody_are_no_peers(name: str) -> None:
    peers = Peers("ME")
    peers.take_message(message("status-request", name=name))
    assert peers.all() == []


# Pictures


def png(color: tuple[int, int, int], size: int = 8) -> bytes:
    return encode_png(np.full((size, size, 3), color, np.uint8)).data


def as_picture(data: bytes, kind: str = "image/png") -> dict[str, Any]:
    return {"contentType": kind, "data": base64.b64encode(data).decode()}


def test_pictures_are_found_in_every_form_of_answer(tmp_path: Path) -> None:
    large, small = png((200, 0, 0), 64), png((200, 0, 0))
    view = {"name": "Red", "picture": as_picture(large), "thumbnail": as_picture(small)}
    image = {"context.type": "Image", "context": [{"key": "image", "resource": as_picture(b"jpg", "image/jpeg")}]}
    answer = {
        "responses": [
            {"subscriber": "ONE", "data": {"viewports": [view, {"name": "none"}, "nonsense"]}},
            {"subscriber": "TWO/..", "data": {"sceneview": {"viewports": [{"thumbnail": as_picture(small)}]}}},
            {"subscriber": "THREE", "data": image},
            {"subscriber": "FOUR", "data": {"viewports": [{"picture": {"contentType": "image/png", "data": "%"}}]}},
            "nonsense",
        ]
    }
    found = pictures_of(answer)
    assert [(one.peer, one.name) for one in found] == [("ONE", "Red"), ("TWO/..", "1"), ("THREE", "1")]
    assert (found[0].data, found[0].small) == (large, small)
    paths = save_pictures(found, tmp_path) + save_pictures(found[:1], tmp_path)
    assert [path.name for path in paths] == ["ONE-Red.png", "TWO-1.png", "THREE-1.jpg", "ONE-Red-2.png"]
    assert {path.parent for path in paths} == {tmp_path}


def test_png_holds_exactly_the_pixels() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (37, 53, 3), np.uint8)
    picture = encode_png(pixels)
    assert (picture.width, picture.height) == (53, 37)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(picture.data))), pixels)


def test_shrinking_takes_the_mean_and_keeps_proportions() -> None:
    pixels = np.zeros((100, 200, 3), np.uint8)
    pixels[:, ::2] = 200
    small = shrink(pixels, 20)
    assert small.shape == (10, 20, 3) and np.all(small == 100)
    assert shrink(pixels, 500) is pixels


def test_what_qt_cannot_keep_of_a_text_is_marked(host: Any) -> None:
    from CastSlicerLib.palette import plain

    assert plain("a\0b\x07\x9b\ud83d c\n\td") == "a\ufffdb\ufffd\ufffd\ufffd c\n\td"
    assert plain("頭 🧠 Ж é") == "頭 🧠 Ж é"


def test_choices_whose_texts_qt_would_cut_are_filled_once(host: Any) -> None:
    import qt

    from CastSlicerLib.palette import set_choices

    box, filled = qt.QComboBox(), []
    box.connect("currentIndexChanged(int)", filled.append)
    for _ in range(3):
        set_choices(box, [("one\0two", "a"), ("three", "b")])
        box.setCurrentIndex(1)
    assert box.currentData == "b" and box.itemText(0) == "one\ufffdtwo" and len(filled) == 1


def test_a_selected_row_that_tells_of_a_failure_stays_red(host: Any) -> None:
    import qt

    from CastSlicerLib.palette import BAD, GOOD
    from CastSlicerLib.tables import fill_row, keep_bad_red

    table = qt.QTableWidget(2, 1)
    for row, look in enumerate((GOOD, BAD)):
        fill_row(table, row, [("State", "why", look)])
    marks = []
    for row in (0, 1, 0):
        table.selectRow(row)
        keep_bad_red(table)
        marks.append(table.palette.color(qt.QPalette.HighlightedText).name())
    assert marks[1] == BAD[0] and marks[0] == marks[2] == host.app.palette().color(qt.QPalette.HighlightedText).name()


def test_a_peer_with_a_name_that_cannot_be_chosen_is_not_offered() -> None:
    from CastInterfaceLib.logic.peers import Peers

    peers = Peers("ME")
    peers.take_answer({"responses": [{"subscriber": "A\0B", "actor": "ID"}, {"subscriber": "GOOD", "actor": "ID"}]})
    assert [peer.name for peer in peers.all()] == ["GOOD"]
