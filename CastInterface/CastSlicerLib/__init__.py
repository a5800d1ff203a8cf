"""What the three modules share inside Slicer: a panel's frame and tables, work beside the main thread, settings.

Imports ``CastLib`` and Slicer; the packages of the three modules import it, and it none of theirs.
"""
