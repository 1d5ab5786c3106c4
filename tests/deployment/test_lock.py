from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from toc_build.deployment.lock import hold, is_held
from toc_build.errors import TargetError

HOLD = """
import sys, time
from pathlib import Path
from toc_build.deployment.lock import hold
with hold(Path(sys.argv[1]), "local", "deploy"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_second_is_told_who_and_since_when(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        told = rf"process {holder.pid} of .*deploy since 20"
        with pytest.raises(TargetError, match=told) as refused, hold(tmp_path, "local", "rollback"):
            pass
        assert refused.value.code == "TOC-APPLY-001"
        assert is_held(tmp_path, "local")
        with hold(tmp_path, "aci", "deploy"):  # another target is another service
            pass
        holder.kill()
    with hold(tmp_path, "local", "deploy"):  # the dead hold nothing
        assert is_held(tmp_path, "local")
    assert not is_held(tmp_path, "local")


def test_nothing_was_ever_held(tmp_path: Path) -> None:
    assert not is_held(tmp_path, "local")


def test_a_failure_lets_go(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="x"), hold(tmp_path, "local", "deploy"):
        raise ValueError("x")
    assert not is_held(tmp_path, "local")
    assert [path.suffix for path in (tmp_path / ".toc" / "locks").iterdir()] == [".lock"]
