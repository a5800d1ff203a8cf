"""DICOM files as plain values: what is in a header, which files make a series and a volume, where each slice lies.

Imports the values of ``CastLib`` and pydicom; display, provider and command line import it.
"""
