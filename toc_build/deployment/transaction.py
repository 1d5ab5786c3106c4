"""One change of a service, whole: settle, plan, check, apply, judge, record. The lock is the caller's.

`apply` calls it for a deploy, a reload and a rollback. Whatever happens, the version that answers afterwards
is a whole one, and the record says which and why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toc_build.console import Console
from toc_build.deployment.history import Deployment, History, Result, begin
from toc_build.deployment.judgement import Judgement
from toc_build.deployment.log_evidence import with_log
from toc_build.deployment.plan import complete
from toc_build.deployment.prepare import read_samples
from toc_build.deployment.progress import draw
from toc_build.deployment.records import RECORDS_DIR, read_test_record
from toc_build.deployment.revision import git_revision
from toc_build.errors import Problem, Rejected, UserError
from toc_build.findings import Finding, Severity
from toc_build.repository import Repository
from toc_build.targets.plan import Plan
from toc_build.targets.protocol import DeployableBundle, Event, EventKind, Target, Version
from toc_build.targets.registry import DEFAULT_TARGET

_LOG_LINES = 500
_REASON_CHARACTERS = 300  # of the record's line; the report has the rest


@dataclass
class Transaction:
    """A change about to be made.

    Args:
        repository: the model repository.
        target: where.
        bundle: what is to answer; None when the target keeps the version of `to` itself.
        console: draws the steps.
        kind: `deploy`, `rollback` or `reload`.
        to: for a rollback, the deployment that is put back.
        allow_untested: deploy a bundle without a passing test on record all the same.
    """

    repository: Repository
    target: Target
    bundle: DeployableBundle | None
    console: Console
    kind: str = "deploy"
    to: Deployment | None = None
    allow_untested: bool = False
    _steps: dict[str, float] = field(default_factory=dict, init=False)
    _deployment: Deployment | None = field(default=None, init=False)

    def carry_out(self) -> Deployment | None:
        """Makes the change.

        Returns:
            What was put on record; None when there was nothing to change.

        Raises:
            Rejected: the new version's answers are wrong; what answered before answers on.
            UserError: a check says no, or the target failed; what answered before answers on.
        """
        read_samples(self.repository)  # what is not in order there is said before anything starts
        history = History(self.repository.root)
        live = self.target.live()
        for item in history.settle(self.target.name, live):
            self.console.note(f"deployment {item.number} was cut off: {_settled_words(item)}", style="yellow")
        plan = (
            complete(self.repository, self.target, self.bundle) if self.bundle and self.to is None else None
        )
        checks = self._check(plan)
        deployment = begin(
            kind=self.kind,
            target=self.target.name,
            digest=self._digest,
            settings=self.to.settings if self.to else self.target.describe().settings,
            revision=self.to.revision if self.to else git_revision(self.repository.root),
            plan=plan.to_json() if plan else {},
            checks=checks,
            restores=self.to.number if self.to else None,
        )
        judgement = Judgement(
            self.repository,
            before=_figures_of(live, history),
            expectations=self.kind != "rollback",
            report_to=self.repository.root / RECORDS_DIR / "reports" / deployment.identity,
        )
        return self._apply(history, deployment, judgement)

    @property
    def _digest(self) -> str:
        if self.to is not None:
            return self.to.digest
        if self.bundle is None:
            raise ValueError("a change needs a bundle or a deployment to put back")
        return self.bundle.digest

    def _check(self, plan: Plan | None) -> dict[str, Any]:
        """What is known beforehand, for the record.

        Raises:
            UserError: it must not be deployed.
        """
        findings = plan.findings if plan is not None else ()
        errors = [item for item in findings if item.severity is Severity.ERROR]
        tested = read_test_record(self.repository.root, self._digest) is not None
        if self.kind != "rollback":
            if errors:
                raise UserError.collect(_as_problem(item) for item in errors)
            if not tested and not self.allow_untested and self.target.name != DEFAULT_TARGET:
                raise UserError(
                    f"the bundle {short(self._digest)} has no passing test on record, and target"
                    f" {self.target.name} takes none without.",
                    code="TOC-APPLY-002",
                    fix="run `nox -s test`, or pass --allow-untested; the record will say so.",
                )
        for item in findings:
            if item.severity is Severity.WARNING:
                self.console.warn(
                    f"{item.code} {item.where or ''}: {item.what} {item.fix}".replace(" :", ":")
                )
        return {
            "tested": tested,
            "allow_untested": self.allow_untested,
            "findings": sorted({item.code for item in findings}),
        }

    def _apply(self, history: History, deployment: Deployment, judgement: Judgement) -> Deployment | None:
        if self.to is not None:
            events = self.target.rollback(
                self.to.version, self.bundle, judge=judgement, record=deployment.tags
            )
        else:
            assert self.bundle is not None  # noqa: S101 - `_digest` has looked
            events = self.target.apply(self.bundle, judge=judgement, record=deployment.tags)
        result, reason = Result.FAILED, "a bug in toc-build"
        try:
            draw(
                self._recorded(events, history, deployment),
                self.console,
                usual=history.usual_seconds(self.target.name),
                show_log=self.target.name != DEFAULT_TARGET,
            )
            result, reason = Result.SUCCEEDED, ""
        except Rejected as error:
            result, reason = Result.REJECTED, in_short(error)
            raise self._with_cause(error) from None
        except UserError as error:
            reason = in_short(error)
            raise
        except KeyboardInterrupt:
            result, reason = Result.CANCELLED, "interrupted by Ctrl-C"
            raise
        finally:
            if self._deployment is not None:
                live = self._live()
                if live is not None and live.record.get("deployment") == self._deployment.identity:
                    result = Result.SUCCEEDED  # whatever came after it had taken over
                self._deployment = history.write_end(
                    self._deployment,
                    result,
                    reason=reason or None,
                    figures=judgement.figures,
                    steps=self._steps,
                    serving=live.digest if live is not None else None,
                    report=_relative(judgement.report, self.repository.root),
                )
        return self._deployment

    def _recorded(self, events: Iterator[Event], history: History, deployment: Deployment) -> Iterator[Event]:
        """The same events; the beginning goes on record before anything is changed."""
        with closing(_closable(events)) as following:
            for event in following:
                if self._deployment is None and event.kind is not EventKind.READY:
                    self._deployment = history.write_start(deployment)
                if event.kind is EventKind.STEP_FINISHED and event.seconds is not None:
                    self._steps[event.step] = event.seconds
                yield event

    def _with_cause(self, error: Rejected) -> Rejected:
        """The same with what the log says about the requests that failed."""
        with suppress(UserError):
            return Rejected.collect(with_log(error.problems, self.target.logs(tail=_LOG_LINES)))
        return error

    def _live(self) -> Version | None:
        with suppress(UserError):
            return self.target.live()
        return None


def short(digest: str) -> str:
    """The digest as a person is shown it."""
    return digest.removeprefix("sha256:")[:12]


def in_short(error: UserError) -> str:
    """An error on one line, for the record."""
    problem = error.problems[0]
    text = f"{problem.code} " + (f"{problem.where}: " if problem.where else "") + problem.what
    return text if len(text) <= _REASON_CHARACTERS else f"{text[:_REASON_CHARACTERS]}..."


def _figures_of(live: Version | None, history: History) -> Mapping[str, Any]:
    if live is None:
        return {}
    identity = live.record.get("deployment")
    return next((item.figures for item in history.deployments() if item.identity == identity), {})


def _settled_words(item: Deployment) -> str:
    if item.result is Result.SUCCEEDED:
        return f"its bundle {short(item.digest)} answers"
    serving = f"bundle {short(item.serving)} answers on" if item.serving else "nothing answers"
    return f"its bundle {short(item.digest)} never answered; {serving}"


def _as_problem(item: Finding) -> Problem:
    return Problem(item.code, f"{item.what} {item.why}", item.where, item.fix)


def _relative(path: Path | None, root: Path) -> str | None:
    return path.relative_to(root).as_posix() if path is not None else None


def _closable(events: Iterator[Event]):  # type: ignore[no-untyped-def]  # a generator, so that close() reaches the target
    yield from events
