"""`toc-build test`: the repository's own tests in the scoring environment, and the contract over HTTP."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toc_build.cli.options import HERE, JsonOption, RepositoryOption
from toc_build.errors import UserError

if TYPE_CHECKING:
    from toc_build.contract import ContractReport

EXIT_CHECKS_FAILED = 1


def test(
    pytest_arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PYTEST ARGUMENTS]", help="Passed to pytest.", show_default=False),
    ] = None,
    repository: RepositoryOption = HERE,
    url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Run only the contract, against a scorer that runs already. TOC_SCORING_KEY: its key.",
        ),
    ] = None,
    tests: Annotated[bool, typer.Option(help="Run the repository's own tests.")] = True,
    contract: Annotated[bool, typer.Option(help="Run the contract.")] = True,
    junit: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Write the contract's result as JUnit XML.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Test the model repository: its own tests, and the contract that every scorer must show over HTTP.

    A bundle that passes everything is on record as tested.
    """
    from toc_build.console import Console
    from toc_build.deployment.checks import Outcome, check, check_url
    from toc_build.deployment.contract_text import show_report
    from toc_build.deployment.prepare import prepare, read_samples
    from toc_build.repository import load

    console = Console()
    loaded = load(repository)
    read_samples(loaded)  # a sample that is not in order is said before anything starts
    if url:
        with console.step(f"contract at {url}"):
            outcome = Outcome(None, None, check_url(loaded, url))
    else:
        prepared = prepare(loaded, console=console)
        outcome = check(
            prepared,
            console=console,
            pytest_arguments=pytest_arguments or (),
            run_tests=tests,
            run_contract_cases=contract,
            tests_output=sys.stderr if as_json else None,  # standard output is the document's
        )
    report = outcome.contract
    if report is not None:
        if as_json:
            typer.echo(report.to_json(), nl=False)
        else:
            show_report(report, console)
        if junit:
            _write_junit(report, junit)
    if outcome.recorded:
        console.note(f"tested: {outcome.digest}")
    if not outcome.passed:
        raise typer.Exit(EXIT_CHECKS_FAILED)


def _write_junit(report: ContractReport, place: Path) -> None:
    part = place.with_name(f".{place.name}.part")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(report.to_junit(), encoding="utf-8")
        part.replace(place)
    except OSError as error:
        raise UserError(
            f"the contract's result cannot be written: {error.strerror or error}.",
            code="TOC-TEST-102",
            where=str(place),
            fix="give --junit a file in a folder that can be written.",
        ) from None


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(context_settings={"ignore_unknown_options": True})(test)  # they are pytest's
