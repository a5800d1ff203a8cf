"""Volumes, segmentations and folders in Slicer's scene, and what is needed of the program that shows it (``viewer``).

Imports ``study``; ``views``, ``display``, ``logic`` and ``panels`` import it.
"""
