"""`write_context`: a Dockerfile that hadolint passes, with everything it copies, whole or not at all."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from toc_build.bundle import Bundle
from toc_build.errors import ImageError
from toc_build.image import ImageSettings
from toc_build.image.base import Base, open_base
from toc_build.image.dockerfile import write_context
from toc_build.image.store import ImageStore


@pytest.fixture
def opened(settings: ImageSettings) -> Base:
    return open_base(settings.base, platform="linux/amd64", store=ImageStore(), tell=lambda _line: None)


@pytest.fixture
def context(bundle: Bundle, settings: ImageSettings, opened: Base, tmp_path: Path) -> Path:
    folder = tmp_path / "context"
    write_context(bundle, settings, opened, folder)
    return folder


def test_hadolint_has_nothing_to_say(context: Path) -> None:
    hadolint = Path(sys.executable).with_name("hadolint")

    done = subprocess.run([hadolint, "Dockerfile"], cwd=context, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "")


def test_all_that_it_copies_is_there(context: Path, bundle: Bundle) -> None:
    text = (context / "Dockerfile").read_text()

    sources = re.findall(r"^COPY (?!--from)(\S+) ", text, re.MULTILINE)
    assert sources
    assert all((context / source).exists() for source in sources)
    for entry in bundle.manifest.files:
        if entry.path.startswith(("code/", "model/")):
            assert (context / entry.path).read_bytes() == (bundle.root / entry.path).read_bytes()


def test_the_scripts_in_it_run_without_toc_build(context: Path, tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "score.py").write_text("def init(): ...\n")

    done = subprocess.run(
        [sys.executable, "-S", str(context / "tools/install.py"), "--compile", str(code)],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONHASHSEED": "0"},
    )

    assert done.returncode == 0, done.stderr
    assert list(code.glob("__pycache__/score.*.pyc"))


def test_it_runs_what_the_image_without_an_engine_runs(
    context: Path, bundle: Bundle, settings: ImageSettings
) -> None:
    from toc_build.image.configuration import command, entrypoint, environment_variables

    text = (context / "Dockerfile").read_text()

    assert f"ENTRYPOINT {json.dumps(entrypoint())}" in text
    assert f"CMD {json.dumps(command(bundle, settings))}" in text
    for name, value in environment_variables(bundle, settings, "/usr/bin:/bin").items():
        assert f'{name}="{value}"' in text
    assert "USER 10001:10001" in text
    assert "id=ca" in text


def test_odd_descriptions_stay_inside_their_quotes(
    bundle: Bundle, settings: ImageSettings, opened: Base, tmp_path: Path
) -> None:
    described = replace(settings, description='say "hi" \\ $HOME\nUSER root')

    write_context(bundle, described, opened, tmp_path / "odd")

    text = (tmp_path / "odd/Dockerfile").read_text()
    assert '"say \\"hi\\" \\\\ \\$HOME USER root"' in text
    assert re.findall(r"^USER .*", text, re.MULTILINE) == ["USER 10001:10001"]


def test_a_folder_that_is_there_stays_as_it_is(
    context: Path, bundle: Bundle, settings: ImageSettings, opened: Base
) -> None:
    (context / "mine.txt").write_text("mine")

    with pytest.raises(ImageError) as caught:
        write_context(bundle, settings, opened, context)

    assert caught.value.code == "TOC-IMAGE-003"
    assert (context / "mine.txt").read_text() == "mine"
    assert not list(context.parent.glob(".context.*"))
