"""What an MR series says of its own contrast: T1, T2, FLAIR, diffusion …, from words and numbers of its header.

A script that wants one kind takes it by what is said, never by size. What is said may be wrong: look at the image too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pydicom

from CastLib.dicom.headers import text_of

# Milliseconds; the ranges that textbooks of MR give for a head, at 1.5 and 3 tesla.
LONGEST_T1_ECHO = 40.0  # echo time: above, T2 rules the contrast
LONGEST_T1_REPETITION = 1200.0  # repetition time of a spin echo: above, T1 no longer shows
LONGEST_T1_GRADIENT_REPETITION = 60.0  # the same of a gradient echo without inversion
LONGEST_T1_INVERSION = 1300.0  # inversion time: above, fluid is what is suppressed (FLAIR)
LONGEST_T1_GRADIENT_ECHO = 15.0  # echo time of a gradient echo: above, susceptibility shows

#: Kinds by words of descriptions, the first that fits counts: a "T1 localizer" is a localizer, a "T1 FLAIR" is T1.
_WORDS = {
    "localizer": r"locali[sz]er|\bloc\b|scout|survey|\b3 ?pl\b|3 ?plane",
    "angiography": r"\b[23]?d? ?tof|angio|\bmra\b|\bmrv\b|veno|\bmip\b",
    "diffusion": r"dwi|\bdti|diffusion|\bdiff\b|\b[ed]?adc\b|\btrace|\btensor|\bb ?1000\b|\bb ?0\b|\bfa\b",
    "susceptibility": r"\bswi|\bswan\b|\bqsm\b|t2 ?(star|\*)|field ?map|\bphase\b|\bhemo",
    "perfusion": r"perf|\basl\b|\bp?casl\b|\bdsc\b|\bdce\b|\bcb[fv]\b|\bmtt\b|\bttp\b|\btmax\b",
    "function": r"\bbold\b|fmri|\bresting",
    "calculated map": r"\bt1 ?rho|\bmap\b|\bsubtract|\bsub$|\binv ?[12]\b|spectro|\bratio\b",
    "T1": r"t1|mp2?rage|spgr|bravo|\bmdeft|\btfl|\bvibe\b|\buni\b|\buni den",
    "FLAIR": r"flair|dark ?fl|\btirm\b",
    "T2": r"t2|\bciss|fiesta|haste|trufi|\bb?ssfp",
    "proton density": r"\bpd|proton|dens",
}
#: Words of ImageType (PS3.3 C.7.6.1.1.2, C.8.3.1.1.1), the third and later ones as scanners write them.
_IMAGE_TYPES = {
    "LOCALIZER": "localizer",
    "PROJECTION IMAGE": "angiography",
    "MIP": "angiography",
    "ADC": "diffusion",
    "DIFFUSION": "diffusion",
    "TRACEW": "diffusion",
    "FA": "diffusion",
    "P": "susceptibility",
    "PHASE": "susceptibility",
    "PHASE MAP": "susceptibility",
    "SWI": "susceptibility",
    "PERFUSION": "perfusion",
    "ASL": "perfusion",
    "FMRI": "function",
    "SUBTRACT": "calculated map",
    "SUBTRACTION": "calculated map",
    "T1 MAP": "calculated map",
    "T2 MAP": "calculated map",
}
_NO_AGENT = r"\b(no|non|pre|without|w o|ohne|sans|sin)\b|\bnativ"
_AGENT = r"\bgd\b|gado|contrast|\bkm\b|\bc\+|\+ ?(c|k)\b|\bce\b|\bpost\b"


@dataclass(frozen=True, slots=True)
class Weighting:
    """What a series says of itself.

    ``kind`` is "T1", "T2", "FLAIR", "proton density", "diffusion", "susceptibility", "angiography", "perfusion",
    "function", "localizer" or "calculated map", ``""`` when nothing says it; ``why`` are the words or numbers that do.
    ``agent`` tells that a contrast agent was given.
    """

    kind: str
    why: str
    agent: bool


def weighting(header: pydicom.Dataset) -> Weighting:
    """Return what the header of one image says of its series' contrast."""
    texts = [text_of(header, keyword) for keyword in ("SeriesDescription", "ProtocolName", "SequenceName")]
    words = _plain(texts[0])
    said = text_of(header, "ContrastBolusAgent").upper()
    agent = bool(said and said not in ("NO", "NONE", "N", "0"))
    agent = agent or bool(re.search(_AGENT, words) and not re.search(_NO_AGENT, words))
    by_type = _by_image_type(header)
    if by_type:
        return Weighting(by_type, f"image type {_joined(header, 'ImageType')}", agent)
    measured, numbers = _by_numbers(header)
    for text in texts:
        kind = _by_words(text)
        if kind == "T1" and measured in ("T2", "FLAIR"):  # names are typed by hand, times are the scanner's own
            return Weighting(measured, numbers, agent)
        if kind:
            return Weighting(kind, f'description "{text}"', agent)
    return Weighting(measured, numbers, agent)


def _by_image_type(header: pydicom.Dataset) -> str:
    if text_of(header, "AngioFlag").upper() == "Y":
        return "angiography"
    words = _list(header, "ImageType")
    return next((_IMAGE_TYPES[word] for word in words if word in _IMAGE_TYPES), "")


def _by_words(text: str) -> str:
    return next((kind for kind, pattern in _WORDS.items() if re.search(pattern, _plain(text))), "")


def _by_numbers(header: pydicom.Dataset) -> tuple[str, str]:
    """The kind by sequence and times (PS3.3 C.8.3.1), and those in words; ``""`` when they do not decide."""
    echo, repetition, inversion = (_time(header, f"{what}Time") for what in ("Echo", "Repetition", "Inversion"))
    sequence = _list(header, "ScanningSequence")
    why = ", ".join(
        f"{what} time {value:.0f} ms"
        for what, value in (("echo", echo), ("repetition", repetition), ("inversion", inversion))
        if value
    )
    if "EP" in sequence:
        return "diffusion", "an echo-planar sequence"
    if echo > LONGEST_T1_ECHO:
        return ("FLAIR" if inversion > LONGEST_T1_INVERSION else "T2"), why
    if not echo or not repetition:
        return "", ""
    if 0 < inversion <= LONGEST_T1_INVERSION:
        return "T1", why
    if "GR" in sequence:
        if echo > LONGEST_T1_GRADIENT_ECHO:
            return "susceptibility", why
        return ("T1" if repetition <= LONGEST_T1_GRADIENT_REPETITION else ""), why
    if "SE" in sequence:
        return ("T1" if repetition <= LONGEST_T1_REPETITION else "proton density"), why
    return "", ""


def _plain(text: str) -> str:
    """Lower case, with blanks where names have underscores and the like."""
    return re.sub(r"[^a-z0-9+*]+", " ", text.lower()).strip()


def _list(header: pydicom.Dataset, keyword: str) -> list[str]:
    value = header.get(keyword)
    values = [value] if isinstance(value, str) else list(value or ())
    return [str(word).strip().upper() for word in values]


def _joined(header: pydicom.Dataset, keyword: str) -> str:
    return "\\".join(_list(header, keyword))


def _time(header: pydicom.Dataset, keyword: str) -> float:
    """Milliseconds, 0 when it is not told."""
    try:
        return float(header.get(keyword) or 0)
    except (TypeError, ValueError):
        return 0.0
