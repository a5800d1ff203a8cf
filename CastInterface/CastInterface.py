"""The Slicer module "Cast Interface": connects Slicer to a Cast hub as an image display.

Only what Slicer calls stands here; the work is done in CastInterfaceLib, which is imported when the module is used.
"""

from pathlib import Path

import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
)

from CastSlicerLib.module_frame import CLIENT
from CastSlicerLib.module_widget import ModuleWidget

HOMEPAGE = "https://cast-interface.example.org"
REQUIREMENTS = Path(__file__).parent / "Resources" / "CastInterface-requirements.txt"
IMPORTS = (
    "CastInterfaceLib.study.reader",
    "CastInterfaceLib.display.image_display",
    "CastInterfaceLib.logic.interface_logic",
    "CastInterfaceLib.panels.interface_panel",
)


class CastInterface(ScriptedLoadableModule):
    """What Slicer shows of the module before it is opened."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Cast Interface")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Informatics")]
        self.parent.dependencies = []
        self.parent.contributors = ["Cast Interface contributors"]
        text = _(
            "Connects Slicer to a Cast hub as an image display: opens and closes the studies that a worklist names, "
            "shows the results that services send, asks other applications what they show, and sends images to "
            "services."
        )
        self.parent.helpText = f'{text} <a href="{HOMEPAGE}">{_("Documentation")}</a>'
        self.parent.acknowledgementText = _("Cast stands on HL7's FHIRcast.")


class CastInterfaceWidget(ModuleWidget):
    """Puts the panel together, or says which Python packages are missing."""

    def setup(self):
        ModuleWidget.setup(self)
        self.fill(_("Cast Interface"), REQUIREMENTS, (*CLIENT, *IMPORTS))

    def makePanel(self, ui):
        from CastInterfaceLib.panels.interface_panel import InterfacePanel

        logic = CastInterfaceLogic()
        return logic, InterfacePanel(ui, logic)


class CastInterfaceLogic(ScriptedLoadableModuleLogic):
    """The module without its panel, for other extensions.

    It has all that ``CastInterfaceLib.logic.interface_logic`` and ``hub_logic`` document.

    Usage, in Slicer's Python console::

        logic = slicer.util.getModuleLogic("CastInterface")
        logic.connect("http://127.0.0.1:2018", user="anna")
        logic.onEvent(lambda message: print(message.event))
    """

    def __init__(self):
        ScriptedLoadableModuleLogic.__init__(self)
        from CastInterfaceLib.logic.interface_logic import InterfaceLogic

        self._interface = InterfaceLogic()

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._interface, name)

    def __dir__(self):
        return sorted({*object.__dir__(self), *(name for name in dir(self._interface) if not name.startswith("_"))})


class CastInterfaceTest(ScriptedLoadableModuleTest):
    """Slicer's own "Reload and Test": needs no hub and no network but this machine's own."""

    def setUp(self):
        from CastSlicerLib.self_test import skip_unless_installed

        skip_unless_installed(self, REQUIREMENTS)
        slicer.mrmlScene.Clear(0)
        self.logic = CastInterfaceLogic()

    def tearDown(self):
        self.logic.cleanup()

    def runTest(self):
        from CastSlicerLib.self_test import run_each

        run_each(self, self.test_starts_offline, self.test_no_hub_is_waited_for, self.test_a_volume_can_be_written)

    def test_starts_offline(self):
        self.assertEqual(self.logic.state.kind, "offline")
        self.assertEqual(self.logic.peers.all(), [])
        with self.assertRaisesRegex(Exception, "Connect to a hub first"):
            self.logic.publish("ImagingStudy-open", [])

    def test_no_hub_is_waited_for(self):
        from CastSlicerLib.self_test import wait_until

        states = []
        self.logic.onStateChanged(lambda state: states.append(state.kind))
        self.logic.connect("http://127.0.0.1:9")  # the discard port: nothing listens there
        wait_until(lambda: "waiting to reconnect" in states)
        self.logic.disconnect()
        self.assertEqual(states[0], "connecting")
        self.assertEqual(self.logic.state.kind, "offline")

    def test_a_volume_can_be_written(self):
        import tempfile

        from CastInterfaceLib.scene.volume_files import files_of_node
        from CastSlicerLib.self_test import add_volume

        volume = add_volume("Test volume", 4, 5, 6)
        with tempfile.TemporaryDirectory() as folder:
            files = files_of_node(volume, "", Path(folder))
            self.assertEqual([path.name for path in files.paths], ["Test-volume.nrrd"])
            self.assertGreater(files.paths[0].stat().st_size, 4 * 5 * 6 * 2)
