"""See `slicer_host.command`. Scripts run in this very module, so nothing else may stand here."""

import sys

from slicer_host.command import main

if __name__ == "__main__":
    sys.exit(main())
