"""The command `toc-build`: one module per command, each importing what it needs when it runs.

`main` turns a `UserError` into a message and exit status 2 (3 for a version rejected for its answers), failed
checks into 1, Ctrl-C into 130, and anything else into a traceback and 70: that one is a bug of ours.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence

import typer

from toc_build.cli import (
    build,
    cluster,
    delete,
    deploy,
    doctor,
    env,
    history,
    image,
    lock,
    logs,
    plan,
    rehearse,
    rollback,
    schema,
    score,
    serve,
    smoke,
    status,
    test,
    validate,
)
from toc_build.errors import EXIT_BUG, EXIT_REJECTED, EXIT_USER_ERROR, Rejected, UserError

app = typer.Typer(
    name="toc-build",
    help="A model repository goes in, a checked and running endpoint comes out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: rich would add 80 ms to --help
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (
    *(validate, doctor, lock, test, build, serve, plan, deploy, smoke, score, status, logs, history),
    *(rollback, delete, schema),
):
    module.register(app)
app.add_typer(env.app, name="env")
app.add_typer(image.app, name="image")
app.add_typer(cluster.app, name="cluster")
app.add_typer(rehearse.app, name="rehearse")


def _print_version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        typer.echo(f"toc-build {version('toc-build')}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version and leave."
    ),
) -> None:
    """A model repository goes in, a checked and running endpoint comes out."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit status.

    Args:
        arguments: without the program's name; those of the process when omitted.
    """
    from toc_build.console import Console

    try:
        app(list(arguments) if arguments is not None else None)
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else int(bool(leaving.code))
    except UserError as error:
        Console().problem(error)
        return EXIT_REJECTED if isinstance(error, Rejected) else EXIT_USER_ERROR
    except KeyboardInterrupt:
        Console().note("interrupted")
        return 130
    except BrokenPipeError:  # the reader of a pipe, `head` say, has seen enough
        sys.stderr.close()
        return 0
    except Exception:  # noqa: BLE001 - the one place where a bug ends
        traceback.print_exc()
        sys.stderr.write(
            "\nThis is a bug in toc-build, not a mistake of yours: please report it with the lines above.\n"
        )
        return EXIT_BUG
    return 0
