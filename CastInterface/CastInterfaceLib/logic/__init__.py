"""What the module "Cast Interface" does without its panel: its connection, sending, requests, the log of messages.

Imports ``display`` and what is below; ``panels`` imports it.
"""
