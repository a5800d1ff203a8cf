"""Drawing: slice and 3D views on screen and off, what is written into them, and pictures of them.

Imports ``scene`` and ``study``; ``display``, ``logic`` and ``panels`` import it.
"""
