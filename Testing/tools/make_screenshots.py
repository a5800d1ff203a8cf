"""Makes Resources/Screenshots/*.png from the three running panels, at the main job: a hub, a study, a service's result.

python Testing/tools/make_screenshots.py [FOLDER]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Testing"))

WIDTH = 520
PICTURES = {
    "CastInterface": "cast-interface.png",
    "CastHub": "cast-hub.png",
    "CastServiceProvider": "cast-service-provider.png",
}
SAMPLE = ROOT / "Resources" / "SampleStudy" / "DICOM"
SERVICE = ROOT / "CastServiceProvider" / "Resources" / "Scripts" / "BrainTissue.py"


def main() -> int:
    """Make the pictures; return 0 when all were made."""
    from slicer_host import start_host

    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "Resources" / "Screenshots"
    host = start_host()
    from hub_process import HubProcess
    from provider_process import ProviderProcess

    with tempfile.TemporaryDirectory(prefix="screenshots-") as temporary:
        hub = HubProcess(Path(temporary) / "hub")
        service = ProviderProcess(SERVICE, hub.url, Path(temporary) / "provider")
        try:
            picture_of_interface(host, hub.url, service.product, folder)
            for name in ("CastHub", "CastServiceProvider"):
                host.grab(host.load_module(name), (folder / PICTURES[name]).resolve(), WIDTH)
        finally:
            service.stop()
            hub.stop()
            host.quit()
    return 0


def picture_of_interface(host: Any, hub: str, service: str, folder: Path) -> None:
    """The panel with a study open, a result over it and the answers of the display itself."""
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
    part.host.grab(part.module, (folder / PICTURES["CastInterface"]).resolve(), WIDTH)


if __name__ == "__main__":
    sys.exit(main())
