"""The model repository as the rest sees it: `load(folder)` reads, checks and gives a `Repository`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from toc_build.errors import Problem, RepositoryError
from toc_build.repository import contents, references, secrets
from toc_build.repository.conda import CondaReading, CondaSpec, read_conda
from toc_build.repository.conda_rules import package_problems
from toc_build.repository.problems import admits_text, section_at, translate
from toc_build.repository.schema import DeployConfig
from toc_build.repository.section import Section
from toc_build.repository.yaml_source import AmbiguousText, KeyPath, OddScalar, YamlSource, read_yaml

DEPLOY_FILE = "deploy.yml"
_REFERENCES_ADMITTED = ("azure", "targets")
SectionT = TypeVar("SectionT", bound=Section)


@dataclass(frozen=True)
class Repository:
    """One model's folder, read and found in order.

    Attributes:
        root: the folder, absolute.
        config: what `deploy.yml` says.
        conda: what `conda.yml` asks for.
        source: `deploy.yml` with its lines, for messages.
    """

    root: Path
    config: DeployConfig
    conda: CondaSpec
    source: YamlSource = field(repr=False, compare=False)

    @property
    def name(self) -> str:
        """The service's name."""
        return self.config.service.name

    @property
    def deploy_path(self) -> Path:
        """The file `deploy.yml`."""
        return self.root / DEPLOY_FILE

    @property
    def script(self) -> Path:
        """The scoring script."""
        return self.root / self.config.scoring.script

    @property
    def scoring_dir(self) -> Path:
        """The folder of the scoring script: the scoring code."""
        return self.script.parent

    @property
    def model_dir(self) -> Path:
        """The folder of the artifacts."""
        return self.root / self.config.model.path

    @property
    def conda_path(self) -> Path:
        """The conda environment file."""
        return self.root / self.config.environment.conda

    @property
    def lock_path(self) -> Path:
        """The lock; it may not exist yet."""
        return self.root / self.config.environment.lock

    @property
    def samples_dir(self) -> Path:
        """The folder of the sample images."""
        return self.root / self.config.samples.path

    def where(self, *path: str | int) -> str:
        """The place of a key for a message: `deploy.yml:12 targets -> aks -> cpu_cores`."""
        return self.source.where(*path)

    def resolve(self, section: SectionT, *, environ: Mapping[str, str] | None = None) -> SectionT:
        """A section of `config` with every `${VARIABLE}` replaced, checked again.

        Args:
            section: `config.azure`, or one of `config.targets`.
            environ: the environment; that of this process by default.

        Raises:
            RepositoryError: variables are not set, or what they hold is not admitted there.
            ValueError: `section` is not a part of this repository's `config`.
        """
        path = _path_of(section, self.config)
        raw = section.model_dump(exclude_unset=True)
        problems = [
            problem
            for place, text in references.texts(raw)
            for problem in references.unset(text, where=self.where(*path, *place), environ=environ)
        ]
        if problems:
            raise RepositoryError.collect(problems)
        try:
            return type(section).model_validate(_replaced(raw, environ))
        except ValidationError as error:
            # A variable's value may be a secret by mistake: it is never shown.
            found = translate(error, self.source, below=path, show=lambda _: "a value from the environment")
            raise RepositoryError.collect(problem for _, problem in found) from None


def load(path: str | os.PathLike[str] = ".", *, check_folder: bool = True) -> Repository:
    """Reads a model repository and checks it, offline; environment variables need not be set.

    Args:
        path: its folder, or its `deploy.yml`.
        check_folder: also look whether script, artifacts and samples are there.

    Raises:
        RepositoryError: everything that is wrong with `deploy.yml`, `conda.yml` and the folder, collected.
    """
    root = _find_root(Path(os.path.abspath(Path(path).expanduser())))  # noqa: PTH100 - keeps links as they are
    problems: list[Problem] = []
    config: DeployConfig | None = None
    source: YamlSource | None = None
    try:
        source = read_yaml(root / DEPLOY_FILE, name=DEPLOY_FILE, area="DEPLOY")
        config, problems = _read_config(source)
    except RepositoryError as error:
        problems = list(error.problems)
    settings = _Settings(source, problems)
    reading = _conda_reading(root, settings)
    problems += reading.problems
    if source is not None:
        problems += contents.folder_problems(root, settings.get, source, whole=check_folder)
    if problems or config is None or source is None or reading.spec is None:
        raise RepositoryError.collect(problems)
    return Repository(root, config, reading.spec, source)


def _conda_reading(root: Path, settings: _Settings) -> CondaReading:
    """What the conda file says; nothing where deploy.yml does not say which file that is."""
    name = settings.get("environment", "conda") or (None if settings.known else "conda.yml")
    if name is None:
        return CondaReading(None, frozenset(), [])
    if (root / name).exists():
        reading = read_conda(root / name, name=name)
        if reading.spec is not None:
            framework = settings.get("model", "framework")
            reading.problems.extend(package_problems(reading.spec, framework, reading.mentioned))
        return reading
    if not settings.known:
        return CondaReading(None, frozenset(), [])
    missing = Problem(
        "TOC-REPO-009",
        f"the conda environment file {name} does not exist.",
        settings.where("environment", "conda"),
        "write it, or name it in deploy.yml: environment -> conda.",
    )
    return CondaReading(None, frozenset(), [missing])


def _find_root(path: Path) -> Path:
    """The folder that holds `deploy.yml`."""
    if path.name == DEPLOY_FILE and path.is_file():
        path = path.parent
    try:
        (path / DEPLOY_FILE).lstat()
    except OSError as error:
        found = error
    else:
        return path
    if isinstance(found, PermissionError):
        raise RepositoryError(
            f"{path} cannot be read: {found.strerror}.",
            code="TOC-REPO-002",
            where=str(path),
            fix="make it readable for you.",
        ) from None
    above = next((folder for folder in path.parents if (folder / DEPLOY_FILE).is_file()), None)
    below = sorted(item.parent.name for item in path.glob(f"*/{DEPLOY_FILE}"))[:5] if path.is_dir() else []
    fix = "go into a model repository, or name it with --repository; cookiecutter bakes a new one."
    if not path.exists():
        fix = "check the path."
    elif above:
        fix = f"{above} has one: go there, or name it with --repository."
    elif below:
        fix = f"name one of {', '.join(below)} with --repository."
    what = f"there is no {DEPLOY_FILE} in {path}" if path.is_dir() else f"{path} is not a folder"
    raise RepositoryError(
        f"{what}, so this is no model repository.", code="TOC-REPO-001", where=str(path), fix=fix
    )


def _read_config(source: YamlSource) -> tuple[DeployConfig | None, list[Problem]]:
    """The settings, or None; and all that is wrong with them, by line."""
    found: dict[KeyPath, list[Problem]] = {}
    for path, problem in _text_problems(source):
        found.setdefault(path, []).append(problem)
    config = None
    try:
        config = DeployConfig.model_validate(_plain(source.data))
    except ValidationError as error:
        hidden = set(found)  # one problem for one value, and never the text of a secret
        for path, problem in translate(error, source):
            if path not in hidden and not any(path[: len(place)] == place for place in hidden):
                found.setdefault(path, []).append(problem)
    problems = [problem for path in sorted(found, key=source.line) for problem in found[path]]
    return (None if problems else config), [*source.problems, *problems]


def _text_problems(source: YamlSource) -> Iterator[tuple[KeyPath, Problem]]:
    """What is wrong with texts whatever the schema says: secrets, references, ambiguous words."""
    for path, key in _keys(source.data):
        known = section_at(path[:-1])
        if (known is None or key not in known.model_fields) and secrets.named_like_secret(key):
            yield (
                path,
                Problem(
                    "TOC-DEPLOY-024",
                    f"`{key}` names a secret, and deploy.yml is kept in git.",
                    source.where(*path),
                    secrets.FIX,
                ),
            )
    for path, text in references.texts(source.data):
        where = source.where(*path)
        if kind := secrets.looks_like(text):
            yield (
                path,
                Problem(
                    "TOC-DEPLOY-024",
                    f"the value holds {kind}, and deploy.yml is kept in git.",
                    where,
                    secrets.FIX,
                ),
            )
        elif path[0] in _REFERENCES_ADMITTED and (mistake := references.syntax_mistake(text)):
            yield path, Problem("TOC-DEPLOY-022", f"{mistake}.", where, "write it as in ${AZURE_WORKSPACE}.")
        elif path[0] not in _REFERENCES_ADMITTED and references.variables(text):
            yield (
                path,
                Problem(
                    "TOC-DEPLOY-025",
                    "a ${VARIABLE} is not looked up here, only under `azure` and `targets`.",
                    where,
                    "write the value itself.",
                ),
            )
        elif isinstance(text, (AmbiguousText, OddScalar)) and admits_text(path):
            taken = "true or false" if isinstance(text, AmbiguousText) else "a date or a number"
            yield (
                path,
                Problem(
                    "TOC-DEPLOY-016",
                    f"{text} stands without quotes; some readers of YAML take it for {taken}.",
                    where,
                    f'put it in quotes: "{text}".',
                ),
            )


def _keys(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield (*path, key), key
            yield from _keys(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _keys(item, (*path, index))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, str) else value


class _Settings:
    """Single settings of a file that may be wrong elsewhere."""

    def __init__(self, source: YamlSource | None, problems: list[Problem]) -> None:
        self.known = source is not None
        self._source = source or YamlSource(DEPLOY_FILE)
        self._wrong = {problem.where for problem in problems}

    def where(self, *path: str) -> str:
        """The place of a setting, or of the nearest part of it that is there."""
        return self._source.where(*path)

    def get(self, section: str, key: str) -> str | None:
        """A text of the file, its default where it is left out, None where it cannot be known."""
        cls = section_at((section,))
        values = self._source.data.get(section) if isinstance(self._source.data, dict) else None
        if not self.known or cls is None or {self.where(section), self.where(section, key)} & self._wrong:
            return None
        if values is None or (isinstance(values, dict) and key not in values):
            default = cls.model_fields[key].default
            return default if isinstance(default, str) else None
        value = values[key] if isinstance(values, dict) else None
        return str(value) if isinstance(value, str) else None


def _path_of(section: Section, config: Section, path: KeyPath = ()) -> KeyPath:
    """The key path of a section within the config."""
    for name in type(config).model_fields:
        value = getattr(config, name)
        if value is section:
            return (*path, name)
        if isinstance(value, Section):
            try:
                return _path_of(section, value, (*path, name))
            except ValueError:
                continue
    raise ValueError("the section is not a part of this repository's deploy.yml")


def _replaced(value: Any, environ: Mapping[str, str] | None) -> Any:
    if isinstance(value, str):
        return references.resolve(value, environ=environ)
    if isinstance(value, dict):
        return {key: _replaced(item, environ) for key, item in value.items()}
    return value
