"""Subscriptions and their sockets: what is published or asked goes out, and what subscribers say to it comes in.

Imports ``routing`` and ``access``; ``payloads``, ``extras`` and ``http`` import it.
"""
