"""From a command to the printed cause of an init() that raises: python benchmarks/init_failure.py.

Ours is `toc-build deploy`, which ends with the user's own traceback; the floor is azmlinfsrv alone
on the same code, until it has given up.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from repositories import TOC_BUILD, ready_repository
from side_by_side import compare

from toc_build.bundle import assemble
from toc_build.repository import load


def until_the_cause(words: list[str], cause: str, cwd: Path, environment: dict[str, str]) -> float:
    """Seconds until a command that must fail has said `cause` and ended."""
    started = time.perf_counter()
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    took = time.perf_counter() - started
    if not done.returncode or cause not in done.stdout + done.stderr:
        raise SystemExit(f"{' '.join(words)} did not fail as it should\n{done.stdout}{done.stderr}")
    return took


with ready_repository() as (repository, python):
    script = repository / "scoring" / "score.py"
    script.write_text(
        script.read_text().replace("def init() -> None:", "def init() -> None:\n    no_such_name()")
    )
    bundle = assemble(load(repository))
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    scoring = {
        **plain,
        "AZUREML_MODEL_DIR": str(bundle.model_dir),
        "AML_APP_ROOT": str(bundle.code_dir),
        "SERVER_PORT": "0",
    }
    server = [
        python,
        "-m",
        "azureml_inference_server_http",
        "--entry_script",
        str(bundle.code_dir / "score.py"),
    ]
    deploy = [*TOC_BUILD, "deploy", "--port", "0"]
    compare(
        ("toc-build deploy", lambda: until_the_cause(deploy, "no_such_name", repository, plain)),
        (
            "azmlinfsrv alone",
            lambda: until_the_cause([*server, "--port", "18999"], "no_such_name", repository, scoring),
        ),
    )
