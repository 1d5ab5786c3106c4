"""Six wrong turns of a newcomer: each ends in one clear paragraph, and leaves nothing half-made."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.model_repository import write_model_repository
from support.shell import Run

pytestmark = pytest.mark.end_to_end

TEMPLATE = Path(__file__).parents[2] / "cookiecutter-toc-model"


def everything_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_one_paragraph(done: subprocess.CompletedProcess[str], code: str, *words: str) -> None:
    """A user's error: exit status 2, its code once, the words that help, no traceback."""
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("error TOC-") == 1, done.stderr
    assert code in done.stderr
    assert "what to do:" in done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


def test_bake_into_an_existing_folder(baked: Callable[..., Path]) -> None:
    repository = baked(framework="custom")
    (repository / "scoring" / "detector.py").write_text("# a day's work\n")
    before = everything_in(repository)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "cookiecutter",
            str(TEMPLATE),
            "--no-input",
            "-o",
            str(repository.parent),
            "framework=custom",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "exists" in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    assert everything_in(repository) == before


def test_no_interpreter_of_the_asked_version(model_repository: Path, shell: Run, tmp_path: Path) -> None:
    """On a machine whose only Python is the one that runs the tool, and where none can be downloaded."""
    other = "3.13" if sys.version_info[:2] != (3, 13) else "3.10"
    write_model_repository(model_repository, python=other)
    (tmp_path / "bin").mkdir()
    before = everything_in(model_repository)
    done = shell(
        model_repository,
        *("toc_build", "test"),
        check=False,
        PATH=str(tmp_path / "bin"),
        HOME=str(tmp_path),
        PYENV_ROOT=str(tmp_path / "pyenv"),
        UV_PYTHON_DOWNLOADS="never",
        UV_PYTHON_INSTALL_DIR=str(tmp_path / "pythons"),
        UV_NO_MANAGED_PYTHON="1",
    )
    assert_one_paragraph(done, "TOC-ENV-", other)
    after = everything_in(model_repository)
    after.pop("requirements.lock", None)  # whole, if it could be made before the interpreter was missed
    assert after == before


def test_no_network_on_the_first_lock(model_repository: Path, shell: Run, tmp_path: Path) -> None:
    before = everything_in(model_repository)
    done = shell(
        model_repository,
        *("toc_build", "test"),
        check=False,
        UV_DEFAULT_INDEX="http://127.0.0.1:9/simple",
        UV_CACHE_DIR=str(tmp_path / "uv"),
        UV_FIND_LINKS="",
        UV_HTTP_TIMEOUT="2",
    )
    assert_one_paragraph(done, "TOC-LOCK-", "conda.yml")
    assert everything_in(model_repository) == before


def test_port_taken(baked: Callable[..., Path], shell: Run) -> None:
    repository = baked(framework="custom")
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        done = shell(repository, "toc_build", "deploy", "--port", str(port), check=False)
        assert_one_paragraph(done, "TOC-LOCAL-", str(port), str(os.getpid()), "--port")
    status = json.loads(shell(repository, "toc_build", "status", "--json").stdout)
    assert status["state"] == "failed"
    assert status["pid"] is None
    assert str(port) in status["detail"]


def test_missing_weights(baked: Callable[..., Path], shell: Run) -> None:
    repository = baked(framework="custom")
    shutil.rmtree(repository / "model")
    done = shell(repository, "toc_build", "deploy", check=False)
    assert_one_paragraph(done, "TOC-REPO-", "model")


def test_read_only_home(model_repository: Path, shell: Run) -> None:
    """Nowhere to write a cache: /proc takes no folders, not even root's."""
    before = everything_in(model_repository)
    done = shell(
        model_repository,
        *("toc_build", "test"),
        check=False,
        HOME="/proc",
        XDG_CACHE_HOME="/proc",
        TOC_BUILD_CACHE_DIR="",
    )
    assert done.returncode == 2
    assert "TOC_BUILD_CACHE_DIR" in done.stderr
    assert "Traceback" not in done.stderr
    after = everything_in(model_repository)
    after.pop("requirements.lock", None)
    assert after == before
