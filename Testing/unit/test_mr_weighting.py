"""What MR series say of their contrast, in names and numbers as scanners and people write them."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset

from CastServiceProviderLib.mr_weighting import weighting


def said(**attributes: Any) -> Dataset:
    ds = Dataset()
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


@pytest.mark.parametrize(
    ("description", "kind"),
    [
        ("t1_mprage_sag_p2_iso", "T1"),
        ("sub-01_T1w", "T1"),
        ("Ax 3D BRAVO", "T1"),
        ("T1 FLAIR", "T1"),
        ("mp2rage_UNI_Images", "T1"),
        ("t1_mprage MPR tra", "T1"),
        ("t2_tse_tra", "T2"),
        ("t2_space_dark-fluid_sag", "FLAIR"),
        ("Sag T2 FLAIR CUBE", "FLAIR"),
        ("PD fs", "proton density"),
        ("ep2d_diff_3scan_trace_ADC", "diffusion"),
        ("DWI b1000", "diffusion"),
        ("T2* GRE", "susceptibility"),
        ("SWI_Images", "susceptibility"),
        ("TOF_3D_multi-slab", "angiography"),
        ("AAHead_Scout", "localizer"),
        ("T1 localizer", "localizer"),
        ("t1_vibe_SUB", "calculated map"),
        ("T1 map", "calculated map"),
        ("ep2d_bold_rest", "function"),
        ("Perf DSC", "perfusion"),
        ("head", ""),
        ("", ""),
    ],
)
def test_words(description: str, kind: str) -> None:
    found = weighting(said(SeriesDescription=description))
    assert found.kind == kind and (not kind or description in found.why)


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [
        ({"ScanningSequence": ["GR", "IR"], "EchoTime": 3, "RepetitionTime": 2300, "InversionTime": 900}, "T1"),
        ({"ScanningSequence": "GR", "EchoTime": 4, "RepetitionTime": 9}, "T1"),
        ({"ScanningSequence": "SE", "EchoTime": 12, "RepetitionTime": 550}, "T1"),
        ({"ScanningSequence": "SE", "EchoTime": 12, "RepetitionTime": 3000}, "proton density"),
        ({"ScanningSequence": "SE", "EchoTime": 95, "RepetitionTime": 4500}, "T2"),
        ({"ScanningSequence": ["SE", "IR"], "EchoTime": 95, "RepetitionTime": 9000, "InversionTime": 2500}, "FLAIR"),
        ({"ScanningSequence": "GR", "EchoTime": 25, "RepetitionTime": 40}, "susceptibility"),
        ({"ScanningSequence": "EP", "EchoTime": 30, "RepetitionTime": 2000}, "diffusion"),
        ({"AngioFlag": "Y", "SeriesDescription": "T1"}, "angiography"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"], "SeriesDescription": "T1"}, "localizer"),
        ({"SeriesDescription": "T1", "EchoTime": 100, "RepetitionTime": 4000}, "T2"),
        ({"ProtocolName": "t2_tse"}, "T2"),
        ({"ScanningSequence": "RM", "EchoTime": None, "RepetitionTime": None}, ""),
        ({"EchoTime": 3}, ""),
    ],
)
def test_numbers(attributes: dict[str, Any], kind: str) -> None:
    assert weighting(said(**attributes)).kind == kind


@pytest.mark.parametrize(
    ("description", "given", "agent"),
    [
        ("t1_mprage", "", False),
        ("t1_mprage", "Gadovist", True),
        ("t1_mprage", "NONE", False),
        ("t1_mprage_post Gd", "", True),
        ("T1 +C", "", True),
        ("T1 mit KM", "", True),
        ("T1 without contrast", "", False),
        ("T1 pre-contrast", "", False),
    ],
)
def test_contrast_agent(description: str, given: str, agent: bool) -> None:
    assert weighting(said(SeriesDescription=description, ContrastBolusAgent=given)).agent is agent
