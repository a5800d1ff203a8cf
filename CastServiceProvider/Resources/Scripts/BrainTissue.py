"""Brain tissue of a T1-weighted MR: fluid, grey and white matter, returned as a DICOM Segmentation.

    cast provide BrainTissue.py

A plain method (thresholds found in the image itself), meant to be copied and changed: put your own model into
``segment`` and say what its labels mean in ``SEGMENTS``. It takes heads and brains already cut free. Not for diagnosis.
"""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from CastLib.dicom_series import scan
from CastServiceProviderLib.segmentation_result import (
    BODY_SUBSTANCE,
    CLUSTER_ANALYSIS,
    TISSUE,
    Code,
    SegmentDescription,
    volumes_ml,
    write_segmentation,
)

BRAIN = Code("12738006", "SCT", "Brain")


def describe(number, label, category, meaning, color):
    return SegmentDescription(
        number, label, category, meaning, color, "BrainTissue", algorithm_family=CLUSTER_ANALYSIS, anatomic_region=BRAIN
    )


FLUID, GREY, WHITE = 1, 2, 3
SEGMENTS = [
    describe(FLUID, "CSF", BODY_SUBSTANCE, Code("65216001", "SCT", "Cerebrospinal Fluid"), (85, 188, 255)),
    describe(GREY, "Grey matter", TISSUE, Code("389081007", "SCT", "Gray Matter"), (216, 101, 79)),
    describe(WHITE, "White matter", TISSUE, Code("389080008", "SCT", "White Matter"), (241, 214, 145)),
]


def onMessage(message, context):
    context.progress("Fetching the images", 0.05)
    series = t1_series(context.files())
    context.progress(f"Reading {series.volume.slices} slices", 0.2)
    image = sitk.ReadImage([str(file) for file in series.files], sitk.sitkFloat32)

    labels = sitk.GetArrayFromImage(segment(image, context.progress))

    context.progress("Writing the segmentation", 0.85)
    path = write_segmentation(
        context.directory / "brain-tissue.dcm",
        series.files,
        labels,
        SEGMENTS,
        description="Brain tissue",
        product=context.product_name,
        version=context.product_version,
    )
    context.send_files([path])
    volumes = volumes_ml(labels, SEGMENTS, series.volume)
    context.progress(", ".join(f"{one.label} {volumes[one.number]:.0f} ml" for one in SEGMENTS), 1.0)


def t1_series(files):
    """The largest MR volume among the files; an error that the asker reads when there is none."""
    pile = scan(files)
    for path, why in pile.damaged:
        raise ValueError(f"{path.name}: {why}")
    found = pile.series
    if not found:
        raise ValueError("No DICOM image came with the message")
    volumes = [series for series in found if series.modality == "MR" and series.geometry]
    if not volumes:
        why = next((series.problem for series in found if series.problem), "")
        kinds = ", ".join(sorted({series.modality or "?" for series in found}))
        raise ValueError(f"A T1-weighted MR volume of the head is needed; what came is {kinds}{why and ': ' + why}")
    series = max(volumes, key=lambda one: one.volume.slices)
    extent = [count * step for count, step in zip(size(series.volume), series.spacing, strict=True)]
    if min(extent) < 100 or max(extent) > 500 or max(series.spacing) > 4:
        millimetres = " x ".join(f"{value:.0f}" for value in extent)
        raise ValueError(f"A whole head in slices of 4 mm at most is needed; what came is {millimetres} mm")
    return series


def size(geometry):
    return geometry.columns, geometry.rows, geometry.slices


def segment(image, progress):
    """Labels (FLUID, GREY, WHITE, 0 elsewhere) on the image's own grid, uint8."""
    work = on_working_grid(image)
    progress("Finding the brain", 0.35)
    work, mask = cropped(work, brain_mask(work))
    progress("Evening out the brightness", 0.45)
    work = even_out(work, mask)
    progress("Telling the tissues apart", 0.7)
    labels = tissue_classes(work, mask)
    return sitk.Resample(labels, image, sitk.Transform(), sitk.sitkNearestNeighbor, 0, sitk.sitkUInt8)


def on_working_grid(image):
    """The axes in the order left, back, up; 1 mm steps where they are finer: slower and no better for this method."""
    image = sitk.DICOMOrient(image, "LPS")
    if min(image.GetSpacing()) > 0.7:
        return image
    return resampled(image, [max(step, 1.0) for step in image.GetSpacing()])


def resampled(image, spacing):
    counts = [
        max(1, round(count * step / new))
        for count, step, new in zip(image.GetSize(), image.GetSpacing(), spacing, strict=True)
    ]
    return sitk.Resample(
        image, counts, sitk.Transform(), sitk.sitkLinear, image.GetOrigin(), spacing, image.GetDirection()
    )


def brain_mask(image):
    """The brain with the fluid around and in it."""
    coarse = resampled(image, (2.0, 2.0, 2.0))
    head = sitk.BinaryFillhole(largest(sitk.OtsuThreshold(coarse, 0, 1, 128)))
    if is_stripped(coarse, head):
        return sitk.BinaryFillhole(largest(image > 0))
    # The middle of the head is brain for certain and says how bright tissue is; fat and skin are brighter.
    core = values(coarse, ball_in_the_middle(head))
    fluid_to_grey, grey_to_white = otsu_thresholds(core, 2)
    white = core[core > grey_to_white]
    tissue = sitk.And(coarse > fluid_to_grey, coarse < white.mean() + 4 * white.std())
    # Brain hangs on to skin and eyes by thin bridges only: cut them, keep the largest lump, grow it back.
    lump = largest(sitk.BinaryErode(tissue, (2, 2, 2)))
    brain = largest(sitk.And(sitk.BinaryDilate(lump, (3, 3, 3)), tissue))
    # Close the furrows and take in the fluid; the margin keeps this from sticking to the image's border.
    brain = sitk.ConstantPad(brain, (6, 6, 6), (6, 6, 6), 0)
    brain = sitk.BinaryErode(sitk.BinaryDilate(brain, (5, 5, 5)), (4, 4, 4))
    brain = sitk.Crop(sitk.BinaryFillhole(brain), (6, 6, 6), (6, 6, 6))
    smooth = sitk.SmoothingRecursiveGaussian(sitk.Cast(brain, sitk.sitkFloat32), 1.5)
    return sitk.Resample(smooth, image) > 0.5


def is_stripped(image, head):
    """Whether the skull was taken off before: then the outside is dark (fluid, grey matter), not bright fat."""
    litres = sitk.GetArrayViewFromImage(head).sum() * np.prod(image.GetSpacing()) / 1e6
    rim = sitk.Subtract(head, sitk.BinaryErode(head, (2, 2, 2)))
    return litres < 2.4 and np.percentile(values(image, rim), 75) < np.median(values(image, head))


def ball_in_the_middle(head, below_the_top=75, radius=45):
    """A ball (millimetres) that lies in the brain whether or not jaw and neck are in the picture."""
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.Execute(sitk.Cast(head, sitk.sitkUInt8))
    first, count = np.array(shape.GetBoundingBox(1)).reshape(2, 3)
    step = np.array(head.GetSpacing())
    middle = (first + count / 2) * step
    middle[2] = (first + count)[2] * step[2] - below_the_top
    z, y, x = np.ogrid[tuple(slice(0, length) for length in reversed(head.GetSize()))]
    apart = (x * step[0] - middle[0]) ** 2 + (y * step[1] - middle[1]) ** 2 + (z * step[2] - middle[2]) ** 2
    inside = sitk.GetImageFromArray((apart < radius**2).astype(np.uint8))
    inside.CopyInformation(head)
    return inside


def cropped(image, mask):
    """Both cut down to what lies about the brain."""
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.Execute(sitk.Cast(mask, sitk.sitkUInt8))
    box = shape.GetBoundingBox(1)
    return tuple(sitk.RegionOfInterest(one, box[3:], box[:3]) for one in (image, mask))


def even_out(image, mask):
    """The image without its slow changes in brightness (N4 on a coarse copy, the correction on the fine one)."""
    coarse = [max(1, round(4 / step)) for step in image.GetSpacing()]
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.SetMaximumNumberOfIterations([20, 20])
    n4.Execute(sitk.Shrink(image, coarse), sitk.Shrink(sitk.Cast(mask, sitk.sitkUInt8), coarse))
    return image / sitk.Exp(sitk.Cast(n4.GetLogBiasFieldAsImage(image), sitk.sitkFloat32))


def tissue_classes(image, mask):
    smooth = sitk.CurvatureFlow(image, 0.06, 3)
    fluid_to_grey, grey_to_white = tissue_thresholds(values(smooth, mask))
    mask = sitk.Cast(mask, sitk.sitkUInt8)
    labels = mask + mask * sitk.Cast(smooth > fluid_to_grey, sitk.sitkUInt8)
    labels = labels + mask * sitk.Cast(smooth > grey_to_white, sitk.sitkUInt8)
    # Single odd voxels join their neighbours; the labels' order is the order of brightness, so a median is a vote.
    return mask * sitk.Median(labels, (1, 1, 1))


def tissue_thresholds(brightness, rounds=40):
    """Half way between the tissues' typical brightnesses: means of three normal distributions fitted to the histogram.

    Otsu's thresholds, which start the fit, lie too low, as voxels half grey, half white pull the means together.
    """
    counts, edges = np.histogram(brightness, 512, np.percentile(brightness, (0.1, 99.9)))
    middles = (edges[1:] + edges[:-1]) / 2
    share = np.digitize(middles, otsu_thresholds(brightness, 2)) == np.arange(3)[:, np.newaxis]
    for _ in range(rounds):
        weight = (share * counts).sum(1, keepdims=True)
        mean = (share * counts * middles).sum(1, keepdims=True) / weight
        deviation = np.sqrt((share * counts * (middles - mean) ** 2).sum(1, keepdims=True) / weight)
        density = weight / deviation * np.exp(-0.5 * ((middles - mean) / deviation) ** 2)
        share = density / density.sum(0)
    fluid, grey, white = mean.ravel()
    return (fluid + grey) / 2, (grey + white) / 2


def otsu_thresholds(brightness, count):
    otsu = sitk.OtsuMultipleThresholdsImageFilter()
    otsu.SetNumberOfThresholds(count)
    otsu.SetNumberOfHistogramBins(256)
    otsu.Execute(sitk.GetImageFromArray(brightness[np.newaxis].astype(np.float32)))
    return otsu.GetThresholds()


def values(image, mask):
    return sitk.GetArrayViewFromImage(image)[sitk.GetArrayViewFromImage(mask) > 0]


def largest(mask):
    return sitk.RelabelComponent(sitk.ConnectedComponent(mask)) == 1
