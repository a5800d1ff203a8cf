"""The stand-in's signals and slots are PythonQt's, on the main thread and off it: one test a manner."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pythonqt_parts import error_on_thread, spin

# Signals


def test_connect_by_signature(qt: Any) -> None:
    button, got = qt.QPushButton(), []
    button.checkable = True
    assert button.connect("clicked()", lambda: got.append("plain")) is True
    assert button.connect("clicked(bool)", got.append) is True
    button.click()
    assert got == ["plain", True]


def test_connect_by_attribute_hands_over_the_value(qt: Any) -> None:
    button, got = qt.QPushButton(), []
    assert button.clicked.connect(lambda checked: got.append(checked)) is True
    button.click()
    assert got == [False]


def test_a_slot_gets_no_more_than_it_takes(qt: Any) -> None:
    class Receiver:
        calls = 0

        def run(self) -> None:
            self.calls += 1

    button, receiver, got = qt.QPushButton(), Receiver(), []
    button.clicked.connect(receiver.run)
    button.clicked.connect(lambda: got.append("none"))
    button.clicked.connect(lambda default=7: got.append(default))
    button.clicked.connect(lambda *all_of_them: got.append(all_of_them))
    button.click()
    assert receiver.calls == 1
    # A default does not save an argument from being replaced: PythonQt counts it.
    assert got == ["none", False, (False,)]


def test_connect_to_a_method_of_qt_and_to_a_receiver(qt: Any) -> None:
    dialog, button, edit, label = qt.QDialog(), qt.QPushButton(), qt.QLineEdit(), qt.QLabel()
    dialog.show()
    assert button.connect("clicked()", dialog.close)
    assert edit.connect("textChanged(QString)", label, "setText(QString)")
    edit.text = "typed"
    button.click()
    assert not dialog.visible and label.text == "typed"
    assert button.disconnect("clicked()", dialog.close)


def test_a_signature_may_be_spelled_with_spaces_and_references(qt: Any) -> None:
    edit, got = qt.QLineEdit(), []
    assert edit.connect("textChanged( const QString & )", got.append)
    edit.text = "a"
    assert got == ["a"]


def test_disconnect_answers_whether_something_was_connected(qt: Any) -> None:
    button, got = qt.QPushButton(), []
    button.connect("clicked()", got.append)
    assert button.disconnect("clicked()", got.append) is True
    assert button.disconnect("clicked()", got.append) is False
    for _ in range(2):
        button.connect("clicked()", lambda: got.append(1))
    assert button.disconnect("clicked()") is True
    button.clicked.connect(got.append)
    assert button.clicked.disconnect(got.append) is True
    button.click()
    assert got == []


def test_an_unknown_signal_answers_false_and_prints(qt: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert qt.QPushButton().connect("pushed()", print) is False
    assert "signal 'pushed()' does not exist on QPushButton" in capsys.readouterr().err


def test_bound_lambdas_are_kept_alive(qt: Any) -> None:
    button, got = qt.QPushButton(), []
    for i in range(3):
        button.connect("clicked()", lambda i=i: got.append(i))
    gc.collect()
    button.click()
    assert got == [0, 1, 2]


def test_an_error_in_a_slot_is_printed_and_the_rest_runs(
    qt: Any, slot_errors: list[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    button, got = qt.QPushButton(), []
    button.connect("clicked()", lambda: 1 // 0)
    button.connect("clicked()", lambda: got.append(1))
    button.click()
    assert got == [1] and "ZeroDivisionError" in capsys.readouterr().err
    assert [type(e) for e in slot_errors] == [ZeroDivisionError]


def test_the_products_longest_slot_is_known(qt: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from slicer_host.origins import product_folders
    from slicer_host.pythonqt_signals import slots_held

    def slow_slot() -> None:
        time.sleep(0.03)

    button = qt.QPushButton()
    button.connect("clicked()", slow_slot)
    slots_held.reset()
    button.click()
    assert slots_held.longest == 0.0
    monkeypatch.setattr("slicer_host.origins.product_folders", {*product_folders, str(Path(__file__).parent)})
    button.click()
    assert slots_held.longest >= 0.03 and slots_held.longest_name.endswith("slow_slot")
    slots_held.reset()


def test_a_signal_of_ones_own(qt: Any) -> None:
    class Source(qt.QObject):  # type: ignore[misc]
        arrived = qt.Signal(str)

    source, got = Source(), []
    assert source.arrived.connect(got.append) is True
    source.arrived.emit("a")
    source.arrived("b")
    assert got == ["a", "b"]


def test_a_signal_of_qt_can_be_blocked(qt: Any) -> None:
    spin_box, got = qt.QSpinBox(), []
    spin_box.connect("valueChanged(int)", got.append)
    was = spin_box.blockSignals(True)
    spin_box.value = 3
    spin_box.blockSignals(was)
    spin_box.value = 4
    assert got == [4]


def test_connections_end_with_the_sender(qt: Any) -> None:
    from slicer_host import pythonqt_signals

    before = len(pythonqt_signals._connections)
    buttons = [qt.QPushButton() for _ in range(20)]
    for button in buttons:
        button.connect("clicked()", print)
    assert len(pythonqt_signals._connections) == before + 20
    del button, buttons
    gc.collect()
    assert len(pythonqt_signals._connections) == before


# Threads


def test_touching_a_qt_object_from_another_thread_is_refused_at_once(qt: Any) -> None:
    from slicer_host.pythonqt import WrongThread

    label, click, items = qt.QLabel("x"), qt.QPushButton().click, qt.QListWidget()
    tries: list[Callable[[], Any]] = [
        lambda: label.text,
        lambda: setattr(label, "text", "y"),
        lambda: label.setText("y"),
        lambda: label.connect("linkActivated(QString)", print),
        click,
        lambda: items.addItem("a"),
        lambda: qt.QLabel("made there"),
        lambda: qt.QTimer(),
        lambda: qt.QTimer.singleShot(0, print),
        lambda: qt.QApplication.processEvents(),
        lambda: qt.QFileDialog.getOpenFileName(),
    ]
    for function in tries:
        assert isinstance(error_on_thread(function), WrongThread)
    assert label.text == "x"


def test_a_signal_of_ones_own_cannot_be_emitted_from_another_thread(qt: Any) -> None:
    from slicer_host.pythonqt import WrongThread

    class Source(qt.QObject):  # type: ignore[misc]
        arrived = qt.Signal(str)

    source = Source()
    emit = source.arrived.emit
    assert isinstance(error_on_thread(lambda: emit("a")), WrongThread)


def test_values_may_be_made_on_any_thread(qt: Any) -> None:
    assert error_on_thread(lambda: (qt.QColor("red").name(), qt.QSize(1, 2).width())) is None


# Starving


@pytest.fixture
def turns() -> Iterator[list[int]]:
    """Counts the turns a thread gets that sleeps a millisecond each."""
    count, end = [0], threading.Event()

    def run() -> None:
        while not end.is_set():
            count[0] += 1
            time.sleep(0.001)

    thread = threading.Thread(target=run)
    thread.start()
    yield count
    end.set()
    thread.join()


def test_starving_a_thread_without_a_pump_does_not_live(turns: list[int]) -> None:
    turns[0] = 0
    spin(timeout=0.5, starving=True)
    assert turns[0] < 10  # the loop lets go of the lock now and then, as Qt's does
    turns[0] = 0
    spin(timeout=0.5, starving=False)
    assert turns[0] > 50


def test_starving_a_pump_that_sleeps_feeds_a_thread(qt: Any, turns: list[int]) -> None:
    timer = qt.QTimer()
    timer.interval = 10
    timer.connect("timeout()", lambda: time.sleep(0.001))
    timer.start()
    turns[0] = 0
    spin(timeout=0.5, starving=True)
    timer.stop()
    assert turns[0] > 25


def test_starving_a_wait_ends_soon_after_the_slot_that_made_it_true(qt: Any) -> None:
    got: list[str] = []
    qt.QTimer.singleShot(50, lambda: got.append("first"))
    ending = qt.QTimer()
    ending.setSingleShot(True)
    ending.connect("timeout()", lambda: got.append("much later"))
    ending.start(60_000)
    assert spin(lambda: got, starving=True)
    ending.stop()
    assert got == ["first"]


def test_a_wait_tells_when_its_time_is_over_and_raises_what_until_raises() -> None:
    assert spin(lambda: False, timeout=0.05) is False
    with pytest.raises(ZeroDivisionError):
        spin(lambda: 1 // 0)
