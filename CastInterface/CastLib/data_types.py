"""Data types: what an application can be asked for (protocol: data types). Any other word is routed too.

A new one is an entry here and a function that answers: of an image display in ``CastInterfaceLib/display/answers.py``,
of a provider in ``CastServiceProviderLib/provider.py``.
"""

from __future__ import annotations

from typing import NamedTuple

STATUS = "STATUS"
SCENEVIEW = "SCENEVIEW"
PNGFULLSIZE, JPGFULLSIZE = "PNGFULLSIZE", "JPGFULLSIZE"
PNGTHUMBNAIL, JPGTHUMBNAIL = "PNGTHUMBNAIL", "JPGTHUMBNAIL"


class DataType(NamedTuple):
    """A data type that is known.

    Attributes:
        name: as it stands in ``context.dataType``.
        answers: who answers it, and with what, in a line; ``docs/data-types.md`` says what comes back.
        announced: whether a hub names it in its configuration; of a picture's two sizes it names the full one.
    """

    name: str
    answers: str
    announced: bool = True


KNOWN = (
    DataType(STATUS, "displays, providers, worklists: what is open, what runs, what went wrong"),
    DataType(SCENEVIEW, "displays: all views, with pictures and geometry"),
    DataType(PNGFULLSIZE, "displays: one view (its name as viewId in --context)"),
    DataType(JPGFULLSIZE, "displays: one view (its name as viewId in --context)"),
    DataType(PNGTHUMBNAIL, "displays: the same, small", announced=False),
    DataType(JPGTHUMBNAIL, "displays: the same, small", announced=False),
    DataType("LIVESCENE", "displays of others: the whole scene"),
    DataType("DICOMINSTANCE", "viewers of others: one file"),
    DataType("DICOMTAG", "viewers of others: one tag"),
    DataType("WORKLISTCONTEXT", "worklists of others"),
    DataType("REPORTCONTENT", "reporting clients of others"),
)

#: Those that a hub names.
DATA_TYPES = tuple(one.name for one in KNOWN if one.announced)
