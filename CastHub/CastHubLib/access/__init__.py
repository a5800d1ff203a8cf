"""Who may: sign-in and its tokens, origins and addresses of browsers, and what one user may hold of what all share.

Imports ``routing`` and what stands beside the folders; ``delivery``, ``payloads`` and ``http`` import it.
"""
