"""Reads results that were damaged at random, in a process of its own with limits on its memory.

``python fuzzed_results.py SAMPLES SEED COUNT`` prints a line before each file; it ends early only by a crash, by
running out of memory, or because something other than a `CastError` came up.
"""

from __future__ import annotations

import gzip
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

from CastInterfaceLib.display.image_results import prepare_image_file
from CastInterfaceLib.study.grids import Grid
from CastInterfaceLib.study.prepared_segmentation import prepare_segmentation
from CastLib.errors import CastError

SOURCE = Grid(
    (8, 24, 24),
    np.diag([-10.0, -10.0, 15.0, 1.0]) + np.array([[0, 0, 0, 115], [0, 0, 0, 115], [0, 0, 0, -52.5], [0] * 4]),
)
MEMORY = 1 << 30  # bytes that reading one file may take beside what the process has anyway


def limit_memory() -> None:
    """Have this process fail when it takes more (Linux)."""
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


# Numbers that stand for sizes, places and kinds, where they hurt.
HURTS = (0, 1, -1, 2, 7, 127, 128, 255, 32767, -32768, 65535, 2**31 - 1, -(2**31), 2**31, 2**32 - 1, 2**63 - 1)
WORDS = (
    b"0",
    b"-1",
    b"65535",
    b"3000000000",
    b"nan",
    b"inf",
    b"1e308",
    b"none",
    b"",
    b"(1,0,0)",
    b"/etc/passwd",
    b"LIST",
)
LINES = (
    b"data file: /etc/passwd", b"modality:=DWMRI", b"byte skip: -1", b"line skip: 99", b"encoding: hex", b"kinds: x",
    b"Segment0_Extent:=0 999999999 0 1 0 1", b"Segment0_Layer:=3", b"Segment9999_ID:=x", b"Segment0_LabelValue:=-5",
    b"space units: \"m\" \"m\" \"m\"", b"type: double", b"type: int64", b"type: block", b"sizes: 65535 65535 65535",
)  # fmt: skip


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Some bytes flipped, cut, doubled, or replaced by numbers and words that hurt."""
    text = bytearray(data)
    head = min(len(text), 600)
    for _ in range(chance.randint(1, 5)):
        at = chance.randrange(head if chance.random() < 0.7 else len(text)) if text else 0
        match chance.randrange(9):
            case 0:
                text[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del text[at : at + chance.randint(1, 40)]
            case 2:
                text[at:at] = text[at : at + chance.randint(1, 40)]
            case 3:
                size = chance.choice((1, 2, 4, 8))
                number = chance.choice(HURTS) % (1 << 8 * size)
                text[at : at + size] = number.to_bytes(size, chance.choice(("little", "big")))
            case 4:
                kind = chance.choice(("<f4", "<f8", ">f4"))
                number = np.array(chance.choice((np.nan, np.inf, 1e30, -1e30, 1e-30, 0.0)), kind)
                text[at : at + number.itemsize] = number.tobytes()
            case 5:
                text = text[: max(at, 1)]
            case 6 if data.startswith(b"NRRD"):
                places = [place for place in range(min(len(text), 2000)) if text[place : place + 1] == b"\n"]
                if places:
                    place = chance.choice(places)
                    text[place:place] = b"\n" + chance.choice(LINES)
            case 7 if data.startswith(b"NRRD"):
                words = bytes(text[:600]).split(b" ")
                words[chance.randrange(len(words))] = chance.choice(WORDS)
                text[:600] = b" ".join(words)
            case _:
                text[at : at + 4] = bytes(4)
    return bytes(text)


def main(samples: Path, seed: int, count: int) -> None:
    chance = random.Random(seed)
    whole = [(path.name, path.read_bytes()) for path in sorted(samples.iterdir())]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file_name, data in whole:  # everything is imported before the limit is set
            print("before", file_name, read(folder / file_name, data, chance), flush=True)
        limit_memory()
        outcomes: Counter[str] = Counter()
        for number in range(count):
            file_name, data = chance.choice(whole)
            data = damaged(data, chance)
            if file_name.endswith(".nii") and chance.random() < 0.4:
                data = gzip.compress(data)
                data = damaged(data, chance) if chance.random() < 0.3 else data
            print("reads", seed, number, file_name, flush=True)
            outcomes[read(folder / file_name, data, chance)] += 1
        print("done", dict(outcomes), flush=True)


def read(path: Path, data: bytes, chance: random.Random) -> str:
    """Read a file as a result, with all that is made of it for the scene: ``shown``, or ``refused`` by a sentence."""
    path.write_bytes(data)
    try:
        if path.suffix == ".dcm":
            prepare_segmentation(path)
        else:
            prepare_image_file(path, chance.choice(("", "segmentation")), "", SOURCE)
    except CastError as error:
        assert str(error).endswith((".", ")")) and str(path.parent) not in str(error), error
        return "refused"
    return "shown"


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
