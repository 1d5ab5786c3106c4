"""What a replica runs, and what replicas of both kinds have in common."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

STARTUP_SECONDS = 300.0  # Azure's initial delay of the liveness probe is 310 s
WORKER_FAILED_STATUS = 3  # gunicorn's own exit status for it
# What gunicorn says when a worker ended. Before the replica was ready that is the end of its container,
# although some gunicorns start another worker then, for ever.
WORKER_FAILED = re.compile(
    r"Worker exiting \(pid: \d+\)|Worker \(pid:\d+\) (?:exited with code [1-9]|was sent SIG(?!TERM|QUIT|INT))"
)
_PROBE = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True)
class Program:
    """What a replica runs.

    Attributes:
        python: interpreter of the scoring environment; unused for an image.
        root: its folder, as laid out.
        entry_script: below that folder.
        model_dir: `AZUREML_MODEL_DIR`, relative to the folder.
        variables: the environment definition's own.
        startup_seconds: how long `init()` may take.
        image: what the container engine calls the image to run it in; None for a process.
        interpreter: within the image; None for the one on its PATH.
    """

    python: Path
    root: Path
    entry_script: str
    model_dir: str
    variables: Mapping[str, str] = field(default_factory=dict)
    startup_seconds: float = STARTUP_SECONDS
    image: str | None = None
    interpreter: str | None = None


def answers(port: int) -> bool:
    """Whether a server on 127.0.0.1 says 200 to `GET /`."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0) as connection:
            connection.settimeout(1.0)
            connection.sendall(_PROBE)
            return connection.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False
