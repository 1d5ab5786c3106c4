"""The plan of a repository: the digest it would have now, and preflight's findings behind the target's."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.deploying import Desk
from support.doctor_cases import lock

from toc_build.bundle.assembly import describe
from toc_build.deployment.plan import complete, plan
from toc_build.errors import EnvironmentBuildError, TargetError
from toc_build.repository import load
from toc_build.targets.plan import Action


def test_a_plan_names_the_digest_without_making_a_bundle(model_repository: Path, cache: Path) -> None:
    lock(model_repository)
    loaded = load(model_repository)
    found = plan(loaded)
    assert (found.target, found.action) == ("local", Action.CREATE)
    assert found.new_digest == describe(loaded)[0].digest
    assert found.findings == ()
    assert not cache.exists()


def test_no_lock_and_no_such_target(model_repository: Path) -> None:
    with pytest.raises(EnvironmentBuildError):
        plan(load(model_repository))
    with pytest.raises(TargetError, match="no target 'moon'"):
        plan(load(model_repository), "moon")


def test_preflight_is_part_of_a_plan(model_repository: Path) -> None:
    desk = Desk(model_repository)
    (model_repository / "tests" / "test_detector.py").unlink()
    found = complete(desk.repository, desk.target(), desk.bundle("right"))
    assert [item.code for item in found.findings] == ["TOC-DOC-803"]
