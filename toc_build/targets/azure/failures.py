"""Why a deployment failed: the user's own traceback out of the container's log, mapped to the repository.

Used by `transaction`. Everything else that Azure said stays whole below the one line that matters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toc_build.errors import TargetError
from toc_build.targets.azure import redact
from toc_build.targets.azure.payload import Live
from toc_build.targets.local.tracebacks import find_traceback, last_traceback
from toc_build.targets.protocol import DeployableBundle

if TYPE_CHECKING:
    from toc_build.targets.azure.place import Place

_FRAME = re.compile(r'^\s*File "(?P<file>[^"]+)", line \d+', re.MULTILINE)
_LAST = 60
_RECENT = timedelta(hours=1)
_BUILD_CAUSES = (
    re.compile(r"^.*\bERROR: .*$", re.MULTILINE),
    re.compile(r"^.*ResolvePackageNotFound.*$", re.MULTILINE),
    re.compile(r"^.*\berror: .*$", re.MULTILINE | re.IGNORECASE),
)
_QUOTA = re.compile(r"quota|insufficient|not enough|unschedulable|exceed", re.IGNORECASE)


def explain(
    ended: Mapping[str, Any], log: str, streamed: Sequence[str], place: Place, bundle: DeployableBundle
) -> TargetError:
    """The error for an operation that did not succeed.

    Args:
        ended: what the worker's `wait` gave.
        log: the container's output.
        streamed: the lines that came while it was waited for.
        place: for names and places.
        bundle: what was deployed.
    """
    message = redact.secrets(str(ended.get("message") or ""))
    if ended.get("phase") in ("BuildEnvironment", "BuildImage"):
        return _build_failed(message, ended.get("log") or "\n".join(streamed), place)
    found = explain_log(log, place, bundle, message)
    if found is not None:
        return found
    lines = redact.secrets(log).splitlines()
    evidence = last_traceback(lines) or "\n".join(lines[-_LAST:]) or "(the container printed nothing)"
    if _QUOTA.search(message):
        return TargetError(
            f"{place.kind.where(place.settings)} has no room for the service",
            code="TOC-AZURE-033",
            where=place.where("targets", place.kind.name),
            fix="ask for less (cpu_cores, memory_gb, replicas), add nodes to the cluster, or have the quota "
            "raised",
            details=message,
        )
    return TargetError(
        "the service did not start",
        code="TOC-AZURE-034",
        fix="Azure's words and the container's last lines tell the cause: mend that and deploy again",
        details="\n".join(part for part in (message, evidence) if part),
    )


def explain_log(log: str, place: Place, bundle: DeployableBundle, message: str = "") -> TargetError | None:
    """The error for a log that holds the user's own traceback out of init() or the import; None otherwise.

    Args:
        log: the container's output so far.
        place: for names and places.
        bundle: what was deployed.
        message: Azure's words on it, if there are any yet.
    """
    code_folder = _code_folder(log, bundle.root / "code")
    if code_folder is None:
        return None
    found = find_traceback(redact.secrets(log).splitlines(), Path(code_folder))
    if found is None:
        return None
    where = f"{_mapped(found.place.file, code_folder, place)}:{found.place.line}" if found.place else None
    shown = found.text.replace(f"{code_folder}/", f"{place.scoring_dir}/")
    what = "`init()` raised" if found.phase == "init" else "the scoring script could not be imported:"
    fix = (
        "mend it and run `nox -s test`, which runs init() on this machine"
        if found.phase == "init"
        else "mend the import, or add its package to conda.yml and run `nox -s lock`"
    )
    return TargetError(
        f"{what} {found.message}",
        code="TOC-AZURE-031" if found.phase == "init" else "TOC-AZURE-032",
        where=where,
        fix=fix,
        details="\n".join(part for part in (shown, message and f"Azure says: {message}") if part),
    )


def _build_failed(message: str, log: str, place: Place) -> TargetError:
    log = redact.secrets(log)
    causes = [match for pattern in _BUILD_CAUSES for match in pattern.findall(log)]
    cause = causes[0].strip() if causes else ""
    return TargetError(
        "Azure could not build the image of the environment" + (f": {cause}" if cause else ""),
        code="TOC-AZURE-030",
        where=place.where("environment"),
        fix="mend conda.yml, run `nox -s lock` and `nox -s test`, and deploy again",
        details="\n".join(part for part in (message, "\n".join(log.splitlines()[-_LAST:])) if part),
    )


def name_taken(live: Live, place: Place) -> TargetError:
    """The name belongs to a service that toc-build did not make."""
    return TargetError(
        f"the workspace has a service {live.name} that toc-build did not make",
        code="TOC-AZURE-021",
        where=place.where("service", "name"),
        fix=f"choose another name (deploy.yml targets -> {place.kind.name} -> service_name), or delete that "
        "service in Azure ML studio first",
    )


def is_recent(moment: str) -> bool:
    """Whether an ISO 8601 time is less than an hour ago."""
    try:
        return datetime.now(timezone.utc) - datetime.fromisoformat(moment) < _RECENT
    except (ValueError, TypeError):
        return False


def _code_folder(log: str, code: Path) -> str | None:
    """Where the container has the scoring code, read from a traceback: `/var/azureml-app/code` in Azure."""
    own = sorted((path.relative_to(code).as_posix() for path in code.rglob("*.py")), key=len, reverse=True)
    for match in _FRAME.finditer(log):
        file = match["file"]
        for name in own:
            if file.endswith(f"/{name}") and "/site-packages/" not in file:
                return file[: -len(name) - 1]
    return None


def _mapped(file: str, folder: str | None, place: Place) -> str:
    return file.replace(f"{folder}/", f"{place.scoring_dir}/") if folder else file
