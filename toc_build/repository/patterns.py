"""The rules that names and values of `deploy.yml` follow: each pattern beside the words that explain it.

`schema` puts the patterns on its fields, `problems` says the words when a value breaks one, and editors get
both through the JSON Schema.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

# A reference to an environment variable, anywhere in a text.
REFERENCE = r"\$\{[A-Za-z_][A-Za-z0-9_]*\}"

_WORDS: dict[str, str] = {}


def rule_words(pattern: str) -> str:
    """The rule behind a pattern, as words that follow "must"; the pattern itself when it has none."""
    return _WORDS.get(pattern, f"match {pattern}")


def _rule(pattern: str, words: str, *, references: bool = False) -> Any:
    """A pydantic field constraint; with `references`, a text that holds a `${VARIABLE}` passes as well."""
    whole = rf"^(?:{pattern})$"
    if references:
        whole = rf"^(?:(?:{pattern})|.*{REFERENCE}.*)$"
    _WORDS[whole] = words
    return Field(pattern=whole)


# Azure ML: a service's name is a DNS label that starts with a letter, 3 to 32 long (azureml.core.webservice).
SERVICE_NAME = _rule(
    r"[a-z][-a-z0-9]{1,30}[a-z0-9]",
    "be 3 to 32 characters: lower-case letters, digits and hyphens, a letter first, no hyphen last",
)
# Azure ML: azureml.core.model, name check.
MODEL_NAME = _rule(
    r"[a-zA-Z0-9][-a-zA-Z0-9._]{0,254}",
    "be 1 to 255 characters: letters, digits, hyphens, dots and underscores, a letter or digit first",
)
MODEL_VERSION = _rule(
    r"[a-zA-Z0-9][-a-zA-Z0-9._]{0,254}:[1-9][0-9]*",
    "be the name of a registered model, a colon and a version, such as river-litter:3",
)
SCRIPT_PATH = _rule(
    r"(?:.*[/\\])?[A-Za-z_][A-Za-z0-9_]*\.py",
    "be a .py file whose name Python can import: letters, digits and underscores, no digit first",
)
LABEL = _rule(r"\S(?:.*\S)?", "be one line of text, at least one character, with no space at its ends")
ONE_LINE = _rule(
    r"\S(?:.*\S)?", "be one line of text, at least one character, with no space at its ends", references=True
)
SUBSCRIPTION_ID = _rule(
    r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    "be a GUID such as 00000000-0000-0000-0000-000000000000",
    references=True,
)
RESOURCE_GROUP = _rule(
    r"[-a-zA-Z0-9_.()]{0,89}[-a-zA-Z0-9_()]",
    "be 1 to 90 letters, digits, hyphens, underscores, dots and parentheses, no dot last",
    references=True,
)
WORKSPACE_NAME = _rule(
    r"[a-zA-Z0-9][-a-zA-Z0-9_]{2,32}",
    "be 3 to 33 letters, digits, hyphens and underscores, a letter or digit first",
    references=True,
)
LOCATION = _rule(
    r"[a-z][a-z0-9]+",
    "be a region's short name, such as northeurope: lower-case letters and digits, no space",
    references=True,
)
COMPUTE_TARGET_NAME = _rule(
    r"[a-zA-Z][-a-zA-Z0-9]{0,14}[a-zA-Z0-9]",
    "be 2 to 16 letters, digits and hyphens, a letter first, no hyphen last",
    references=True,
)
VM_SIZE = _rule(
    r"Standard_[A-Za-z0-9_]+", "be Azure's name of a size, such as Standard_D3_v2", references=True
)
DNS_LABEL = _rule(
    r"[a-z][-a-z0-9]{3,61}[a-z0-9]",
    "be 5 to 63 characters: lower-case letters, digits and hyphens, a letter first, no hyphen last",
    references=True,
)
NAMESPACE = _rule(
    r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?",
    "be a Kubernetes name: 1 to 63 lower-case letters, digits and hyphens, no hyphen at its ends",
    references=True,
)
