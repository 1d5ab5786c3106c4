"""The text of `requirements.lock`: its header, its pins, and whether it still fits. No uv, no network.

`lock` writes it; `check_lock`, `build` and `inventory` read it. The header carries two hashes: of what the
lock was made from, so that a stale lock is known offline, and of the pins below, so that an edited one is.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass

from packaging.utils import canonicalize_name

from toc_build.repository import CondaSpec

FORMAT = 1
_INPUTS = re.compile(r"^# inputs: sha256:([0-9a-f]{64})$", re.MULTILINE)
_PINS = re.compile(r"^# pins: sha256:([0-9a-f]{64})$", re.MULTILINE)
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(\[[^]]*\])?==([^\s;\\]+)\s*(;[^\\]*)?\\?\s*$")
_HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})\s*\\?\s*$")


@dataclass(frozen=True)
class Pin:
    """One package of a lock.

    Attributes:
        name: in canonical form.
        version: exact.
        requirement: as it stands, with marker and without hashes.
        line: where it stands, counted from 1.
        hashes: how many hashes it has.
    """

    name: str
    version: str
    requirement: str
    line: int
    hashes: int


@dataclass(frozen=True)
class LockFile:
    """A lock that could be read.

    Attributes:
        inputs: the hash of what it was made from, or None without a header.
        intact: whether the pins are those that were written.
        pins: the packages, in the order of the file.
        strange: the first line that is neither pin nor hash nor comment, with its number; or None.
    """

    inputs: str | None
    intact: bool
    pins: tuple[Pin, ...]
    strange: tuple[int, str] | None


def inputs_hash(spec: CondaSpec) -> str:
    """sha256, 64 hex digits, of what a lock is made from: Python version and requirements, in any order."""
    inputs = {
        "format": FORMAT,
        "python": spec.python,
        "requirements": sorted(item.text for item in spec.requirements),
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def lock_text(spec: CondaSpec, conda_name: str, body: str) -> str:
    """The whole text of a lock with the pins in `body`."""
    body = body.strip() + "\n"
    return (
        f"# Exact versions with hashes of what {conda_name} asks for, for Python {spec.python}. Made by "
        "toc-build; do not edit.\n"
        f"# Make it anew after a change of {conda_name}:  nox -s lock\n"
        "# Take the newest versions:                     nox -s lock -- --upgrade\n"
        f"# inputs: sha256:{inputs_hash(spec)}\n"
        f"# pins: sha256:{_body_hash(body)}\n"
        f"{body}"
    )


def read_lock(text: str) -> LockFile:
    """Reads the text of a lock, whoever made it."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    inputs, pins_hash = _INPUTS.search(text), _PINS.search(text)
    pins: list[Pin] = []
    strange: tuple[int, str] | None = None
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if pin := _PIN.match(line):
            marker = f" {pin[4].strip()}" if pin[4] else ""
            text_of_pin = f"{pin[1]}{pin[2] or ''}=={pin[3]}{marker}"
            pins.append(Pin(canonicalize_name(pin[1]), pin[3], text_of_pin, number, len(_HASH.findall(line))))
        elif pins and _HASH.match(line.strip()):
            last = pins[-1]
            pins[-1] = Pin(last.name, last.version, last.requirement, last.line, last.hashes + 1)
        elif strange is None:
            strange = (number, line)
    intact = pins_hash is not None and pins_hash[1] == _body_hash(text[pins_hash.end() + 1 :])
    return LockFile(inputs[1] if inputs else None, intact, tuple(pins), strange)


def with_hashes_of(earlier: str, body: str) -> str:
    """The pins in `body`, each with the hashes that the same version has in an earlier lock, too."""
    known, given = _hashes(earlier), _hashes(body)
    lines: list[str] = []
    for line in body.splitlines():
        lines.append(line)
        if pin := _PIN.match(line):
            version = canonicalize_name(pin[1]), pin[3]
            more = [item for item in known.get(version, ()) if item not in given.get(version, ())]
            lines += [f"    --hash={item} \\" for item in more]
    return "\n".join(lines) + "\n"


def _hashes(text: str) -> dict[tuple[str, str], list[str]]:
    """Name and version -> hashes."""
    found: dict[tuple[str, str], list[str]] = {}
    last: list[str] = []
    for line in text.splitlines():
        if pin := _PIN.match(line):
            last = found.setdefault((canonicalize_name(pin[1]), pin[3]), [])
        elif given := _HASH.match(line.strip()):
            last.append(given[1])
    return found


def without_comments(text: str) -> str:
    """What of a lock decides what is installed: its lines, without comments, blanks and odd line ends."""
    lines = (line.strip() for line in text.removeprefix("\ufeff").splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("#"))


def _body_hash(body: str) -> str:
    return hashlib.sha256((body.strip() + "\n").encode()).hexdigest()
