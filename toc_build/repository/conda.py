"""Reads `conda.yml`, the file that Azure ML reads as it is, and says what this tool cannot make of it.

`folder.load` calls `read_conda`; `environment` locks and builds from the `CondaSpec`. What packages must
and must not stand together is in `conda_rules`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as ParsedRequirement
from packaging.utils import canonicalize_name

from toc_build.errors import Problem, RepositoryError
from toc_build.repository import secrets
from toc_build.repository.problems import did_you_mean, shown
from toc_build.repository.yaml_source import KeyPath, YamlSource, read_yaml

SUPPORTED_PYTHONS = ("3.10", "3.11", "3.12", "3.13")
_KEYS = ("name", "channels", "dependencies", "variables")
_PYTHON = re.compile(r"^python\s*(?:==?|\s)\s*(\d+)\.(\d+)(?:\.(?:\d+|\*))?(?:\.\*)?$", re.IGNORECASE)
_CONDA_NAME = re.compile(r"^(?:[\w./-]+::)?([A-Za-z0-9_.-]+?)\s*(?:[\s=<>!~\[].*)?$")
_PLACE = re.compile(r"^(?:[./~\\]|[A-Za-z]:\\|file:)|\.(?:whl|zip|tar\.gz)$")
_URL = re.compile(r"^(?:git|hg|svn|bzr)\+|^https?://|@\s*(?:git\+|https?://|file:)")
_ONE_EQUALS = re.compile(r"^([A-Za-z0-9][\w.-]*(?:\[[^]]*\])?)\s*=\s*([\w.*+!-]+)$")


@dataclass(frozen=True)
class Requirement:
    """One line of the pip section.

    Attributes:
        name: the package's name in its canonical form, such as `opencv-python-headless`.
        text: the requirement in its canonical form, such as `numpy<2.3.3,>=1.26`.
        parsed: the requirement with specifier, extras and marker.
        path: its key path in `conda.yml`.
    """

    name: str
    text: str
    parsed: ParsedRequirement = field(compare=False)
    path: KeyPath = field(compare=False)


@dataclass(frozen=True)
class CondaSpec:
    """What `conda.yml` asks for.

    Attributes:
        name: the environment's name.
        python: minor version of the interpreter, such as `3.11`.
        requirements: the pip section, in the order of the file.
        source: the file, for the lines of messages.
    """

    name: str
    python: str
    requirements: tuple[Requirement, ...]
    source: YamlSource = field(compare=False, repr=False)

    def requirement(self, name: str) -> Requirement | None:
        """The first requirement for the package `name`, or None."""
        return next((item for item in self.requirements if item.name == canonicalize_name(name)), None)


@dataclass(frozen=True)
class CondaReading:
    """What came of reading `conda.yml`.

    Attributes:
        spec: what it asks for, as far as it could be read; None when there is no pip section. With problems,
            it is good for finding more of them and for nothing else.
        mentioned: the packages that stand anywhere in the file, also in lines that are wrong.
        problems: all that is wrong.
    """

    spec: CondaSpec | None
    mentioned: frozenset[str]
    problems: list[Problem]


def read_conda(path: Path, *, name: str = "conda.yml") -> CondaReading:
    """Reads `conda.yml`.

    Args:
        path: the file.
        name: what messages call it.
    """
    try:
        source = read_yaml(path, name=name, area="CONDA")
    except RepositoryError as error:
        return CondaReading(None, frozenset(), list(error.problems))
    reader = _Reader(source)
    spec = reader.read()
    return CondaReading(spec, frozenset(reader.mentioned), [*source.problems, *reader.problems])


class _Reader:
    """Goes through the file once, noting problems."""

    def __init__(self, source: YamlSource) -> None:
        self.source = source
        self.problems: list[Problem] = []
        self.pythons: list[str] = []
        self.pip_path: KeyPath | None = None
        self.requirements: list[Requirement] = []
        self.mentioned: set[str] = set()

    def problem(self, number: int, what: str, path: KeyPath, fix: str) -> None:
        self.problems.append(Problem(f"TOC-CONDA-{number:03}", what, self.source.where(*path), fix))

    def read(self) -> CondaSpec | None:
        data: dict[str, Any] = self.source.data
        for key in data:
            self._top_key(key)
        name = data.get("name")
        if not isinstance(name, str) or not name.strip():
            said = (
                "the key `name` is missing"
                if "name" not in data
                else f"`name` is {shown(name)}; it must be text"
            )
            self.problem(10, f"{said}.", ("name",), "add a line such as `name: river-litter`.")
        channels = data.get("channels")
        if "channels" in data and not (
            isinstance(channels, list) and all(isinstance(item, str) for item in channels)
        ):
            self.problem(
                12,
                f"`channels` is {shown(channels)}; it must be a list of names.",
                ("channels",),
                "write `channels: [conda-forge]`.",
            )
        self._dependencies(data)
        if self.pip_path is None:
            return None
        python = self.pythons[0] if self.pythons else ""
        return CondaSpec(str(name or ""), python, tuple(self.requirements), self.source)

    def _top_key(self, key: str) -> None:
        if key in _KEYS:
            return
        if key == "prefix":
            self.problem(
                11, "`prefix` is a folder of the machine that exported the file.", (key,), "remove the line."
            )
        elif key == "pip":
            self.problem(
                13,
                "`pip` stands at the top of the file; conda reads it as an item of `dependencies`.",
                (key,),
                "move it: `dependencies: [python=3.11, pip, {pip: [...]}]`, each item on a line of its own "
                "with `- `.",
            )
        else:
            close = did_you_mean(key, _KEYS)
            fix = f"did you mean `{close}`?" if close else f"remove it; the keys here are {', '.join(_KEYS)}."
            self.problem(11, f"there is no key `{key}` at the top of a conda environment file.", (key,), fix)

    def _dependencies(self, data: dict[str, Any]) -> None:
        items = data.get("dependencies")
        if "dependencies" not in data:
            if not any(did_you_mean(key, _KEYS) == "dependencies" for key in data):
                self.problem(
                    10,
                    "the key `dependencies` is missing.",
                    (),
                    "add `dependencies:` with python=3.11, pip and a pip section.",
                )
            return
        if not isinstance(items, list):
            self.problem(
                12,
                f"`dependencies` is {shown(items)}; it must be a list.",
                ("dependencies",),
                "start each of its lines with `- `.",
            )
            return
        for index, item in enumerate(items):
            path: KeyPath = ("dependencies", index)
            if isinstance(item, dict):
                self._pip_section(item, path)
            elif isinstance(item, str):
                self._conda_package(item.strip(), path)
            else:
                self.problem(
                    12,
                    f"this dependency is {shown(item)}; it must be a package's name.",
                    path,
                    "write it as in `- python=3.11`.",
                )
        if not self.pythons and not any(problem.code == "TOC-CONDA-021" for problem in self.problems):
            self.problem(
                20,
                "no Python version is asked for.",
                ("dependencies",),
                "add `- python=3.11` (or 3.10, 3.12, 3.13).",
            )
        if self.pip_path is None and not any(problem.code == "TOC-CONDA-013" for problem in self.problems):
            self.problem(
                14,
                "there is no pip section: the packages that score are taken from there.",
                ("dependencies",),
                "add an item `- pip:` with the packages below it, each as `- package>=version`.",
            )

    def _conda_package(self, text: str, path: KeyPath) -> None:
        match = _CONDA_NAME.match(text)
        name = match[1].lower() if match else text
        if name == "python":
            self._python(text.partition("::")[2] or text, path)
        elif name != "pip":
            self.mentioned.add(_PYPI_NAMES.get(name, canonicalize_name(name)))
            self.problem(
                15,
                f"{name} is asked of conda; the scoring environment is made from PyPI packages alone.",
                path,
                _instead(name),
            )

    def _python(self, text: str, path: KeyPath) -> None:
        match = _PYTHON.match(text)
        supported = ", ".join(SUPPORTED_PYTHONS)
        if match is None:
            self.problem(
                21,
                f"`{text}` leaves open which Python scores; a lock and an image need one minor version.",
                path,
                f"name exactly one: python=3.11 (supported are {supported}).",
            )
            return
        version = f"{match[1]}.{match[2]}"
        if version not in SUPPORTED_PYTHONS:
            self.problem(
                21, f"Python {version} is not supported.", path, f"take one of {supported}: `python=3.11`."
            )
        elif self.pythons:
            self.problem(16, "python is asked for a second time.", path, "keep one of the two lines.")
        self.pythons.append(version)

    def _pip_section(self, item: dict[str, Any], path: KeyPath) -> None:
        for key, lines in item.items():
            place = (*path, key)
            if key != "pip":
                self.problem(
                    13,
                    f"`{key}:` is a section that conda does not know.",
                    place,
                    "only `pip:` has a section; write `- name=version` for a package.",
                )
            elif self.pip_path is not None:
                self.problem(16, "there is a second pip section.", place, "put all packages into the first.")
            else:
                self.pip_path = place
                if not isinstance(lines, list):
                    self.problem(
                        13,
                        f"the pip section is {shown(lines)}; it must be a list.",
                        place,
                        "write each package on a line of its own, with `- `.",
                    )
                    continue
                for index, line in enumerate(lines):
                    self._requirement(line, (*place, index))

    def _requirement(self, line: Any, path: KeyPath) -> None:
        if not isinstance(line, str):
            fix = "write each package as `- name>=version`."
            if isinstance(line, dict):
                self.mentioned.update(canonicalize_name(key) for key in line)
                fix = "remove the colon; write each package as `- name>=version`."
            self.problem(12, f"this requirement is {shown(line)}; it must be text.", path, fix)
            return
        text = line.strip()
        if leading := re.match(r"[A-Za-z0-9][\w.-]*", text):
            self.mentioned.add(canonicalize_name(leading[0]))
        if found := secrets.looks_like(text):
            self.problem(40, f"this line holds {found}.", path, secrets.FIX)
            return
        if problem := _unusable(text):
            self.problem(*problem[:2], path, problem[2])
            return
        try:
            parsed = ParsedRequirement(text)
        except InvalidRequirement as error:
            fix = "write it as in `numpy>=1.26,<2.3.3`."
            if match := _ONE_EQUALS.match(text):
                fix = f"pip wants two equals signs: `{match[1]}=={match[2]}`."
            reason = str(error).splitlines()[0]
            self.problem(22, f"`{text}` is not a requirement: {reason}.", path, fix)
            return
        name = canonicalize_name(parsed.name)
        for earlier in self.requirements:
            if earlier.name == name and (
                earlier.parsed.marker is None
                or parsed.marker is None
                or earlier.parsed.marker == parsed.marker
            ):
                self.problem(
                    16,
                    f"{name} stands here a second time; line {self.source.line(earlier.path)} has it "
                    "already.",
                    path,
                    "keep one line for each package.",
                )
                return
        parsed.name = name
        self.requirements.append(Requirement(name, str(parsed), parsed, path))


def _unusable(text: str) -> tuple[int, str, str] | None:
    """Why a line of the pip section cannot be locked with hashes; None when it can."""
    option = text.split()[0].split("=")[0] if text else ""
    if option in {"-e", "--editable"}:
        return (
            23,
            "an editable install is a folder of one machine; a lock needs a released package.",
            ("put the code into scoring/, or publish it as a package and name the released version."),
        )
    if option in {"-r", "--requirement", "-c", "--constraint"}:
        return (
            24,
            f"`{option}` brings in another file, which Azure ML would not find when it reads conda.yml.",
            ("write the packages themselves here."),
        )
    if text.startswith("-"):
        return (
            24,
            f"`{option}` is an option of pip; the lock works the same wherever packages come from.",
            (
                "remove the line; name an index to the machine, not the repository: export "
                "UV_INDEX=https://... "
                "(uv), PIP_EXTRA_INDEX_URL=https://... (Azure ML's image build)."
            ),
        )
    if _URL.search(text):
        kind = "a version control URL" if re.search(r"(?:git|hg|svn|bzr)\+", text) else "a URL"
        return (
            23,
            f"this requirement is {kind}, for which no hash can be locked: what it holds can change.",
            ("name a released version, as in `name==1.2.3`."),
        )
    if _PLACE.search(text):
        return (
            23,
            f"`{text}` is a file or folder; a lock needs a released package.",
            ("put the code into scoring/, or publish it as a package and name the released version."),
        )
    return None


_CUDA = "the PyPI packages bring it: `- tensorflow[and-cuda]` or `- onnxruntime-gpu` under `pip:`."
_PYPI_NAMES = {"opencv": "opencv-python-headless", "py-opencv": "opencv-python-headless"}
# conda's name -> what brings the same from PyPI, or why it is not needed.
_COUNTERPARTS = {
    "opencv": "write `- opencv-python-headless>=4.10` under `pip:`.",
    "py-opencv": "write `- opencv-python-headless>=4.10` under `pip:`.",
    "pytorch": "write `- torch` with its version under `pip:`.",
    "tensorflow-gpu": "write `- tensorflow[and-cuda]` with its version under `pip:`.",
    "cudatoolkit": _CUDA,
    "cuda-toolkit": _CUDA,
    "cudnn": _CUDA,
    "ffmpeg": "write `- imageio-ffmpeg` under `pip:`, which carries the program.",
    "libgl": "remove it: opencv-python-headless does not need it.",
    "mesalib": "remove it: opencv-python-headless does not need it.",
    "libopencv": "remove it: opencv-python-headless brings its own.",
    "pip-tools": "remove it: `nox -s lock` makes the lock.",
}


def _instead(name: str) -> str:
    known = _COUNTERPARTS.get(name)
    if known:
        return known
    return (
        f"move it under `pip:` as `- {name}` with its version; if PyPI has no such package (a library of "
        "the system, not of "
        "Python), it must come with the image, and no model repository of this tool can ask for it."
    )
