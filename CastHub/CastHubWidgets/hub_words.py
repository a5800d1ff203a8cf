"""How the hub is, in a sentence for a person."""

from __future__ import annotations

from slicer.i18n import tr as _

from CastHubWidgets import hub_process
from CastHubWidgets.hub_process import HubState


def state_words(state: HubState) -> str:
    """What is shown beside the light: how it is, and, after a problem, why and what to do."""
    reason = state.reason
    if state.problem == hub_process.PACKAGES_MISSING:
        return _("The hub needs Python packages that Slicer does not bring: {names}.").format(names=reason)
    if state.problem == hub_process.PORT_TAKEN:
        return _("Port {port} is taken by another program. Choose another port.").format(port=state.port)
    if state.problem == hub_process.HUB_THERE:
        words = _("A hub runs at port {port} already ({hub}). Use that one, stop it, or choose another port.")
        return words.format(port=state.port, hub=reason)
    if state.problem == hub_process.CRASHED:
        return _("The hub has ended by itself ({reason}). Its log may say why; start it again.").format(reason=reason)
    if state.problem == hub_process.NOT_STARTED:
        return _("The hub could not start: {reason}").format(reason=reason)
    if state.kind == hub_process.STARTING:
        return _("Starting …")
    if state.kind == hub_process.STOPPING:
        return _("Stopping …")
    if state.kind == hub_process.RUNNING:
        return _("Running")
    return _("Stopped")
