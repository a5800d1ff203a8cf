"""Times of the display's pictures on the sample study, first and later ones, at 512 and 1024 pixels.

Each view alone, then all four as SCENEVIEW answers them: drawn on the main thread, encoded on others beside it.

    python Testing/benchmarks/render_views.py [SEG.dcm]

With a SEG of the sample study, also with its overlay in the slices and its surfaces in 3D.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "CastInterface"))

from CastInterfaceLib.display_command import load_engine  # noqa: E402
from CastLib.dicom.series import read_series  # noqa: E402

LATER = 10


def main() -> None:
    began = time.perf_counter()
    kind = load_engine()
    print(f"engine loaded and tried  {time.perf_counter() - began:6.2f} s")
    from CastInterfaceLib.scene.segmentations import show_segmentation
    from CastInterfaceLib.scene.volumes import add_volume, show_volume
    from CastInterfaceLib.study.grids import box_corners
    from CastInterfaceLib.study.prepared_segmentation import prepare_segmentation
    from CastInterfaceLib.study.prepared_volume import prepare_volume
    from CastInterfaceLib.study.voxels import read_voxels

    began = time.perf_counter()
    host = kind("four-up", (512, 512))
    print(f"scene and four views     {time.perf_counter() - began:6.2f} s")
    began = time.perf_counter()
    (series,) = read_series([ROOT / "Resources" / "SampleStudy" / "DICOM"])
    voxels = read_voxels(series)
    print(f"{len(series.files)} slices decoded       {time.perf_counter() - began:6.2f} s")
    began = time.perf_counter()
    volume = add_volume(host.scene, series, prepare_volume(voxels))
    body = box_corners(voxels.ijk_to_ras, voxels.look.body)
    show_volume(host, volume, body)
    print(f"volume in the scene      {time.perf_counter() - began:6.2f} s")
    measure(host, "image")
    if len(sys.argv) > 1:
        began = time.perf_counter()
        prepared = prepare_segmentation(Path(sys.argv[1]))
        print(f"SEG decoded, surfaces    {time.perf_counter() - began:6.2f} s")
        began = time.perf_counter()
        show_segmentation(host, prepared, volume, body)
        print(f"SEG in the scene         {time.perf_counter() - began:6.2f} s")
        measure(host, "image and SEG")


def measure(host, what):
    """Print the time of the first picture and the median of later ones, each after a change of the view."""
    from CastInterfaceLib.views.png import encode_png
    from CastInterfaceLib.views.scene_view import draw_views, encode_views

    for size in (512, 1024):
        host.resize(size, size)
        for view in host.views:
            times = []
            for number in range(LATER + 1):
                change(host, view, number)
                began = time.perf_counter()
                picture = encode_png(view.pixels())
                times.append(time.perf_counter() - began)
            later = statistics.median(times[1:])
            print(
                f"{what}, {view.name:6} {size:4}: first {times[0]:.3f} s, later {later:.3f} s, "
                f"{len(picture.data) / 1024:5.0f} KiB PNG"
            )
        drawing, encoding = [], []
        for number in range(LATER + 1):
            for view in host.views:
                change(host, view, number)
            began = time.perf_counter(), time.process_time()
            shot = draw_views(host, "benchmark")
            drawn = time.perf_counter(), time.process_time()
            encode_views(shot, patient_text=True)
            encoded = time.perf_counter(), time.process_time()
            drawing.append([there - here for here, there in zip(began, drawn, strict=True)])
            encoding.append([there - here for here, there in zip(drawn, encoded, strict=True)])
        for word, times in (("drawn", drawing), ("encoded", encoding)):
            later = [statistics.median(column) for column in zip(*times[1:], strict=True)]
            print(
                f"{what}, all {size:4} {word:7}: first {times[0][0]:.3f} s, later {later[0]:.3f} s, "
                f"of the processor {later[1]:.3f} s"
            )


def change(host, view, number):
    """Make a view another one, so that it has to be drawn anew."""
    if view in host.slice_views:
        view.logic.SetSliceOffset(view.logic.GetSliceOffset() + (1 if number % 2 else -1))
    else:
        view.camera_node.GetCamera().Azimuth(2)


if __name__ == "__main__":
    main()
