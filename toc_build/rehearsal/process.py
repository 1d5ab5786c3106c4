"""The server's process: started, found again, asked, stopped. `run` and the command line use it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toc_build.errors import TargetError
from toc_build.extras import how_to_add
from toc_build.paths import cache_dir

if TYPE_CHECKING:
    from toc_build.targets.local.identity import ProcessIdentity

KEY_HEADER = "x-toc-rehearsal-key"
PATH = "/toc-build-rehearsal"
READY = "server.json"
LOG = "requests.jsonl"
OUTPUT = "server.log"
START_SECONDS = 60.0
STOP_SECONDS = 30.0


@dataclass(frozen=True)
class Running:
    """A server that answers.

    Attributes:
        folder: its state.
        identity: its process, which no other that has got its pid is taken for.
        base: where it answers, over HTTPS.
        proxy: by which a rehearsed command goes out.
        bundle: certificates to trust.
        values: everything that it said of itself; secrets of the rehearsal among it.
    """

    folder: Path
    identity: ProcessIdentity
    base: str
    proxy: str
    bundle: Path
    values: Mapping[str, str]

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Asks the server's own door.

        Raises:
            TargetError: it does not answer, or refuses.
        """
        import ssl

        import httpx

        try:
            context = ssl.create_default_context(cafile=str(self.bundle))
            with httpx.Client(verify=context, trust_env=False, timeout=30.0) as client:
                answer = client.request(
                    method,
                    f"{self.base}{PATH}/{path}",
                    json=body,
                    headers={KEY_HEADER: self.values["control"]},
                )
        except (httpx.HTTPError, OSError) as error:
            raise TargetError(
                f"the rehearsal at {self.base} does not answer: {error}",
                code="TOC-REHEARSAL-003",
                where=str(self.folder),
                fix="end it with `toc-build rehearse stop` and start it again; its state is kept.",
            ) from None
        if answer.status_code >= 400:
            raise TargetError(
                f"the rehearsal refused: {answer.json().get('message', answer.text)}",
                code="TOC-REHEARSAL-005",
            )
        return answer.json()


def state_folder() -> Path:
    """Where the rehearsal that `start` keeps running has its state."""
    return cache_dir() / "rehearsal" / "state"


def require_packages() -> None:
    """Refuses to go on without the packages of the extra.

    Raises:
        TargetError: one is missing.
    """
    from importlib.util import find_spec

    missing = [
        name
        for name in ("azureml.core", "jwt", "starlette", "trustme", "uvicorn")
        if not _found(find_spec, name)
    ]
    if missing:
        raise TargetError(
            f"a rehearsal needs packages that are not installed: {', '.join(missing)}.",
            code="TOC-REHEARSAL-001",
            fix=how_to_add("rehearsal"),
        )


def _found(find_spec: Any, name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # the package around it is missing
        return False


def find(folder: Path) -> Running | None:
    """The server that runs on a state folder, or None."""
    try:
        values = json.loads((folder / READY).read_text(encoding="utf-8"))
        running = _running(folder, values)
    except (OSError, ValueError, KeyError):
        return None
    return running if running.identity.alive() else None


def _running(folder: Path, values: dict[str, str]) -> Running:
    from toc_build.targets.local.identity import ProcessIdentity

    identity = ProcessIdentity(int(values["pid"]), float(values["started"]))
    return Running(folder, identity, values["base"], values["proxy"], Path(values["bundle"]), values)


def start(
    folder: Path, faults: Sequence[str] = (), *, detached: bool, temporary: bool = False
) -> tuple[Running, subprocess.Popen[bytes]]:
    """Starts a server on a state folder and waits until it answers.

    Args:
        folder: its state; made when it is new.
        faults: that are to happen, as they are written.
        detached: whether it outlives this process. Otherwise it ends when this process does.
        temporary: whether the server removes its state when it ends, also when this process was killed.

    Raises:
        UserError: a fault cannot be read, a package is missing, or the server did not come up.
    """
    from toc_build.rehearsal.faults import parse

    for text in faults:
        parse(text)
    require_packages()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / READY).unlink(missing_ok=True)
    command = [sys.executable, "-m", "toc_build.rehearsal.server", str(folder)]
    command += [word for text in faults for word in ("--fault", text)]
    command += ["--temporary"] * temporary
    environment = dict(os.environ)
    environment.pop("TOC_REHEARSAL_LIFELINE", None)
    if not detached:
        environment["TOC_REHEARSAL_LIFELINE"] = "1"
    with (folder / OUTPUT).open("ab") as output:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL if detached else subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError, ValueError):
            values = json.loads((folder / READY).read_text(encoding="utf-8"))
            return _running(folder, values), process
        time.sleep(0.02)
    process.kill()
    process.wait()
    lines = (folder / OUTPUT).read_text(encoding="utf-8", errors="replace").splitlines()
    raise TargetError(
        "the rehearsal's server did not start.",
        code="TOC-REHEARSAL-002",
        where=str(folder / OUTPUT),
        fix="its last lines are shown.",
        details="\n".join(lines[-15:]),
    )


def stop(running: Running) -> None:
    """Ends a server, kindly first."""
    from toc_build.targets.local.identity import wait_until_gone

    running.identity.send(signal.SIGTERM)
    if not wait_until_gone([running.identity], STOP_SECONDS):
        running.identity.send(signal.SIGKILL)


@contextlib.contextmanager
def temporary(faults: Sequence[str] = ()) -> Iterator[Running]:
    """A server of its own on an empty state, ended and removed afterwards, however the body ends."""
    import shutil
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="toc-build-rehearsal-"))
    process = None
    try:
        running, process = start(folder, faults, detached=False, temporary=True)
        yield running
    finally:
        if process is not None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdin:
                process.stdin.close()
        shutil.rmtree(folder, ignore_errors=True)
