"""What a hub does only when a setting says so: keep the current context (FHIRcast), list samples.

Imports the folders below; only ``http`` imports it, and nothing else knows of it.
"""
