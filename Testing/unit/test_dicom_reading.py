"""Patient data in odd DICOM files never reaches a log: pydicom's warnings quote the values they are about."""

from __future__ import annotations

import subprocess
import sys
import warnings

import pydicom
from hub_process import package_environment

from CastSample import folder

_READ = """
import sys
from CastLib.command_line import set_up_logging
set_up_logging("debug")
if {quiet}:
    from CastLib.dicom.series import scan
    from CastLib.dicom.metadata import dicom_metadata
    assert scan(sys.argv[1:]).series and dicom_metadata(sys.argv[1])
else:
    import pydicom
    pydicom.dcmread(sys.argv[1]).to_json_dict()
"""


def _said(path, *, quiet):
    command = [sys.executable, "-c", _READ.format(quiet=quiet), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, env=package_environment(), check=True, timeout=300)
    return done.stdout + done.stderr


def test_values_that_break_the_standard_are_not_quoted(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = pydicom.dcmread(sorted(folder().glob("*.dcm"))[0])
        image.StudyInstanceUID = "1.2.PLANTED"  # letters in a UID
        image.PatientBirthDate = "PLANTED"  # no date
        image.save_as(tmp_path / "odd.dcm")
    assert "PLANTED" in _said(tmp_path / "odd.dcm", quiet=False), "pydicom no longer quotes values: nothing to test"
    assert "PLANTED" not in _said(tmp_path / "odd.dcm", quiet=True)
