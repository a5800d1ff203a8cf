"""The module "Cast Service Provider" inside Slicer: its panel, its jobs, and scripts tried on what the scene shows.

Imports ``CastServiceProviderLib``, ``CastInterfaceLib`` (for the scene), ``CastSlicerLib`` and ``CastLib``.
"""
