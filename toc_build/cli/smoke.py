"""`toc-build smoke`: the contract against the service that runs."""

from __future__ import annotations

import typer

from toc_build.cli.options import HERE, JsonOption, RepositoryOption, TargetOption
from toc_build.cli.test import EXIT_CHECKS_FAILED


def smoke(
    repository: RepositoryOption = HERE, target: TargetOption = "local", as_json: JsonOption = False
) -> None:
    """Hold the service that runs to the contract, over HTTP; one that asks for a key is sent it.

    Exit status: 0 the contract is kept, 1 it is broken, 2 nothing answers.
    """
    from toc_build.console import Console
    from toc_build.deployment import open_service
    from toc_build.deployment.checks import check_url
    from toc_build.deployment.contract_text import show_report
    from toc_build.repository import load

    console = Console()
    service = open_service(repository, target)
    uri = service.scoring_uri
    with console.step(f"contract at {uri}"):
        report = check_url(load(repository), uri, headers=service.headers() or None)
    if as_json:
        typer.echo(report.to_json(), nl=False)
    else:
        show_report(report, console)
    if not report.passed:
        raise typer.Exit(EXIT_CHECKS_FAILED)


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(smoke)
