"""From `nox -s deploy_local` with an ImportError in score.py to the cause: python benchmarks/import_error.py.

In Azure the same takes 16 minutes (azure-docs#90567). The floor is azmlinfsrv alone on the same code.
"""

from __future__ import annotations

import os
import sys

from repositories import ready_repository
from side_by_side import compare, until_the_cause

from toc_build.bundle import assemble
from toc_build.repository import load

with ready_repository() as (repository, python):
    script = repository / "scoring" / "score.py"
    text = script.read_text().replace("from __future__ import annotations\n", "")
    script.write_text(f"import no_such_package\n{text}")
    bundle = assemble(load(repository))
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    scoring = {**plain, "AZUREML_MODEL_DIR": str(bundle.model_dir), "AML_APP_ROOT": str(bundle.code_dir)}
    server = [python, "-m", "azureml_inference_server_http", "--port", "18998"]
    server += ["--entry_script", str(bundle.code_dir / "score.py")]
    nox = [sys.executable, "-m", "nox", "-s", "deploy_local", "--", "--port", "0"]
    within = {**plain, "NOX_SCRIPT_MODE": "none"}  # this interpreter has toc-build already
    compare(
        ("nox -s deploy_local", lambda: until_the_cause(nox, "no_such_package", repository, within)),
        ("azmlinfsrv alone", lambda: until_the_cause(server, "no_such_package", repository, scoring)),
    )
