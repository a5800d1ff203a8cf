"""One open WebSocket to the hub. The only file that knows websocket-client."""

from __future__ import annotations

import contextlib
import os
import time
from typing import Any

import websocket

from CastLib.client.buffered_socket import BufferedSocket
from CastLib.client.errors import HubUnusable, not_reachable
from CastLib.client.network import Network
from CastLib.errors import HubNotReachable, Refused

NORMAL = 1000
_MAX_WORDS = 200


class Channel:
    """A subscription's socket. One thread receives; any thread sends. Times are in seconds.

    Raises HubNotReachable when the connection cannot be made or is lost, Refused when the hub refuses the handshake.
    """

    def __init__(
        self, url: str, network: Network, *, connect_timeout: float, ping_interval: float, ping_timeout: float
    ) -> None:
        self._base = url.split("/bind/", 1)[0]
        self._network = network
        self._ping_interval = ping_interval
        self._ping_timeout = ping_timeout
        self._pinged = False
        # Messages are checked as JSON anyway; websocket-client's own check of UTF-8 is slow.
        made: Any = websocket.WebSocket  # it has no complete types
        self._socket = made(sslopt=_tls_options(network), skip_utf8_validation=True)
        try:
            self._socket.connect(url, timeout=connect_timeout, suppress_origin=True, **_proxy_options(network))
        except websocket.WebSocketBadStatusException as error:
            raise Refused(error.status_code, f"the hub does not know this endpoint ({error.status_code})") from None
        except (websocket.WebSocketException, OSError) as error:
            raise self._lost(error) from error
        # The socket is wrapped from below: websocket-client takes one that is handed in, but only connected, and leaves
        # proxy and TLS to whoever does so. Its own (and the threads of the package `websockets`) make several system
        # calls a frame, each of which may cost a background thread inside Slicer a whole tick: see `buffered_socket`.
        self._buffered = BufferedSocket(self._socket.sock)
        self._buffered.settimeout(ping_interval)
        self._socket.sock = self._buffered

    def wait_for_first(self, seconds: float) -> bytes | None:
        """Return the first frame when it comes within ``seconds``; hubs exist that send none."""
        self._buffered.settimeout(seconds)
        try:
            return self._next()
        except websocket.WebSocketTimeoutException:
            return None
        finally:
            self._buffered.settimeout(self._ping_interval)

    def receive(self) -> bytes | None:
        """Return the next text frame; None when there was none for some time, but the hub is there.

        A hub that is silent for long is pinged, and given up when it stays so.
        """
        while True:
            try:
                frame = self._next()
            except websocket.WebSocketTimeoutException:
                if self._pinged:
                    silence = self._ping_interval + self._ping_timeout
                    raise HubNotReachable(f"{self._base} has been silent for {silence:g} s") from None
                self._pinged = True
                self._buffered.settimeout(self._ping_timeout)
                self._send(b"", websocket.ABNF.OPCODE_PING)
                continue
            if self._pinged:
                self._pinged = False
                self._buffered.settimeout(self._ping_interval)
            return frame

    def wait_for_close(self, seconds: float) -> int:
        """Return the code with which the hub closes, passing over other frames; 0 when it does not within a time."""
        self._buffered.settimeout(seconds)
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                opcode, frame = self._socket.recv_data_frame(control_frame=True)
                if opcode == websocket.ABNF.OPCODE_CLOSE:
                    return int.from_bytes(frame.data[:2], "big")
        except (websocket.WebSocketException, OSError):
            pass
        return 0

    def has_input(self) -> bool:
        """Tell whether the receiving thread has not yet taken what came."""
        return self._buffered.has_input()

    def send(self, text: bytes) -> None:
        """Send one text frame (UTF-8)."""
        self._send(text, websocket.ABNF.OPCODE_TEXT)

    def send_close(self) -> None:
        """Send the closing frame with 1000; the hub then ends the connection, and ``receive`` with it."""
        with contextlib.suppress(websocket.WebSocketException, OSError):
            self._socket.send_close(NORMAL)

    def interrupt(self) -> None:
        """End the connection at once, from any thread; a ``receive`` that waits raises."""
        self._buffered.interrupt()

    def dispose(self) -> None:
        """Release the socket; only the receiving thread calls it, when it is done."""
        self._buffered.close()

    def _next(self) -> bytes | None:
        """Return the next text frame, None for another frame, which is a sign of life too."""
        try:
            opcode, frame = self._socket.recv_data_frame(control_frame=True)
        except websocket.WebSocketTimeoutException:
            raise
        except (websocket.WebSocketException, OSError) as error:
            raise self._lost(error) from error
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            raise HubNotReachable(f"{self._base} closed the connection{_closing_words(frame.data)}")
        return bytes(frame.data) if opcode == websocket.ABNF.OPCODE_TEXT else None

    def _send(self, data: bytes, opcode: int) -> None:
        try:
            self._socket.send(data, opcode)
        except (websocket.WebSocketException, OSError) as error:
            raise self._lost(error) from error

    def _lost(self, error: Exception) -> HubNotReachable:
        proxy = self._network.proxy
        if isinstance(error, websocket.WebSocketProxyException) and proxy is not None:
            return HubNotReachable(f"the proxy {proxy.host}:{proxy.port} does not lead to {self._base} ({error})")
        if isinstance(error, websocket.WebSocketProtocolException):
            return HubUnusable(f"{self._base} breaks the WebSocket protocol ({error})")
        if isinstance(error, websocket.WebSocketConnectionClosedException):
            return HubNotReachable(f"the connection to {self._base} was lost")
        return not_reachable(self._base, error, proxy)


def _tls_options(network: Network) -> dict[str, Any]:
    if not network.ca_bundle:
        return {}
    return {"ca_cert_path" if os.path.isdir(network.ca_bundle) else "ca_certs": network.ca_bundle}


def _proxy_options(network: Network) -> dict[str, Any]:
    """Name the proxy, or none: websocket-client would else read the environment by rules of its own.

    It heeds ``http_no_proxy`` only beside a proxy, so for none it gets a proxy that no host is to be reached through.
    """
    proxy = network.proxy
    if proxy is None:
        return {"http_proxy_host": "none", "http_proxy_port": 1, "http_no_proxy": ["*"]}
    return {
        "http_proxy_host": proxy.host,
        "http_proxy_port": proxy.port,
        "http_proxy_auth": (proxy.user, proxy.password) if proxy.user else None,
        "http_no_proxy": [""],
        "proxy_type": "http",
    }


def _closing_words(data: bytes) -> str:
    if len(data) < 2:
        return ""
    reason = data[2:].decode("utf-8", "replace").strip()[:_MAX_WORDS]
    return f" ({int.from_bytes(data[:2], 'big')}{' ' + reason if reason else ''})"
