"""The Slicer module "Cast Hub": runs a Cast hub from Slicer.

Only what Slicer calls stands here; the work is done in CastHubWidgets (panel, child process) and CastHubLib (hub),
which are imported when the module is used.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
)

# Installed, the three modules lie in one folder; in a source tree Slicer may read this file before it knows the others.
if find_spec("CastSlicerLib") is None:
    sys.path.append(str(Path(__file__).parents[1] / "CastInterface"))

from CastSlicerLib.module_widget import ModuleWidget

HOMEPAGE = "https://cast-interface.example.org"
REQUIREMENTS = Path(__file__).parent / "Resources" / "CastHub-requirements.txt"
IMPORTS = ("requests", "CastHubWidgets.hub_process", "CastHubWidgets.hub_panel")


class CastHub(ScriptedLoadableModule):
    """What Slicer shows of the module before it is opened."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Cast Hub")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Informatics")]
        self.parent.dependencies = ["CastInterface"]  # CastLib and the panels, which all three use
        self.parent.contributors = ["Cast Interface contributors"]
        text = _(
            "Runs a Cast hub: the small server through which viewers, worklists, reporting systems and processing "
            "services share events, answers and files."
        )
        self.parent.helpText = f'{text} <a href="{HOMEPAGE}">{_("Documentation")}</a>'
        self.parent.acknowledgementText = _("Cast stands on HL7's FHIRcast.")


class CastHubWidget(ModuleWidget):
    """Puts the panel together."""

    def setup(self):
        ModuleWidget.setup(self)
        self.fill(_("Cast Hub"), None, IMPORTS)

    def makePanel(self, ui):
        from CastHubWidgets.hub_panel import HubPanel
        from CastSlicerLib.dependencies import install_requirements

        logic = CastHubLogic()
        return logic, HubPanel(ui, logic.hub, lambda: install_requirements(REQUIREMENTS, _("Cast Hub")))


class CastHubLogic(ScriptedLoadableModuleLogic):
    """A hub as a child process, without a panel.

    Usage, in Slicer's Python console::

        logic = slicer.util.getModuleLogic("CastHub")
        logic.onChanged(lambda: print(logic.state))
        logic.start(2018)
        logic.stop()
    """

    def __init__(self):
        ScriptedLoadableModuleLogic.__init__(self)
        from CastHubWidgets.hub_process import HubProcess
        from CastSlicerLib.pump_timer import slicer_timer

        self.hub = HubProcess(slicer_timer(), REQUIREMENTS)

    @property
    def state(self):
        """Where the hub stands: ``kind`` "stopped", "starting", "running" or "stopping", ``address``, ``problem``."""
        return self.hub.state

    @property
    def applications(self):
        """Who is connected: each with ``name``, ``product``, ``actors``, ``topic`` and ``connected``."""
        return self.hub.report.applications

    def onChanged(self, callback):
        """Have ``callback()`` called whenever state, applications or log changed. Call what is returned to end it."""
        return self.hub.on_changed(callback)

    def start(self, port=2018):
        """Start the hub on this computer; 0 takes any free port. Returns at once; `state` shows how it goes."""
        self.hub.start(port)

    def stop(self):
        """Have the hub end. Returns at once."""
        self.hub.stop()

    def cleanup(self):
        """End the hub and wait for it."""
        self.hub.close()


class CastHubTest(ScriptedLoadableModuleTest):
    """Slicer's own "Reload and Test": needs no network but this computer's own."""

    def setUp(self):
        from CastSlicerLib.self_test import skip_unless_installed

        skip_unless_installed(self, REQUIREMENTS)
        self.logic = CastHubLogic()

    def tearDown(self):
        self.logic.cleanup()

    def runTest(self):
        from CastSlicerLib.self_test import run_each

        run_each(self, self.test_starts_answers_and_stops, self.test_a_taken_port_is_reported)

    def test_starts_answers_and_stops(self):
        import json
        from http.client import HTTPConnection  # the client of "Cast Interface" wants packages that a hub does without

        from CastSlicerLib.self_test import wait_until

        self.assertEqual(self.logic.state.kind, "stopped")
        connection = HTTPConnection(self.startHub().partition("//")[2], timeout=30)
        connection.request("GET", "/api/hub/status")
        self.assertEqual(json.load(connection.getresponse())["product"], "Cast Hub")
        connection.close()
        self.logic.stop()
        wait_until(lambda: self.logic.state.kind == "stopped")
        self.assertEqual(self.logic.state.problem, "")

    def test_a_taken_port_is_reported(self):
        from CastSlicerLib.self_test import wait_until

        address = self.startHub()
        second = CastHubLogic()
        try:
            second.start(int(address.rpartition(":")[2]))
            wait_until(lambda: second.state.kind == "stopped")
            self.assertIn(second.state.problem, ("another hub is there", "port taken"))  # without the client's packages
        finally:
            second.cleanup()

    def startHub(self):
        from CastSlicerLib.self_test import wait_until

        self.logic.start(0)
        wait_until(lambda: self.logic.state.kind not in ("starting", "stopping"))
        self.assertEqual(self.logic.state.kind, "running", self.logic.state.reason)
        return self.logic.state.address
