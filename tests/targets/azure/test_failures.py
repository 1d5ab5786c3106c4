"""The cause of a failed deployment, with the user's own file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from toc_build.targets.azure.aci import Aci
from toc_build.targets.azure.failures import explain
from toc_build.targets.azure.place import Place
from toc_build.targets.protocol import DeployableBundle

INIT_LOG = """\
2026-11-25 12:00:01,001 I [70] azmlinfsrv - Starting up app insights client
2026-11-25 12:00:01,002 I [70] azmlinfsrv.user_script - Found user script at /var/azureml-app/code/score.py
2026-11-25 12:00:02,003 E [70] azmlinfsrv - User script raised an exception
Traceback (most recent call last):
  File "/opt/lib/site-packages/azureml_inference_server_http/server/user_script.py", line 74, in invoke_init
    self._wrapped_init_func()
  File "/var/azureml-app/code/score.py", line 9, in init
    detector = Detector(weights())
  File "/var/azureml-app/code/detector.py", line 21, in __init__
    raise ValueError("no weights")
ValueError: no weights

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/opt/lib/site-packages/azureml_inference_server_http/server/create_app.py", line 4, in create
azureml_inference_server_http.server.user_script.UserScriptException: Caught an unhandled exception
2026-11-25 12:00:02,004 I [70] gunicorn.error - Worker exiting
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    settings = {"location": None}
    return Place(
        Aci(), "litter", settings, "ws", "litter", tmp_path / "lock", where=lambda *path: " -> ".join(path)
    )


@pytest.fixture
def bundle(tmp_path: Path) -> DeployableBundle:
    from support.targets_bundles import make_bundle

    return make_bundle(tmp_path / "bundle", detector="class Detector: ...")


def ended(phase: str, message: str = "Aci Deployment failed", **more: str) -> dict[str, str]:
    return {"state": "Failed", "phase": phase, "message": message, "log": "", **more}


def test_init_raised(place: Place, bundle: DeployableBundle) -> None:
    error = explain(ended("DeployService"), INIT_LOG, [], place, bundle)
    problem = error.problems[0]
    assert problem.code == "TOC-AZURE-031"
    assert problem.what == "`init()` raised ValueError: no weights"
    assert problem.where == "scoring/detector.py:21"
    assert 'File "scoring/score.py", line 9, in init' in str(problem.details)
    assert "azureml_inference_server_http" not in str(problem.details)
    assert "Aci Deployment failed" in str(problem.details)


def test_the_build_failed(place: Place, bundle: DeployableBundle) -> None:
    log = "Step 7/10\nERROR: No matching distribution found for nunpy==1.0\nfailed\n"
    error = explain(ended("BuildEnvironment", "Image building failed", log=log), "", [], place, bundle)
    problem = error.problems[0]
    assert problem.code == "TOC-AZURE-030"
    assert "No matching distribution found for nunpy==1.0" in problem.what
    assert "Image building failed" in str(problem.details)


def test_no_room(place: Place, bundle: DeployableBundle) -> None:
    error = explain(ended("DeployService", "Insufficient cpu on the nodes"), "", [], place, bundle)
    assert error.code == "TOC-AZURE-033"


def test_nothing_known(place: Place, bundle: DeployableBundle) -> None:
    error = explain(ended("DeployService", "Something"), "one line\nSECRET sig=x\n", [], place, bundle)
    assert error.code == "TOC-AZURE-034"
    assert "Something" in str(error.problems[0].details)
    assert "one line" in str(error.problems[0].details)


def test_no_secret_of_the_log_is_shown(place: Place, bundle: DeployableBundle) -> None:
    log = INIT_LOG.replace("no weights", "https://a.blob/x?sig=S3cr3t&se=1")
    assert "S3cr3t" not in str(explain(ended("DeployService"), log, [], place, bundle))
