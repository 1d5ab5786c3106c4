"""Says in our words, with line and key path, what the schema of `deploy.yml` does not admit, for `folder`."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any, get_args

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from toc_build.errors import Problem
from toc_build.repository.patterns import rule_words
from toc_build.repository.schema import DeployConfig
from toc_build.repository.section import Section, Violation
from toc_build.repository.yaml_source import KeyPath, YamlSource

# What the Azure ML SDK (v1), or habit, calls a key -> what it is called here.
_OTHER_NAMES = {
    "num_replicas": "replicas",
    "autoscale_enabled": "autoscale",
    "autoscale_min_replicas": "autoscale -> min_replicas",
    "autoscale_max_replicas": "autoscale -> max_replicas",
    "autoscale_target_utilization": "autoscale -> target_utilization",
    "autoscale_refresh_seconds": "autoscale -> refresh_seconds",
    "replica_max_concurrent_requests": "max_concurrent_requests_per_container",
    "max_request_wait_time": "max_queue_wait_ms",
    "token_auth_enabled": "auth",
    "ssl_enabled": "ssl",
    "ssl_cname": "ssl -> cname",
    "ssl_cert_pem_file": "ssl -> cert_pem_file",
    "period_seconds": "liveness -> period_seconds",
    "initial_delay_seconds": "liveness -> initial_delay_seconds",
    "failure_threshold": "liveness -> failure_threshold",
    "success_threshold": "liveness -> success_threshold",
    "entry_script": "script",
    "score_script": "script",
    "classes": "labels",
    "region": "location",
    "workspace": "workspace_name",
    "subscription": "subscription_id",
}


def section_at(path: Sequence[str | int]) -> type[Section] | None:
    """The section of the schema at a key path; None when there is none."""
    section: type[Section] | None = DeployConfig
    for key in path:
        field = section.model_fields.get(str(key)) if section else None
        section = _section_of(field) if field else None
    return section


def field_at(path: Sequence[str | int]) -> FieldInfo | None:
    """The field of the schema at a key path; for a part of a list or mapping, the list or mapping itself."""
    for end in range(len(path), 0, -1):
        section = section_at(path[: end - 1])
        if section is not None:
            return section.model_fields.get(
                "compute_target_name" if path[end - 1] == "cluster" else str(path[end - 1])
            )
    return None


def admits_text(path: Sequence[str | int]) -> bool:
    """Whether the schema wants free text at a key path: names, labels, tags; not one of some words."""
    field = field_at(path)
    return field is not None and _holds_text(field.annotation)


def _holds_text(annotation: Any) -> bool:
    return annotation is str or any(_holds_text(part) for part in get_args(annotation))


def keys_of(section: type[Section]) -> list[str]:
    """The keys that a section admits."""
    keys = list(section.model_fields)
    return [*keys, "cluster"] if "compute_target_name" in keys else keys


def translate(
    error: ValidationError,
    source: YamlSource,
    *,
    below: KeyPath = (),
    show: Callable[[Any], str] | None = None,
) -> Iterator[tuple[KeyPath, Problem]]:
    """One problem for each thing that the schema does not admit, with its key path.

    Args:
        error: what pydantic found.
        source: the file, for the lines.
        below: the key path of what was validated.
        show: how a value is named in a message; by default by its kind and its text.
    """
    for found in error.errors(include_url=False):
        path = (*below, *found["loc"])
        if path[-1:] == ("compute_target_name",) and source.has((*path[:-1], "cluster")):
            path = (*path[:-1], "cluster")  # pydantic names an alias after its first name
        if found["type"] == "rules":
            violation: Violation
            for violation in found["ctx"]["violations"]:
                place = (*path, *violation.path)
                yield place, Problem(violation.code, violation.what, source.where(*place), violation.fix)
        else:
            number, what, fix = _words(found, path, show or shown)
            yield path, Problem(f"TOC-DEPLOY-{number:03}", what, source.where(*path), fix)


def shown(value: Any) -> str:
    """A value as a message shows it: its kind, and its text when that is short."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text {_short(value)!r}" if value else "an empty text"
    if isinstance(value, dict):
        return "a mapping of keys"
    return "a list"


def did_you_mean(word: str, choices: Sequence[str]) -> str | None:
    """The choice that `word` was most likely meant to be."""
    close = difflib.get_close_matches(word.lower(), choices, n=1, cutoff=0.6)
    if close:
        return close[0]
    if len(word) < 3:
        return None
    return next((choice for choice in choices if choice.startswith(word.lower())), None)


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


def _section_of(field: FieldInfo) -> type[Section] | None:
    for candidate in (field.annotation, *get_args(field.annotation)):
        if inspect.isclass(candidate) and issubclass(candidate, Section):
            return candidate
    return None


def _words(found: Any, path: KeyPath, shown: Callable[[Any], str]) -> tuple[int, str, str]:
    """Number of the code, what is wrong, and what to do."""
    kind, value, context = found["type"], found["input"], found.get("ctx", {})
    key = str(path[-1]) if path and isinstance(path[-1], str) else None
    it = f"`{key}`" if key else "it"
    if kind == "missing":
        return 11, f"the key `{key}` is missing.", _how_to_add(path)
    if kind == "extra_forbidden":
        return _unknown_key(path)
    if kind == "literal_error":
        return _not_offered(f"{it} is {shown(value)}", value, path)
    if kind == "string_pattern_mismatch":
        return (
            14,
            f"{it} is {shown(value)}; it must {rule_words(context['pattern'])}.",
            "change it to follow that rule.",
        )
    if kind == "string_too_short":
        return (
            14,
            f"{it} is an empty text.",
            "fill it in, or remove the line." if _optional(path) else "fill it in.",
        )
    if kind == "string_too_long":
        return (
            14,
            f"{it} has {len(value)} characters; at most {context['max_length']} are admitted.",
            "shorten it.",
        )
    if kind == "too_short":
        return 14, f"{it} is an empty list; at least one is needed.", _how_to_add(path)
    if kind in _RANGE_ERRORS:
        return 13, f"{it} is {shown(value)}; it must be {_range(path)}.", f"give a number {_range(path)}."
    if kind == "finite_number":
        return 13, f"{it} is not a finite number.", f"give a number {_range(path)}."
    return _wrong_type(kind, f"{it} is {shown(value)}", value, path)


_RANGE_ERRORS = {"greater_than", "greater_than_equal", "less_than", "less_than_equal"}
_WANTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping of names to texts",
    "model_type": "a section of keys",
    "model_attributes_type": "a section of keys",
}


def _wrong_type(kind: str, finding: str, value: Any, path: KeyPath) -> tuple[int, str, str]:
    wanted = _WANTED.get(kind, "of another kind")
    fix = f"write {wanted}."
    if kind in {"int_type", "float_type"} and isinstance(value, str):
        fix = f"write the number without quotes or unit{_example(path)}."
        if "${" in value:
            fix = "write the number itself: only texts under `azure` and `targets` may be ${VARIABLE}."
    elif kind == "bool_type":
        yes = str(value).lower() in {"yes", "on", "y", "1", "true"}
        fix = f"write {'true' if yes else 'false'}, without quotes."
    elif kind == "string_type":
        scalar = isinstance(value, (bool, int, float))
        text = str(value).lower() if isinstance(value, bool) else str(value)
        fix = f'put it in quotes: "{text}".' if scalar else _how_to_add(path)
    elif kind in {"tuple_type", "list_type"} and isinstance(value, (str, int, float)):
        fix = f"write it as a list: [{_short(str(value))}]."
    elif kind in {"int_type", "int_from_float"} and isinstance(value, float) and abs(value) < 1e9:
        fix = f"round it: {round(value)}."
    elif "section" in wanted:
        section = section_at(path)
        if section:
            fix = f"write its keys on lines of their own, indented below it: {', '.join(keys_of(section))}."
    return 12, f"{finding}; it must be {wanted}.", fix


def _unknown_key(path: KeyPath) -> tuple[int, str, str]:
    key, section = str(path[-1]), section_at(path[:-1])
    place = f"under `{path[-2]}`" if len(path) > 1 else "at the top of deploy.yml"
    what = f"there is no key `{key}` {place}."
    if key == "cluster":
        return (
            10,
            "`cluster` and `compute_target_name` are two names for the same key.",
            "keep one of the two.",
        )
    known = keys_of(section) if section else []
    other = _OTHER_NAMES.get(key)
    if other and other.split(" -> ")[0] in known:
        return 10, what, f"here it is called `{other}`."
    if close := did_you_mean(key, known):
        return 10, what, f"did you mean `{close}`?"
    if homes := [home for home in _homes(key) if home]:
        return 10, what, f"it belongs under `{'` or `'.join(homes)}`."
    return 10, what, f"remove it; the keys here are {', '.join(known)}."


def _homes(key: str, section: type[Section] = DeployConfig, path: str = "") -> Iterator[str]:
    """The sections that have a key of that name."""
    if key in section.model_fields:
        yield path
    for name, field in section.model_fields.items():
        below = _section_of(field)
        if below:
            yield from _homes(key, below, f"{path} -> {name}" if path else name)


def _not_offered(finding: str, value: Any, path: KeyPath) -> tuple[int, str, str]:
    field = field_at(path)
    choices = [str(choice) for choice in get_args(field.annotation)] if field else []
    what = f"{finding}; it must be one of {', '.join(choices)}."
    close = did_you_mean(value, choices) if isinstance(value, str) else None
    return 15, what, f"did you mean `{close}`?" if close else f"write one of {', '.join(choices)}."


def _optional(path: KeyPath) -> bool:
    field = field_at(path)
    return bool(field and not field.is_required())


def _example(path: KeyPath) -> str:
    field = field_at(path)
    value = field.get_default() if field else None
    return (
        f", such as {path[-1]}: {value}"
        if isinstance(value, (int, float)) and not isinstance(value, bool)
        else ""
    )


def _how_to_add(path: KeyPath) -> str:
    """How the key at `path` is written, from its example or its keys."""
    field, section = field_at(path), section_at(path)
    key = str(path[-1]) if path and isinstance(path[-1], str) else None
    if section is not None:
        needed = [name for name, item in section.model_fields.items() if item.is_required()]
        return f"add the section `{key}:` with at least the keys {', '.join(needed)}."
    if field is None or key is None:
        return "write a text."
    example = (field.examples or [field.get_default()])[0]
    written = "[" + ", ".join(map(str, example)) + "]" if isinstance(example, list) else example
    return f"write it as in `{key}: {written}`." if written not in (None, "") else "write a text."


def _range(path: KeyPath) -> str:
    """The range that a number must be in, as words."""
    field = field_at(path)
    limits: dict[str, Any] = {}
    for item in field.metadata if field else ():
        limits.update({name: getattr(item, name) for name in ("gt", "ge", "lt", "le") if hasattr(item, name)})
    low = f"from {limits['ge']}" if "ge" in limits else f"above {limits['gt']}" if "gt" in limits else ""
    high = f"{'to' if 'ge' in limits else 'and at most'} {limits['le']}" if "le" in limits else ""
    return f"{low} {high}".strip()
