from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import FrozenInstanceError, asdict
from pathlib import Path

import pytest

import toc_build.runtime
from toc_build.runtime import ScoringSettings, SettingsError, load_settings

SETTINGS = ScoringSettings("river-litter", ("bottle", "Flasche", "бутылка"), 20_000_000, 50_000_000, 2)


@pytest.fixture(autouse=True)
def no_settings(monkeypatch):
    monkeypatch.delenv("TOC_SCORING_SETTINGS", raising=False)
    monkeypatch.delenv("AML_APP_ROOT", raising=False)


def test_there_and_back():
    text = SETTINGS.to_json()
    assert ScoringSettings.from_json(text) == SETTINGS
    assert ScoringSettings.from_json(text.encode()) == SETTINGS
    assert ScoringSettings.from_json(text).to_json() == text
    assert "бутылка" in text
    assert text.endswith("}\n")


def test_concurrency_may_be_left_out():
    values = asdict(SETTINGS)
    del values["concurrency"]
    assert ScoringSettings.from_json(json.dumps(values)).concurrency == 1


def test_settings_are_frozen():
    with pytest.raises(FrozenInstanceError):
        SETTINGS.concurrency = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"concurrency": 0}, "concurrency must be a whole number of at least 1, not 0"),
        ({"max_pixels": 1.5}, "max_pixels"),
        ({"max_request_bytes": True}, "max_request_bytes"),
        ({"service": ""}, "service"),
        ({"labels": "bottle"}, "labels"),
        ({"labels": [1]}, "labels"),
        ({"colour": 1}, "missing or unknown key: colour"),
    ],
)
def test_wrong_values(change, message):
    with pytest.raises(SettingsError, match=message):
        ScoringSettings.from_json(json.dumps({**asdict(SETTINGS), **change}))


@pytest.mark.parametrize(
    ("text", "message"), [("{", "not JSON"), ("[]", "not a JSON object"), ("{}", "max_pixels")]
)
def test_wrong_text(text, message):
    with pytest.raises(SettingsError, match=message):
        ScoringSettings.from_json(text)


def test_bytes_that_are_no_text():
    with pytest.raises(SettingsError, match="not JSON"):
        ScoringSettings.from_json(b"\xff\xfe\xfa")


def test_file_named_by_the_environment(monkeypatch, tmp_path):
    file = tmp_path / "own.json"
    file.write_text(SETTINGS.to_json(), encoding="utf-8")
    monkeypatch.setenv("TOC_SCORING_SETTINGS", str(file))
    monkeypatch.setenv("AML_APP_ROOT", str(tmp_path / "elsewhere"))
    assert load_settings() == SETTINGS


def test_file_in_the_app_root(monkeypatch, tmp_path):
    (tmp_path / "scoring.json").write_text(SETTINGS.to_json(), encoding="utf-8")
    monkeypatch.setenv("AML_APP_ROOT", str(tmp_path))
    assert load_settings() == SETTINGS


def test_a_named_file_that_is_not_there(monkeypatch, tmp_path):
    monkeypatch.setenv("TOC_SCORING_SETTINGS", str(tmp_path / "gone.json"))
    with pytest.raises(SettingsError, match=r"gone\.json \(TOC_SCORING_SETTINGS names it\).*`nox -s test`"):
        load_settings()


def test_nothing_anywhere_names_the_places_and_the_way(monkeypatch, tmp_path):
    monkeypatch.setenv("AML_APP_ROOT", str(tmp_path))
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert str(tmp_path / "scoring.json") in str(caught.value)
    assert "`nox -s test`" in str(caught.value)


def test_broken_file_is_named(monkeypatch, tmp_path):
    (tmp_path / "scoring.json").write_text("{", encoding="utf-8")
    monkeypatch.setenv("AML_APP_ROOT", str(tmp_path))
    with pytest.raises(
        SettingsError, match=r"scoring\.json: the scoring settings are not JSON.*make it anew"
    ):
        load_settings()


def test_a_folder_in_its_place(monkeypatch, tmp_path):
    (tmp_path / "scoring.json").mkdir()
    monkeypatch.setenv("AML_APP_ROOT", str(tmp_path))
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings()


def test_beside_the_scoring_code_in_a_bundle(tmp_path):
    """The runtime as a bundle holds it: a namespace package, nothing of toc_build around it."""
    source = Path(toc_build.runtime.__file__).parent
    shutil.copytree(source, tmp_path / "toc_build" / "runtime", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "scoring.json").write_text(SETTINGS.to_json(), encoding="utf-8")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "sys.path[:] = [place for place in sys.path if place != sys.argv[2]]\n"
        "sys.meta_path[:] = [f for f in sys.meta_path if 'ditable' not in repr(f)]\n"
        "import toc_build.runtime as runtime\n"
        "assert runtime.__file__.startswith(sys.argv[1]), runtime.__file__\n"
        "[getattr(runtime, name) for name in runtime.__all__]\n"
        "assert not getattr(sys.modules['toc_build'], '__file__', None)\n"
        "print(runtime.load_settings().service)"
    )
    project = str(source.parents[1])
    command = [sys.executable, "-c", code, str(tmp_path), project]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (done.stdout, done.stderr) == ("river-litter\n", "")
