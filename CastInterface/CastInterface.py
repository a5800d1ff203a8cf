"""The Slicer module "Cast Interface": connects Slicer to a Cast hub as an image display.

Only what Slicer calls stands here; the work is done in CastInterfaceLib, which is imported when the module is used.
"""

from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)

REQUIREMENTS = Path(__file__).parent / "Resources" / "CastInterface-requirements.txt"


class CastInterface(ScriptedLoadableModule):
    """What Slicer shows of the module before it is opened."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Cast Interface")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Informatics")]
        self.parent.dependencies = []
        self.parent.contributors = ["Cast Interface contributors"]
        self.parent.helpText = _(
            "Connects Slicer to a Cast hub as an image display: opens and closes the studies that a worklist names, "
            "shows the results that services send, asks other applications what they show, and sends images to "
            "services."
        )
        self.parent.acknowledgementText = _("Cast stands on HL7's FHIRcast.")


class CastInterfaceWidget(ScriptedLoadableModuleWidget):
    """Puts the panel together, or says which Python packages are missing."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        self.logic = None
        self.panel = None
        self.missing = None

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        from CastInterfaceLib.dependencies import missing_requirements

        missing = missing_requirements(REQUIREMENTS)
        if missing:
            self.showMissing([str(requirement) for requirement in missing])
        else:
            self.showPanel()

    def showPanel(self):
        from CastInterfaceLib.panels.interface_panel import InterfacePanel

        widget = slicer.util.loadUI(self.resourcePath("UI/CastInterface.ui"))
        self.layout.addWidget(widget)
        self.ui = slicer.util.childWidgetVariables(widget)
        widget.setMRMLScene(slicer.mrmlScene)
        self.logic = CastInterfaceLogic()
        self.panel = InterfacePanel(self.ui, self.logic)

    def showMissing(self, names):
        text = _("Cast Interface needs Python packages that Slicer does not bring: {names}").format(
            names=", ".join(names)
        )
        self.missing = qt.QLabel(text)
        self.missing.wordWrap = True
        self.installButton = qt.QPushButton(_("&Install them"))
        self.installButton.toolTip = _("Ask before downloading them from the Python Package Index.")
        self.installButton.connect("clicked()", self.install)
        for widget in (self.missing, self.installButton):
            self.layout.addWidget(widget)
        self.layout.addStretch(1)

    def install(self):
        from CastInterfaceLib.dependencies import install_requirements

        with slicer.util.tryWithErrorDisplay(_("The packages could not be installed."), waitCursor=True):
            if install_requirements(REQUIREMENTS, "Cast Interface"):
                self.missing.hide()
                self.installButton.hide()
                self.showPanel()
                self.enter()

    def enter(self):
        if self.panel is not None:
            self.panel.enter()

    def exit(self):
        if self.panel is not None:
            self.panel.exit()

    def cleanup(self):
        if self.panel is not None:
            self.panel.close()
            self.logic.cleanup()
            self.panel = None

    def onReload(self):
        from CastInterfaceLib.reloading import forget_libraries

        forget_libraries()
        ScriptedLoadableModuleWidget.onReload(self)


class CastInterfaceLogic(ScriptedLoadableModuleLogic):
    """The module without its panel, for other extensions: has all that ``CastInterfaceLib.interface_logic`` documents.

    Usage, in Slicer's Python console::

        logic = slicer.util.getModuleLogic("CastInterface")
        logic.connect("http://127.0.0.1:2018", user="anna")
        logic.onEvent(lambda message: print(message.event))
    """

    def __init__(self):
        ScriptedLoadableModuleLogic.__init__(self)
        from CastInterfaceLib.interface_logic import InterfaceLogic

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
        slicer.mrmlScene.Clear(0)
        self.logic = CastInterfaceLogic()

    def tearDown(self):
        self.logic.cleanup()

    def runTest(self):
        for test in (self.test_starts_offline, self.test_no_hub_is_waited_for, self.test_a_volume_can_be_written):
            self.setUp()
            try:
                test()
            finally:
                self.tearDown()

    def test_starts_offline(self):
        self.assertEqual(self.logic.state.kind, "offline")
        self.assertEqual(self.logic.peers.all(), [])
        with self.assertRaisesRegex(Exception, "Connect to a hub first"):
            self.logic.publish("ImagingStudy-open", [])

    def test_no_hub_is_waited_for(self):
        states = []
        self.logic.onStateChanged(lambda state: states.append(state.kind))
        self.logic.connect("http://127.0.0.1:9")  # the discard port: nothing listens there
        self.waitUntil(lambda: "waiting to reconnect" in states)
        self.logic.disconnect()
        self.assertEqual(states[0], "connecting")
        self.assertEqual(self.logic.state.kind, "offline")

    def test_a_volume_can_be_written(self):
        import tempfile

        import vtk

        from CastInterfaceLib.node_files import files_of_node

        image = vtk.vtkImageData()
        image.SetDimensions(4, 5, 6)
        image.AllocateScalars(vtk.VTK_SHORT, 1)
        volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Test volume")
        volume.SetAndObserveImageData(image)
        with tempfile.TemporaryDirectory() as folder:
            files = files_of_node(volume, "", (), lambda uid: "", Path(folder))
            self.assertEqual([path.name for path in files.paths], ["Test-volume.nrrd"])
            self.assertGreater(files.paths[0].stat().st_size, 4 * 5 * 6 * 2)

    def waitUntil(self, condition, seconds=20):
        import time

        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, "nothing happened")
            slicer.app.processEvents()
            time.sleep(0.005)
