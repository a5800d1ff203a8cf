"""The module "Cast Hub" inside Slicer: its panel, and the hub as a child process.

Imports ``CastSlicerLib`` and ``CastLib``, and not ``CastHubLib``, which only the child process runs.
"""
