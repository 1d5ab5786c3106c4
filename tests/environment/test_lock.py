"""Making and checking requirements.lock with the real uv, on an index of small wheels."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.repository_files import CONDA, write_repository
from support.repository_wheels import write_index, write_wheel

from toc_build.environment import check_lock, lock
from toc_build.environment.lock_file import read_lock
from toc_build.errors import EnvironmentBuildError, Problem
from toc_build.repository import Repository, load

Make = Callable[..., Repository]


def versions(path: Path) -> dict[str, str]:
    return {pin.name: pin.version for pin in read_lock(path.read_text()).pins}


def refusal(action: Callable[[], object]) -> Problem:
    with pytest.raises(EnvironmentBuildError) as raised:
        action()
    assert len(raised.value.problems) == 1
    problem = raised.value.problems[0]
    assert problem.where
    assert problem.fix
    return problem


def leftovers(repository: Repository) -> list[str]:
    return sorted(path.name for path in repository.root.glob(".*"))


def test_lock(wheelhouse: Path, repository: Repository) -> None:
    said: list[str] = []
    path = lock(repository, progress=said.append)
    assert path == repository.lock_path
    assert versions(path) == {
        "azureml-inference-server-http": "1.5.1",
        "numpy": "2.3.2",
        "opencv-python-headless": "4.12.0",
        "tensorflow-cpu": "2.21.0",
    }
    text = path.read_text()
    assert all(pin.hashes for pin in read_lock(text).pins)
    assert "nox -s lock" in text
    assert any("Resolved" in line for line in said)
    assert leftovers(repository) == []
    check_lock(repository)


def test_lock_names_no_index_and_no_folder_of_this_machine(wheelhouse: Path, repository: Repository) -> None:
    text = lock(repository).read_text()
    assert not re.search(
        r"https?:|file:|/tmp|toc-build-lock|index-url|" + re.escape(str(wheelhouse.parent)), text
    )
    assert "# via conda.yml" in text


def test_same_requirements_in_another_folder_and_order_give_the_same_lock(
    wheelhouse: Path, make_repository: Make
) -> None:
    one = lock(make_repository()).read_bytes()
    moved = make_repository(
        "      - numpy>=1.26,<2.3.3\n", "", "  - pip:\n", "  - pip:\n      - numpy<2.3.3,>=1.26\n", name="b"
    )
    assert lock(moved).read_bytes() == one


def test_pins_are_kept_until_an_upgrade_is_asked_for(wheelhouse: Path, repository: Repository) -> None:
    lock(repository)
    write_wheel(wheelhouse, "tensorflow-cpu", "2.22.0", requires=("numpy",))
    write_index(wheelhouse)
    assert versions(lock(repository))["tensorflow-cpu"] == "2.21.0"
    assert versions(lock(repository, upgrade=True))["tensorflow-cpu"] == "2.22.0"


def test_a_pin_that_no_longer_fits_is_moved(wheelhouse: Path, make_repository: Make) -> None:
    lock(make_repository())
    changed = make_repository("<2.3.3", "<2.3.2")
    assert refusal(lambda: check_lock(changed)).code == "TOC-LOCK-004"
    assert versions(lock(changed))["numpy"] == "2.3.1"
    check_lock(changed)


def test_hashes_of_a_tampered_lock_are_not_kept(wheelhouse: Path, repository: Repository) -> None:
    path = lock(repository)
    good = path.read_text()
    path.write_text(re.sub(r"sha256:[0-9a-f]{64}", "sha256:" + "0" * 64, good))
    assert lock(repository).read_text() == good


def test_a_lock_full_of_conflict_markers_can_be_made_anew(wheelhouse: Path, repository: Repository) -> None:
    path = lock(repository)
    good = path.read_text()
    path.write_text("<<<<<<< ours\n" + good + "=======\nnonsense here\n>>>>>>> theirs\n")
    assert lock(repository).read_text() == good


def test_nothing_fits(wheelhouse: Path, make_repository: Make) -> None:
    repository = make_repository("numpy>=1.26,<2.3.3", "numpy>=3,<4")
    problem = refusal(lambda: lock(repository))
    assert problem.code == "TOC-LOCK-024"
    assert problem.where == "conda.yml:3"
    assert "numpy>=3,<4" in (problem.details or "")
    assert not repository.lock_path.exists()
    assert leftovers(repository) == []


def test_package_that_does_not_exist(wheelhouse: Path, make_repository: Make) -> None:
    repository = make_repository("      - numpy", "      - no-such-package\n      - numpy")
    problem = refusal(lambda: lock(repository))
    assert problem.code == "TOC-LOCK-027"
    assert "no-such-package" in problem.what


def test_failed_lock_leaves_the_old_one(wheelhouse: Path, make_repository: Make) -> None:
    path = lock(make_repository())
    before = path.read_bytes()
    refusal(lambda: lock(make_repository("numpy>=1.26,<2.3.3", "numpy>=3,<4")))
    assert path.read_bytes() == before


def test_no_network(
    wheelhouse: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch, free_tcp_port: int
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://me:hunter2@127.0.0.1:{free_tcp_port}/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    problem = refusal(lambda: lock(repository))
    assert problem.code == "TOC-LOCK-021"
    assert "could not be reached" in problem.what
    assert "127.0.0.1" in (problem.details or "")
    assert "hunter2" not in str(problem)
    assert not repository.lock_path.exists()


def test_offline(wheelhouse: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://index.invalid/simple")
    monkeypatch.setenv("UV_OFFLINE", "1")
    assert refusal(lambda: lock(repository)).code == "TOC-LOCK-021"


def test_cache_of_uv_that_cannot_be_written(
    wheelhouse: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "file" / "cache"))
    problem = refusal(lambda: lock(repository))
    assert problem.code == "TOC-LOCK-023"
    assert "UV_CACHE_DIR" in (problem.fix or "")


def test_lock_that_cannot_be_written(wheelhouse: Path, tmp_path: Path) -> None:
    from support.repository_files import DEPLOY

    deploy = DEPLOY.replace("lock: requirements.lock", "lock: conda.yml/requirements.lock")
    conda = CONDA.replace("3.11", f"{sys.version_info.major}.{sys.version_info.minor}")
    repository = load(write_repository(tmp_path / "r", deploy=deploy, conda=conda))
    assert refusal(lambda: lock(repository)).code == "TOC-LOCK-011"


def test_azureml_defaults_that_fell_back_is_refused(wheelhouse: Path, make_repository: Make) -> None:
    write_wheel(wheelhouse, "drifting", "1.0", requires=("numpy>=2.4", "azureml-defaults"))
    write_index(wheelhouse)
    repository = make_repository("numpy>=1.26,<2.3.3", "numpy>=1.26\n      - drifting")
    problem = refusal(lambda: lock(repository))
    assert problem.code == "TOC-LOCK-010"
    assert "azureml-defaults 1.0.85.1" in problem.what
    assert "azureml-defaults>=1.62" in (problem.fix or "")
    assert not repository.lock_path.exists()


def test_azureml_defaults_with_a_floor_is_locked(wheelhouse: Path, make_repository: Make) -> None:
    repository = make_repository(
        "azureml-inference-server-http>=1.5,<2", "azureml-defaults>=1.62", "numpy>=1.26,<2.3.3", "numpy"
    )
    found = versions(lock(repository))
    assert (found["azureml-defaults"], found["numpy"]) == ("1.62.0", "2.3.2")


def test_missing_lock(repository: Repository) -> None:
    problem = refusal(lambda: check_lock(repository))
    assert (problem.code, problem.where) == ("TOC-LOCK-001", "requirements.lock")
    assert "nox -s lock" in (problem.fix or "")


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (r"numpy==2.3.2", "numpy==2.3.1", "TOC-LOCK-006"),
        (r"# inputs: .*\n", "", "TOC-LOCK-003"),
        (r"# pins: .*\n", "", "TOC-LOCK-006"),
        (r" \\\n    --hash=\S+", "", "TOC-LOCK-005"),
        (r"(inputs: sha256:)\w{4}", r"\g<1>abcd", "TOC-LOCK-004"),
        (r"(numpy==)", r"<<<<<<< ours\n\1", "TOC-LOCK-006"),
    ],
)
def test_lock_that_was_changed(
    wheelhouse: Path, repository: Repository, old: str, new: str, code: str
) -> None:
    path = lock(repository)
    text = re.sub(old, new, path.read_text())
    assert text != path.read_text()
    path.write_text(text)
    problem = refusal(lambda: check_lock(repository))
    assert problem.code == code
    assert "nox -s lock" in (problem.fix or "")


def test_lock_that_is_no_text(repository: Repository) -> None:
    repository.lock_path.write_bytes(b"\xff\xfe")
    assert refusal(lambda: check_lock(repository)).code == "TOC-LOCK-002"


def test_check_runs_no_program(
    wheelhouse: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock(repository)

    def fail(*arguments: object, **options: object) -> None:
        raise AssertionError("a program was started")

    monkeypatch.setattr("subprocess.Popen", fail)
    check_lock(repository)


def test_another_python_makes_the_lock_stale(
    wheelhouse: Path, repository: Repository, make_repository: Make
) -> None:
    lock(repository)
    version = repository.conda.python
    other = "3.12" if version != "3.12" else "3.13"
    changed = make_repository(f"python={version}", f"python={other}")
    assert refusal(lambda: check_lock(changed)).code == "TOC-LOCK-004"


@pytest.mark.end_to_end
@pytest.mark.parametrize("server", ["azureml-inference-server-http>=1.5,<2", "azureml-defaults>=1.62"])
def test_real_requirements(tmp_path: Path, server: str) -> None:
    conda = CONDA.replace("azureml-inference-server-http>=1.5,<2", server)
    repository = load(write_repository(tmp_path / "r", conda=conda))
    found = versions(lock(repository))
    assert found["azureml-inference-server-http"].startswith("1.")
    assert found["numpy"] < "2.3.3"
    check_lock(repository)
