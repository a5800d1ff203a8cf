"""What stands between a client and its hub in tests: relays that freeze, break or end TLS, a CONNECT proxy.

An authority makes the certificates. All listen on loopback, in one event loop on a thread of their own.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime
import ipaddress
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

T = TypeVar("T")
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class _Server:
    """A server of one handler on a free port; ``with`` starts and ends it."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    def __enter__(self):
        self._thread = threading.Thread(target=self._loop.run_forever, name="relay", daemon=True)
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self._tls))
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """Break every connection, as when a cable is pulled and the peer resets."""
        self._run(self._cut())

    async def _cut(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _end(self) -> None:
        self._server.close()
        await self._cut()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            await self.handle(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise NotImplementedError

    @contextlib.asynccontextmanager
    async def _connection(
        self, host: str, port: int
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection(host, port)
        self._writers.add(writer)
        try:
            yield reader, writer
        finally:
            self._writers.discard(writer)
            writer.close()


class Relay(_Server):
    """Passes bytes on to a port of this machine; with ``tls`` it ends TLS. ``frozen`` holds all bytes back."""

    def __init__(self, target: int, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls)
        self._target = target
        self.frozen = False
        self.connections = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        async with self._connection("127.0.0.1", self._target) as (far_reader, far_writer):
            await pipe_both(reader, writer, far_reader, far_writer, lambda: self.frozen)


class ReverseProxy(_Server):
    """What stands before a hub in a hospital: it ends TLS, takes ``prefix`` off the path and tells what it took.

    One request a connection. ``headers`` replace those of the client; ``{host}`` in them is the client's Host.
    """

    def __init__(self, target: int, tls: ssl.SSLContext | None, prefix: str, headers: dict[str, str]) -> None:
        super().__init__(tls)
        self._target, self._prefix, self._headers = target, prefix, headers

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip("\r\n").split("\r\n")
        method, path, version = first.split(" ")
        fields = dict(line.split(": ", 1) for line in lines)
        host = fields.get("Host", "")
        socket = "Upgrade" in fields
        kept = {name: value for name, value in fields.items() if name not in self._headers}
        told = {name: value.replace("{host}", host) for name, value in self._headers.items()}
        if not socket:
            told["Connection"] = "close"
            kept.pop("Connection", None)
        head = [f"{method} {path.removeprefix(self._prefix)} {version}"]
        head += [f"{name}: {value}" for name, value in {**kept, **told}.items() if value]
        async with self._connection("127.0.0.1", self._target) as (far_reader, far_writer):
            far_writer.write(("\r\n".join(head) + "\r\n\r\n").encode("latin-1"))
            await pipe_both(reader, writer, far_reader, far_writer)


class ConnectProxy(_Server):
    """An HTTP proxy that knows CONNECT only; ``seen`` are the targets and the first bytes that went through each.

    With ``user`` and ``password`` it wants them.
    """

    def __init__(self, user: str = "", password: str = "") -> None:
        super().__init__()
        self._wanted = base64.b64encode(f"{user}:{password}".encode()).decode() if user else ""
        self.seen: list[str] = []

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, target, _ = head.split("\r\n")[0].split(" ")
        self.seen.append(f"{method} {target}")
        if self._wanted and f"proxy-authorization: basic {self._wanted}".lower() not in head.lower():
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return
        if method != "CONNECT":
            writer.write(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n")
            return
        host, _, port = target.rpartition(":")
        async with self._connection(host, int(port)) as (far_reader, far_writer):
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await pipe_both(reader, writer, far_reader, far_writer)


async def pipe_both(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    far_reader: asyncio.StreamReader,
    far_writer: asyncio.StreamWriter,
    frozen: Callable[[], bool] = lambda: False,
) -> None:
    """Pass bytes on in both directions until one side ends."""
    ways = [asyncio.ensure_future(pipe(a, b, frozen)) for a, b in ((reader, far_writer), (far_reader, writer))]
    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    for way in ways:
        way.cancel()
    await asyncio.gather(*ways, return_exceptions=True)


async def pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter, frozen: Callable[[], bool]) -> None:
    while data := await source.read(256 * 1024):
        while frozen():
            await asyncio.sleep(0.01)
        sink.write(data)
        await sink.drain()


class Authority:
    """A certificate authority of the test's own; ``ca_file`` is what clients are to trust."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _certificate(self._name, self._name, self._key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_usage(sign=True), critical=True)
        self.ca_file = folder / "ca.pem"
        self.ca_file.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def server_context(self, *names: str) -> ssl.SSLContext:
        """Return what a server of these names (hosts or IP addresses) needs."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        builder = _certificate(subject, self._name, key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = builder.add_extension(identifier, critical=False)
        pem = self._folder / f"{names[0]}.pem"
        certificate = builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        pem.write_bytes(private + certificate)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        return context


def _certificate(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=sign,
        crl_sign=sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
