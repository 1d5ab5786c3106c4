"""The scoring script has init() and run(request)."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity


def check(subject: Subject) -> Iterator[Found]:
    """Both at the top level, `run` with one argument; names that are imported or assigned count."""
    script = subject.script
    if script.tree is None:
        return
    functions = {node.name: node for node in script.tree.body if isinstance(node, ast.FunctionDef)}
    others = {name.id for node in script.tree.body for name in ast.walk(node) if isinstance(name, ast.Name)}
    others |= {
        alias.asname or alias.name
        for node in script.tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    for name in ("init", "run"):
        if name not in functions and name not in others:
            arguments = "request" if name == "run" else ""
            yield Found(
                f"{script.path} has no {name}({arguments}).",
                f"{script.path}:1",
                f"define {name}({arguments}) at the top level of {script.path}.",
            )
    run = functions.get("run")
    if run is not None and not (run.args.args or run.args.vararg or run.args.posonlyargs):
        yield Found("run() takes no argument.", script.where(run), "write `def run(request):`.")


RULE = Rule(
    code="TOC-DOC-601",
    severity=Severity.ERROR,
    looks_for="a scoring script without init() or run(request)",
    why="The server does not start: it calls init() once and run(request) for every request.",
    check=check,
)
