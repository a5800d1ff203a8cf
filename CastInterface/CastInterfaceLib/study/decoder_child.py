"""Decodes compressed frames in a process of its own: started by `frame_decoder`, run as a script.

What comes over the wire goes through native decoders here and nowhere else: a crash, a hang or a hunger for memory ends
this process, and its parent says so in a sentence. It needs numpy, pydicom and gdcm, nothing of this product.

A question is a line of JSON (``length`` and the arguments of `decode`) and ``length`` bytes of one frame; the answer a
line of JSON (``dtype``, ``shape``, ``length``, or ``error``) and ``length`` bytes of samples.
"""

from __future__ import annotations

import json
import os
import sys
from typing import IO, Any

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder: its neighbours are no top-level modules
os.environ["OPENBLAS_NUM_THREADS"] = "1"  # each of its threads would count against the limit of memory

import gdcm
import numpy as np
from pydicom.encaps import encapsulate
from pydicom.pixels import get_decoder
from pydicom.uid import UID, JPEGExtended12Bit, JPEGLSTransferSyntaxes, RLELossless


def decode(syntax: UID, frame: bytes, options: dict[str, Any]) -> np.ndarray:
    """The samples of one frame, (rows, columns) or (rows, columns, 3); colours as RGB.

    Args:
        syntax: the transfer syntax.
        frame: the compressed bytes, its fragments joined.
        options: ``rows``, ``columns``, ``samples_per_pixel``, ``bits_allocated``, ``bits_stored``,
            ``pixel_representation``, ``photometric_interpretation``, ``planar_configuration``.
    """
    if syntax == JPEGExtended12Bit and options["bits_stored"] > 8:
        return _extended(frame, options)
    plugin = "pydicom" if syntax == RLELossless else "gdcm"
    if syntax in JPEGLSTransferSyntaxes and options["bits_stored"] < 8:
        plugin = "pyjpegls"  # the other one knows no 2 to 7 bits
    told: dict[str, Any] = {**options, "number_of_frames": 1, "pixel_keyword": "PixelData", "decoding_plugin": plugin}
    source = encapsulate([frame], has_bot=False)
    array, _ = get_decoder(syntax).as_array(source, index=0, raw=options["samples_per_pixel"] == 1, **told)
    return np.ascontiguousarray(array)


def _extended(frame: bytes, options: dict[str, Any]) -> np.ndarray:
    """JPEG Extended with 12 bits, which pydicom asks nobody for: gdcm decodes it."""
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(frame)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    pixels = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    pixels.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((options["columns"], options["rows"], 1))
    image.SetDataElement(pixels)
    kind = gdcm.PhotometricInterpretation.GetPIType(options["photometric_interpretation"])
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(kind))
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGExtendedProcess2_4))
    bits = options["bits_stored"]
    sign = options["pixel_representation"]
    image.SetPixelFormat(gdcm.PixelFormat(options["samples_per_pixel"], 16, bits, bits - 1, sign))
    samples = image.GetBuffer().encode("utf-8", "surrogateescape")
    return np.frombuffer(samples, "<u2").reshape(options["rows"], options["columns"])


def _limit_memory(most: int) -> None:
    """Let this process take so many bytes more than it has now, where the system can hold it to that."""
    try:
        import resource

        with open("/proc/self/statm") as status:
            now = int(status.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + most, now + most))
    except (ImportError, OSError, ValueError):  # Windows, macOS: the sizes that frames declare are looked at before
        return


def _limit_time(seconds: float) -> None:
    """Let the next frame take so many seconds of the processor, where the system can hold it to that."""
    try:
        import resource
    except ImportError:  # Windows: the parent's patience ends it
        return
    usage = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(usage.ru_utime + usage.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def _answer(question: dict[str, Any], frame: bytes) -> tuple[dict[str, Any], bytes]:
    try:
        array = decode(UID(question["syntax"]), frame, question["options"])
        return {"dtype": array.dtype.str, "shape": array.shape, "length": array.nbytes}, array.tobytes()
    except MemoryError:
        return {"error": "it needs more memory than the decoder may take"}, b""
    except Exception:  # damaged data raises whatever its bytes happen to run into
        return {"error": "its compressed pixels are damaged, or of a kind that the decoder does not know"}, b""


def main() -> None:
    """Answer until the questions end."""
    memory, seconds = int(sys.argv[1]), float(sys.argv[2])
    questions: IO[bytes] = sys.stdin.buffer
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    quiet = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):  # what the decoders print is no answer, and nobody's log
        os.dup2(quiet, stream)
    _limit_memory(memory)
    while line := questions.readline():
        question = json.loads(line)
        frame = questions.read(question["length"])
        _limit_time(seconds)
        told, samples = _answer(question, frame)
        answers.write(json.dumps(told).encode() + b"\n")
        answers.write(samples)
        answers.flush()


if __name__ == "__main__":
    main()
