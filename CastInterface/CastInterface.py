"""The Slicer module "Cast Interface": connects Slicer to a Cast hub as an image display.

Only what Slicer calls stands here; the work is done in CastInterfaceLib.
"""

import importlib.util

import qt
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)


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
            "shows the results that services send, and answers what its views show."
        )
        self.parent.acknowledgementText = _("Cast stands on HL7's FHIRcast.")


class CastInterfaceWidget(ScriptedLoadableModuleWidget):
    """Says what the module is and how to start its role today."""

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        self.logic = CastInterfaceLogic()
        text = _(
            "The panel that connects Slicer to a hub comes with the next version. Until then the image display runs "
            "from a terminal in the folder of this extension's source:"
        )
        version = _("Version {number}").format(number=self.logic.version())
        self.label = qt.QLabel(f"<p>{text}</p><pre>{self.logic.command()}</pre><p>{version}</p>")
        self.label.wordWrap = True
        self.label.textInteractionFlags = qt.Qt.TextSelectableByMouse
        self.layout.addWidget(self.label)
        self.layout.addStretch(1)


class CastInterfaceLogic(ScriptedLoadableModuleLogic):
    """Facts of the module that need no panel."""

    def version(self):
        """The extension's version, as text."""
        from CastLib.version import __version__  # on Python's path only once Slicer has found all modules

        return __version__

    def command(self):
        """The command line that starts this role."""
        return "python3 run.py display"


class CastInterfaceTest(ScriptedLoadableModuleTest):
    """Slicer's own "Reload and Test"."""

    def runTest(self):
        self.setUp()
        self.test_libraries_are_there()

    def test_libraries_are_there(self):
        self.assertIsNotNone(importlib.util.find_spec("CastInterfaceLib"))
        self.assertRegex(CastInterfaceLogic().version(), r"^\d+\.\d+\.\d+")
