"""Secrets are planted wherever a deployment comes by, and then looked for in everything that it leaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.azure_place import Rehearsal
from support.model_repository import write_model_repository

from toc_build.rehearsal.surroundings import rehearsed

pytestmark = pytest.mark.end_to_end

PLANTED = "Pl4ntedS3cret0123456789"


def run(repository: Path, environ: dict[str, str], *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "toc_build", *words],
        cwd=repository,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return done.stdout + done.stderr


def test_no_secret_is_left_anywhere(azure: Rehearsal, shared_cache: Path, tmp_path: Path) -> None:
    repository = write_model_repository(tmp_path / "bright-things")
    remote = f"https://someone:{PLANTED}@example.org/ocean/bright-things.git"
    for words in (["init", "-q"], ["remote", "add", "origin", remote]):
        subprocess.run(["git", *words], cwd=repository, check=True)
    deploy_yml = repository / "deploy.yml"
    deploy_yml.write_text(f"{deploy_yml.read_text()}  aks:\n    compute_target_name: inference-ml\n")
    environ = rehearsed(os.environ, azure.running) | {
        "TOC_BUILD_CACHE_DIR": str(shared_cache),
        "AZUREML_GIT_REPOSITORY_URI": remote,
        "TOC_SCORING_KEY": PLANTED,
    }
    password = environ["AZUREML_SERVICE_PRINCIPAL_PASSWORD"]
    said = [run(repository, environ, "deploy", "--target", "aks", "--allow-untested")]
    headers = azure.aks("bright-things").headers()
    key = headers["Authorization"].removeprefix("Bearer ")
    script = repository / "scoring" / "score.py"
    sound = script.read_text()
    raised = f"https://a.blob/x?sig={PLANTED} Bearer {PLANTED} AccountKey={PLANTED};"
    spelled = " + ".join(repr(letter) for letter in raised)  # as a whole, the doctor would refuse the file
    script.write_text(sound.replace("    global handler", f"    raise ValueError({spelled})"))
    said.append(run(repository, environ, "deploy", "--target", "aks", "--allow-untested"))
    assert "TOC-AZURE-031" in said[-1]
    script.write_text(sound)
    said.append(run(repository, environ, "history"))
    said.extend(
        run(repository, environ, command, "--target", "aks") for command in ("plan", "status", "logs")
    )
    said.append(run(repository, environ, "score", "--target", "aks", "samples/two.png"))
    assert '"label": "thing"' in said[-1]
    wrong = environ | {"AZUREML_SERVICE_PRINCIPAL_PASSWORD": PLANTED}
    said.append(run(repository, wrong, "status", "--target", "aks"))
    assert "TOC-AZURE-004" in said[-1], said[-1]
    payload = azure.client.call("service", name="bright-things")
    left = [*said, json.dumps(payload), *texts(repository / ".toc"), *texts(shared_cache / "bundles")]
    left += texts(azure.folder / "locks")
    for secret in (PLANTED, password, key):
        for text in left:
            assert secret not in text, text[max(0, text.index(secret) - 200) : text.index(secret) + 50]
    assert not any("git" in name.lower() for name in payload["properties"])
    run(repository, environ, "delete", "--target", "aks")


def texts(folder: Path) -> list[str]:
    """Every file's text below a folder; that of the planted scoring script itself is the user's own."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != "score.py")
    return [path.read_text(encoding="utf-8", errors="replace") for path in found]
