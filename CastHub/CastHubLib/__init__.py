"""The hub: routing core without I/O, and the aiohttp server around it.

A reader's way through it: ``core`` (who gets what), ``collation`` (requests), ``outbox`` (frames to sockets),
``connections`` (a socket's life), ``publication`` and ``aside`` (bodies), ``payloads`` and ``batches`` (bytes),
``signin`` and ``origins`` (who may), ``routes_*`` (addresses), ``server`` (all of it together), ``command`` (the
command line).
"""
