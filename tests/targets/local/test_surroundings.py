"""What a server sees in its environment."""

from __future__ import annotations

import shlex
from pathlib import Path

from toc_build.targets.local import LocalSettings
from toc_build.targets.local.settings import BundleReference
from toc_build.targets.local.surroundings import server_environment


def test_azures_variables_are_set_and_the_shells_do_not_leak() -> None:
    shell = {
        "PATH": "/bin",
        "HOME": "/home/me",
        "PYTHONPATH": "/mine",
        "PYTHONDONTWRITEBYTECODE": "1",
        "VIRTUAL_ENV": "/mine",
        "AZUREML_DEBUG_PORT": "5678",
        "AML_APP_INSIGHTS_KEY": "k",
        "GUNICORN_CMD_ARGS": "--reload",
        "WORKER_PRELOAD": "true",
        "SEPERATE_HEALTH_ENDPOINT": "true",
    }
    settings = LocalSettings(
        Path("python"), workers=3, threads=5, timeout_seconds=2.5, readiness_seconds=1000
    )
    environment = server_environment(shell, BundleReference(Path("/b"), "d"), settings, Path("/tmp/x y"))
    gunicorn = shlex.split(environment.pop("GUNICORN_CMD_ARGS"))
    assert gunicorn[0] == "--config"
    assert gunicorn[2:] == ["--threads", "5", "--graceful-timeout", "3"]
    assert environment == {
        "PATH": "/bin",
        "HOME": "/home/me",
        "AML_APP_ROOT": "/b/code",
        "AZUREML_ENTRY_SCRIPT": "/b/code/score.py",
        "AZUREML_MODEL_DIR": "/b/model",
        "PYTHONIOENCODING": "utf-8:backslashreplace",
        "PYTHONUNBUFFERED": "1",
        "SCORING_TIMEOUT_MS": "2500",
        "TMPDIR": "/tmp/x y",
        "TOC_SCORING_SETTINGS": "/b/code/scoring.json",
        "WORKER_COUNT": "3",
        "WORKER_TIMEOUT": "1060",
    }


def test_settings_cross_to_the_supervisor_unchanged() -> None:
    for repository in (None, Path("/r")):
        settings = LocalSettings(Path("/env/bin/python"), repository, port=1, workers=2)
        assert LocalSettings.from_json(settings.to_json()) == settings
