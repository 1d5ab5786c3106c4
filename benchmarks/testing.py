"""`toc-build test`, warm, beside the repository's own pytest alone: python benchmarks/testing.py.

Both run the same tests in the same scoring environment; the difference is what the contract and the tool add.
"""

from __future__ import annotations

import os
import sys

from repositories import TOC_BUILD, ready_repository
from side_by_side import command, compare, seconds

from toc_build.bundle import assemble
from toc_build.environment import ensure_test_tools
from toc_build.repository import load

RUN_PYTEST = "import sys; sys.path.append(sys.argv.pop(1)); import pytest; sys.exit(pytest.main())"

with ready_repository(*sys.argv[1:]) as (repository, python):
    loaded = load(repository)
    bundle = assemble(loaded)
    tools = ensure_test_tools(loaded.conda.python)
    environment = {
        **os.environ,
        "AZUREML_MODEL_DIR": str(bundle.model_dir),
        "AML_APP_ROOT": str(bundle.code_dir),
        "TOC_SCORING_SETTINGS": str(bundle.code_dir / "scoring.json"),
        "PYTHONPATH": str(bundle.code_dir),
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    alone = command([python, "-c", RUN_PYTEST, str(tools)], cwd=repository, env=environment)
    whole = command([*TOC_BUILD, "test"], cwd=repository)
    compare(("toc-build test", lambda: seconds(whole)), ("pytest alone", lambda: seconds(alone)))
