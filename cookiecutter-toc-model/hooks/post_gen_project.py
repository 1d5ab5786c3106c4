"""Finishes a freshly baked repository: removes what the answers do not need, remembers where it came from.

cookiecutter fills in the answers and runs this in the repository; standard library only. The answers were
checked before anything was written (toc_template.py).
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

FRAMEWORK = "{{ cookiecutter.framework }}"
CI = "{{ cookiecutter.ci }}"
CRUFT_STATE = json.loads(r"""{{ cookiecutter | cruft_state | tojson }}""")
BAKED_BY_CRUFT = json.loads("{{ ('_commit' in cookiecutter) | tojson }}")

MODELS = {
    "tensorflow": "model/saved_model",
    "litert": "model/blob.tflite",
    "onnxruntime": "model/blob.onnx",
    "custom": "model/blob.json",
}
# What linters and interpreters leave in a checkout of the template, and cookiecutter copies along.
LEFTOVERS = (".ruff_cache", ".pytest_cache", ".mypy_cache", "__pycache__", ".DS_Store")
CI_FILES = {"github": ".github", "azure-pipelines": "azure-pipelines.yml"}


def remove(path: Path) -> None:
    """Remove a file or a folder."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def main() -> None:
    """Finish the repository in the current folder."""
    here = Path.cwd()
    for chosen, files in ((FRAMEWORK, MODELS), (CI, CI_FILES)):
        for choice, path in files.items():
            if choice != chosen:
                remove(here / path)
    for name in LEFTOVERS:
        for path in list(here.rglob(name)):
            remove(path)
    if CRUFT_STATE:
        text = json.dumps(CRUFT_STATE, ensure_ascii=False, indent=2)
        (here / ".cruft.json").write_text(f"{text}\n", encoding="utf-8")
    if not BAKED_BY_CRUFT:  # `cruft diff` prints a patch: nothing may come between
        print(f"\n{here.name} is ready, with a starter model that finds bright blobs. Next:")
        print(f"  cd {here.name}")
        print("  nox                   # lint and test; the first run builds the scoring environment")
        print("  nox -s deploy_local   # serve it on http://127.0.0.1:8890/score")
        print("  README.md             # says how to put your own model in")


main()
