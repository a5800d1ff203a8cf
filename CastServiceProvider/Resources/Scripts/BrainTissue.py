"""Brain tissue of a T1-weighted MR: fluid, grey and white matter, returned as a DICOM Segmentation.

    cast provide BrainTissue.py

A plain method (thresholds found in the image itself), meant to be copied and changed: put your own model into
``segment`` and say what its labels mean in ``SEGMENTS``. It takes heads and brains already cut free. What cannot be a
brain on a T1 image is refused with a sentence, and nothing is sent. Not for diagnosis.
"""

from __future__ import annotations

import re

import numpy as np
import SimpleITK as sitk
from pydicom.pixels import apply_modality_lut

from CastLib.dicom.reading import read_whole
from CastServiceProviderLib.brain_checks import check_brain, check_noise
from CastServiceProviderLib.mr_choice import choose_mr
from CastServiceProviderLib.segmentation_result import (
    BODY_SUBSTANCE,
    CLUSTER_ANALYSIS,
    TISSUE,
    Code,
    SegmentDescription,
    volumes_ml,
    write_segmentation,
)
from CastServiceProviderLib.series_choice import Asked, name_of

BRAIN = Code("12738006", "SCT", "Brain")
SHORTEST_SIDE, LONGEST_SIDE = 100, 500  # millimetres of the image
THICKEST_SLICE = 4  # millimetres; the cortex is some 3 thick
MOST_VOXELS = 128e6  # half a gigabyte as numbers of 4 bytes
#: BodyPartExamined (PS3.16 annex L) that speaks of no head, whatever else it says.
NO_HEAD = (
    r"ABDOMEN|CHEST|THORAX|HEART|CARDIAC|PELVI|SPINE|KNEE|HIP|SHOULDER|ANKLE|FOOT|HAND|WRIST|ELBOW|BREAST|PROSTATE"
)
MIN_BRIGHT = 5  # millilitres brighter than white matter from which on it is told


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
    asked = Asked.of(message)
    context.progress("Fetching the images", 0.05)
    files = context.files(asked.wants)
    series, why = choose_mr(files, asked, "T1", "A T1-weighted MR volume of the head", no_head)
    context.progress(f"Reading {series.volume.slices} slices of {name_of(series)}, {why}", 0.2)
    image = read(series)

    labels, remark = segment_or_refuse(image, series, context.progress)

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
    context.progress(", ".join(f"{one.label} {volumes[one.number]:.0f} ml" for one in SEGMENTS) + remark, 1.0)


def no_head(series, header):
    """Why a volume is none of a whole head, by its header, in words that follow "what came is"; "" when it may be."""
    part = str(header.get("BodyPartExamined") or "").upper()
    if re.search(NO_HEAD, part) and not re.search("HEAD|BRAIN|SKULL", part):
        return f"an image of another part of the body, {part}"
    counts = series.columns, series.rows, series.volume.slices
    if np.prod(counts, dtype=float) > MOST_VOXELS:
        return f"too large with {' x '.join(map(str, counts))} voxels"
    extent = [count * step for count, step in zip(counts, series.spacing, strict=True)]
    thick = max(series.spacing)
    if min(extent) < SHORTEST_SIDE or max(extent) > LONGEST_SIDE or thick > THICKEST_SLICE + 0.01:
        millimetres = " x ".join(f"{value:.0f}" for value in extent)
        return f"{millimetres} mm in steps of {thick:.1f} mm, not a whole head in slices of {THICKEST_SLICE} mm at most"
    return ""


def read(series):
    """The image, lying where its slices say that they lie; an error that the asker reads when one is damaged."""
    planes = []
    for file in series.files:
        ds = read_whole(file)
        try:
            planes.append(apply_modality_lut(ds.pixel_array, ds).astype(np.float32))
        except Exception as error:  # a damaged file raises whatever its bytes happen to run into
            raise ValueError(
                f"The pixels of {name_of(series)} are damaged, or packed in a way unknown here ({file.name})"
            ) from error
    image = sitk.GetImageFromArray(np.stack(planes))
    image.SetSpacing(series.spacing)
    image.SetOrigin(series.origin)
    image.SetDirection(series.direction)
    return image


def segment_or_refuse(image, series, progress):
    """The labels as an array, and a remark for the asker; an error that the asker reads when they are no brain's."""
    try:
        labels, remark = segment(image, progress)
    except (RuntimeError, IndexError, ValueError) as error:  # what the steps say of an image that has nothing to find
        raise ValueError(
            f"No brain can be found in {name_of(series)}: a T1-weighted MR volume of the whole head is needed"
        ) from error
    upright = sitk.DICOMOrient(labels, "LPS")
    check_brain(sitk.GetArrayFromImage(upright), upright.GetSpacing(), FLUID, GREY, WHITE)
    labels = sitk.GetArrayFromImage(labels)
    check_noise(sitk.GetArrayViewFromImage(image), labels, GREY, WHITE)
    return labels, remark


def segment(image, progress):
    """Labels (FLUID, GREY, WHITE, 0 elsewhere) on the image's own grid, uint8, and what is to be said of them."""
    work = on_working_grid(image)
    progress("Finding the brain", 0.35)
    work, mask = cropped(work, brain_mask(work))
    progress("Evening out the brightness", 0.45)
    work = even_out(work, mask)
    progress("Telling the tissues apart", 0.7)
    labels, bright = tissue_classes(work, mask)
    millilitres = sitk.GetArrayViewFromImage(bright).sum() * np.prod(bright.GetSpacing()) / 1000
    remark = f"; {millilitres:.0f} ml, brighter than white matter, are in none" if millilitres > MIN_BRIGHT else ""
    labels = sitk.Resample(labels, image, sitk.Transform(), sitk.sitkNearestNeighbor, 0, sitk.sitkUInt8)
    return labels, remark


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
    # A few voxels of contrast agent, blood or fat outshine everything; what is head is told without them.
    dimmed = sitk.Minimum(coarse, float(np.percentile(sitk.GetArrayViewFromImage(coarse), 98)))
    head = sitk.BinaryFillhole(largest(sitk.OtsuThreshold(dimmed, 0, 1, 128)))
    if is_stripped(coarse, head):
        return sitk.BinaryFillhole(largest(image > darkness_outside(image)))
    coarse = even_out(coarse, head)
    # The middle of the head is brain for certain and says how bright tissue is; fat and skin are brighter.
    core = values(coarse, ball_in_the_middle(head))
    core = core[core <= far_above(core)]
    if not core.size or core.min() == core.max():
        raise ValueError("nothing differs in brightness where the brain should be")
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


def darkness_outside(image):
    """The brightness that what lies about a stripped brain stays below: 0, or that of the noise there."""
    border = np.concatenate([side.ravel() for side in faces(sitk.GetArrayViewFromImage(image))])
    middle = np.median(border)
    return float(middle + 6 * np.median(np.abs(border - middle)))


def faces(array):
    for axis in range(3):
        yield array.take(0, axis)
        yield array.take(-1, axis)


def far_above(brightness, reach=1.5):
    """What outshines all ordinary tissue (Tukey's fence): vessels and lesions with contrast agent, blood, fat."""
    low, high = np.percentile(brightness, (25, 75))
    return high + reach * (high - low)


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
    ordinary = sitk.And(mask, image < far_above(values(image, mask), 3))
    coarse = [max(1, round(4 / step)) for step in image.GetSpacing()]
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.SetMaximumNumberOfIterations([100, 100])
    n4.Execute(sitk.Shrink(image, coarse), sitk.Shrink(sitk.Cast(ordinary, sitk.sitkUInt8), coarse))
    return image / sitk.Exp(sitk.Cast(n4.GetLogBiasFieldAsImage(image), sitk.sitkFloat32))


def tissue_classes(image, mask):
    smooth = sitk.CurvatureFlow(image, 0.06, 3)
    fluid_to_grey, grey_to_white, too_bright = tissue_thresholds(values(smooth, mask))
    mask = sitk.Cast(mask, sitk.sitkUInt8)
    labels = mask + mask * sitk.Cast(smooth > fluid_to_grey, sitk.sitkUInt8)
    labels = labels + mask * sitk.Cast(smooth > grey_to_white, sitk.sitkUInt8)
    # Single odd voxels join their neighbours; the labels' order is the order of brightness, so a median is a vote.
    bright = mask * sitk.Cast(smooth > too_bright, sitk.sitkUInt8)
    return mask * sitk.Median(labels, (1, 1, 1)) * (1 - bright), bright


def tissue_thresholds(brightness, rounds=40):
    """Half way between the tissues' typical brightnesses: means of three normal distributions fitted to the histogram.

    The third is what no white matter reaches. What does, a lesion or vessel with contrast agent, has no part in the
    fit, or it would become the brightest tissue and white matter grey. Otsu's thresholds, which start the fit, lie too
    low, as voxels half grey, half white pull the means together.
    """
    brightness = brightness[brightness < far_above(brightness)]
    counts, edges = np.histogram(brightness, 512, np.percentile(brightness, (0.1, 100)))
    middles = (edges[1:] + edges[:-1]) / 2
    share = np.digitize(middles, otsu_thresholds(brightness, 2)) == np.arange(3)[:, np.newaxis]
    for _ in range(rounds):
        weight = (share * counts).sum(1, keepdims=True)
        mean = (share * counts * middles).sum(1, keepdims=True) / weight
        deviation = np.sqrt((share * counts * (middles - mean) ** 2).sum(1, keepdims=True) / weight)
        density = weight / deviation * np.exp(-0.5 * ((middles - mean) / deviation) ** 2)
        share = density / density.sum(0) * (middles < mean[2] + 3 * deviation[2])
    fluid, grey, white = mean.ravel()
    return (fluid + grey) / 2, (grey + white) / 2, float(white + 5 * deviation[2, 0])


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
