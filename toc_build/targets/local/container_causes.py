"""What can go wrong in a container only, each told in one line. Used by `server_container`; pure.

What can go wrong anywhere is told by `diagnose`, which is asked when nothing here fits.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from toc_build.errors import TargetError
from toc_build.targets.local.container_run import MOUNTED_CODE, MOUNTED_MODEL
from toc_build.targets.local.diagnose import Evidence
from toc_build.targets.local.settings import ContainerSettings
from toc_build.targets.local.tracebacks import UserTraceback, find_traceback, last_traceback

# Where the image keeps them; Azure ML's own images do, too.
IMAGE_CODE = "/var/azureml-app"
_IMAGE_MODEL = re.compile(r"/var/azureml-app/azureml-models/[^/\s'\"]+/\d+")
_KILLED = re.compile(r"Worker \(pid:\d+\) was sent SIGKILL")
_READ_ONLY = re.compile(r"\[Errno 30\] Read-only file system(?:: '([^']+)')?")
_DENIED = re.compile(r"PermissionError: \[Errno 13\] Permission denied: '([^']+)'")
_FULL = re.compile(r"\[Errno 28\] No space left on device(?:: '([^']+)')?")
_NO_THREADS = re.compile(
    r"can't start new thread|Resource temporarily unavailable|pthread_create failed"
    r"|cannot allocate thread|failed to create thread",
    re.IGNORECASE,
)
_NO_NETWORK = re.compile(
    r"Temporary failure in name resolution|Name or service not known|Network is unreachable"
    r"|(?:TimeoutError|ConnectTimeout|URLError|gaierror)\b.*timed out"
)
WHERE = "deploy.yml targets -> local -> container"


@dataclass(frozen=True)
class Facts:
    """What is known of a container beyond its output.

    Attributes:
        settings: its limits.
        oom_kills: how often the kernel has ended one of its processes for want of memory.
        workers_killed: how many workers gunicorn has seen killed.
        engine_gone: whether the engine does not answer any more.
    """

    settings: ContainerSettings
    oom_kills: int
    workers_killed: int
    engine_gone: bool = False


@dataclass
class LogWatch:
    """Reads what a container prints: notes what it was refused, and counts workers that are killed.

    gunicorn starts such a worker again for ever, and never gives up by itself.

    Attributes:
        memory_gb: the container's limit.
        limit: so many killed workers within the window are for ever.
        window_seconds: how long one counts.
        killed: workers killed so far.
        looping: whether it has come to that.
    """

    memory_gb: float
    limit: int = 3
    window_seconds: float = 120.0
    killed: int = 0
    looping: bool = False
    _times: deque[float] = field(default_factory=deque, repr=False)
    _refused: set[str] = field(default_factory=set, repr=False)

    def heed(self, line: str, now: float) -> Iterator[str]:
        """Take in a line that the server has printed at the time `now`, in seconds.

        Yields:
            What to note in the log.
        """
        if found := _READ_ONLY.search(line):
            if line not in self._refused:
                self._refused.add(line)
                place = f" to {found[1]}" if found[1] else ""
                yield f"TOC-LOCAL-031 the scoring code writes{place}, where the image is read-only"
            return
        if not _KILLED.search(line):
            return
        self.killed += 1
        self._times.append(now)
        while now - self._times[0] > self.window_seconds:
            self._times.popleft()
        yield (
            f"TOC-LOCAL-030 a worker was killed, most likely because the container's {self.memory_gb:g} GB of"
            " memory were used up; its requests are lost"
        )
        if len(self._times) >= self.limit:
            self.looping = True


def at_home(evidence: Evidence) -> Evidence:
    """The evidence with paths of the container replaced by those of the bundle on this machine."""
    code, model = str(evidence.bundle.code), str(evidence.bundle.model)

    def moved(line: str) -> str:
        line = _IMAGE_MODEL.sub(lambda _: model, line.replace(MOUNTED_MODEL, model))
        return line.replace(f"{MOUNTED_CODE}/", f"{code}/").replace(f"{IMAGE_CODE}/", f"{code}/")

    return replace(evidence, lines=tuple(moved(line) for line in evidence.lines))


def explain(evidence: Evidence, facts: Facts) -> TargetError | None:
    """Why a container ended; None when nothing of its being one is to blame."""
    if facts.engine_gone:
        return TargetError(
            "the container engine has stopped, and the service with it",
            code="TOC-ENGINE-011",
            where=facts.settings.engine,
            fix="start it again, then deploy",
        )
    traceback = find_traceback(evidence.lines, evidence.bundle.code)
    text = traceback.message if traceback is not None else ""
    return _forbidden(evidence, traceback, text, facts) or explain_memory(evidence, facts)


def explain_memory(evidence: Evidence, facts: Facts) -> TargetError | None:
    """The memory limit, when it was hit."""
    if not facts.oom_kills and not facts.workers_killed:
        return None
    times = max(facts.oom_kills, facts.workers_killed)
    proof = f"the kernel ended {facts.oom_kills} of its processes" if facts.oom_kills else ""
    proof = proof or f"{facts.workers_killed} of its workers were killed"
    again = ", and again each time it was started anew" if times > 1 else ""
    return TargetError(
        f"the container's memory of {facts.settings.memory_gb:g} GB does not suffice: {proof}{again}",
        code="TOC-LOCAL-030",
        where=f"{WHERE} -> memory_gb",
        fix="raise it there, set fewer `workers` or `concurrency` in deploy.yml scoring, or use a smaller"
        " model",
        details=evidence.last_lines(),
    )


def _forbidden(
    evidence: Evidence, traceback: UserTraceback | None, text: str, facts: Facts
) -> TargetError | None:
    """What the scoring code did that its container does not allow."""
    details = evidence.shown(traceback.text) if traceback else last_traceback(evidence.lines)
    where = evidence.place(traceback.place) if traceback else None
    if found := _READ_ONLY.search(text) or _DENIED.search(text):
        place = f" to {evidence.shown(found[1])}" if found[1] else ""
        return TargetError(
            f"the scoring code writes{place}, where the image is read-only",
            code="TOC-LOCAL-031",
            where=where,
            fix="write to `tempfile.gettempdir()` only; what must be there beforehand belongs in `model/`",
            details=details,
        )
    if found := _FULL.search(text):
        return TargetError(
            "the scoring code has filled /tmp, which is in memory"
            f" and takes half of the container's {facts.settings.memory_gb:g} GB",
            code="TOC-LOCAL-032",
            where=where,
            fix=f"write less, or raise {WHERE} -> memory_gb",
            details=details,
        )
    if _NO_THREADS.search(text):
        return TargetError(
            f"the container's limit of {facts.settings.pids_limit} processes and threads does not suffice",
            code="TOC-LOCAL-033",
            where=f"{WHERE} -> pids_limit",
            fix="raise it there, or let the libraries use fewer threads (OMP_NUM_THREADS and the like)",
            details=details,
        )
    if not facts.settings.outbound and _NO_NETWORK.search(text):
        return TargetError(
            "the scoring code reaches for another machine, which its container may not",
            code="TOC-LOCAL-034",
            where=where,
            fix=f"put what it fetches in `model/`, or set {WHERE} -> outbound: true",
            details=details,
        )
    return None
