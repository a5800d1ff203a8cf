"""For "Reload" in Slicer's developer tools: the extension's libraries are imported anew with the module file."""

from __future__ import annotations

import sys

PACKAGES = (
    "CastLib",
    "CastSlicerLib",
    "CastInterfaceLib",
    "CastServiceProviderLib",
    "CastServiceProviderWidgets",
    "CastHubLib",
    "CastHubWidgets",
)


def forget_libraries() -> None:
    """Have the next import of this extension's packages read their files again.

    What is in use goes on with the code it was made from: a module that is connected is not disturbed when another
    one is reloaded.
    """
    for name in [name for name in sys.modules if name.partition(".")[0] in PACKAGES]:
        del sys.modules[name]
