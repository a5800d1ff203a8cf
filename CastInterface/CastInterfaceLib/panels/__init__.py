"""Widgets for Slicer: PythonQt, no sockets, no scene but through a logic."""
