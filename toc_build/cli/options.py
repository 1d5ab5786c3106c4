"""Options that several commands share, so that they are named and explained alike everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RepositoryOption = Annotated[
    Path,
    typer.Option(
        "--repository", "-C", metavar="FOLDER", help="The model repository: the folder that holds deploy.yml."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON, for a script.")]
TargetOption = Annotated[
    str, typer.Option("--target", "-t", metavar="TARGET", help="Where the bundle runs: local, aci or aks.")
]
ClusterOption = Annotated[
    str | None,
    typer.Option(
        "--compute-target-name",
        "--cluster",
        metavar="NAME",
        help="aks: the cluster, instead of the one in deploy.yml.",
    ),
]
HERE = Path()
