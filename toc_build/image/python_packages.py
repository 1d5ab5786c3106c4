"""Reads which Python packages are installed in a folder, and under which licences.

`environment_layer` calls it while the folder is there; `sbom` and `why` read what it kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path

REMEMBERED = "python-packages"  # the kind under which the store keeps the list
_UNKNOWN = {"", "unknown", "none"}
_CLASSIFIER = "License :: "
# What setuptools' classifiers call licences, by SPDX's names.
_SPDX = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
}


@dataclass(frozen=True)
class PythonPackage:
    """A package as its metadata describes it.

    Attributes:
        name: in canonical form.
        version: exact.
        license: an SPDX expression where the package gives one, else its own words; or empty.
    """

    name: str
    version: str
    license: str


def python_packages(packages: Path) -> list[PythonPackage]:
    """The packages installed in a folder, sorted by name."""
    from packaging.utils import canonicalize_name

    found = []
    for metadata in packages.glob("*.dist-info/METADATA"):
        fields = HeaderParser().parsestr(metadata.read_text(encoding="utf-8", errors="replace"))
        found.append(
            PythonPackage(
                str(canonicalize_name(str(fields["Name"]))),
                str(fields["Version"]),
                _license(
                    fields.get("License-Expression"), fields.get("License"), fields.get_all("Classifier")
                ),
            )
        )
    return sorted(found, key=lambda item: item.name)


def _license(expression: str | None, text: str | None, classifiers: list[str] | None) -> str:
    """The licence in the fewest words: SPDX, else a classifier, else the package's own first line."""
    if expression and expression.strip():
        return expression.strip()
    named = [
        item.rpartition(" :: ")[2]
        for item in classifiers or ()
        if item.startswith(_CLASSIFIER) and "::" in item
    ]
    known = [_SPDX[name] for name in named if name in _SPDX]
    if known:
        return " OR ".join(sorted(set(known)))
    line = (text or "").strip().partition("\n")[0].strip()
    if line.lower() not in _UNKNOWN and len(line) <= 60:  # some paste the whole licence
        return line
    return named[0] if named else ""
