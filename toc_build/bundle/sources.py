"""Which files of a model repository belong in its bundle, and where they stand in it.

`assembly` calls `collect`. A source is a file on disk or bytes made on the spot; both are content only.

    code/         the files of the scoring script's folder, flat; scoring.json; toc_build/runtime/
    model/        the artifacts, with their relative paths
    environment/  requirements.lock and conda.yml
"""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

import pathspec

import toc_build.runtime
from toc_build.errors import BundleError, Problem
from toc_build.repository import Repository
from toc_build.runtime import ScoringSettings

IGNORE_FILE = ".amlignore"
SETTINGS_FILE = "scoring.json"
# What never belongs in a bundle, whatever the ignore file says: left by interpreters, editors and file
# managers.
ALWAYS_IGNORED = (
    "__pycache__/",
    "*.py[cod]",
    ".DS_Store",
    "Thumbs.db",
    ".git*",
    ".ipynb_checkpoints/",
    ".*_cache/",
    "*~",
    "*.sw[po]",
    ".#*",
)

Source = Path | bytes


def scoring_settings(repository: Repository) -> ScoringSettings:
    """What the runtime must know of `deploy.yml`."""
    config = repository.config
    return ScoringSettings(
        service=config.service.name,
        labels=tuple(config.model.labels),
        max_request_bytes=int(config.scoring.max_request_mb * 1_000_000),
        max_pixels=int(config.scoring.max_megapixels * 1_000_000),
        concurrency=config.scoring.concurrency,
    )


def collect(repository: Repository) -> dict[str, Source]:
    """Every file of the bundle: path in the bundle -> where its contents come from.

    Raises:
        BundleError: two files want the same place, a link leads nowhere, a thing is not a regular file,
            or a user's file stands where the runtime must be.
    """
    ignored = _ignore_rules(repository.root)
    sources: dict[str, Source] = {}
    problems: list[Problem] = []

    def add(path: str, source: Source) -> None:
        path = unicodedata.normalize("NFC", path)
        if path in sources:
            problems.append(
                Problem(
                    "TOC-BUNDLE-004",
                    f"two files would stand at {path} in the bundle.",
                    where=str(source) if isinstance(source, Path) else None,
                    fix="rename one; `scoring.json` and the folder `toc_build/` are the tool's own.",
                )
            )
        sources[path] = source

    add(f"code/{SETTINGS_FILE}", scoring_settings(repository).to_json().encode())
    runtime = Path(toc_build.runtime.__file__).parent
    for file in _walk(runtime, runtime, _rules(ALWAYS_IGNORED), problems):
        if file.suffix == ".py":
            add(f"code/toc_build/runtime/{file.relative_to(runtime).as_posix()}", file)
    for folder, place in ((repository.scoring_dir, "code"), (repository.model_dir, "model")):
        for file in _walk(folder, repository.root, ignored, problems):
            add(f"{place}/{file.relative_to(folder).as_posix()}", file)
    add("environment/requirements.lock", repository.lock_path)
    add("environment/conda.yml", repository.conda_path)
    if problems:
        raise BundleError.collect(problems)
    return sources


def _rules(patterns: Iterable[str]) -> pathspec.GitIgnoreSpec:
    return pathspec.GitIgnoreSpec.from_lines(patterns)


def _ignore_rules(root: Path) -> pathspec.GitIgnoreSpec:
    """The ignore file's rules, and ours after them so that no `!` brings a cache back.

    Raises:
        BundleError: it cannot be read, or a line of it is no pattern.
    """
    try:
        lines = (root / IGNORE_FILE).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        lines = []
    except (OSError, UnicodeDecodeError) as error:
        reason = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise BundleError(
            f"{IGNORE_FILE} cannot be read: {reason}.",
            code="TOC-BUNDLE-010",
            where=IGNORE_FILE,
            fix="make it a text file of one pattern a line, as .gitignore is.",
        ) from None
    for number, line in enumerate(lines, start=1):
        try:
            _rules([line])
        except ValueError:
            raise BundleError(
                f"{line.strip()!r} is no pattern.",
                code="TOC-BUNDLE-010",
                where=f"{IGNORE_FILE}:{number}",
                fix="write it as in a .gitignore, or delete the line.",
            ) from None
    return _rules([*lines, *ALWAYS_IGNORED])


def _walk(
    folder: Path, root: Path, ignored: pathspec.GitIgnoreSpec, problems: list[Problem]
) -> Iterator[Path]:
    """The regular files below `folder`; links are followed, for a bundle holds contents, never links.

    Ignore rules see paths relative to `root`.
    """
    inside = [folder.resolve()]  # the real folders from the top down to here: one of them again is a loop

    def unreadable(path: Path, reason: str | None) -> None:
        shown = os.path.relpath(path, root).replace(os.sep, "/").encode("utf-8", "backslashreplace").decode()
        problems.append(
            Problem(
                "TOC-BUNDLE-005",
                f"{shown} cannot be read: {reason}.",
                where=shown,
                fix="mend, rename or delete the link or file, or name it in .amlignore.",
            )
        )

    def visit(here: Path) -> Iterator[Path]:
        try:
            paths = sorted(here.iterdir(), key=lambda path: path.name)
        except OSError as error:
            unreadable(here, error.strerror)
            return
        for path in paths:
            relative = os.path.relpath(path, root).replace(os.sep, "/")
            if ignored.match_file(relative):
                continue
            try:
                relative.encode()
                mode = path.stat().st_mode
            except UnicodeEncodeError:
                unreadable(path, "its name is not UTF-8")
                continue
            except OSError as error:
                unreadable(path, error.strerror)
                continue
            if stat.S_ISDIR(mode):
                real = path.resolve()
                if ignored.match_file(f"{relative}/") or real in inside:
                    continue
                inside.append(real)
                yield from visit(path)
                inside.pop()
            elif stat.S_ISREG(mode):
                yield path
            else:
                problems.append(
                    Problem(
                        "TOC-BUNDLE-006",
                        f"{relative} is not a regular file.",
                        where=relative,
                        fix="delete it, or name it in .amlignore.",
                    )
                )

    yield from visit(folder)
