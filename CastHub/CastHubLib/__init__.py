"""The hub: it takes messages and batches from applications and passes them on to those that have subscribed.

Inside: ``routing`` (who gets what, as values), ``access`` (who may), ``delivery`` (subscriptions and their sockets),
``payloads`` (batches), ``extras`` (what a hub does only when a setting says so), ``http`` (the addresses, and all of it
together). Beside them stand what every folder uses (``settings``, ``log``, ``responses``, ``incoming``, work off the
loop), and on top ``hub_command``. An import goes from ``http`` down to ``routing``, never up; from outside only
``hub_command`` is called.
"""
