"""Batches: bytes come in, are kept for a while, and go out to those who were sent them.

Imports ``routing``, ``access`` and ``delivery``; ``http`` imports it.
"""
