"""The slices as planes in the 3D views, cut down to the body: the air around it would only hide what is behind."""

from __future__ import annotations

import numpy as np

from CastInterfaceLib.scene.viewer import Viewer

MARGIN = 4.0  # mm of air left around the body


def show_slices_in_3d(viewer: Viewer, corners: np.ndarray) -> None:
    """Show every slice as a plane that spans the box with these corners."""
    for view in viewer.slice_views:
        node = view.node
        to_ras = node.GetSliceToRAS()
        axes = np.array([[to_ras.GetElement(row, column) for row in range(3)] for column in range(2)])
        centre = np.array([to_ras.GetElement(row, 3) for row in range(3)])
        spans = (corners - centre) @ axes.T
        low, high = spans.min(axis=0) - MARGIN, spans.max(axis=0) + MARGIN
        width, height = (float(extent) for extent in high - low)
        middle_x, middle_y = (float(middle) for middle in (high + low) / 2)
        step = max(0.1, min(view.logic.GetLowestVolumeSliceSpacing()[:2]))
        node.SetSliceResolutionMode(node.SliceResolutionCustom)
        node.SetUVWExtents(width, height, 1.0)
        node.SetUVWOrigin(middle_x, middle_y, 0.0)
        node.SetUVWDimensions(max(2, round(width / step)), max(2, round(height / step)), 1)
        node.SetSliceVisible(True)


def hide_slices_in_3d(viewer: Viewer) -> None:
    """Show no slice in 3D."""
    for view in viewer.slice_views:
        view.node.SetSliceVisible(False)
