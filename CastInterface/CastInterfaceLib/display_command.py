"""Show studies on Slicer's engine, without Slicer: an image display, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from CastLib.actors import IMAGE_DISPLAY, SLICER_PRODUCT
from CastLib.command_line import (
    StopSignal,
    add_connection_arguments,
    add_service_arguments,
    check_online,
    connection,
    set_up_service_logging,
)
from CastLib.errors import CastError
from CastLib.slicer_python import in_slicer

if TYPE_CHECKING:
    from CastInterfaceLib.study.local_studies import StudyFiles
    from CastInterfaceLib.views.engine_viewer import EngineViewer
    from CastLib.client import Pump

log = logging.getLogger("cast.display")

MIN_SIZE, MAX_SIZE = 64, 4096

# A window drawn before anything else, in a process of its own: where OpenGL is missing, VTK ends its process.
_TRIAL = """
import sys
import vtkmodules.vtkRenderingOpenGL2
from vtkmodules.vtkRenderingCore import vtkRenderWindow
window = vtkRenderWindow()
window.SetOffScreenRendering(1)
window.Render()
sys.exit(0 if window.SupportsOpenGL() else 1)
"""
_TRIAL_SECONDS = 60

_DEBIAN = (
    "on Debian or Ubuntu: apt-get install libegl1 libegl-mesa0 libgl1-mesa-dri libgl1 libglib2.0-0 libfontconfig1 "
    "libfreetype6 libxkbcommon0 libx11-6"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the display's flags."""
    parser.add_argument(
        "--studies",
        metavar="DIR",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        help="local folders searched by study UID and accession number",
    )
    parser.add_argument("--layout", metavar="NAME", default="four-up", help="Slicer's layout (default: four-up)")
    parser.add_argument(
        "--size", metavar="WxH", type=_size, default=(1024, 1024), help="each view's picture (default: 1024x1024)"
    )
    parser.add_argument(
        "--sagittal",
        metavar="MM",
        type=float,
        default=0.0,
        help="how far beside the image's middle the sagittal view opens: in a brain's lies the fissure (default: 0)",
    )
    parser.add_argument(
        "--allow-patient-text",
        action="store_true",
        help="tell the patient's name and ID, in pictures and scene views, to those who ask for it (default: nobody)",
    )
    parser.add_argument(
        "--on-unsaved",
        choices=("keep", "discard"),
        default="keep",
        help="what was made on a study and not saved, when the study is to go: kept hidden, or discarded "
        "(default: keep)",
    )
    add_connection_arguments(parser, product=SLICER_PRODUCT, actor=IMAGE_DISPLAY)
    add_service_arguments(parser)


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,5})[xX](\d{1,5})", text)
    if not found:
        raise argparse.ArgumentTypeError("must be width x height in pixels, like 1024x1024")
    width, height = int(found[1]), int(found[2])
    if not (MIN_SIZE <= width <= MAX_SIZE and MIN_SIZE <= height <= MAX_SIZE):
        raise argparse.ArgumentTypeError(f"each side must be {MIN_SIZE} to {MAX_SIZE} pixels")
    return width, height


def run(args: argparse.Namespace) -> int:
    """Show what the hub says until SIGTERM (exit code 0) or Ctrl-C (130); raises CastError when it cannot."""
    set_up_service_logging(args)
    stop = StopSignal().install()
    for folder in args.studies:
        if not folder.is_dir():
            raise CastError(f"--studies {folder}: there is no such folder")
    viewer_kind = load_engine()
    if stop.wait(0):
        return stop.exit_code
    from CastInterfaceLib.display.image_display import ImageDisplay
    from CastInterfaceLib.display.sent_images import SentImages
    from CastLib.client import Pump, Session, SessionSettings
    from CastSlicerLib.garbage import MainThreadCollector

    pump = Pump()
    viewer = viewer_kind(args.layout, args.size)
    for view in viewer.slice_views:
        if view.node.GetDefaultOrientation() == "Sagittal":
            view.beside_middle = args.sagittal
    session = Session(SessionSettings(**connection(args)), pump)
    studies = find_studies(viewer, pump, args.studies)
    display = ImageDisplay(
        viewer,
        session,
        pump,
        studies,
        SentImages(),
        patient_text=args.allow_patient_text,
        on_unsaved=args.on_unsaved,
    )
    session.on_state(lambda state: log.info("%s at %s", state, session.hub))
    if args.json:
        session.on_state(lambda state: print(json.dumps(session.describe(state)), flush=True))
    collector = MainThreadCollector()
    collector.begin()
    session.start()
    try:
        while not stop.stopped:
            pump.run_once()
            collector.look()
            check_online(session)
    finally:
        session.close()
        display.close()
        viewer.close()
        collector.end()
    return stop.exit_code


def find_studies(viewer: EngineViewer, pump: Pump, folders: list[Path]) -> StudyFiles:
    """Where studies are looked for: in the folders named, else in Slicer's database where it is there."""
    from CastInterfaceLib.study.local_studies import StudyFiles

    if folders or not in_slicer():
        return StudyFiles(folders)
    from CastInterfaceLib.scene.dicom_database import DatabaseStudies

    return DatabaseStudies(pump)


def load_engine() -> type[EngineViewer]:
    """Import the engine and make sure that it can draw. Raises CastError with what to install."""
    if in_slicer():
        from CastInterfaceLib.views.headless_viewer import HeadlessViewer

        return HeadlessViewer
    if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
        os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")
    for package, name in (("slicer", "slicer-core"), ("highdicom", "highdicom"), ("pydicom", "pydicom")):
        if find_spec(package) is None:
            raise CastError(
                f"the image display needs the Python package {name}: pip install 'slicer-cast-interface[display]' "
                "(the engine has wheels for CPython 3.10 to 3.13 on Linux x86_64, Windows amd64 and macOS arm64)"
            )
    trial = subprocess.Popen(
        [sys.executable, "-c", _TRIAL],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=os.name == "posix",  # Ctrl-C in a terminal must not look as if nothing could draw
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )
    try:
        from CastInterfaceLib.views.engine_viewer import EngineViewer  # takes seconds, while the trial runs
    except ImportError as error:
        trial.kill()
        trial.wait()
        raise CastError(f"the engine cannot be loaded: {error}{_advice()}") from error
    try:
        works = trial.wait(_TRIAL_SECONDS) == 0
    except subprocess.TimeoutExpired:
        trial.kill()
        trial.wait()
        works = False
    if not works:
        raise CastError(f"the engine cannot draw: OpenGL is missing or too old{_advice()}")
    return EngineViewer


def _advice() -> str:
    return f"; {_DEBIAN}" if platform.system() == "Linux" else ""
