"""A strict stand-in for Slicer round the real engine, for tests only: nothing in the modules knows of it.

What Slicer or PythonQt would refuse is refused here, and so is what the modules have not used before: each part names
the list that an attribute is added to. `start_host` makes a process look like Slicer; ``python -m slicer_host`` is the
stand-in for Slicer's own command line.
"""

from slicer_host.host import Host, LoadedModule, start_host

__all__ = ["Host", "LoadedModule", "start_host"]
