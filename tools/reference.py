"""Writes the generated pages of the reference: command line, deploy.yml and its schema, contract, doctor.

    python tools/reference.py           write them
    python tools/reference.py --check   exit 1 and name them when they are not up to date (what the docs
    session does)

The JSON Schema also goes where editors find it: to the template, and to each example.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

OPTION = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")
ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "docs" / "reference"
# Where editors find the schema: beside the deploy.yml of a fresh bake, and of each example.
SCHEMA_COPIES = [
    folder / ".schema" / "deploy.json"
    for folder in (
        ROOT / "cookiecutter-toc-model" / "{{cookiecutter.__repo_name}}",
        *sorted(path.parent for path in (ROOT / "examples").glob("*/deploy.yml")),
    )
]


def command_line() -> str:
    """The help of every command, as one page."""
    from typer.testing import CliRunner

    from toc_build.cli import app

    runner = CliRunner()
    commands = [[], *sorted([name] for name in _command_names(app))]
    commands += sorted(["env", name] for name in ("list", "path", "prune"))
    page = [
        "# The command line",
        "",
        "Every command also has a nox session in a model repository, where it makes sense.",
        "",
    ]
    for words in sorted(commands):
        result = runner.invoke(app, [*words, "--help"], prog_name="toc-build", terminal_width=100)
        if result.exit_code:
            raise SystemExit(f"toc-build {' '.join(words)} --help failed:\n{result.output}")
        page += [f"## toc-build {' '.join(words)}".rstrip(), "", "```text", result.output.rstrip(), "```", ""]
    return "\n".join(page)


def _command_names(app: Any) -> list[str]:
    named = [command.name or command.callback.__name__ for command in app.registered_commands]
    return [*named, *(group.name for group in app.registered_groups)]


def deploy_yml() -> str:
    """Every key of deploy.yml: type, default, meaning."""
    from toc_build.repository import json_schema

    schema = json_schema()
    page = [
        "# deploy.yml",
        "",
        "Made from the schema that reads the file. `required` stands where there is no default.",
        "",
    ]
    for heading, rows in _sections(schema, schema, ()):
        page += [f"## {heading}", "", "| key | type | default | meaning |", "|---|---|---|---|", *rows, ""]
    return "\n".join(page)


def _sections(
    node: dict[str, Any], schema: dict[str, Any], path: tuple[str, ...]
) -> Iterator[tuple[str, list[str]]]:
    rows = []
    below = []
    for key, raw in node.get("properties", {}).items():
        value = _resolve(raw, schema)
        if "properties" in value:
            below.append((key, value))
            continue
        default = f"`{value['default']}`" if "default" in value else ""
        if key in node.get("required", ()):
            default = "required"
        meaning = value.get("description", "").replace("|", "\\|").replace("\n", " ")
        rows.append(f"| `{key}` | {_type(value, schema)} | {default} | {meaning} |")
    if rows:
        yield " → ".join(path) or "Top level", rows
    for key, value in below:
        yield from _sections(value, schema, (*path, key))


def _resolve(value: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The schema behind a `$ref`, and the one that is not null of an `anyOf`, with what stands beside it."""
    beside = {key: item for key, item in value.items() if key not in {"$ref", "anyOf", "allOf"}}
    if "$ref" in value:
        found = schema
        for step in value["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        return {**_resolve(found, schema), **beside}
    choices = [item for item in value.get("anyOf", value.get("allOf", ())) if item.get("type") != "null"]
    if len(choices) == 1:
        return {**_resolve(choices[0], schema), **beside}
    return value


def _type(value: dict[str, Any], schema: dict[str, Any]) -> str:
    if "enum" in value:
        return ", ".join(f"`{item}`" for item in value["enum"])
    if "const" in value:
        return f"`{value['const']}`"
    if "anyOf" in value:
        return " or ".join(
            _type(_resolve(item, schema), schema) for item in value["anyOf"] if item.get("type") != "null"
        )
    if value.get("type") == "array":
        return f"list of {_type(_resolve(value.get('items', {}), schema), schema)}"
    return str(value.get("type", "any"))


def contract_rules() -> str:
    """Every rule of the contract: what it asks, what to do when it is broken."""
    from toc_build.contract import RULES

    page = ["# The rules of the contract", "", "Made from the rules that the contract runs.", ""]
    page += ["| rule | what it asks | what to do when it is broken |", "|---|---|---|"]
    page += [f"| `{rule.name}` | {rule.asks} | {rule.fix} |".replace("\n", " ") for rule in RULES.values()]
    return "\n".join([*page, ""])


def doctor_rules() -> str:
    """Every rule of the doctor: what it looks for, and which failure that prevents."""
    from toc_build.deployment.doctor import all_rules

    page = [
        "# The rules of the doctor",
        "",
        "Made from the rules that `toc-build doctor` and `toc-build plan` run. An error stops a deploy; a "
        "warning is shown and recorded. Mistakes that stop every command have "
        "[codes of their own](errors.md).",
        "",
        "| code | weight | what it looks for | why |",
        "|---|---|---|---|",
    ]
    for rule in all_rules():
        only = " (in plans only)" if rule.in_plans_only else ""
        page.append(f"| {rule.code} | {rule.severity.value} | {rule.looks_for}{only} | {rule.why} |")
    return "\n".join([*page, ""])


def _up_to_date(path: Path, text: str) -> bool:
    if not path.is_file():
        return False
    written = path.read_text(encoding="utf-8")
    if path.name == "command-line.md":  # typer's releases lay help out differently; the words count
        return _words(written) == _words(text)
    return written == text


def _words(page: str) -> set[str]:
    """The headings and options of a page of help."""
    return {line for line in page.splitlines() if line.startswith("## ")} | set(OPTION.findall(page))


def main() -> int:
    """Writes the pages, or with `--check` says which differ."""
    from toc_build.repository import json_schema_text

    pages = {
        REFERENCE / "command-line.md": command_line(),
        REFERENCE / "deploy-yml.md": deploy_yml(),
        REFERENCE / "contract-rules.md": contract_rules(),
        REFERENCE / "doctor-rules.md": doctor_rules(),
        REFERENCE / "deploy.schema.json": json_schema_text(),
        **{place: json_schema_text() for place in SCHEMA_COPIES},
    }
    if "--check" in sys.argv[1:]:
        stale = [path for path, text in pages.items() if not _up_to_date(path, text)]
        for path in stale:
            print(
                f"{path.relative_to(ROOT)} is not up to date: run `python tools/reference.py`",
                file=sys.stderr,
            )
        return int(bool(stale))
    for path, text in pages.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(f"written: {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
