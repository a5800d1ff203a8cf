"""The one MR volume to work on, of all files that came: by what the message names and what series say of themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pydicom

from CastLib.dicom.reading import read_header
from CastLib.dicom.series import Scan, Series, scan
from CastLib.errors import CastError
from CastServiceProviderLib.mr_weighting import Weighting, weighting
from CastServiceProviderLib.series_choice import Asked, name_of

MAX_REASONS = 5  # reasons in one sentence


def choose_mr(
    files: Sequence[Path], asked: Asked, kind: str, needed: str, unfit: Callable[[Series, pydicom.Dataset], str]
) -> tuple[Series, str]:
    """Return the series of the weighting ``kind`` to work on, and in words why it and what was left out.

    ``unfit`` says of an MR volume on an even grid, by its series and a header, in words that follow "what came is", why
    the script cannot use it; ``""`` when it can. What says it is of the kind goes before what says nothing, without
    contrast agent before with it, the finer of equals before the coarser; size never counts. Raises CastError, one
    sentence for the asker that begins with ``needed``, when there is none or several may be meant.
    """
    pile = scan(files)
    refused = [f"{path.name}: {why}" for path, why in pile.damaged]
    if not pile.series:
        raise CastError("; ".join(["No DICOM image came with the message", *refused[:MAX_REASONS]]))
    usable: list[tuple[tuple[bool, bool], float, Series, Weighting]] = []
    for series in asked.among(pile.series):
        header = read_header(series.files[0])
        said = weighting(header)
        problem = _no_volume_of(kind, series, said, header) or unfit(series, header)
        if problem:
            refused.append(f"{problem} ({name_of(series)})")
        else:
            usable.append(((said.kind != kind, said.agent), max(series.spacing), series, said))
    if not usable:
        more = f" and {len(refused) - MAX_REASONS} more" if len(refused) > MAX_REASONS else ""
        raise CastError(f"{needed} is needed; what came is {'; '.join(refused[:MAX_REASONS])}{more}")
    rank, _, series, said = min(usable, key=lambda one: one[:2])
    equals = [other for its_rank, _, other, _ in usable if its_rank == rank]
    if len({one.study_uid for one in equals}) > 1 or (len(equals) > 1 and not said.kind):
        names = ", ".join(f"{name_of(one)} of {one.study_date or 'an unknown day'}" for one in equals)
        raise CastError(f"Several series may be meant ({names}): name one of them as seriesInstanceUID")
    return series, _why(kind, said, len(usable), series, pile)


def _no_volume_of(kind: str, series: Series, said: Weighting, header: pydicom.Dataset) -> str:
    if series.modality != "MR":
        return series.modality or "of no modality"
    if said.kind not in (kind, ""):
        return f"{said.kind} by its {said.why}"
    if not str(header.get("PhotometricInterpretation")).startswith("MONOCHROME"):
        return "a picture in colour"
    if series.geometry is None:
        return series.problem or "no stack of slices"
    if not series.geometry.even:
        return "; ".join(series.warnings) + ", where a stack without gaps is needed"
    return ""


def _why(kind: str, said: Weighting, usable: int, series: Series, pile: Scan) -> str:
    parts = [f"{kind} by its {said.why}" if said.kind else f"taken for {kind}: it does not say what it is"]
    if said.agent:
        parts.append("with contrast agent")
    if usable > 1:
        parts.append(f"chosen of {usable} that would do")
    left_out = len(series.left_out) + len(pile.damaged)
    if left_out:
        parts.append(f"{left_out} odd or damaged files left out")
    return ", ".join(parts)
