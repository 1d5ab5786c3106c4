"""Deployment records: `.toc/deployments.jsonl`, one line when a deployment begins and one when it has ended.

The file is only ever appended to, a line at a time and synced, so that whatever dies in the middle leaves a
record that can be read: a deployment without an end was cut off, and `settle` finds out from the live service
how that went. `transaction` writes it; `toc-build history` and `rollback` read it. The same identity is kept
as tags of the live service.
"""

from __future__ import annotations

import getpass
import json
import os
import platform
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from enum import Enum
from pathlib import Path
from typing import Any

from toc_build.deployment.records import RECORDS_DIR, unwritable
from toc_build.targets.protocol import Version

FILE = "deployments.jsonl"


class Result(str, Enum):
    """How a deployment ended.

    RUNNING: not ended, or cut off and not looked after yet. SUCCEEDED: the version answers, or did until a
    later one. FAILED: it did not come up. REJECTED: it came up and its answers were judged wrong. CANCELLED:
    somebody ended the command. INTERRUPTED: the command died before the version answered.
    """

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Deployment:
    """One attempt to put a version in place; nothing in it is secret.

    Attributes:
        number: in the order of this repository's record, from 1.
        identity: unique everywhere; also a tag of the live service.
        kind: `deploy`, `rollback` or `reload`.
        target: the target's name.
        digest: of the bundle.
        settings: as the target described them.
        revision: git revision of the repository, with `+changes` when files differed from it; None without
            git.
        who: user and machine.
        started: UTC, ISO 8601.
        plan: what was to change, as `Plan.to_json` gives it.
        checks: what was known beforehand: `tested`, `allow_untested`, `findings` (their codes).
        restores: for a rollback, the number of the deployment that it puts back.
        result: how it ended.
        ended: UTC, ISO 8601; None while it runs.
        reason: why it did not succeed: code and words.
        figures: what judging measured.
        steps: name -> seconds.
        serving: digest of the bundle that answers since; None when none does, or it is not known.
        report: the folder of the judge's report, relative to the repository.
        settled: whether the end was found out later, from the live service.
    """

    number: int
    identity: str
    kind: str
    target: str
    digest: str
    settings: Mapping[str, object]
    revision: str | None
    who: str
    started: str
    plan: Mapping[str, Any] = field(default_factory=dict)
    checks: Mapping[str, Any] = field(default_factory=dict)
    restores: int | None = None
    result: Result = Result.RUNNING
    ended: str | None = None
    reason: str | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)
    steps: Mapping[str, float] = field(default_factory=dict)
    serving: str | None = None
    report: str | None = None
    settled: bool = False

    @property
    def version(self) -> Version:
        """What it put, or would have put, in place."""
        return Version(self.digest, self.settings, self.tags)

    @property
    def tags(self) -> dict[str, str]:
        """What the live service keeps of it."""
        return {
            "deployment": self.identity,
            "digest": self.digest,
            "revision": self.revision or "",
            "who": self.who,
            "when": self.started,
        }

    def to_json(self) -> dict[str, Any]:
        """The record as JSON values."""
        return {
            **{name: getattr(self, name) for name in self.__dataclass_fields__},
            "result": self.result.value,
        }


_STARTED = (
    "identity",
    "kind",
    "target",
    "digest",
    "settings",
    "revision",
    "who",
    "started",
    "plan",
    "checks",
)
_ENDED = ("ended", "reason", "figures", "steps", "serving", "report", "settled")


def begin(
    *,
    kind: str,
    target: str,
    digest: str,
    settings: Mapping[str, object],
    revision: str | None,
    plan: Mapping[str, Any],
    checks: Mapping[str, Any],
    restores: int | None = None,
    clock: datetime | None = None,
) -> Deployment:
    """A deployment that is about to begin; it has no number until `History.write_start`."""
    now = clock or datetime.now(timezone.utc)
    return Deployment(
        number=0,
        identity=f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}",
        kind=kind,
        target=target,
        digest=digest,
        settings=dict(settings),
        revision=revision,
        who=who(),
        started=now.isoformat(timespec="seconds"),
        plan=plan,
        checks=checks,
        restores=restores,
    )


def who() -> str:
    """The person and machine that deploy, as far as the machine knows."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container may run as a user without a name
        user = f"user {os.getuid()}"
    return f"{user}@{platform.node()}"


class History:
    """The record of one model repository.

    Args:
        repository: its folder.
    """

    def __init__(self, repository: Path) -> None:
        self.path = repository / RECORDS_DIR / FILE

    def deployments(self, target: str | None = None) -> list[Deployment]:
        """All that is on record, oldest first; of one target only when it is named.

        A line that was cut off, or that a later version wrote and this one does not understand, is passed
        over.
        """
        found: dict[str, Deployment] = {}
        for values in self._lines():
            identity = str(values.get("identity"))
            try:
                if values.get("event") == "started":
                    kept = {name: values[name] for name in _STARTED}
                    restores = values.get("restores")
                    found[identity] = Deployment(number=len(found) + 1, restores=restores, **kept)
                elif values.get("event") == "ended" and identity in found:
                    kept = {name: values[name] for name in _ENDED}
                    found[identity] = replace(found[identity], result=Result(values["result"]), **kept)
            except (KeyError, TypeError, ValueError):
                continue
        return [item for item in found.values() if target in (None, item.target)]

    def write_start(self, deployment: Deployment) -> Deployment:
        """Puts the beginning on record and returns the deployment with its number."""
        values = {name: getattr(deployment, name) for name in (*_STARTED, "restores")}
        self._append({"event": "started", **values})
        return next(item for item in self.deployments() if item.identity == deployment.identity)

    def write_end(
        self,
        deployment: Deployment,
        result: Result,
        *,
        reason: str | None = None,
        figures: Mapping[str, Any] | None = None,
        steps: Mapping[str, float] | None = None,
        serving: str | None = None,
        report: str | None = None,
        settled: bool = False,
        clock: datetime | None = None,
    ) -> Deployment:
        """Puts the end on record and returns the ended deployment."""
        ended = replace(
            deployment,
            result=result,
            ended=(clock or datetime.now(timezone.utc)).isoformat(timespec="seconds"),
            reason=reason,
            figures=dict(figures or {}),
            steps={name: round(seconds, 3) for name, seconds in (steps or {}).items()},
            serving=serving,
            report=report,
            settled=settled,
        )
        values = {name: getattr(ended, name) for name in ("identity", *_ENDED)}
        self._append({"event": "ended", "result": result.value, **values})
        return ended

    def settle(self, target: str, live: Version | None) -> list[Deployment]:
        """Ends what a dead command left open, by what the live service says; to be called under the lock.

        Args:
            target: the target's name.
            live: what answers there.

        Returns:
            Those that were open.
        """
        serving = live.digest if live else None
        settled = []
        for item in self.deployments(target):
            if item.result is not Result.RUNNING:
                continue
            arrived = live is not None and live.record.get("deployment") == item.identity
            settled.append(
                self.write_end(
                    item,
                    Result.SUCCEEDED if arrived else Result.INTERRUPTED,
                    reason=None if arrived else "the command was ended before the version answered",
                    serving=serving,
                    settled=True,
                )
            )
        return settled

    def usual_seconds(self, target: str) -> dict[str, float]:
        """Step -> seconds that it took when it last succeeded on this target."""
        usual: dict[str, float] = {}
        for item in self.deployments(target):
            if item.result is Result.SUCCEEDED:
                usual.update(item.steps)
        return usual

    def _lines(self) -> list[dict[str, Any]]:
        try:
            text = self.path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return []
        found = []
        for line in text.split("\n"):  # and at nothing else that may stand in a message
            try:
                values = json.loads(line)
            except ValueError:
                continue
            if isinstance(values, dict):
                found.append(values)
        return found

    def _append(self, values: Mapping[str, Any]) -> None:
        try:
            self._append_line(values)
        except OSError as error:
            raise unwritable(self.path, error) from None

    def _append_line(self, values: Mapping[str, Any]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps(values, ensure_ascii=False, sort_keys=True).encode() + b"\n"
        with self.path.open("ab+") as stream:
            stream.seek(0, os.SEEK_END)
            if stream.tell():
                stream.seek(-1, os.SEEK_END)
                if stream.read(1) != b"\n":  # a line was cut off: what follows must not be lost with it
                    line = b"\n" + line
            stream.write(line)
            stream.flush()
            os.fsync(stream.fileno())
