"""What is shown has the brightness that the file asks for, by its window or its table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from image_rows import row
from pixel_parts import read, store
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence


@pytest.mark.parametrize(("low", "padding"), [(-2000, "-2000"), (-2000, "63536"), (30000, "30000")])
def test_padding_does_not_decide_the_window(tmp_path: Path, low: int, padding: str) -> None:
    def edit(data: Dataset, plane: np.ndarray) -> None:
        padded = plane.astype("<i2")
        padded[:, :10] = padded[:, -10:] = low
        store(data, padded)
        data.add_new("PixelPaddingValue", "SS" if int(padding) < 32768 else "US", int(padding))

    def plain(data: Dataset, plane: np.ndarray) -> None:
        inside = plane.astype("<i2")
        inside[:, :10] = inside[:, -10:] = -1000
        store(data, inside)

    found, wanted = read(tmp_path / "padded", edit).look, read(tmp_path / "plain", plain).look
    assert (found.window, found.level) == pytest.approx((wanted.window, wanted.level), rel=0.2)
    assert found.body == wanted.body


@pytest.mark.parametrize(("width", "level"), [("0.0012", "0.0006"), ("0.5", "0.25"), ("1", "40"), ("350", "40")])
def test_windows_below_1_are_windows(tmp_path: Path, width: str, level: str) -> None:
    slope = float(width) / 1000

    def edit(data: Dataset, plane: np.ndarray) -> None:
        store(data, plane.astype("<i2"), RescaleSlope=f"{slope:g}", RescaleIntercept=level)
        data.WindowWidth, data.WindowCenter = width, level

    look = read(tmp_path, edit).look
    assert (look.window, look.level, look.warnings) == (float(width), float(level), ())


def voi_table(data: Dataset, plane: np.ndarray) -> None:
    item = Dataset()
    item.LUTDescriptor = [1000, 500, 8]
    item.LUTData = np.clip((np.arange(1000) - 300) * 2, 0, 255).astype(np.uint8).tobytes()
    item["LUTData"].VR = "OW"
    data.VOILUTSequence = Sequence([item])
    store(data, (plane.astype(int) + 1000).astype("<u2"))


@row("Images", "A brightness table (VOI LUT)", "shown, with a warning", "is shown as a plain window")
def test_a_voi_table_is_shown_as_the_window_in_which_it_rises(tmp_path: Path) -> list[str]:
    look = read(tmp_path, voi_table).look
    assert (look.window, look.level) == pytest.approx((128, 864), abs=2)
    return list(look.warnings)


@row(
    "Images",
    "A window with a sigmoid curve",
    "shown, with a warning",
    "is a sigmoid curve and is shown as a straight one",
)
def test_a_sigmoid_is_told(tmp_path: Path) -> list[str]:
    def edit(data: Dataset, plane: np.ndarray) -> None:
        data.VOILUTFunction = "SIGMOID"

    look = read(tmp_path, edit, window=(1200, 200)).look
    assert (look.window, look.level) == (1200, 200)
    return list(look.warnings)


def test_an_exact_window_is_what_is_drawn(tmp_path: Path) -> None:
    def edit(data: Dataset, plane: np.ndarray) -> None:
        data.VOILUTFunction = "LINEAR_EXACT"

    look = read(tmp_path, edit, window=(0.5, 40)).look
    assert (look.window, look.level, look.warnings) == (0.5, 40, ())


@row(
    "Images",
    "A window that lies beside all values",
    "shown, with a warning",
    "lies beside all its values and is not used",
)
def test_a_window_of_stored_values_is_not_used(tmp_path: Path) -> list[str]:
    look = read(tmp_path, lambda data, plane: None, window=(100, 9000)).look
    assert -1100 < look.level - look.window / 2 < look.level + look.window / 2 < 2100
    return list(look.warnings)


def test_presentation_shape_inverse(tmp_path: Path) -> None:
    def edit(data: Dataset, plane: np.ndarray) -> None:
        data.PresentationLUTShape = "INVERSE"

    assert read(tmp_path, edit).look.inverted
