"""Bakes model repositories with cookiecutter's own API, apart from the machine's cookiecutter settings."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from cookiecutter.main import cookiecutter

PROJECT = Path(__file__).resolve().parents[2]
TEMPLATE = PROJECT / "cookiecutter-toc-model"


def bake(
    output: Path,
    template: Path | str = TEMPLATE,
    *,
    checkout: str | None = None,
    directory: str | None = None,
    **answers: Any,
) -> Path:
    """The folder of a new model repository below `output`; `answers` are given as on the command line."""
    return run_cookiecutter(
        output, template, checkout=checkout, directory=directory, no_input=True, extra_context=answers or None
    )


def run_cookiecutter(output: Path, template: Path | str = TEMPLATE, **options: Any) -> Path:
    """cookiecutter(template, **options) with its caches and replay files below `output`."""
    output.mkdir(parents=True, exist_ok=True)
    return Path(
        cookiecutter(str(template), output_dir=str(output), config_file=str(settings(output)), **options)
    )


def settings(output: Path, **default_context: Any) -> Path:
    """A cookiecutter configuration that keeps everything below `output`, with answers of the user's own."""
    lines = [f"cookiecutters_dir: {output}/.cookiecutters", f"replay_dir: {output}/.replay"]
    if default_context:
        lines += ["default_context:", *(f"  {key}: {value}" for key, value in default_context.items())]
    path = output / ".cookiecutterrc"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def git(folder: Path, *arguments: str) -> str:
    """What git prints in `folder`, with an identity and settings of its own."""
    identity = [
        "-c",
        "user.name=Tester",
        "-c",
        "user.email=tester@example.org",
        "-c",
        "init.defaultBranch=main",
    ]
    done = subprocess.run(
        ["git", *identity, "-c", "commit.gpgsign=false", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
