"""Makes pictures of the three panels, as they run.

python Testing/tools/make_screenshots.py [FOLDER]           the README's three, at the main job; Resources/Screenshots
python Testing/tools/make_screenshots.py --states FOLDER    every state that the panels' tests bring about: offline,
    connecting, online, reconnecting, refused, busy, failed, empty …, 400 to 1600 pixels wide, light and dark
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / "Testing"), str(ROOT / "Testing" / "support")]

WIDTH = 520
PICTURES = {
    "CastInterface": "cast-interface.png",
    "CastHub": "cast-hub.png",
    "CastServiceProvider": "cast-service-provider.png",
}
SAMPLE = ROOT / "Resources" / "SampleStudy" / "DICOM"
SERVICE = ROOT / "CastServiceProvider" / "Resources" / "Scripts" / "BrainTissue.py"
PANEL_TESTS = (
    "test_hub_panel.py",
    "test_interface_panel.py",
    "test_interface_studies.py",
    "test_interface_messages.py",
    "test_interface_sending.py",
    "test_provider_panel.py",
    "test_provider_trials.py",
    "test_dependencies.py",
)


def main() -> int:
    """Make the pictures; return 0 when all were made."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "Resources" / "Screenshots")
    parser.add_argument("--states", action="store_true", help="every state of the panels instead of the README's three")
    args = parser.parse_args()
    folder = args.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return picture_states(folder) if args.states else picture_main_job(folder)


def picture_states(folder: Path) -> int:
    """Have the panels' tests leave their pictures in a folder; each file of tests is a Slicer of its own."""
    environment = {**os.environ, "SLICER_HOST_PICTURES": str(folder)}
    failed = 0
    for name in PANEL_TESTS:
        command = [sys.executable, "-m", "pytest", "-q", str(ROOT / "Testing" / "slicer" / name)]
        failed += subprocess.run(command, cwd=ROOT, env=environment).returncode != 0
    print(f"{len(list(folder.glob('*.png')))} pictures in {folder}")
    return 1 if failed else 0


def picture_main_job(folder: Path) -> int:
    """Play the main job through the panels: the hub, the service and the display are those of the pictures."""
    from slicer_host import start_host

    host = start_host()
    from panel_parts import HubPart, ProviderPart
    from provider_process import Asker

    with tempfile.TemporaryDirectory(prefix="screenshots-"):
        hub = HubPart(host)
        address = hub.start()
        others = [
            Asker(address, "anna", name="WORKLIST-1", product="WORKLIST", actors=("WORKLIST_CLIENT",), announce=True),
            Asker(address, "anna", name="REPORT-7", product="REPORTING", actors=("RC",), announce=True),
        ]
        try:
            provider = ProviderPart(host)
            provider.ui.servicesTable.selectRow(0)
            provider.start(address)
            play_main_job(host, address, "BrainTissue")
            take(host, "CastInterface", folder)
            take(host, "CastServiceProvider", folder)
            hub.module = host.load_module("CastHub")
            for other in others:
                for _ in range(10):
                    other.session.publish("Home-open", {})
            hub.wait(lambda: len(hub.rows()) == 4 and hub.logic.hub.report.rate > 1)
            take(host, "CastHub", folder)
        finally:
            for other in others:
                other.close()
            host.quit()
    return 0


def take(host: Any, module: str, folder: Path) -> None:
    """The picture of one panel."""
    from interface_parts import open_module

    print(host.grab(open_module(host, module), folder / PICTURES[module], WIDTH))


def play_main_job(host: Any, hub: str, service: str) -> None:
    """In "Cast Interface": a study is opened and sent to a service, whose result is shown over it."""
    from interface_parts import InterfacePart, run_cast, study_uid_in

    part = InterfacePart(host)
    host.import_dicom(SAMPLE)
    part.connect(hub, "anna")
    part.open_section("send")
    opening = run_cast("publish", "ImagingStudy-open", "--study", study_uid_in(SAMPLE), "--hub", hub, "--user", "anna")
    part.until(lambda: part.logic.openNow.series and not part.logic.openNow.doing, 60)
    opening.wait()
    part.until(lambda: part.ui.sendButton.enabled and service in part.ui.toBox.currentText)
    part.click(part.ui.sendButton)
    part.until(lambda: "The result is shown" in part.ui.sendText.plainText, 120)
    part.until(lambda: part.ui.contentTable.rowCount == 4)


if __name__ == "__main__":
    sys.exit(main())
