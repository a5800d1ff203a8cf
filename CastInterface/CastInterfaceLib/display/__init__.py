"""The image display's role on the wire: opens and closes studies, takes results, answers what the views show.

Imports ``views``, ``scene`` and ``study``; ``logic`` and ``panels`` import it.
"""
