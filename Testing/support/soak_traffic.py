"""A process full of applications that keep one Slicer and one service busy, for the soak test.

    python Testing/support/soak_traffic.py HUB TOPIC SLICER_NAME SERVICE_PRODUCT FOLDER SECONDS BURST

Three applications publish small events; one asks for STATUS and SCENEVIEW; one opens and closes a study whose images
and segmentation it sends (made in FOLDER when they are not there); one sends batches to the service. With a BURST there
are so many events as fast as they can be published, and many batches: what keeps the last ones is full then. Prints how
many of each as JSON, and ends with an error when anybody was refused or got no answer.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE)]

from display_parts import write_balls, write_phantom  # noqa: E402
from interface_parts import study_uid_in  # noqa: E402

from CastLib.client import Pump, Session, SessionSettings  # noqa: E402
from CastLib.message import Target  # noqa: E402
from CastLib.study_context import make_study_context  # noqa: E402

EVENTS_A_SECOND = 20  # of each of the three
PATIENCE = 120.0


class Traffic:
    """The applications, each on a thread of its own."""

    def __init__(
        self, hub: str, topic: str, slicer: str, service: str, folder: Path, seconds: float, burst: int
    ) -> None:
        self._hub, self._topic = hub, topic
        self._slicer, self._service = Target(name=slicer), Target(product=service)
        self._folder = folder
        self._pump = Pump()
        self._end = time.monotonic() + seconds
        self._burst = burst
        self._over = threading.Event()
        self.counts: Counter[str] = Counter()
        self.errors: list[str] = []
        self._make_files()

    def _make_files(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._study, self._seg, self._image = (self._folder / name for name in ("study", "seg.dcm", "image.nii"))
        if not self._image.exists():
            write_phantom(self._study, counts=(40, 42, 20), spacing=(3.0, 3.0, 6.0))
            write_balls(self._study, self._seg)
            self._image.write_bytes(bytes(344) + b"n+1\0" + bytes(100_000))
        self._uid = study_uid_in(self._study)

    def run(self) -> None:
        """Work until the time is over."""
        work = [lambda number=number: self._publish(number) for number in range(3)]
        work += [self._ask, self._open_and_close, self._send]
        threads = [threading.Thread(target=self._guarded, args=(one,)) for one in work]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            self._pump.run_once(0.05)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            self.errors.append(f"{type(error).__name__}: {error}")

    def _session(self, product: str) -> Session:
        settings = SessionSettings(hub=self._hub, user=self._topic, product=product, actors=("EC",), announce=False)
        session = Session(settings, self._pump)
        session.start()
        session.wait_online(PATIENCE)
        return session

    def _wait(self, seconds: float) -> bool:
        """Let time pass; whether there is more to do."""
        self._over.wait(max(0.0, min(seconds, self._end - time.monotonic())))
        return time.monotonic() < self._end

    def _publish(self, number: int) -> None:
        session = self._session(f"PUBLISHER-{number}")
        while self._wait(0.0 if self.counts["events"] < self._burst else 1 / EVENTS_A_SECOND):
            session.publish("Home-open", {"number": self.counts["events"], "text": "x" * 200})
            self.counts["events"] += 1
        session.close()

    def _ask(self) -> None:
        session = self._session("ASKER")
        together = [threading.Thread(target=self._guarded, args=(lambda: self._ask_all(session),)) for _ in range(12)]
        for thread in together:
            thread.start()
        for thread in together:
            thread.join()
        for round in range(1_000_000):
            data_type = "SCENEVIEW" if round % 8 == 0 else "STATUS"
            answer = session.request(data_type, target=self._slicer, timeout=PATIENCE)
            if not answer["responses"]:
                raise RuntimeError(f"{data_type} was not answered: {answer}")
            self.counts[data_type] += 1
            if not self._wait(0.5):
                break
        session.close()

    def _ask_all(self, session: Session) -> None:
        """Have everybody answer at once: who answers on threads has as many as it ever has."""
        session.request("STATUS", target=Target(actor="*"), timeout=2.0)

    def _open_and_close(self) -> None:
        session = self._session("WORKLIST")
        context = {"study": {"resourceType": "ImagingStudy", "id": "s1", "uid": self._uid}}
        while self._wait(0.5):
            files = sorted(self._study.iterdir())
            session.send_files("ImagingStudy-open", files, context=context, target=Target(actor="ID"))
            self.counts["opened"] += 1
            self._wait(0.7)
            session.send_files("dicom-send", [self._seg], target=Target(actor="ID"))
            self._wait(0.7)
            session.publish("ImagingStudy-close", make_study_context(self._uid))
        session.close()

    def _send(self) -> None:
        session = self._session("SENDER")
        while True:
            session.send_files("nifti-send", [self._image], target=self._service)
            self.counts["batches"] += 1
            if not self._wait(0.4 if self._burst else 3.0):
                break
        session.close()


def main() -> int:
    hub, topic, slicer, service, folder, seconds, burst = sys.argv[1:]
    traffic = Traffic(hub, topic, slicer, service, Path(folder), float(seconds), int(burst))
    traffic.run()
    print(json.dumps(traffic.counts))
    for error in traffic.errors:
        print(error, file=sys.stderr)
    return 1 if traffic.errors else 0


if __name__ == "__main__":
    sys.exit(main())
