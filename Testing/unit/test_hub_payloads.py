"""The payload store: caps, time to live, rights, memory and file."""

from __future__ import annotations

import asyncio
import errno
import mmap
import platform
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from CastHubLib.errors import Denied
from CastHubLib.payloads import content
from CastHubLib.payloads.store import Batch, Chunk, PayloadStore, lay_out
from CastHubLib.routing.subscriber import Owner
from CastHubLib.settings import MIB, HubSettings
from CastLib.manifest import CHUNK

ALICE, BOB = Owner("alice", "alice"), Owner("bob", "bob")


def store(**settings: Any) -> PayloadStore:
    return PayloadStore(HubSettings(**settings))


def resident() -> int:
    """Bytes of memory that this process has taken."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE


async def fill(batch: Batch, data: bytes, piece: int = 70_000) -> None:
    for start in range(0, len(data), piece):
        await batch.content.write(memoryview(data)[start : start + piece])
    await batch.content.finish()


def found(payloads: PayloadStore, id: str, now: float = 0.0) -> Chunk:
    chunk = payloads.get(id, now)
    assert chunk is not None
    return chunk


@pytest.mark.parametrize("memory", [64 * 1024 * 1024, 0], ids=["in memory", "in a file"])
def test_files_over_4_mib_are_chunked_and_come_back(memory: int) -> None:
    async def run() -> None:
        payloads = store(max_payload_memory_bytes=memory)
        lengths = [10, 2 * CHUNK + 3, CHUNK]
        data = random.Random(1).randbytes(sum(lengths))
        batch = payloads.claim(ALICE, lengths, 0.0)
        assert batch.content.in_memory == bool(memory)
        await fill(batch, data)
        files = lay_out(lengths)
        payloads.keep(batch, files, 0.0)
        assert [file.chunk_lengths for file in files] == [[10], [CHUNK, CHUNK, 3], [CHUNK]]
        ids = [id for file in files for id in file.payload_ids]
        assert len(set(ids)) == 5
        assert b"".join([await found(payloads, id).read(0, found(payloads, id).length) for id in ids]) == data
        assert await found(payloads, ids[1]).read(5, 9) == data[15:19]

    asyncio.run(run())


def test_memory_is_taken_as_bytes_come_and_given_back() -> None:
    """A sender that announces much and sends little costs little."""
    if not Path("/proc/self/statm").exists():
        pytest.skip("the system does not tell how much memory is taken")
    size, piece = 96 * MIB, bytes(MIB)
    payloads = store(max_payload_memory_bytes=size)
    before = resident()
    batch = payloads.claim(ALICE, [size], 0.0)
    assert batch.content.in_memory
    asyncio.run(batch.content.write(memoryview(piece)))
    assert resident() - before < 16 * MIB
    asyncio.run(fill(batch, piece * 95))
    assert resident() - before > 64 * MIB
    payloads.drop(batch)
    assert resident() - before < 48 * MIB


def test_what_was_read_stays_good_when_its_batch_has_gone() -> None:
    for size in (1000, CHUNK + 1000):
        payloads = store()
        batch = payloads.claim(ALICE, [size], 0.0)
        asyncio.run(fill(batch, b"a" * size))
        data = asyncio.run(batch.content.read(size - 5, 5))
        payloads.drop(batch)
        other = payloads.claim(BOB, [size], 0.0)
        asyncio.run(fill(other, b"b" * size))
        assert bytes(data) == b"a" * 5
        with pytest.raises(ValueError, match="let go"):
            asyncio.run(batch.content.read(0, 1))


def test_a_hub_without_memory_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(size: int) -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr("CastHubLib.payloads.content.LargeBuffer", none)
    payloads = store()
    with pytest.raises(Denied, match="has no memory for this batch"):
        payloads.claim(ALICE, [10], 0.0)
    assert payloads.size == 0


def test_time_to_live() -> None:
    payloads = store(payload_seconds=100)
    batch = payloads.claim(ALICE, [3], 0.0)
    asyncio.run(batch.content.write(memoryview(b"abc")))
    [file] = lay_out(batch.lengths)
    payloads.keep(batch, [file], 0.0)
    [id] = file.payload_ids
    assert payloads.get(id, 99.9) is not None
    assert payloads.get(id, 100.0) is None
    payloads.expire(100.0)
    assert len(payloads) == 0 and payloads.size == 0


def test_caps_are_claimed_before_a_byte_comes() -> None:
    payloads = store(max_payloads_bytes=1000, max_sender_payloads_bytes=600, payload_seconds=50)
    first = payloads.claim(ALICE, [600], 0.0)
    payloads.keep(first, lay_out(first.lengths), 0.0)
    with pytest.raises(Denied, match="sender's share"):
        payloads.claim(ALICE, [1], 0.0)
    second = payloads.claim(BOB, [400], 0.0)
    with pytest.raises(Denied, match="is full: try again"):
        payloads.claim(BOB, [1], 0.0)
    with pytest.raises(Denied, match="fewer files"):
        payloads.claim(BOB, [601], 0.0)
    payloads.drop(second)
    payloads.claim(BOB, [400], 0.0)
    payloads.claim(ALICE, [600], 50.0)  # the first has expired


def test_a_dropped_batch_leaves_nothing() -> None:
    async def run() -> None:
        payloads = store(max_payload_memory_bytes=0)
        batch = payloads.claim(ALICE, [CHUNK + 1], 0.0)
        await fill(batch, bytes(CHUNK))
        payloads.drop(batch)
        assert payloads.size == 0 and len(payloads) == 0
        with pytest.raises(ValueError):
            await batch.content.read(0, 1)

    asyncio.run(run())


def test_memory_is_used_up_to_its_share() -> None:
    payloads = store(max_payload_memory_bytes=100)
    in_memory = payloads.claim(ALICE, [60], 0.0)
    assert in_memory.content.in_memory
    assert not payloads.claim(ALICE, [60], 0.0).content.in_memory
    payloads.drop(in_memory)
    assert payloads.claim(ALICE, [60], 0.0).content.in_memory


def test_who_was_sent_a_payload_may_read_it_as_far_as_the_sender_may() -> None:
    payloads = store()
    batch = payloads.claim(ALICE, [1], 0.0)
    [file] = lay_out(batch.lengths)
    payloads.keep(batch, [file], 0.0)
    ids = [*file.payload_ids, "other"]
    payloads.share(ids, BOB, {BOB})
    assert batch.readers == {ALICE}, "Bob may not read it, so he cannot give it to himself"
    payloads.share(ids, ALICE, {BOB})
    assert batch.readers == {ALICE, BOB}


def test_an_event_without_payloads_costs_nothing_for_each_receiver() -> None:
    def receivers() -> Iterator[Owner]:
        raise AssertionError("nobody needs to know them")
        yield

    for ids in ((), ("other",)):
        store().share(ids, ALICE, receivers())


def test_payloads_are_counted_too() -> None:
    payloads = store(max_payloads=5, max_sender_payloads=3)
    first = payloads.claim(ALICE, [1, CHUNK + 1], 0.0)
    with pytest.raises(Denied, match="sender's share"):
        payloads.claim(ALICE, [1], 0.0)
    payloads.claim(BOB, [1, 1], 0.0)
    with pytest.raises(Denied, match="is full"):
        payloads.claim(BOB, [1], 0.0)
    payloads.drop(first)
    payloads.claim(ALICE, [1, 1, 1], 0.0)


def test_small_batches_share_files_which_go_with_the_last_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []
    real = content.tempfile.TemporaryFile
    monkeypatch.setattr(content.tempfile, "TemporaryFile", lambda **more: opened.append(real(**more)) or opened[-1])

    async def run() -> None:
        payloads = store(max_payload_memory_bytes=0)
        batches = [payloads.claim(sender, [1000], 0.0) for sender in (ALICE, BOB) * 200]
        for number, batch in enumerate(batches):
            await fill(batch, bytes([number % 256]) * 1000, 300)
        assert len(opened) == 1
        for number, batch in enumerate(batches):
            assert await batch.content.read(990, 10) == bytes([number % 256]) * 10
        for batch in batches:
            assert not opened[0].closed
            payloads.drop(batch)
        assert opened[0].closed
        payloads.claim(ALICE, [content._SPOOL], 0.0)
        payloads.claim(ALICE, [1], 0.0)
        assert len(opened) == 3

    asyncio.run(run())


PIECES = """
import resource
from CastHubLib.payloads.large_buffers import keep_freed_blocks
keep_freed_blocks()
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
before = faults()
for _ in range(100):
    pieces = [bytearray(256_000) for _ in range(4)]
    del pieces
print(faults() - before)
"""


def test_pieces_of_an_upload_are_not_new_memory_each() -> None:
    if platform.libc_ver()[0] != "glibc":
        pytest.skip("another library, which has its own way")
    pages = 400 * 256_000 // mmap.PAGESIZE
    ran = subprocess.run([sys.executable, "-c", PIECES], capture_output=True, check=True, text=True)
    assert int(ran.stdout) < pages / 10  # without, all of them: unless something before had taught it
