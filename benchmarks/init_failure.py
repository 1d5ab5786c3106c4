"""From a command to the printed cause of an init() that raises: python benchmarks/init_failure.py.

Ours is `toc-build deploy`, which ends with the user's own traceback; the floor is azmlinfsrv alone
on the same code, until it has given up.
"""

from __future__ import annotations

import os

from repositories import TOC_BUILD, ready_repository
from side_by_side import compare, until_the_cause

from toc_build.bundle import assemble
from toc_build.repository import load

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
