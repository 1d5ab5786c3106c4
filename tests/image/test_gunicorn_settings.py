"""The settings as gunicorn loads them, in a process of their own with the genuine server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from toc_build.image import gunicorn_settings

BEGIN = f"""
import runpy, sys
settings = runpy.run_path({str(Path(gunicorn_settings.__file__))!r})
settings["post_fork"](None, None)
NAME = "azure.monitor.opentelemetry.exporter"
"""


def run(code: str, folder: Path, **environ: str) -> str:
    (folder / "model").mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AML", "AZUREML"))}
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + code],
        env={**kept, "AML_APP_ROOT": str(folder), "AZUREML_MODEL_DIR": str(folder / "model"), **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("said", [{}, {"AML_APP_INSIGHTS_ENABLED": "false"}])
def test_the_exporter_is_not_imported_until_it_is_called(tmp_path: Path, said: dict[str, str]) -> None:
    code = """
import azureml_inference_server_http.server.create_app
from azureml_inference_server_http.server import appinsights_client
assert NAME not in sys.modules
made = appinsights_client.AzureMonitorLogExporter(
    connection_string="InstrumentationKey=1b2c3d4e-0000-4000-8000-0123456789ab", disable_offline_storage=True
)
assert NAME in sys.modules
print(type(made).__module__.startswith(NAME), type(made).__name__)
"""
    assert run(code, tmp_path, **said) == "True AzureMonitorLogExporter"


def test_a_scoring_script_gets_the_exporter_itself(tmp_path: Path) -> None:
    code = """
from azure.monitor.opentelemetry.exporter import AzureMonitorTraceExporter
import azure.monitor.opentelemetry.exporter as exporter
print(isinstance(AzureMonitorTraceExporter, type), exporter.__file__ is not None)
"""
    assert run(code, tmp_path) == "True True"


def test_with_telemetry_the_server_imports_what_it_wants(tmp_path: Path) -> None:
    code = "print(any(name.startswith('azureml_inference') for name in sys.modules))"
    assert run(code, tmp_path, AML_APP_INSIGHTS_ENABLED="true") == "False"


def test_a_server_that_cannot_be_imported_says_so_itself(tmp_path: Path) -> None:
    code = "print(NAME in sys.modules)"
    blocked = tmp_path / "azureml_inference_server_http"
    blocked.mkdir()
    (blocked / "__init__.py").write_text("raise ImportError('broken')\n")
    assert run(code, tmp_path, PYTHONPATH=str(tmp_path)) == "False"


@pytest.mark.parametrize(
    ("line", "kept"), [("Error while fetching model IDs", False), ("Error while scoring", True)]
)
def test_the_guess_at_model_ids_is_left_out_of_the_log(tmp_path: Path, line: str, kept: bool) -> None:
    code = f"""
import logging
logger = logging.getLogger("azmlinfsrv.trace")
logger.addHandler(logging.StreamHandler(sys.stdout))
logger.error({line!r})
"""
    assert (line in run(code, tmp_path)) == kept
