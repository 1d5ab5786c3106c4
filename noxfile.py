"""The project's own sessions. `python3 dev.py SESSION` runs one on a machine that has nothing but Python."""

import shutil
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "types", "tests"]

ROOT = Path(__file__).parent
LINTED = [
    "toc_build",
    "tests",
    "tools",
    "examples",
    "benchmarks",
    "cookiecutter-toc-model/hooks",
    "noxfile.py",
    "dev.py",
]


def install(session: nox.Session, *groups: str) -> None:
    """This checkout, editable, with all its extras, and dependency groups of pyproject.toml."""
    session.install("-e", ".[azure,docker,rehearsal]", *(f"--group={group}" for group in groups))


@nox.session
def demo(session: nox.Session) -> None:
    """Bake a model repository, fill in the river-litter detector, lock, test, deploy locally, score, draw."""
    session.install("-e", ".", "nox>=2025.5.1", "cookiecutter>=2.6,<3")
    session.run("python", "tools/demo.py", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """All tests: unit tests, then the end-to-end ones that bake, serve and score; two at a time."""
    install(session, "tests")
    if session.posargs:
        session.run("pytest", *session.posargs)
        return
    session.run("pytest", "-n", "2", "--dist", "loadfile", "-m", "not end_to_end")
    session.run(
        *("pytest", "-n", "2", "--dist", "loadgroup", "--durations=20"),
        *("-m", "end_to_end and not acceptance"),
    )


@nox.session(default=False)
def acceptance(session: nox.Session) -> None:
    """The longer proofs: aci and aks with the genuine SDK on rehearsed Azure, every fault, under load."""
    install(session, "tests")
    session.run("pytest", "-m", "acceptance", *session.posargs)


@nox.session(python=["3.10", "3.11", "3.12", "3.13"], default=False)
def tests_pythons(session: nox.Session) -> None:
    """The unit tests on every Python that toc-build supports (those that this machine has)."""
    install(session, "tests")
    session.run("pytest", "-n", "2", "--dist", "loadfile", "-m", "not end_to_end", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """ruff, and the order of imports that the design asks for."""
    install(session, "lint")
    linted = [place for place in LINTED if (ROOT / place).exists()]
    session.run("ruff", "check", *linted)
    session.run("ruff", "format", "--check", *linted)
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """mypy, strict."""
    install(session, "types")
    session.run("mypy")


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation as HTML in docs/_build, warnings being errors."""
    install(session, "docs")
    session.run("python", "tools/reference.py", "--check")
    session.run("sphinx-build", "-W", "--keep-going", "-b", "html", "docs", "docs/_build/html")


@nox.session(default=False)
def changelog(session: nox.Session) -> None:
    """Turn the fragments in changelog.d/ into a section of CHANGELOG.md: nox -s changelog -- 0.1.0."""
    if len(session.posargs) != 1:
        session.error("give the version: nox -s changelog -- 0.1.0")
    session.install("towncrier>=24.8")
    session.run("towncrier", "build", "--yes", "--version", session.posargs[0])


@nox.session(venv_backend="none", default=False)
def clean(_session: nox.Session) -> None:
    """Remove what sessions made in the checkout."""
    for name in (
        "docs/_build",
        "demo",
        ".mypy_cache",
        ".ruff_cache",
        ".pytest_cache",
        ".import_linter_cache",
    ):
        shutil.rmtree(ROOT / name, ignore_errors=True)


if __name__ == "__main__":
    sys.exit("run it with nox, or with: python3 dev.py SESSION")
