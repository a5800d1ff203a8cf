"""Small pictures of what is open: the middle slice of a volume, as its window shows it."""

from __future__ import annotations

from typing import Any

import numpy as np
import qt

from CastInterfaceLib.scene.volumes import array_of
from CastInterfaceLib.views.png import encode_png

SIDE = 40  # pixels of the longer side


def thumbnail(volume: Any) -> qt.QIcon:
    """The middle slice of a volume node. Few voxels are looked at, however many there are; main thread only."""
    icon = qt.QIcon()
    pixmap = qt.QPixmap()
    if pixmap.loadFromData(qt.QByteArray(encode_png(_pixels(volume)).data)):
        for mode in (qt.QIcon.Normal, qt.QIcon.Selected):  # else Qt tints that of a selected row
            icon.addPixmap(pixmap, mode)
    return icon


def _pixels(volume: Any) -> np.ndarray:
    """(rows, columns, 3) uint8, in the proportions of the slice in mm."""
    array = array_of(volume)
    middle = array[len(array) // 2]
    have = np.array(middle.shape[:2])
    mm = have * np.array(volume.GetSpacing())[1::-1]
    rows, columns = np.maximum(1, np.round(SIDE * mm / mm.max()).astype(int))
    picked = middle[np.ix_(_spread(have[0], rows), _spread(have[1], columns))]
    if picked.ndim == 3:
        return np.ascontiguousarray(picked[:, :, :3].astype(np.uint8))
    display = volume.GetDisplayNode()
    window, level = max(float(display.GetWindow()), 1e-6), float(display.GetLevel())
    grey = np.clip((np.nan_to_num(picked.astype(np.float64)) - level) / window + 0.5, 0, 1) * 255
    return np.repeat(grey.astype(np.uint8)[:, :, None], 3, axis=2)


def _spread(have: int, wanted: int) -> np.ndarray:
    return ((np.arange(wanted) + 0.5) * have / wanted).astype(int)
