"""The addresses of the hub, and the hub's parts put together: ``Hub``, and ``serve`` over it.

Imports every other folder; only ``command`` imports it.
"""
