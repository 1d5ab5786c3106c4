"""What Azure is told of a bundle."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.targets_bundles import HandMadeBundle

from toc_build.bundle import assemble
from toc_build.errors import TargetError
from toc_build.repository import load
from toc_build.targets.azure.contents import lock_lines, read_contents

LOCK = """\
# Exact versions with hashes
numpy==2.1.0 ; python_full_version < '3.12' \\
    --hash=sha256:aaaa \\
    --hash=sha256:bbbb
    # via opencv
flask==3.0.0 \\
    --hash=sha256:cccc
"""


@pytest.fixture
def locked(model_repository: Path) -> Path:
    (model_repository / "requirements.lock").write_text(LOCK)
    return model_repository


def test_the_lock_on_one_line_each() -> None:
    assert lock_lines(LOCK) == [
        "numpy==2.1.0 ; python_full_version < '3.12' --hash=sha256:aaaa --hash=sha256:bbbb",
        "flask==3.0.0 --hash=sha256:cccc",
    ]


def test_conda_with_the_lock_as_its_pip_section(locked: Path) -> None:
    bundle = assemble(load(locked))
    contents = read_contents(bundle)
    conda = yaml_of(contents.conda)
    lock = (bundle.root / "environment" / "requirements.lock").read_text()
    assert conda["channels"] == ["conda-forge"]
    assert conda["dependencies"][:-1] == ["python=3.11", "pip"]
    assert conda["dependencies"][-1] == {"pip": lock_lines(lock)}
    assert contents.entry_script == "score.py"
    assert contents.digest == bundle.digest
    assert "numpy" in contents.packages


def test_artifacts_are_the_model_s_alone(locked: Path) -> None:
    before = read_contents(assemble(load(locked)))
    script = locked / "scoring" / "detector.py"
    script.write_text(script.read_text() + "\n# changed\n")
    code = read_contents(assemble(load(locked)))
    assert code.digest != before.digest
    assert code.artifacts == before.artifacts
    (locked / "model" / "more.txt").write_text("x")
    model = read_contents(assemble(load(locked)))
    assert model.artifacts != before.artifacts


def test_a_bundle_without_a_lock(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    with pytest.raises(TargetError) as raised:
        read_contents(HandMadeBundle(tmp_path, "sha256:0"))
    assert raised.value.code == "TOC-AZURE-020"


def yaml_of(text: str) -> dict:  # type: ignore[type-arg]
    from ruamel.yaml import YAML

    loaded: dict = YAML(typ="safe").load(text)  # type: ignore[type-arg]
    return loaded
