"""What a failed run of uv means, in one paragraph, with uv's own words below.

`lock`, `build` and `tools` call it.
"""

from __future__ import annotations

import re
import signal
from pathlib import Path

from toc_build.environment.cache import disk_full
from toc_build.environment.uv_tool import Finished
from toc_build.errors import EnvironmentBuildError
from toc_build.paths import CACHE_VARIABLE

_NETWORK = re.compile(
    r"error sending request|Failed to fetch|Failed to download|dns error|Connection refused|Could not "
    "connect|client error"
    r"|network was disabled|Network connectivity is disabled|network is unreachable|timed out|connection "
    "reset",
    re.IGNORECASE,
)
_UNSATISFIABLE = re.compile(
    r"No solution found when resolving|requirements are unsatisfiable|conflict", re.IGNORECASE
)
_UNKNOWN_PACKAGE = re.compile(
    r"(?:Because|And because) (\S+) was not found in (?:the package registry|the provided package)"
)
_NO_WHEEL = re.compile(
    r"has no (?:usable )?wheels?|no wheels? with a matching|doesn't have a (?:source "
    "distribution|wheel)|no matching .* ABI tag"
    r"|can't be installed because",
    re.IGNORECASE,
)
_HASH = re.compile(
    r"Hash mismatch for `?([^`\s]+)`?|hash.{0,20}mismatch|do not match the expected", re.IGNORECASE
)
_WRITE = re.compile(
    r"Failed to (?:initialize cache|create directory)|Read-only file system|Permission denied|Not a directory"
    r"|os error (?:13|20|30)\b",
    re.IGNORECASE,
)
_DISK = re.compile(r"No space left on device|Disk quota exceeded|os error (?:28|122)\b", re.IGNORECASE)
# Lines that tell of settings that a user of toc-build does not have.
_NOISE = re.compile(r"^(?:Using (?:Python|CPython) |hint: .*(?:requires-python|tool\.uv)).*\n?", re.MULTILINE)
_BUILD = re.compile(
    r"Failed to build|build backend (?:returned|failed)|Call to `.*build.* failed", re.IGNORECASE
)


def failure(
    finished: Finished, *, task: str, area: str, place: Path, where: str | None = None
) -> EnvironmentBuildError:
    """The error that a failed run of uv means.

    Args:
        finished: the run.
        task: what was being done, as words after "while".
        area: the area of the codes, `LOCK` or `ENV`.
        place: the folder that was being written.
        where: the place in the user's files that asked for it.
    """
    said = finished.stderr
    details = _NOISE.sub("", without_credentials(said)).strip() or None

    def error(number: int, what: str, fix: str) -> EnvironmentBuildError:
        return EnvironmentBuildError(
            what, code=f"TOC-{area}-{number:03}", where=where, fix=fix, details=details
        )

    if finished.status < 0:
        name = _signal_name(-finished.status)
        hint = " (the system does so when memory runs out)" if name == "SIGKILL" else ""
        return error(
            20,
            f"uv was ended by {name} while {task}{hint}.",
            "run the command again; nothing half-made is left.",
        )
    if _DISK.search(said):
        return disk_full(place, details)
    if mismatch := _HASH.search(said):
        package = mismatch[1] or "a package"
        return error(
            22,
            f"what was downloaded for {package} has not the hash that the lock asks for: it was changed "
            "since the lock was made, "
            "or on the way.",
            "do not use it. If the index is one that you trust, make the lock anew: `nox -s lock -- "
            "--upgrade`.",
        )
    # A package missing because nothing could be fetched is a matter of the network, not of the requirements.
    if _NETWORK.search(said) and not _UNKNOWN_PACKAGE.search(said):
        return error(
            21,
            f"the package index could not be reached while {task}.",
            "connect to the network, or name an index that this machine reaches: export "
            "UV_DEFAULT_INDEX=https://... "
            "(behind a proxy: HTTPS_PROXY; with a company's certificates: SSL_CERT_FILE).",
        )
    if _WRITE.search(said):
        return error(
            23,
            f"uv could not write its files while {task}.",
            f"make the named folder writable, or name others: export UV_CACHE_DIR=/some/folder "
            f"{CACHE_VARIABLE}=/other/folder.",
        )
    if _UNSATISFIABLE.search(said):
        return _unsatisfiable(said, error, task)
    if _NO_WHEEL.search(said):
        return error(
            25,
            f"a package has no release for this platform and Python while {task}.",
            "take another version of it, or another Python, in conda.yml, and make the lock anew: `nox -s "
            "lock`.",
        )
    if _BUILD.search(said):
        return error(
            26,
            f"a package has no ready-made wheel, and building it from source failed while {task}.",
            "take a version that has a wheel for this platform, or install what its build asks for.",
        )
    return error(29, f"uv failed with status {finished.status} while {task}.", "see uv's own words.")


def _unsatisfiable(said: str, error: object, task: str) -> EnvironmentBuildError:
    assert callable(error)  # noqa: S101
    result: EnvironmentBuildError
    if _NO_WHEEL.search(said) and "no wheels" in said:
        result = error(
            25,
            f"a package has no release for this platform and Python while {task}.",
            "take another version of it, or another Python, in conda.yml.",
        )
    elif unknown := _UNKNOWN_PACKAGE.search(said):
        result = error(
            27,
            f"the package index has no package named {unknown[1]}.",
            "check how it is spelt in conda.yml; a private package needs its index: export "
            "UV_INDEX=https://...",
        )
    else:
        result = error(
            24,
            "no set of versions meets all that conda.yml asks for.",
            "loosen one of the requirements that uv names.",
        )
    return result


def without_credentials(text: str) -> str:
    """`text` with user names and passwords taken out of its URLs."""
    return re.sub(r"://[^/\s@]+@", "://***@", text)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
