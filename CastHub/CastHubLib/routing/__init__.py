"""Who gets what, as plain values: the table of subscriptions, groups of topics, open requests, what waits for whom.

Nothing here opens, waits or reads a clock, and it imports nothing but ``CastLib``; every other folder may import it.
"""
