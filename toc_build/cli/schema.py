"""`toc-build schema`: the JSON Schema of deploy.yml, for editors and for other tools."""

from __future__ import annotations

import sys

import typer


def schema() -> None:
    """Print the JSON Schema of deploy.yml."""
    from toc_build.repository import json_schema_text

    sys.stdout.write(json_schema_text())


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(schema)
