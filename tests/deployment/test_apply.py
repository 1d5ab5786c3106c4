"""Which deployment a rollback goes back to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from toc_build.deployment.apply import choose
from toc_build.deployment.history import Deployment, Result
from toc_build.errors import TargetError


def made(
    number: int, digest: str, result: Result = Result.SUCCEEDED, restores: int | None = None
) -> Deployment:
    return Deployment(
        number,
        f"id-{number}",
        "deploy",
        "local",
        digest,
        {},
        None,
        "me",
        "",
        restores=restores,
        result=result,
    )


ONE, TWO, THREE = made(1, "a"), made(2, "b"), made(3, "c")
FAILED = made(4, "d", Result.REJECTED)
BACK = made(5, "b", restores=2)


def test_the_one_before_that_which_answers() -> None:
    assert choose([ONE, TWO, THREE, FAILED], THREE.version, None) == TWO
    assert choose([ONE, TWO, THREE, FAILED], TWO.version, None) == ONE


def test_a_second_rollback_goes_further_back() -> None:
    assert choose([ONE, TWO, THREE, FAILED, BACK], BACK.version, None) == ONE


def test_nothing_answers_or_something_unknown() -> None:
    assert choose([ONE, TWO], None, None) == TWO
    assert choose([ONE, TWO], made(9, "b").version, None) == ONE


def test_the_same_again_is_no_earlier_version() -> None:
    again = replace(made(4, "c"), identity="id-again")
    assert choose([ONE, THREE, again], again.version, None) == ONE


def test_by_number() -> None:
    assert choose([ONE, TWO, FAILED], TWO.version, 1) == ONE
    for wrong in (4, 7):
        with pytest.raises(TargetError, match=f"deployment {wrong} is not one") as refused:
            choose([ONE, TWO, FAILED], TWO.version, wrong)
        assert refused.value.code == "TOC-APPLY-003"
        assert "1, 2" in (refused.value.problems[0].fix or "")


def test_there_is_none() -> None:
    for deployments in ([], [ONE], [FAILED]):
        with pytest.raises(TargetError) as refused:
            choose(deployments, ONE.version, None)
        assert refused.value.code == "TOC-APPLY-004"


def test_what_was_rehearsed_is_not_put_back_elsewhere() -> None:
    real, rehearsed = (
        {"where": f"bright in the workspace {name}"} for name in ("ml", "rehearsal-ml (rehearsal)")
    )
    one, two = replace(ONE, plan=real), replace(TWO, plan=rehearsed)
    live = replace(THREE, plan=real)
    deployments = [one, two, live]
    assert choose(deployments, live.version, None, where=real["where"]) == one
    assert choose(deployments, live.version, None, where=rehearsed["where"]) == two
    with pytest.raises(TargetError, match="deployment 2 is not one"):
        choose(deployments, live.version, 2, where=real["where"])
    # A cluster that was named by the deploy alone is not known to the rollback.
    named = [replace(item, plan={"where": f"{item.plan['where']}, the cluster a"}) for item in deployments]
    assert choose(named, live.version, None, where=f"{real['where']}, the cluster None") == named[0]
