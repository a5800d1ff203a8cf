"""The Slicer module "Cast Service Provider": offers processing scripts as services on a Cast hub.

Only what Slicer calls stands here; the work is done in CastServiceProviderLib (services, jobs) and
CastServiceProviderWidgets (panel), which are imported when the module is used.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

import qt
import slicer
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

from CastSlicerLib.module_frame import CLIENT
from CastSlicerLib.module_widget import ModuleWidget

HOMEPAGE = "https://cast-interface.example.org"
REQUIREMENTS = Path(__file__).parent / "Resources" / "CastServiceProvider-requirements.txt"
IMPORTS = (
    "CastServiceProviderLib.services",
    "CastServiceProviderWidgets.provider_logic",
    "CastServiceProviderWidgets.provider_panel",
)
SCRIPTS = Path(__file__).parent / "Resources" / "Scripts"


class CastServiceProvider(ScriptedLoadableModule):
    """What Slicer shows of the module before it is opened."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Cast Service Provider")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Informatics")]
        self.parent.dependencies = ["CastInterface"]  # CastLib and the panels, which all three use
        self.parent.contributors = ["Cast Interface contributors"]
        text = _(
            "Offers processing as a service on a Cast hub: runs a Python script on the images that viewers send and "
            "returns its result to them."
        )
        self.parent.helpText = f'{text} <a href="{HOMEPAGE}">{_("Documentation")}</a>'
        self.parent.acknowledgementText = _("Cast stands on HL7's FHIRcast.")


class CastServiceProviderWidget(ModuleWidget):
    """Puts the panel together, or says which Python packages are missing."""

    def setup(self):
        ModuleWidget.setup(self)
        self.fill(_("Cast Service Provider"), REQUIREMENTS, (*CLIENT, *IMPORTS))

    def makePanel(self, ui):
        from CastServiceProviderWidgets.provider_panel import ProviderPanel

        logic = CastServiceProviderLogic()
        return logic, ProviderPanel(ui, logic.provider, str(SCRIPTS))


class CastServiceProviderLogic(ScriptedLoadableModuleLogic):
    """The services without a panel.

    Usage, in Slicer's Python console::

        logic = slicer.util.getModuleLogic("CastServiceProvider")
        service = logic.add("/folder/MyService.py")
        logic.start(service, "http://127.0.0.1:2018")
        print(service.state, [record.state for record in service.records.all()])
        logic.stop(service)
    """

    def __init__(self):
        ScriptedLoadableModuleLogic.__init__(self)
        from CastLib.slicer_python import slicer_python
        from CastServiceProviderLib.job_settings import JobSettings
        from CastServiceProviderLib.script import write_skeleton
        from CastServiceProviderLib.services import HubAccess, Services
        from CastServiceProviderWidgets.provider_logic import ProviderLogic

        settings = JobSettings(python=slicer_python())
        self.provider = ProviderLogic(
            lambda pump, in_background, holding: Services(pump, settings, in_background, holding),
            HubAccess,
            write_skeleton,
            (SCRIPTS / "BrainTissue.py",),
        )

    @property
    def services(self):
        """The services in the list: each with ``product``, ``path``, ``on``, ``state`` and ``records`` (its jobs)."""
        return self.provider.services.all()

    def add(self, path):
        """List a script as a service, and return it."""
        return self.provider.add(path)

    def remove(self, service):
        """Stop a service and list it no longer."""
        self.provider.remove(service)

    def rename(self, service, product):
        """Offer a service that is not started under another product."""
        self.provider.rename(service, product)

    def start(self, service, hub, clientId="", secret=""):
        """Start a service at a hub. Returns at once; ``service.state`` tells how it goes."""
        self.provider.start(service, hub, clientId, secret)

    def stop(self, service):
        """Stop a service. Returns at once."""
        self.provider.stop(service)

    def tryOut(self, service, volume, callback):
        """Run a service's script on a loaded volume, without any hub: ``callback(result, error)`` when it has ended."""
        return self.provider.trials.try_out(service, volume, callback)

    def cleanup(self):
        """End all services and jobs, and wait for them."""
        self.provider.cleanup()


class CastServiceProviderTest(ScriptedLoadableModuleTest):
    """Slicer's own "Reload and Test": needs no hub and no network. The user's own list of services stays as it is."""

    def setUp(self):
        import tempfile

        from CastSlicerLib.self_test import skip_unless_installed

        skip_unless_installed(self, REQUIREMENTS)
        slicer.mrmlScene.Clear(0)
        self.folder = tempfile.TemporaryDirectory()
        self.kept = qt.QSettings().value("CastServiceProvider/Services")
        self.logic = CastServiceProviderLogic()

    def tearDown(self):
        self.logic.cleanup()
        self.folder.cleanup()
        if self.kept is None:
            qt.QSettings().remove("CastServiceProvider/Services")
        else:
            qt.QSettings().setValue("CastServiceProvider/Services", self.kept)

    def runTest(self):
        from CastSlicerLib.self_test import run_each

        run_each(self, self.test_a_script_is_tried, self.test_a_script_that_raises_says_why)

    def test_a_script_is_tried(self):
        service = self.logic.provider.add_new(Path(self.folder.name) / "SelfTest.py")
        result, error = self.tryOut(service)
        self.assertIsNone(error)
        self.assertEqual(len(result.paths), 6)  # a DICOM file a slice, sent back as they came
        self.assertEqual(service.last.state, "done")

    def test_a_script_that_raises_says_why(self):
        script = Path(self.folder.name) / "SelfTest.py"
        script.write_text("def onMessage(message, context):\n    raise ValueError('as it should')\n")
        _result, error = self.tryOut(self.logic.add(script))
        self.assertEqual(str(error), "as it should")

    def tryOut(self, service):
        from CastSlicerLib.self_test import add_volume, wait_until

        ended = []
        self.logic.tryOut(
            service, add_volume("Test volume", 4, 5, 6), lambda result, error: ended.append((result, error))
        )
        wait_until(lambda: ended)
        return ended[0]
