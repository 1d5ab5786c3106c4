"""Ten ways in which a new version of a scorer is broken, each as an edit of a small model repository."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# What the sound detector takes for an answer, so that three times as long can be told from noise.
BASE_SECONDS = 0.04


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        name: for people.
        break_it: edits the repository.
        code: of the error that a deploy must end with.
        result: what must be on record.
    """

    name: str
    break_it: Callable[[Path], None]
    code: str
    result: str


def detector(change: Callable[[str], str]) -> Callable[[Path], None]:
    def edit(repository: Path) -> None:
        path = repository / "scoring" / "detector.py"
        text = path.read_text()
        changed = change(text)
        assert changed != text, "the fault changed nothing"
        path.write_text(changed)

    return edit


def sound(repository: Path) -> None:
    """Give the sound detector a duration."""
    detector(
        lambda text: text.replace(
            '    def predict(self, bgr):\n        """Detections in an H x W x 3 uint8 image."""\n',
            '    def predict(self, bgr):\n        """Detections in an H x W x 3 uint8 image."""\n'
            f"        time.sleep({BASE_SECONDS})\n",
        ).replace("import json\n", "import json\nimport time\n")
    )(repository)
    deploy = repository / "deploy.yml"
    deploy.write_text(deploy.read_text().replace("labels: [thing]", "labels: [thing, other]"))


def _before_answer(lines: str) -> Callable[[Path], None]:
    body = "".join(f"        {line}\n" for line in lines.splitlines())
    return detector(lambda text: text.replace("        time.sleep", body + "        time.sleep"))


# It accepts before the server does, and answers what is no HTTP: from the private socket of the local target,
# from the one socket of a replica in Azure.
_GARBAGE = """
def _garbage():
    import os
    import socket
    import threading
    import time

    def serve(listener):
        while True:
            connection, _ = listener.accept()
            connection.sendall(bytes([0, 255]) + b"garbage")
            connection.close()

    for descriptor in os.listdir("/proc/self/fd"):
        try:
            found = socket.socket(fileno=os.dup(int(descriptor)))
            listens = found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        except OSError:
            continue
        if listens and found.getsockname()[1] != PUBLIC_PORT:
            found.setblocking(True)
            for _ in range(4):
                threading.Thread(target=serve, args=(found,), daemon=True).start()
    time.sleep(300)


def init():
"""


def garbage_port(repository: Path) -> None:
    port = re.search(r"port: (\d+)", (repository / "deploy.yml").read_text())
    assert port is not None
    path = repository / "scoring" / "score.py"
    text = path.read_text().replace("def init():\n", _GARBAGE.replace("PUBLIC_PORT", port[1]))
    path.write_text(text.replace("    global handler", "    _garbage()\n    global handler"))


FAULTS = (
    Fault("wrong labels", detector(lambda t: t.replace('"thing"', '"other"')), "TOC-JUDGE-001", "rejected"),
    Fault(
        "shifted boxes",
        detector(lambda t: t.replace("xmin=x, xmax=x + w", "xmin=x + 40, xmax=x + w + 40")),
        "TOC-JUDGE-001",
        "rejected",
    ),
    Fault(
        "boxes in another convention",
        detector(
            lambda t: t.replace(
                "xmin=x, xmax=x + w, ymin=y, ymax=y + h", "xmin=y, xmax=y + h, ymin=x, ymax=x + w"
            )
        ),
        "TOC-JUDGE-001",
        "rejected",
    ),
    Fault(
        "NaN", detector(lambda t: t.replace("score=0.9", 'score=float("nan")')), "TOC-JUDGE-001", "rejected"
    ),
    Fault(
        "slow by 3x",
        detector(lambda t: t.replace(f"sleep({BASE_SECONDS})", f"sleep({3 * BASE_SECONDS})")),
        "TOC-JUDGE-003",
        "rejected",
    ),
    Fault(
        "crash after 7 requests",
        _before_answer(
            "import os\nself.count = getattr(self, 'count', 0) + 1\nif self.count > 7:\n    os._exit(1)"
        ),
        "TOC-JUDGE-002",
        "rejected",
    ),
    Fault(
        "leak",
        _before_answer("self.kept = [*getattr(self, 'kept', []), bytearray(b'x' * 20_000_000)]"),
        "TOC-JUDGE-004",
        "rejected",
    ),
    Fault(
        "init raises",
        detector(
            lambda t: t.replace(
                "self.threshold =", "raise ValueError('no weights')\n        self.threshold ="
            )
        ),
        "TOC-LOCAL-005",
        "failed",
    ),
    Fault(
        "init hangs",
        detector(lambda t: t.replace("self.threshold =", "time.sleep(300)\n        self.threshold =")),
        "TOC-LOCAL-012",
        "failed",
    ),
    Fault(
        "garbage port",
        garbage_port,
        "TOC-LOCAL-012",
        "failed",
    ),
)
