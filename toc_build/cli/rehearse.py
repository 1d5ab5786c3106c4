"""`toc-build rehearse`: Azure on loopback for a command, or kept running for many."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from toc_build.cli.options import JsonOption

FaultOption = Annotated[
    list[str] | None,
    typer.Option(
        "--fault", metavar="STEP:KIND", help="What is to go wrong, such as services.create:429x2; repeatable."
    ),
]


class _Group(TyperGroup):
    """A group in which `rehearse [OPTIONS] -- COMMAND` stands for `rehearse run [OPTIONS] -- COMMAND`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Puts the hidden command's name in."""
        before = args[: args.index("--")] if "--" in args else args
        if "--" in args and not any(word in self.commands for word in before):
            args = ["run", *args]
        elif args and not args[0].startswith("-") and args[0] not in self.commands:
            from toc_build.errors import TargetError

            raise TargetError(
                f"rehearse has no command {args[0]!r} of its own.",
                code="TOC-REHEARSAL-008",
                fix=f"to rehearse it, put `--` before it: toc-build rehearse -- {' '.join(args)}",
            )
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_Group,
    help="Rehearse a deployment to Azure on this machine: toc-build rehearse -- COMMAND...",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("run", hidden=True)
def run_command(command: Annotated[list[str], typer.Argument()], fault: FaultOption = None) -> None:
    """Run a command signed in to a rehearsal."""
    from toc_build.console import Console
    from toc_build.rehearsal.run import run

    raise typer.Exit(run(command, faults=fault or [], console=Console()))


@app.command("start")
def start_command(fault: FaultOption = None) -> None:
    """Start a rehearsal that goes on running; what was in it before is in it again."""
    from toc_build.console import Console
    from toc_build.rehearsal import process

    console = Console()
    folder = process.state_folder()
    running = process.find(folder)
    if running is not None:
        if fault:
            running.ask("POST", "faults", {"faults": fault})
        console.say(f"running already: {running.base}")
        return
    with console.step("rehearsal"):
        running, _process = process.start(folder, fault or [], detached=True)
    console.say(f"running: {running.base}, state in {folder}")
    console.note("use it: toc-build rehearse -- COMMAND   end it: toc-build rehearse stop")


@app.command("stop")
def stop_command(
    forget: Annotated[bool, typer.Option("--forget", help="Remove its state, too.")] = False,
) -> None:
    """End the rehearsal that goes on running; its state is kept."""
    import shutil

    from toc_build.console import Console
    from toc_build.rehearsal import process

    console = Console()
    folder = process.state_folder()
    running = process.find(folder)
    if running is not None:
        process.stop(running)
    if forget:
        shutil.rmtree(folder, ignore_errors=True)
    console.say("stopped" if running else "nothing was running")


@app.command("status")
def status_command(as_json: JsonOption = False) -> None:
    """Show what runs in it: services, models, clusters, faults to come."""
    from toc_build.console import Console

    console = Console()
    running = _require_running()
    found = {
        "base": running.base,
        "subscription": running.values["subscription"],
        "resource_group": running.values["resource_group"],
        "workspace": running.values["workspace"],
        **running.ask("GET", "status"),
    }
    if as_json:
        console.json(found)
        return
    console.say(f"{running.base}  workspace {found['workspace']} in {found['resource_group']}")
    for service in found["services"]:
        where = f" on {service['cluster']}" if service["cluster"] else ""
        state, uri = service["state"], service["scoring_uri"]
        console.say(f"service  {service['name']}  {service['kind']}{where}  {state}  {uri}")
    for model in found["models"]:
        console.say(f"model    {model}")
    for cluster in found["clusters"]:
        size = f"{cluster['nodes']} x {cluster['vm_size']}"
        console.say(f"cluster  {cluster['name']}  {cluster['purpose']}  {size}")
    for fault in found["faults"]:
        console.say(f"fault    {fault}")


@app.command("log")
def log_command(
    tail: Annotated[int, typer.Option(min=1, metavar="LINES", help="How many of the last requests.")] = 50,
) -> None:
    """Show the requests that it was asked, the oldest first."""
    from toc_build.console import Console
    from toc_build.rehearsal import process
    from toc_build.rehearsal.log import shown

    console = Console()
    path = process.state_folder() / process.LOG
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    for line in lines[-tail:]:
        console.say(shown(line))


@app.command("fault")
def fault_command(
    fault: Annotated[list[str] | None, typer.Argument(metavar="STEP:KIND...")] = None,
    clear: Annotated[bool, typer.Option("--clear", help="No more faults.")] = False,
) -> None:
    """Make something go wrong in it, such as services.create:429x2, build:fail or init:raise."""
    from toc_build.console import Console
    from toc_build.rehearsal.faults import parse

    for text in fault or []:
        parse(text)
    running = _require_running()
    found = running.ask("DELETE", "faults") if clear else {}
    if fault:
        found = running.ask("POST", "faults", {"faults": fault})
    elif not clear:
        found = running.ask("GET", "status")
    console = Console()
    for text in found["faults"]:
        console.say(text)
    if not found["faults"]:
        console.say("no faults to come")


def _require_running() -> Any:
    from toc_build.errors import TargetError
    from toc_build.rehearsal import process

    running = process.find(process.state_folder())
    if running is None:
        raise TargetError(
            "no rehearsal is running.",
            code="TOC-REHEARSAL-007",
            fix="start one with `toc-build rehearse start`, or rehearse one command: "
            "`toc-build rehearse -- COMMAND`.",
        )
    return running
