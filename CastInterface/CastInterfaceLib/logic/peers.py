"""Who else is connected, as far as answers and messages tell (protocol: presence is STATUS)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from CastLib.actors import actor_words, parse_actors
from CastLib.errors import FieldError
from CastLib.events import SUBSCRIPTION_REMOVED, event_key, is_request
from CastLib.message import Message


@dataclass(frozen=True, slots=True)
class Peer:
    """One other subscriber; ``product`` and ``actors`` are empty as long as they are not known."""

    name: str
    product: str = ""
    actors: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What a person chooses by: the name, and what it is; a product that the name begins with is not said again."""
        product = "" if self.name.casefold().startswith(self.product.casefold()) else self.product
        facts = ", ".join(fact for fact in (product, actor_words(self.actors)) if fact)
        return f"{self.name} ({facts})" if facts else self.name


class Peers:
    """The other subscribers seen and not gone, in order of their names. ``version`` rises with every change."""

    def __init__(self, own_name: str = "") -> None:
        self._own = own_name.casefold()
        self._peers: dict[str, Peer] = {}
        self.version = 0

    def all(self) -> list[Peer]:
        """Everybody known."""
        return sorted(self._peers.values(), key=lambda peer: peer.name.casefold())

    def take_message(self, message: Message) -> None:
        """Note who asks, or that somebody has gone. Who only publishes need not be connected."""
        sender = message.sender
        if message.key == event_key(SUBSCRIPTION_REMOVED):
            if self._peers.pop(sender.name.casefold(), None) is not None:
                self.version += 1
        elif is_request(message.key):
            self._note(Peer(sender.name, sender.product, sender.actors))

    def take_answer(self, answer: dict[str, Any]) -> None:
        """Note who answered a request, by its collated answer."""
        responses = answer.get("responses")
        for response in responses if isinstance(responses, list) else ():
            if isinstance(response, dict):
                name, product = response.get("subscriber"), response.get("productName")
                if isinstance(name, str):
                    actors = _actors(response.get("actor"))
                    self._note(Peer(name, product if isinstance(product, str) else "", actors))

    def _note(self, peer: Peer) -> None:
        key = peer.name.casefold()
        if not key or key in ("*", self._own) or not peer.name.isprintable():
            return  # a hub of today refuses a name with control characters; no box could keep it to be chosen
        known = self._peers.get(key, Peer(peer.name))
        merged = Peer(peer.name, peer.product or known.product, peer.actors or known.actors)
        if self._peers.get(key) != merged:
            self._peers[key] = merged
            self.version += 1


def _actors(value: Any) -> tuple[str, ...]:
    try:
        return parse_actors(value)
    except FieldError:
        return ()
