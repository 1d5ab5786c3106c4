"""`toc-build doctor`: looks for what will go wrong later, offline; mends what is safe to mend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from toc_build.cli.options import HERE, JsonOption, RepositoryOption

if TYPE_CHECKING:
    from toc_build.console import Console
    from toc_build.findings import Finding

EXIT_FOUND = 1
_STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}


def doctor(
    repository: RepositoryOption = HERE,
    fix: Annotated[bool, typer.Option("--fix", help="Mend what can be mended safely.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Look for what will go wrong later: in deploy.yml, conda.yml, the code, the model, git. Offline.

    Exit status: 0 nothing, or notes and warnings only; 1 errors; 2 the folder cannot be looked at.
    """
    from toc_build.console import Console
    from toc_build.deployment.doctor import examine, mend
    from toc_build.findings import Severity

    console = Console()
    found = examine(repository)
    if fix:
        for finding, done in mend(found):
            console.note(f"{finding.code} mended: {done}", style="green")
        found = examine(repository)
    if as_json:
        console.json([finding.to_json() for finding in found])
    else:
        for finding in found:
            show_finding(finding, console)
        console.say(_summary(found), style="green" if not found else None)
    if any(finding.severity is Severity.ERROR for finding in found):
        raise typer.Exit(EXIT_FOUND)


def show_finding(finding: Finding, console: Console) -> None:
    """Prints a finding for a person."""
    place = f"  {finding.where}" if finding.where else ""
    console.say(f"{finding.severity.value} {finding.code}{place}", style=_STYLES.get(finding.severity.value))
    console.say(f"  {finding.what}")
    console.say(f"  why: {finding.why}")
    mendable = " (--fix does it)" if finding.mend is not None else ""
    console.say(f"  what to do: {finding.fix}{mendable}", style="green")


def _summary(found: list[Finding]) -> str:
    if not found:
        return "nothing was found"
    counts = {kind: sum(1 for finding in found if finding.severity.value == kind) for kind in _STYLES}
    told = ", ".join(f"{count} {kind}{'s' * (count > 1)}" for kind, count in counts.items() if count)
    fixable = sum(1 for finding in found if finding.mend is not None)
    return told + (f"; --fix mends {fixable}" if fixable else "")


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(doctor)
