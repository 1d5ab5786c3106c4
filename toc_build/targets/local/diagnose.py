"""From a dead or hanging server's output to one error that says what is wrong, where, and what to do.

Used by `server.py`; starts nothing.
"""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

from toc_build.errors import TargetError
from toc_build.targets.local import missing_modules
from toc_build.targets.local.launcher import EXIT_SERVER_BROKEN, EXIT_SERVER_MISSING
from toc_build.targets.local.settings import BundleReference, LocalSettings
from toc_build.targets.local.tracebacks import (
    Place,
    UserTraceback,
    find_stack,
    find_traceback,
    is_crash_mark,
    is_stack_mark,
    last_traceback,
    plain_message,
)

LAST_LINES = 15
CRASH_LINES = 200
_NO_FUNCTION = re.compile(
    r"UserScriptError: User script at .* does not have a (init|run)\(\) function defined"
)
_BAD_RUN = re.compile(r"UserScriptError: (run\(\) .*)")
_MISSING_ARTIFACT = re.compile(r"^(?:[\w.]+\.)?MissingArtifact: ?(.*)$")
_SYNTAX = re.compile(r"^(SyntaxError|IndentationError|TabError): (.*)$")
_WORKER_SIGNAL = re.compile(r"Worker \(pid:\d+\) was sent (SIG\w+)")
_WORKER_EXIT = re.compile(r"Worker \(pid:\d+\) exited with code (\d+)")


@dataclass(frozen=True)
class Evidence:
    """What is known of a server that did not do as it should.

    Attributes:
        lines: what it printed.
        exit_status: negative for a signal; None while it runs.
        bundle: what it was to serve.
        settings: how.
    """

    lines: Sequence[str]
    exit_status: int | None
    bundle: BundleReference
    settings: LocalSettings

    def shown(self, text: str) -> str:
        """The text with the bundle's paths as the user knows them."""
        text = text.replace(f"{self.bundle.code}/", f"{self.settings.scoring_dir}/")
        return text.replace(str(self.bundle.model), self.settings.model_dir)

    def place(self, place: Place | None) -> str | None:
        """`file:line` as the user knows it."""
        return None if place is None else self.shown(f"{place.file}:{place.line}")

    def last_lines(self) -> str:
        """The end of the output."""
        return self.shown("\n".join(self.lines[-LAST_LINES:])) or "(it printed nothing)"


def require_platform() -> None:
    """Refuse to run where the server cannot.

    Raises:
        TargetError: on Windows.
    """
    if sys.platform == "win32":
        raise TargetError(
            "the local target does not run on Windows",
            code="TOC-LOCAL-001",
            fix="use it inside WSL (https://learn.microsoft.com/windows/wsl/install): clone the model"
            " repository there",
        )


def require_bundle(bundle: BundleReference, settings: LocalSettings) -> None:
    """Refuse a bundle without a scoring script.

    Raises:
        TargetError: `code/score.py` is not there.
    """
    if not (bundle.code / "score.py").is_file():
        raise TargetError(
            "the bundle has no scoring script",
            code="TOC-LOCAL-018",
            where=f"{settings.scoring_dir}/score.py",
            fix="the script must exist and must not be excluded by `.amlignore`",
        )


def interpreter_unusable(settings: LocalSettings, error: OSError) -> TargetError:
    """The scoring environment's Python cannot be run."""
    return TargetError(
        f"the scoring environment's Python cannot be run: {error.strerror or error}",
        code="TOC-LOCAL-017",
        where=str(settings.python),
        fix="remove the broken environment with `toc-build env prune`; the next command builds it again",
    )


def explain_exit(evidence: Evidence) -> TargetError:
    """Why a server ended, or lost a worker, before it was ready."""
    if evidence.exit_status == EXIT_SERVER_MISSING:
        return TargetError(
            "azureml-inference-server-http is not installed in the scoring environment",
            code="TOC-LOCAL-015",
            where="conda.yml dependencies -> pip",
            fix="add `azureml-inference-server-http>=1.5,<2` (or `azureml-defaults>=1.62`) there, then"
            " run `nox -s lock`",
        )
    if evidence.exit_status == EXIT_SERVER_BROKEN:
        return TargetError(
            "azureml-inference-server-http is installed but cannot be imported in the scoring environment",
            code="TOC-LOCAL-016",
            where="requirements.lock",
            fix="two packages do not go together: see the last line shown, adapt conda.yml and run `nox"
            " -s lock`",
            details=last_traceback(evidence.lines) or evidence.last_lines(),
        )
    traceback = find_traceback(evidence.lines, evidence.bundle.code)
    if traceback is not None:
        return _explain_traceback(evidence, traceback)
    killed = _killed(evidence)
    if killed is not None:
        return killed
    return TargetError(
        f"the server ended before it was ready ({_ending(evidence)})",
        code="TOC-LOCAL-019",
        fix="its last lines are shown",
        details=evidence.last_lines(),
    )


def explain_crash(evidence: Evidence) -> TargetError:
    """Why a server that had been ready ended."""
    # A worker lost long ago is another story; a native crash's stacks may be long.
    marks = [number for number, line in enumerate(evidence.lines) if is_crash_mark(line)]
    first = max(0, len(evidence.lines) - (CRASH_LINES if marks else LAST_LINES))
    evidence = replace(evidence, lines=evidence.lines[first:])
    return _killed(evidence) or TargetError(
        f"the server ended while it was serving ({_ending(evidence)})",
        code="TOC-LOCAL-021",
        fix="its last lines are shown",
        details=evidence.last_lines(),
    )


def explain_hang(evidence: Evidence) -> TargetError:
    """Why a server counts as failed that neither answered nor ended."""
    seconds = evidence.settings.readiness_seconds
    stack = find_stack(evidence.lines, evidence.bundle.code)
    before = next((i for i, line in enumerate(evidence.lines) if is_stack_mark(line)), None)
    evidence = replace(evidence, lines=evidence.lines[:before])
    text, place = stack if stack is not None else ("", None)
    step = "it was in `init()` or the import of the scoring script" if place else "it had not answered yet"
    return TargetError(
        f"the service was not ready after {seconds:g} s: {step}",
        code="TOC-LOCAL-012",
        where=evidence.place(place),
        fix="if loading the model takes that long, raise `readiness_seconds` in deploy.yml targets -> local",
        details="\n".join(
            part for part in (evidence.shown(text), "Last lines:", evidence.last_lines()) if part
        ),
    )


def _explain_traceback(evidence: Evidence, traceback: UserTraceback) -> TargetError:
    text = evidence.shown(traceback.text)
    where = evidence.place(traceback.place)
    script = f"{evidence.settings.scoring_dir}/score.py"
    if found := _NO_FUNCTION.search(traceback.message):
        return TargetError(
            f"the scoring script has no function `{found[1]}`",
            code="TOC-LOCAL-011",
            where=script,
            fix="define `init()` and `run(request)` at the top level of the script",
        )
    if found := _BAD_RUN.search(traceback.message):
        return TargetError(
            f"the scoring script's {found[1]}",
            code="TOC-LOCAL-011",
            where=script,
            fix="write `def run(request):`",
        )
    if found := _SYNTAX.match(traceback.message):
        return TargetError(
            f"{found[1]}: {found[2]}", code="TOC-LOCAL-009", where=where, details=_syntax_details(text)
        )
    if found := _MISSING_ARTIFACT.match(traceback.message):
        lines = traceback.text.splitlines()
        message = [found[1], *lines[lines.index(traceback.message) + 1 :]]
        return TargetError(
            "a model artifact is missing: " + evidence.shown("\n".join(message)).strip(),
            code="TOC-LOCAL-010",
            where=where,
            fix=f"put it under `{evidence.settings.model_dir}/`, or name what is there in `model_path(...)`",
        )
    missing = missing_modules.explain(traceback.message, where, text, evidence.bundle.code, evidence.settings)
    if missing is not None:
        return missing
    what = "`init()` raised" if traceback.phase == "init" else "the scoring script could not be imported:"
    return TargetError(
        f"{what} {evidence.shown(traceback.message)}",
        code="TOC-LOCAL-005" if traceback.phase == "init" else "TOC-LOCAL-008",
        where=where,
        details=text,
    )


def _syntax_details(text: str) -> str:
    """The file, the line and the caret: the import that led there does not help."""
    lines = text.splitlines()
    start = max((i for i, line in enumerate(lines) if line.startswith('  File "')), default=0)
    return "\n".join(lines[start:])


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _killed(evidence: Evidence) -> TargetError | None:
    name = None
    if evidence.exit_status is not None and evidence.exit_status < 0:
        name = _signal_name(-evidence.exit_status)
    for line in evidence.lines:  # a worker's end is the cause; the main process was then ended by us
        if found := _WORKER_SIGNAL.search(line):
            if found[1] not in ("SIGTERM", "SIGINT", "SIGQUIT"):
                name = found[1]
        elif _WORKER_EXIT.search(line):
            return None
    if name is None:
        return None
    if name == "SIGKILL":
        return TargetError(
            "the server was killed (SIGKILL), most likely because memory ran out",
            code="TOC-LOCAL-013",
            fix="set fewer `workers` or `concurrency` in deploy.yml scoring, use a smaller model or"
            " input size, or free memory",
            details=evidence.last_lines(),
        )
    crashed = name in ("SIGSEGV", "SIGBUS", "SIGABRT", "SIGILL", "SIGFPE")
    stack = None
    if crashed and any(map(is_crash_mark, evidence.lines)):
        stack = find_stack(evidence.lines, evidence.bundle.code)
    text, place = stack if stack is not None else ("", None)
    return TargetError(
        f"a native library crashed: the server was ended by {name}"
        if crashed
        else f"the server was ended by {name}",
        code="TOC-LOCAL-014",
        where=evidence.place(place),
        fix="the stack shows which call it was; its package or its input is at fault"
        if place
        else "its last lines are shown",
        details=evidence.shown(text) if place else evidence.last_lines(),
    )


def _ending(evidence: Evidence) -> str:
    for line in evidence.lines:
        if found := _WORKER_EXIT.search(plain_message(line)):
            return f"a worker exited with status {found[1]}"
    if evidence.exit_status is None:
        return "it was still running"
    return f"exit status {evidence.exit_status}"
