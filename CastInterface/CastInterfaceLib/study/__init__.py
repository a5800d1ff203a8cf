"""What a study's files hold, read and decoded beside the main thread: voxels, segments, surfaces, whose they are.

Knows no scene. Imports ``CastLib`` and ``CastSlicerLib``; all other folders import it.
"""
