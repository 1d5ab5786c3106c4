"""The nox sessions of a model repository: its noxfile is a header and `from toc_build.sessions import *`.

Every session that needs the tool runs `python -m toc_build` in the interpreter that runs nox, which the
noxfile's header has given this very toc-build; what stands behind `--` goes to the command as it is. Bare
`nox` lints and tests, and never deploys.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import nox

__all__ = [
    *(
        "build",
        "delete",
        "deploy_aci",
        "deploy_aks",
        "deploy_local",
        "doctor",
        "env",
        "history",
        "lint",
        "lock",
        "logs",
        "plan",
        "rollback",
        "score",
    ),
    *("serve", "smoke", "status", "test"),
]

RUFF = "ruff>=0.9,<1"
# nox gives a session 0.3 s after Ctrl-C; ending a server gracefully may take longer.
GRACE_SECONDS = 20.0

nox.needs_version = ">=2025.5.1"
nox.options.sessions = ["lint", "test"]
nox.options.reuse_venv = "yes"
nox.options.default_venv_backend = "uv|virtualenv"


def _toc_build(session: nox.Session, *command: str, success_codes: Sequence[int] = (0,)) -> None:
    session.run(
        sys.executable,
        "-m",
        "toc_build",
        *command,
        *session.posargs,
        external=True,
        success_codes=success_codes,
        interrupt_timeout=GRACE_SECONDS,
        terminate_timeout=GRACE_SECONDS,
    )


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff on the code; deploy.yml, conda.yml, samples and lock read for mistakes."""
    session.install(RUFF)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run(sys.executable, "-m", "toc_build", "validate", external=True)


@nox.session(venv_backend="none")
def test(session: nox.Session) -> None:
    """tests/ in the scoring environment, then the contract over HTTP. Behind `--`: pytest's options."""
    _toc_build(session, "test")


@nox.session(venv_backend="none")
def lock(session: nox.Session) -> None:
    """requirements.lock from conda.yml: exact versions with hashes. `-- --upgrade`: the newest."""
    _toc_build(session, "lock")


@nox.session(venv_backend="none")
def build(session: nox.Session) -> None:
    """The container image, without a container engine. Behind `--`: --archive FILE, --load, --dockerfile."""
    _toc_build(session, "build")


@nox.session(venv_backend="none")
def serve(session: nox.Session) -> None:
    """The scorer in the foreground; saving a file puts the new code in place."""
    _toc_build(session, "serve")


@nox.session(venv_backend="none")
def doctor(session: nox.Session) -> None:
    """What will go wrong later, found offline. `-- --fix`: mends what is safe to mend."""
    _toc_build(session, "doctor")


@nox.session(venv_backend="none")
def plan(session: nox.Session) -> None:
    """What a deploy would change, and what may go wrong: -- --target local."""
    # 10 says that changes are pending: no failure of the session.
    _toc_build(session, "plan", success_codes=[0, 10])


@nox.session(venv_backend="none")
def deploy_local(session: nox.Session) -> None:
    """The scorer as a background service on this machine; again: the new version in place of the old."""
    _toc_build(session, "deploy", "--target", "local")


@nox.session(venv_backend="none")
def deploy_aci(session: nox.Session) -> None:
    """One container in Azure; needs a passing test. Offline: toc-build rehearse -- nox -s deploy_aci."""
    _toc_build(session, "deploy", "--target", "aci")


@nox.session(venv_backend="none")
def deploy_aks(session: nox.Session) -> None:
    """The cluster that is attached to the Azure ML workspace. `-- --canary 10`: a tenth of the traffic."""
    _toc_build(session, "deploy", "--target", "aks")


@nox.session(venv_backend="none")
def score(session: nox.Session) -> None:
    """Post images and print the detections: -- samples/*.png --draw drawn/."""
    _toc_build(session, "score")


@nox.session(venv_backend="none")
def smoke(session: nox.Session) -> None:
    """The contract over HTTP against the service that runs: -- --target local."""
    _toc_build(session, "smoke")


@nox.session(venv_backend="none")
def status(session: nox.Session) -> None:
    """What runs, where, from which digest."""
    _toc_build(session, "status")


@nox.session(venv_backend="none")
def logs(session: nox.Session) -> None:
    """What the scorer wrote. `-- --follow`: and goes on to write."""
    _toc_build(session, "logs")


@nox.session(venv_backend="none")
def history(session: nox.Session) -> None:
    """What was deployed where and when, and how it ended."""
    _toc_build(session, "history")


@nox.session(venv_backend="none")
def rollback(session: nox.Session) -> None:
    """The version before that which answers, put back. `-- --to N`: that of deployment N."""
    _toc_build(session, "rollback")


@nox.session(venv_backend="none")
def delete(session: nox.Session) -> None:
    """Stop the service and remove what it left."""
    _toc_build(session, "delete")


@nox.session(venv_backend="none")
def env(session: nox.Session) -> None:
    """The scoring environments in the cache: -- list, -- path, -- prune."""
    _toc_build(session, "env")
