"""The few packages that have no wheel and need none: pure Python, built from their source where it is needed.

`environment_layer` lets uv build them, and writes down about them what does not depend on who built them;
`dockerfile_install` lets pip do it. Standard library only: a build context holds a copy.
"""

from __future__ import annotations

import re
from email.parser import HeaderParser
from pathlib import Path

FORMAT = 1
# In canonical form. fusepy, one file of Python, is what azureml-dataset-runtime of azureml-defaults asks for.
SOURCE_ONLY = frozenset({"fusepy"})
_KEPT_FIELDS = ("Name", "Version", "Summary", "License", "Classifier", "Requires-Python", "Requires-Dist")
_KEPT_FILES = {"METADATA", "RECORD", "WHEEL"}
_WHEEL = "Wheel-Version: 1.0\nGenerator: toc-build\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^]]*\])?==", re.MULTILINE)
_COMPILED = {".so", ".pyd", ".dll", ".dylib"}


def canonical(name: str) -> str:
    """A package's name in the one form that all its spellings have."""
    return re.sub(r"[-_.]+", "-", name).lower()


def locked_names(lock: str) -> list[str]:
    """The packages of a lock, in canonical form."""
    return sorted({canonical(name) for name in _PIN.findall(lock)})


def settle(packages: Path) -> str | None:
    """Has what a builder wrote about such a package say the same whichever version of whatever built it.

    Args:
        packages: the folder of packages.

    Returns:
        One that holds compiled code after all, so that it would be this machine's; None when all is well.
    """
    for info in sorted(packages.glob("*.dist-info")):
        name, _, version = info.name.removesuffix(".dist-info").rpartition("-")
        if canonical(name) in SOURCE_ONLY and not _settle(info):
            return f"{name}=={version}"
    return None


def _settle(info: Path) -> bool:
    """Whether it is Python alone."""
    record = info / "RECORD"
    lines = record.read_text(encoding="utf-8").splitlines()
    if any(Path(line.partition(",")[0]).suffix in _COMPILED for line in lines):
        return False
    fields = HeaderParser().parsestr((info / "METADATA").read_text(encoding="utf-8"))
    kept = [f"{field}: {value}" for field in _KEPT_FIELDS for value in fields.get_all(field) or ()]
    texts = {"METADATA": "\n".join(["Metadata-Version: 2.1", *kept, ""]), "WHEEL": _WHEEL}
    for path in info.iterdir():
        if path.name not in _KEPT_FILES:
            path.unlink()
    for file, text in texts.items():
        (info / file).unlink()  # never written into: uv's cache shares it by a hard link
        (info / file).write_text(text, encoding="utf-8")
    ours = {f"{info.name}/{file}" for file in texts}
    rest = [line for line in lines if line.partition(",")[0] not in ours]
    record.unlink()
    wrong = [f"{path},sha256=,0" for path in sorted(ours)]  # made true with all the others
    record.write_text("\n".join([*rest, *wrong, ""]), encoding="utf-8")
    return True
