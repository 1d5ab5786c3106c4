"""`toc-build deploy`: makes the repository's bundle the one that answers on a target."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toc_build.cli.options import HERE, ClusterOption, JsonOption, RepositoryOption, TargetOption


def deploy(
    repository: RepositoryOption = HERE,
    target: TargetOption = "local",
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, metavar="PORT", help="local: instead of the one in deploy.yml; 0: any free one."
        ),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(metavar="ENGINE", help="local: process or docker, instead of the one in deploy.yml."),
    ] = None,
    compute_target_name: ClusterOption = None,
    canary: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=99,
            metavar="PERCENT",
            help="aks with versions: the new version's share of the traffic; 0 withdraws it. Deploy the same "
            "again without this to promote it.",
        ),
    ] = None,
    allow_untested: Annotated[
        bool,
        typer.Option(
            "--allow-untested",
            help="Deploy a bundle without a passing test to a target other than local; it goes on record.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Deploy the model repository: lock, scoring environment, bundle, service; its answers are judged.

    A service that runs already serves until the new version is found right, and goes on when it is not. Exit
    status 3: the new version was rejected for its answers.
    """
    from toc_build.cli.status import status_as_json
    from toc_build.console import Console
    from toc_build.deployment import deploy as apply
    from toc_build.deployment.history import History
    from toc_build.deployment.records import read_test_record

    console = Console()
    on_record = History(repository)
    before = len(on_record.deployments(target))
    service = apply(
        repository,
        target,
        port=port,
        engine=engine,
        compute_target_name=compute_target_name,
        canary=canary,
        allow_untested=allow_untested,
        console=console,
    )
    status = service.status()
    if as_json:
        console.json(status_as_json(status))
        return
    if len(on_record.deployments(target)) == before:
        console.say("nothing to do: this very bundle serves already, with these settings")
    console.say(f"serving at {service.scoring_uri}", style="bold green")
    tested = status.digest is not None and read_test_record(service.repository, status.digest)
    console.note(f"bundle {status.digest}{'' if tested else ' (no passing test on record: nox -s test)'}")
    if status.detail:
        console.note(status.detail, style="yellow")
    sample = _a_sample(service.repository)
    if target == "local":
        console.note(f"try it:   curl --data-binary @{sample} {service.scoring_uri}")
        console.note("look:     nox -s status   nox -s logs -- --follow")
        console.note("undo:     nox -s rollback   nox -s history")
        console.note("stop:     nox -s delete")
    else:
        console.note(f"try it:   toc-build score --target {target} {sample}")
        console.note(f"look:     toc-build status --target {target}   toc-build logs --target {target}")
        console.note(f"undo:     toc-build rollback --target {target}   toc-build history")
        console.note(f"stop:     toc-build delete --target {target}")


def _a_sample(repository: Path) -> str:
    from toc_build.deployment.prepare import read_samples
    from toc_build.repository import load

    samples = read_samples(load(repository))
    return str(samples[0].path.relative_to(repository)) if samples else "IMAGE"


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(deploy)
