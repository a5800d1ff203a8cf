"""A relay before a hub that keeps every message its clients send, byte for byte as the hub gets it."""

from __future__ import annotations

import asyncio

from relay import Relay, pipe

CONTROL_FRAME = 0x8
FINAL = 0x80


class OverhearingRelay(Relay):
    """``messages`` are the JSON bodies of calls, the first parts of batches and the frames of sockets, as sent."""

    def __init__(self, target: int) -> None:
        super().__init__(target)
        self.messages: list[bytes] = []

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard = asyncio.StreamReader()
        listening = asyncio.ensure_future(self._listen(heard))
        try:
            async with self._connection("127.0.0.1", self._target) as (far_reader, far_writer):
                back = asyncio.ensure_future(pipe(far_reader, writer, lambda: False))
                while data := await reader.read(256 * 1024):
                    heard.feed_data(data)
                    far_writer.write(data)
                    await far_writer.drain()
                back.cancel()
        finally:
            listening.cancel()

    async def _listen(self, heard: asyncio.StreamReader) -> None:
        while True:
            head = (await heard.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            body = await heard.readexactly(int(fields.get("content-length", "0")))
            kind = fields.get("content-type", "")
            if kind.startswith("application/json"):
                self.messages.append(body)
            elif kind.startswith("multipart/related"):
                boundary = kind.split('boundary="')[1].split('"')[0].encode()
                self.messages.append(body.split(b"\r\n\r\n", 1)[1].split(b"\r\n--" + boundary, 1)[0])
            if "upgrade" in fields:
                await self._listen_to_frames(heard)

    async def _listen_to_frames(self, heard: asyncio.StreamReader) -> None:
        message = b""
        while True:
            first, length = await heard.readexactly(2)
            length &= 0x7F  # a client's frames are masked (RFC 6455, 5.3)
            if length > 125:
                length = int.from_bytes(await heard.readexactly(2 if length == 126 else 8), "big")
            mask = await heard.readexactly(4)
            data = await heard.readexactly(length)
            if first & CONTROL_FRAME:
                continue
            message += bytes(value ^ mask[index % 4] for index, value in enumerate(data))
            if first & FINAL:
                self.messages.append(message)
                message = b""
