"""Cast in plain Python: the values and rules of the wire, and the client.

Everything in this folder except ``client`` imports the standard library only (``dicom`` also pydicom), so each
rule of Cast and FHIRcast can be read and tested without a server, a thread or Slicer.
"""

from CastLib.version import __version__

__all__ = ["__version__"]
