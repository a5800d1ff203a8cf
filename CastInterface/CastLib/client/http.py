"""HTTP to one hub: one pool of connections, every failure a CastError; knows nothing of tokens or of Cast."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from CastLib.client.address import HubAddress, WrongAddress
from CastLib.client.errors import HubUnusable, not_reachable, refusal
from CastLib.client.network import Network
from CastLib.errors import CastError, FieldError, TimedOut
from CastLib.fields import need_object, parse_json
from CastLib.version import __version__

# For the whole process: it writes a line a request, with addresses and payload ids, into whatever log the host keeps.
# What goes wrong is told by us.
logging.getLogger("urllib3").setLevel(logging.ERROR)

_POOL = 32  # connections kept: as many as downloads at once, and a few calls


class Http:
    """Sends requests to a hub. ``connect_timeout`` and ``timeout`` (of silence) are in seconds.

    ``calling`` is entered while a call is under way.
    """

    def __init__(
        self,
        address: HubAddress,
        network: Network,
        connect_timeout: float,
        timeout: float,
        *,
        calling: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self.address = address
        self.network = network
        self._calling = calling
        self._connect_timeout = connect_timeout
        self._timeout = timeout
        self._session = requests.Session()
        # What the environment says of proxies and certificates is in ``network``, for the socket too; a .netrc would
        # replace the hub's token.
        self._session.trust_env = False
        if network.ca_bundle:
            self._session.verify = network.ca_bundle
        if network.proxy is not None:
            self._session.proxies = {"http": network.proxy.url, "https": network.proxy.url}
        self._session.headers["User-Agent"] = f"CastInterface/{__version__}"
        self._session.headers["Accept-Encoding"] = "identity"
        self._adapter = HTTPAdapter(pool_connections=2, pool_maxsize=_POOL)
        self._session.mount("http://", self._adapter)
        self._session.mount("https://", self._adapter)

    def send(
        self,
        method: str,
        url: str,
        *,
        token: str = "",
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        stream: bool = False,
        patient: bool = False,
        **body: Any,
    ) -> requests.Response:
        """Return the answer to a request, any status below 300; ``body`` is what requests takes (data, json).

        A ``patient`` call gives each write of its body as much time as the answer; else a write has the time that
        connecting has.

        Raises Refused for 4xx and 5xx, HubNotReachable, TimedOut when the hub was silent for ``timeout`` seconds.
        """
        all_headers = dict(headers or {})
        if token:
            all_headers["Authorization"] = f"Bearer {token}"
        silence = self._timeout if timeout is None else timeout
        first = silence if patient else min(self._connect_timeout, silence)
        try:
            with self._calling():
                response = self._session.request(
                    method,
                    url,
                    headers=all_headers,
                    timeout=(first, silence),
                    allow_redirects=False,
                    stream=stream,
                    **body,
                )
        except CastError:
            raise  # a body that is made while it is sent may raise its own
        except requests.exceptions.ReadTimeout:
            raise TimedOut(f"{self.address} gave no answer within {silence:g} s") from None
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader) as error:
            raise WrongAddress(f"cannot be used: {type(error).__name__}") from None
        except (requests.RequestException, OSError) as error:
            raise not_reachable(str(self.address), error, self.network.proxy) from error
        if response.status_code >= 400:
            with response:
                raise refusal(response)
        if response.status_code >= 300:
            response.close()
            raise HubUnusable(f"{self.address} sends on to another address; name that one as the hub")
        return response

    def close(self) -> None:
        """Close all connections.

        One by one: urllib3 leaves the connections of a pool open as long as somebody holds it, as an exception does
        that it has raised.
        """
        for manager in (self._adapter.poolmanager, *self._adapter.proxy_manager.values()):
            for key in manager.pools.keys():
                manager.pools[key].close()
        self._session.close()


def json_object(response: requests.Response, address: HubAddress) -> dict[str, Any]:
    """Return the JSON object in an answer; HubUnusable when there is none."""
    try:
        return need_object(parse_json(response.content, "the answer"), "the answer")
    except FieldError as error:
        raise HubUnusable(f"{address} is no hub: {error}") from None
