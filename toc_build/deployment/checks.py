"""Tests a model repository: its own tests, and the contract over HTTP, side by side.

The server that the contract talks to starts while pytest runs, so that the whole costs little more than the
longer of the two. A bundle that passes everything gets a test record; one that fails loses the one it had.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from toc_build.bundle.assembly import describe
from toc_build.bundle.sources import scoring_settings
from toc_build.console import Console
from toc_build.deployment.prepare import Prepared, read_samples
from toc_build.deployment.progress import draw
from toc_build.deployment.records import TestRecord, delete_test_record, write_test_record
from toc_build.deployment.scoring_client import authorization
from toc_build.environment import ensure_test_tools
from toc_build.errors import UserError
from toc_build.repository import Repository
from toc_build.targets.registry import local_target

if TYPE_CHECKING:
    from toc_build.contract import ContractReport

# pytest lies behind the scoring environment's own packages, which therefore stay exactly those of the lock.
_NOTHING_RAN = {4, 5}  # pytest's exit codes for a wrong argument and for no test: neither says anything
_RUN_PYTEST = "import sys; sys.path.append(sys.argv.pop(1)); import pytest; sys.exit(pytest.main())"
_NO_TESTS_COLLECTED = 5


@dataclass(frozen=True)
class Outcome:
    """What testing found.

    Attributes:
        digest: of the bundle that was tested; None when it is not known what answered.
        pytest_status: pytest's exit status; None when it was not run.
        contract: the contract's report; None when it was not run.
        recorded: whether the digest has a test record now.
    """

    digest: str | None
    pytest_status: int | None
    contract: ContractReport | None
    recorded: bool = False

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        tests = self.pytest_status in (None, 0, _NO_TESTS_COLLECTED)
        return tests and (self.contract is None or self.contract.passed)


def check(
    prepared: Prepared,
    *,
    console: Console,
    pytest_arguments: Sequence[str] = (),
    run_tests: bool = True,
    run_contract_cases: bool = True,
    tests_output: TextIO | None = None,
) -> Outcome:
    """Tests the prepared repository and keeps the record of it.

    Only a whole run counts: with arguments for pytest, or one half left out, nothing is recorded.

    Args:
        prepared: what is tested.
        console: draws the steps.
        pytest_arguments: passed on.
        run_tests: run the repository's own tests.
        run_contract_cases: run the contract.
        tests_output: where pytest writes; this process's standard output when omitted.

    Raises:
        UserError: the scorer does not start, a sample is not in order, or the repository changed meanwhile.
    """
    root, digest = prepared.repository.root, prepared.bundle.digest
    tools = _test_tools(prepared, console) if run_tests else None
    report: ContractReport | None = None
    status: int | None = None
    give_up = threading.Event()
    with ThreadPoolExecutor(2) as background:
        contract = background.submit(_contract_of_bundle, prepared, give_up) if run_contract_cases else None
        # OpenCV and the HTTP client load while the server does.
        background.submit(importlib.import_module, "toc_build.contract.probe")
        try:
            if tools is not None:
                status = _pytest(prepared, tools, pytest_arguments, tests_output)
            if contract is not None:
                with console.step("contract"):
                    report = contract.result()
        except UserError:
            delete_test_record(root, digest)
            raise
        finally:
            give_up.set()  # Ctrl-C does not wait for a server that hangs in init()
    outcome = Outcome(digest, status, report)
    if not outcome.passed:
        if status not in _NOTHING_RAN:
            delete_test_record(root, digest)
        return outcome
    if describe(prepared.repository)[0].digest != digest:
        raise UserError(
            "the repository changed while its tests ran, so they say nothing about what is there now.",
            code="TOC-TEST-101",
            fix="run the tests again.",
        )
    if report is None or status is None or pytest_arguments:
        return outcome
    write_test_record(
        root,
        TestRecord.now(
            digest=digest,
            python=prepared.repository.conda.python,
            contract=dict(report.counts),
            toc_build=_version(),
        ),
    )
    return Outcome(digest, status, report, recorded=True)


def check_url(
    repository: Repository, uri: str, *, headers: Mapping[str, str] | None = None
) -> ContractReport:
    """Runs the contract against a scorer that runs already, with the repository's samples, labels and limits.

    Args:
        repository: the model repository.
        uri: the scoring URI.
        headers: sent with every request; the key or token of TOC_SCORING_KEY when omitted.

    Raises:
        ScoreError: nothing answers at `uri`.
    """
    return _contract(repository, uri, headers=headers or authorization())


def _test_tools(prepared: Prepared, console: Console) -> Path:
    with console.step("test tools", lazy=True) as update:
        return ensure_test_tools(prepared.repository.conda.python, progress=update)


def _pytest(prepared: Prepared, tools: Path, arguments: Sequence[str], output: TextIO | None) -> int:
    bundle = prepared.bundle
    environment = {
        **os.environ,
        "AZUREML_MODEL_DIR": str(bundle.model_dir),
        "AML_APP_ROOT": str(bundle.code_dir),
        "TOC_SCORING_SETTINGS": str(bundle.code_dir / "scoring.json"),
        "PYTHONPATH": str(bundle.code_dir),
        "PYTHONDONTWRITEBYTECODE": "1",  # the bundle is nobody's to write into
    }
    for name in ("PYTHONHOME", "VIRTUAL_ENV", "CONDA_PREFIX"):
        environment.pop(name, None)
    command = [str(prepared.environment.python), "-c", _RUN_PYTEST, str(tools), *arguments]
    done = subprocess.run(command, cwd=prepared.repository.root, env=environment, stdout=output, check=False)
    return done.returncode


def _contract_of_bundle(prepared: Prepared, give_up: threading.Event) -> ContractReport:
    """Serves the bundle beside whatever else runs, on a port of its own, and asks it everything."""
    quiet = Console(quiet=True)
    with tempfile.TemporaryDirectory(prefix="toc-test-") as folder:
        target = local_target(
            prepared.repository,
            state_dir=Path(folder) / "service",
            python=prepared.environment.python,
            port=0,
            engine="process",
        )
        with target.foreground(grace_seconds=0, give_up=give_up):
            draw(target.apply(prepared.bundle), quiet)
            uri = target.status().scoring_uri
            if uri is None:
                raise RuntimeError("a target that has applied a bundle gives no scoring URI")
            return _contract(prepared.repository, uri, scratch=target.temp_dir)


def _contract(
    repository: Repository, uri: str, *, scratch: Path | None = None, headers: Mapping[str, str] | None = None
) -> ContractReport:
    from toc_build.contract import run_contract

    config = repository.config
    settings = scoring_settings(repository)
    return run_contract(
        uri,
        labels=config.model.labels,
        samples=read_samples(repository),
        max_request_bytes=settings.max_request_bytes,
        max_pixels=settings.max_pixels,
        min_iou=config.samples.min_iou,
        score_tolerance=config.samples.score_tolerance,
        temp_dir=scratch,
        timeout=config.scoring.timeout_seconds,
        headers=headers,
    )


def _version() -> str:
    from importlib.metadata import version

    return version("toc-build")
