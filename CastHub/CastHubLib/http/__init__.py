"""The addresses of the hub, and the hub's parts put together: ``Hub``, and ``serve`` over it.

Imports every other folder; only ``hub_command`` imports it.
"""
