"""From saving detector.py to the first answer of the new code: python benchmarks/reloading.py.

Ours is `toc-build serve`, which serves meanwhile; the floor is ending azmlinfsrv and starting it again
by hand, which does not.
"""

from __future__ import annotations

import http.client
import os
import subprocess
import time
from pathlib import Path

from repositories import TOC_BUILD, ready_repository
from side_by_side import compare

from toc_build.bundle import assemble
from toc_build.repository import load

PLAIN = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def answer(port: int, image: bytes) -> str | None:
    """The body of the scorer's answer, None when it does not answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("POST", "/score", body=image)
        return connection.getresponse().read().decode()
    except OSError:
        return None
    finally:
        connection.close()


def until(port: int, image: bytes, score: float, started: float) -> float:
    """Seconds since `started` until every detection has this score."""
    while time.perf_counter() - started < 60:
        body = answer(port, image)
        if body and f'"score": {score}' in body:
            return time.perf_counter() - started
        time.sleep(0.01)
    raise SystemExit("the new code did not answer within 60 s")


def with_score(text: str, score: float) -> str:
    """The detector with every detection's score replaced, which is how an answer tells its version."""
    return (
        text
        + f"""

_predict = Detector.predict


def _with_score(self, *arguments):
    from dataclasses import replace

    return [replace(found, score={score}) for found in _predict(self, *arguments)]


Detector.predict = _with_score
"""
    )


def free_port() -> int:
    """A port that nothing listens on."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


with ready_repository() as (repository, python):
    detector = repository / "scoring" / "detector.py"
    original = detector.read_text()
    sample = next(
        path for path in sorted((repository / "samples").iterdir()) if path.suffix != ".json"
    ).read_bytes()
    ours_port, floor_port = free_port(), free_port()
    scores = iter(round(0.001 * number, 3) for number in range(100, 1000))

    serving = subprocess.Popen(
        [*TOC_BUILD, "serve", "--port", str(ours_port)],
        cwd=repository,
        env=PLAIN,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    by_hand: list[subprocess.Popen[bytes]] = []

    def start_by_hand() -> None:
        """azmlinfsrv on the repository as it is now."""
        bundle = assemble(load(repository))
        by_hand.append(
            subprocess.Popen(
                [
                    *(
                        python,
                        "-m",
                        "azureml_inference_server_http",
                        "--entry_script",
                        str(bundle.code_dir / "score.py"),
                    ),
                    *("--port", str(floor_port)),
                ],
                env={
                    **PLAIN,
                    "AZUREML_MODEL_DIR": str(bundle.model_dir),
                    "AML_APP_ROOT": str(bundle.code_dir),
                },
                cwd=Path(bundle.root),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )

    def save_under_serve() -> float:
        """Saves, and waits for the answer."""
        score = next(scores)
        detector.write_text(with_score(original, score))
        return until(ours_port, sample, score, time.perf_counter())

    def restart_by_hand() -> float:
        """Ends the server, starts it on the new code, and waits for the answer."""
        score = next(scores)
        text = with_score(original, score)
        started = time.perf_counter()
        if by_hand:
            by_hand[-1].terminate()
            by_hand[-1].wait()
        detector.write_text(text)
        start_by_hand()
        return until(floor_port, sample, score, started)

    try:
        while answer(ours_port, sample) is None:
            if serving.poll() is not None:
                raise SystemExit("toc-build serve ended")
            time.sleep(0.05)
        compare(("toc-build serve", save_under_serve), ("restart by hand", restart_by_hand))
    finally:
        for process in (serving, *by_hand[-1:]):
            process.terminate()
            process.wait()
