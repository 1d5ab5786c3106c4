"""Reads a YAML file into plain data and remembers where everything stood: key path -> line.

`folder` reads `deploy.yml` with it, `conda` reads `conda.yml`. It walks the nodes that ruamel.yaml
composes, because only there are line, quoting and duplicate keys still to be seen.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from toc_build.errors import Problem, RepositoryError

KeyPath = tuple[str | int, ...]

_TAG = "tag:yaml.org,2002:"
_MAX_NODES = 20_000  # aliases of aliases grow without end; no honest file comes near this
_MAX_DEPTH = 50
_MAX_BYTES = 1_000_000
# Words that YAML 1.1 readers, Azure ML's among them, take for true or false, and YAML 1.2 takes for text.
_OLD_BOOLEANS = re.compile(r"^(?:y|n|yes|no|on|off)$", re.IGNORECASE)


class AmbiguousText(str):
    """A text such as `no`, written without quotes, that older readers of YAML take for true or false."""

    __slots__ = ()


class OddScalar(str):
    """A value that is neither text, number, boolean nor null, such as an unquoted date; as written."""

    __slots__ = ()


@dataclass
class YamlSource:
    """A YAML file that could be read.

    Attributes:
        name: the file's path as messages show it.
        data: its content: dict, list, str, int, float, bool, None.
        problems: what is wrong with it although it could be read, such as duplicate keys.
    """

    name: str
    data: Any = None
    problems: list[Problem] = field(default_factory=list)
    _lines: dict[KeyPath, int] = field(default_factory=dict)

    def note(self, path: KeyPath, line: int) -> None:
        """Remembers the line of the key at `path`."""
        self._lines[path] = line

    def has(self, path: KeyPath) -> bool:
        """Whether there is a key at `path`."""
        return path in self._lines

    def line(self, path: Sequence[str | int]) -> int:
        """The line, counted from 1, of the key at `path`, or of the nearest part of it that exists."""
        keys = tuple(path)
        while keys and keys not in self._lines:
            keys = keys[:-1]
        return self._lines.get(keys, 1)

    def where(self, *path: str | int) -> str:
        """The place for a message: `deploy.yml:12 targets -> aks -> cpu_cores`."""
        shown = " -> ".join(f"item {key + 1}" if isinstance(key, int) else key for key in path)
        return f"{self.name}:{self.line(path)} {shown}".rstrip()


def read_yaml(path: Path, *, name: str, area: str) -> YamlSource:
    """Reads a YAML mapping.

    Args:
        path: the file.
        name: what messages call it.
        area: the area of the codes, `DEPLOY` or `CONDA`.

    Raises:
        RepositoryError: it cannot be read, is not UTF-8 or not YAML, is empty, or is not a mapping.
    """
    text = _read_text(path, name, area)
    yaml = YAML(typ="safe", pure=True)
    reader = _Reader(YamlSource(name), area, yaml)
    try:
        _refuse_monsters(text)
        node = yaml.compose(text)
        if node is None:
            raise RepositoryError(
                f"{name} is empty.",
                code=f"TOC-{area}-006",
                where=f"{name}:1",
                fix="fill it in, or restore it from git.",
            )
        if not isinstance(node, MappingNode):
            raise RepositoryError(
                f"{name} must hold keys with values, but it holds {_kind(node)}.",
                code=f"TOC-{area}-007",
                where=f"{name}:{_line(node)}",
                fix="write one `key: value` on each line.",
            )
        reader.source.data = reader.value(node, ())
    except MarkedYAMLError as error:
        raise _not_yaml(error, text, name, area) from None
    except (
        YAMLError,
        ValueError,
        RecursionError,
        OverflowError,
        KeyError,
        AttributeError,
        NotImplementedError,
    ) as error:
        # The reader's own slips over strange documents; the document is at fault all the same.
        reason = (
            "it is nested too deeply"
            if isinstance(error, RecursionError)
            else str(error).strip().split("\n")[0]
        )
        raise RepositoryError(
            f"{name} is not YAML that can be read: {reason}.",
            code=f"TOC-{area}-004",
            where=f"{name}:1",
            fix="compare it with the file of a fresh bake.",
        ) from None
    return reader.source


def _read_text(path: Path, name: str, area: str) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise RepositoryError(
            f"{name} is not UTF-8 text: byte {error.object[error.start]:#04x} in line {line} cannot be read.",
            code=f"TOC-{area}-003",
            where=f"{name}:{line}",
            fix="save it as UTF-8 in your editor.",
        ) from None
    except OSError as error:
        raise RepositoryError(
            f"{name} cannot be read: {error.strerror or error}.",
            code=f"TOC-{area}-002",
            where=str(path),
            fix="make it a file that you may read.",
        ) from None


def _refuse_monsters(text: str) -> None:
    """Refuses what the YAML reader would take minutes to refuse: very long, or brackets nested without end.

    Brackets in quotes and comments are counted too; no honest file has so many.
    """
    depth = 0
    for sign in text[:_MAX_BYTES]:
        depth += (sign in "[{") - (sign in "]}")
        if depth > 2 * _MAX_DEPTH:
            break
    if len(text) > _MAX_BYTES or depth > 2 * _MAX_DEPTH:
        raise YAMLError("it is nested too deeply, or far too long")


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


def _kind(node: Node) -> str:
    if isinstance(node, SequenceNode):
        return "a list"
    return "a mapping" if isinstance(node, MappingNode) else "a single value"


class _Reader:
    """Makes plain data of composed nodes, noting lines and problems."""

    def __init__(self, source: YamlSource, area: str, yaml: YAML) -> None:
        self.source = source
        self._area = area
        self._scalars = yaml.constructor
        self._count = 0

    def problem(self, number: int, what: str, path: KeyPath, node: Node, fix: str) -> None:
        shown = " -> ".join(f"item {key + 1}" if isinstance(key, int) else key for key in path)
        where = f"{self.source.name}:{_line(node)} {shown}".rstrip()
        self.source.problems.append(Problem(f"TOC-{self._area}-{number:03}", what, where, fix))

    def value(self, node: Node, path: KeyPath) -> Any:
        self._count += 1
        if self._count > _MAX_NODES or len(path) > _MAX_DEPTH:
            raise YAMLError("it is nested too deeply, or its aliases (*name) repeat each other without end")
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return self._sequence(node, path)
        return self._scalar(node, path) if isinstance(node, ScalarNode) else None

    def _sequence(self, node: SequenceNode, path: KeyPath) -> list[Any]:
        items = []
        for index, item in enumerate(node.value):
            self.source.note((*path, index), _line(item))
            items.append(self.value(item, (*path, index)))
        return items

    def _mapping(self, node: MappingNode, path: KeyPath) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        first: dict[str, int] = {}
        for key_node, value_node in node.value:
            if key_node.tag == f"{_TAG}merge":
                for base in value_node.value if isinstance(value_node, SequenceNode) else [value_node]:
                    if isinstance(base, MappingNode):
                        merged = {**self._mapping(base, path), **merged}
                    else:
                        self.problem(8, "`<<:` must name a mapping.", path, key_node, "write `<<: *name`.")
                continue
            if not isinstance(key_node, ScalarNode):
                self.problem(
                    8, "a key must be a name, not a list or mapping.", path, key_node, "write a plain key."
                )
                continue
            key = str(key_node.value)
            if key in first:
                self.problem(
                    5,
                    f"the key `{key}` stands here a second time; line {first[key]} has it already.",
                    (*path, key),
                    key_node,
                    "keep one of the two.",
                )
                continue
            first[key] = _line(key_node)
            self.source.note((*path, key), _line(key_node))
            own[key] = self.value(value_node, (*path, key))
        for key in own:  # a merge visits its base under this path: the key's own line counts
            self.source.note((*path, key), first[key])
        return {**merged, **own}

    def _scalar(self, node: ScalarNode, path: KeyPath) -> Any:
        text = str(node.value)
        if node.style is not None and node.tag == f"{_TAG}str":
            return text
        kind = node.tag.removeprefix(_TAG) if node.tag else "str"
        if kind == "str":
            return AmbiguousText(text) if _OLD_BOOLEANS.match(text) else text
        if kind == "null":
            return None
        if kind in {"bool", "int", "float"}:
            try:
                return getattr(self._scalars, f"construct_yaml_{kind}")(node)
            except (ValueError, KeyError, TypeError, OverflowError):
                return OddScalar(text)
        if not str(node.tag).startswith(_TAG):
            self.problem(
                8, f"the tag {node.tag} has no meaning here.", path, node, "remove it, keep the value."
            )
            return text
        return OddScalar(text)


# ruamel.yaml's words for a mistake -> ours, and what to do. The first that is found counts.
_MISTAKES = (
    ("found character '\\t'", "a tab stands where YAML wants spaces", "indent with spaces."),
    ("unexpected end of stream", "a quote or bracket that is opened here is never closed", "close it."),
    (
        "expected ',' or '}'",
        "a brace that is opened here is never closed, or a comma is missing",
        "close it, or add the comma.",
    ),
    (
        "expected ',' or ']'",
        "a bracket that is opened here is never closed, or a comma is missing",
        "close it, or add the comma.",
    ),
    (
        "mapping values are not allowed",
        "a colon stands where no key can be: the line is indented wrongly, or its text holds `: `",
        "indent it like its neighbours, or put the text in quotes.",
    ),
    ("could not find expected ':'", "a key has no colon", "write `key: value`."),
    (
        "expected <block end>",
        "this line is indented neither like the lines before it nor like a part of them",
        "indent it like its neighbours.",
    ),
    (
        "undefined alias",
        "an alias (*name) names no anchor (&name)",
        "define the anchor above it, or put the text in quotes.",
    ),
    (
        "unknown escape character",
        "a backslash in double quotes starts an escape that does not exist",
        "use single quotes.",
    ),
    (
        "that cannot start any token",
        "a value starts with a sign that YAML keeps for itself",
        "put the value in quotes.",
    ),
    ("expected a single document", "a second document starts here (`---`)", "keep one document in the file."),
)


def _not_yaml(error: MarkedYAMLError, text: str, name: str, area: str) -> RepositoryError:
    """Our words for a YAML error. They never quote the line, which may hold a secret."""
    said = " ".join(str(part) for part in (error.context, error.problem) if part)
    # What is never closed is noticed far below; it was opened where the context starts.
    opened = any(part in said for part in ("unexpected end of stream", "expected ','", "expected ':'"))
    mark = (error.context_mark if opened else None) or error.problem_mark or error.context_mark
    line = min(int(mark.line) + 1, text.count("\n") + 1) if mark else 1
    what, fix = "it cannot be read as YAML", "compare it with the file of a fresh bake."
    for found, words, remedy in _MISTAKES:
        if found in said:
            what, fix = words, remedy
            break
    if "expected ','" in said and "${" in text.split("\n")[line - 1]:
        what, fix = "a brace of ${VARIABLE} ends the braces around it", 'put it in quotes: "${VARIABLE}".'
    return RepositoryError(
        f"{name} is not YAML: line {line}: {what}.", code=f"TOC-{area}-004", where=f"{name}:{line}", fix=fix
    )
