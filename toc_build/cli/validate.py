"""`toc-build validate`: reads all that the user wrote, and says everything that is wrong at once."""

from __future__ import annotations

import typer

from toc_build.cli.options import HERE, RepositoryOption


def validate(repository: RepositoryOption = HERE) -> None:
    """Check deploy.yml, conda.yml, the samples and the lock, offline."""
    from toc_build.console import Console
    from toc_build.deployment.prepare import validate_repository

    loaded = validate_repository(repository)
    Console().say(f"{loaded.name}: deploy.yml, conda.yml, samples and lock are in order")


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(validate)
