"""What a batch's manifest tells of a DICOM file (DICOM JSON, PS3.18 F.2): receivers choose before they fetch.

Which study, series and instance it is and of what kind; nothing of the patient, for a manifest reaches everybody who
listens for the event.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from CastLib.dicom.reading import read_header

_KEYWORDS = [
    "SOPClassUID",
    "SOPInstanceUID",
    "Modality",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SeriesNumber",
    "InstanceNumber",
]
_CHARACTER_SET = "00080005"  # pydicom always reads it; no text is told


def dicom_metadata(path: Path) -> dict[str, Any]:
    """Return a file's identity as DICOM JSON, ``{"0020000D": {"vr": "UI", "Value": [uid]}, …}``; {} when it has none.

    Only the header is read. A file that is no DICOM, or is damaged before its identity, has none to tell: whether it
    may be sent is not decided here. Raises OSError when it cannot be read.
    """
    try:
        header = read_header(path, _KEYWORDS)
        told: dict[str, Any] = header.to_json_dict(suppress_invalid_tags=True)
    except OSError:
        raise
    except Exception:  # pydicom has no one error for damaged bytes
        return {}
    return {tag: element for tag, element in told.items() if tag != _CHARACTER_SET and element.get("Value")}
