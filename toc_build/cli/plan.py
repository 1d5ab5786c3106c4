"""`toc-build plan`: what a deploy would change, and what may go wrong. Changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from toc_build.cli.options import HERE, ClusterOption, JsonOption, RepositoryOption, TargetOption

if TYPE_CHECKING:
    from toc_build.console import Console
    from toc_build.targets.plan import Plan

EXIT_PENDING = 10
_WIDTH = 24  # of a value, beyond which it is cut


def plan(
    repository: RepositoryOption = HERE,
    target: TargetOption = "local",
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, metavar="PORT", help="local: instead of the one in deploy.yml."),
    ] = None,
    compute_target_name: ClusterOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a deploy would change, field by field, and what may go wrong; changes nothing.

    Exit status: 0 nothing to do, 10 changes are pending, 2 an error.
    """
    from toc_build.console import Console
    from toc_build.deployment.plan import plan as make
    from toc_build.repository import load

    console = Console()
    found = make(load(repository), target, port=port, compute_target_name=compute_target_name)
    if as_json:
        console.json(found.to_json())
    else:
        show_plan(found, console)
    if found.pending:
        raise typer.Exit(EXIT_PENDING)


def show_plan(plan: Plan, console: Console) -> None:
    """Prints a plan for a person."""
    from toc_build.cli.doctor import show_finding
    from toc_build.targets.plan import Action

    console.say(f"{plan.target} at {plan.where}: {plan.action.value}", style="bold")
    width = max((len(change.name) for change in plan.changes), default=0)
    for change in plan.changes:
        effect = "" if plan.action is Action.CREATE else f"  ({change.effect.value}{_because(change.why)})"
        old = "" if plan.action is Action.CREATE else f"{_shown(change.old)} -> "
        console.say(f"  {change.name:<{width}}  {old}{_shown(change.new)}{effect}")
    needs = plan.needs
    memory = f", {needs.memory_gb:g} GB" if needs.memory_gb is not None else ""
    gpus = f", {_counted(needs.gpus, 'GPU')}" if needs.gpus else ""
    each = f"{_counted(needs.cores, 'core')}{memory}{gpus}"
    console.say(f"needs: {_counted(needs.replicas, 'replica')} with {each}; {plan.cost.value}")
    for finding in plan.findings:
        show_finding(finding, console)


def _counted(number: float, noun: str) -> str:
    return f"{number:g} {noun}" if number == 1 else f"{number:g} {noun}s"


def _because(why: str) -> str:
    return f": {why}" if why else ""


def _shown(value: object) -> str:
    text = "-" if value is None else str(value).removeprefix("sha256:")
    if isinstance(value, str) and value.startswith("sha256:"):
        return text[:12]
    return text if len(text) <= _WIDTH else f"{text[:_WIDTH]}..."


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(plan)
