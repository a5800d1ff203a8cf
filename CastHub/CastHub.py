"""The Slicer module "Cast Hub": runs a Cast hub from Slicer.

Only what Slicer calls stands here; the work is done in CastHubLib.
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


class CastHub(ScriptedLoadableModule):
    """What Slicer shows of the module before it is opened."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Cast Hub")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Informatics")]
        self.parent.dependencies = ["CastInterface"]  # CastLib, which all three use
        self.parent.contributors = ["Cast Interface contributors"]
        self.parent.helpText = _(
            "Runs a Cast hub: the small server through which viewers, worklists, reporting systems and processing "
            "services share events, answers and files."
        )
        self.parent.acknowledgementText = _("Cast stands on HL7's FHIRcast.")


class CastHubWidget(ScriptedLoadableModuleWidget):
    """Says what the module is and how to start its role today."""

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        self.logic = CastHubLogic()
        text = _(
            "The panel that starts and watches a hub comes with the next version. Until then a hub runs from a "
            "terminal in the folder of this extension's source:"
        )
        version = _("Version {number}").format(number=self.logic.version())
        self.label = qt.QLabel(f"<p>{text}</p><pre>{self.logic.command()}</pre><p>{version}</p>")
        self.label.wordWrap = True
        self.label.textInteractionFlags = qt.Qt.TextSelectableByMouse
        self.layout.addWidget(self.label)
        self.layout.addStretch(1)


class CastHubLogic(ScriptedLoadableModuleLogic):
    """Facts of the module that need no panel."""

    def version(self):
        """The extension's version, as text."""
        from CastLib.version import __version__  # on Python's path only once Slicer has found all modules

        return __version__

    def command(self):
        """The command line that starts this role."""
        return "python3 run.py hub"


class CastHubTest(ScriptedLoadableModuleTest):
    """Slicer's own "Reload and Test"."""

    def runTest(self):
        self.setUp()
        self.test_libraries_are_there()

    def test_libraries_are_there(self):
        self.assertIsNotNone(importlib.util.find_spec("CastHubLib"))
        self.assertRegex(CastHubLogic().version(), r"^\d+\.\d+\.\d+")
