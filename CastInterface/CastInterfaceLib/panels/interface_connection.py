"""The section Connection: which hub, as whom, and where the connection stands."""

from __future__ import annotations

import time
from typing import Any

from slicer.i18n import tr as _

from CastInterfaceLib.logic.interface_logic import InterfaceLogic
from CastLib.client import State
from CastSlicerLib.jobs import Cancelled
from CastSlicerLib.palette import (
    BAD,
    BUSY,
    GOOD,
    IDLE,
    reporting,
    set_icon,
    show_light,
    show_text,
    without_command,
)
from CastSlicerLib.sections import COUNTDOWN
from CastSlicerLib.user_settings import SavedHubs

LOOK_EVERY = 5.0  # seconds between looks for a hub on this machine


class ConnectionSection:
    """Wires the section's widgets. ``local_hub`` is the address where a hub on this machine would answer."""

    def __init__(self, ui: Any, logic: InterfaceLogic, local_hub: str) -> None:
        self._ui = ui
        self._logic = logic
        self._local_hub = local_hub
        self._saved = SavedHubs()
        self._looked_at = -LOOK_EVERY
        self._looking = False
        self._said: tuple[str, tuple[str, str] | None] = ("", None)
        hub, user, topic = self._saved.last()
        self._offer_hubs(hub)
        ui.userEdit.text = user
        ui.topicEdit.text = topic
        set_icon(ui.testButton, "SP_BrowserReload")
        set_icon(ui.forgetButton, "SP_TrashIcon")
        ui.slots.connect(ui.testButton, "clicked()", self.test)
        ui.slots.connect(ui.forgetButton, "clicked()", self.forget)
        ui.slots.connect(ui.connectButton, "clicked()", self.toggle)
        ui.slots.connect(ui.hubBox, "editTextChanged(QString)", lambda text: self._hub_edited())
        for edit in (ui.hubBox.lineEdit(), ui.userEdit, ui.topicEdit):
            ui.slots.connect(edit, "returnPressed()", self.connect_hub)
        self._remove = logic.onStateChanged(self._state_changed)
        self._hub_edited()

    def close(self) -> None:
        """Let go of the logic."""
        self._remove()

    @property
    def hub(self) -> str:
        """The address that is typed or chosen."""
        return str(self._ui.hubBox.currentText).strip()

    def toggle(self) -> None:
        """Connect, or disconnect when not offline."""
        if self._logic.state.kind in ("offline", "refused"):
            self.connect_hub()
        else:
            self._logic.disconnect()

    def connect_hub(self) -> None:
        """Connect to the address typed."""
        with reporting(_("Cannot connect.")):
            self._logic.connect(self.hub, self._ui.userEdit.text.strip(), self._ui.topicEdit.text.strip())

    def test(self) -> None:
        """Ask the address whether a hub answers there."""
        self._show_hub(_("Asking {hub} …").format(hub=self.hub))
        self._ui.testButton.enabled = False
        self._logic.testHub(self.hub, self._tested)

    def _tested(self, status: Any, error: Exception | None) -> None:
        self._ui.testButton.enabled = bool(self.hub)
        if isinstance(error, Cancelled):
            return
        if error is not None:
            self._show_hub(without_command(str(error)), BAD)
        else:
            hub = f"{status.get('product') or _('A hub')} {status.get('version', '')}".strip()  # other hubs tell less
            words = _("{hub} answers; {count} connected.")
            self._show_hub(words.format(hub=hub, count=status.get("connected", 0)), GOOD)

    def forget(self) -> None:
        """Keep the address no longer."""
        self._saved.forget(self.hub)
        self._offer_hubs("")

    def refresh(self) -> None:
        """Bring what changes by itself up to date: the countdown, and the look for a hub on this machine."""
        self.show_state()
        self._show_hub(*self._said)  # anew, for the palette may have changed
        idle = self._logic.state.kind == "offline" and not self._looking
        if idle and time.monotonic() - self._looked_at >= LOOK_EVERY:
            self._looked_at, self._looking = time.monotonic(), True
            self._logic.testHub(self._local_hub, self._looked)

    def due(self) -> float | None:
        """No hub tells that it is there now, and no clock that a second is over."""
        if self._logic.retryIn:
            return COUNTDOWN
        return LOOK_EVERY if self._logic.state.kind == "offline" else None

    def _looked(self, status: Any, error: Exception | None) -> None:
        self._looking = False
        box = self._ui.hubBox
        if error is not None or self._local_hub in [box.itemText(index) for index in range(box.count)]:
            return
        typed = self.hub
        box.addItem(self._local_hub)
        self._type(typed or self._local_hub)
        self._show_hub(_("A hub runs on this machine: {hub}").format(hub=self._local_hub), GOOD)

    def _offer_hubs(self, chosen: str) -> None:
        box = self._ui.hubBox
        box.clear()
        for address in self._saved.addresses():
            box.addItem(address)
        self._type(chosen)

    def _type(self, address: str) -> None:
        """Put an address into the box, its beginning in sight."""
        self._ui.hubBox.setEditText(address)
        self._ui.hubBox.lineEdit().setCursorPosition(0)

    def _show_hub(self, text: str, pair: tuple[str, str] | None = None) -> None:
        """Say something of the hub; the label keeps its room, so that the buttons beside it stay."""
        self._said = (text, pair)
        show_text(self._ui.hubLabel, text or " ", pair)

    def _hub_edited(self) -> None:
        self._ui.testButton.enabled = bool(self.hub)
        self._show_hub("")
        self.show_state()

    def _state_changed(self, state: State) -> None:
        if state.kind not in ("offline", "refused"):
            self._show_connection()
        if state.kind == "online":
            logic = self._logic
            self._saved.keep(logic.hub)
            self._show_hub("")
            self._saved.keep_last(logic.hub, logic.user, logic.askedTopic)
            self._offer_hubs(logic.hub)
        elif state.reason:
            self._show_hub("")  # what a test of the address told is told beside the light now
        self.show_state()

    def _show_connection(self) -> None:
        """Show where it connects and as whom: what was typed here, or what somebody else's code said."""
        ui, logic = self._ui, self._logic
        if self.hub != logic.hub:
            self._type(logic.hub)
        for edit, text in ((ui.userEdit, logic.user), (ui.topicEdit, logic.askedTopic)):
            if edit.text != text:
                edit.text = text

    def show_state(self) -> None:
        """Show where the connection stands."""
        ui, state = self._ui, self._logic.state
        colors = {"online": GOOD, "connecting": BUSY, "waiting to reconnect": BUSY, "refused": BAD}
        show_light(ui.lightLabel, colors.get(state.kind, IDLE))
        text = self._sentence(state)
        show_text(ui.stateLabel, text, BAD if state.kind == "refused" else None)
        ui.lightLabel.accessibleName = text
        free = state.kind in ("offline", "refused")
        ui.connectButton.text = _("&Connect") if free else _("Dis&connect")
        set_icon(ui.connectButton, "SP_DialogApplyButton" if free else "SP_DialogCloseButton")
        ui.connectButton.enabled = not free or bool(self.hub)
        ui.forgetButton.enabled = free and self.hub in self._saved.addresses()
        for widget in (ui.hubBox, ui.userEdit, ui.topicEdit):
            widget.enabled = free

    def _sentence(self, state: State) -> str:
        logic = self._logic
        if state.kind == "online":
            return _("Online as {name}, topic {topic}").format(name=logic.name, topic=logic.topic)
        if state.kind == "connecting":
            return _("Connecting to {hub} …").format(hub=logic.hub)
        if state.kind == "waiting to reconnect":
            seconds = max(1, round(logic.retryIn)) if logic.retryIn else 0
            words = _("Reconnecting in {seconds} s: {reason}")
            return words.format(seconds=seconds, reason=without_command(state.reason))
        if state.kind == "refused":
            return _("Refused: {reason}").format(reason=state.reason)
        return _("Offline")
