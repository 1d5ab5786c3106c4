"""Operations: told, logged, ended once."""

from __future__ import annotations

import pytest

from toc_build.rehearsal.domain.cloud import Cloud
from toc_build.rehearsal.domain.refusals import Refusal


def test_work_in_the_background_ends_the_operation(cloud: Cloud) -> None:
    good, bad = cloud.operations.create("Service"), cloud.operations.create("Service")

    def fail() -> None:
        raise ValueError("why")

    threads = [
        cloud.operations.in_background(good, lambda: "there", lambda error: {}),
        cloud.operations.in_background(bad, fail, lambda error: {"message": str(error)}),
    ]
    for thread in threads:
        thread.join()
    assert (cloud.operations.get(good.id).state, cloud.operations.get(good.id).result) == (
        "Succeeded",
        "there",
    )
    assert (cloud.operations.get(bad.id).state, cloud.operations.get(bad.id).error) == (
        "Failed",
        {"message": "why"},
    )


def test_an_end_is_final(cloud: Cloud) -> None:
    operation = cloud.operations.create("Service")
    cloud.operations.cancel(operation.id, "deleted")
    cloud.operations.succeed(operation.id)
    cloud.operations.fail(operation.id, {})
    assert cloud.operations.get(operation.id).state == "Cancelled"


def test_lines_that_would_break_the_stream_are_told_otherwise(cloud: Cloud) -> None:
    operation = cloud.operations.create("Service")
    cloud.operations.tell(operation.id, "try #1 | of 2")
    ((stamp, line),) = cloud.operations.get(operation.id).told
    assert (stamp, line) == ("20270115080000", "try no. 1 / of 2")


def test_a_stopped_server_s_operations_end(cloud: Cloud) -> None:
    running, done = cloud.operations.create("Service"), cloud.operations.create("Service")
    cloud.operations.succeed(done.id)
    cloud.operations.interrupt_all("stopped")
    error = cloud.operations.get(running.id).error
    assert error is not None
    assert error["message"] == "stopped"
    assert cloud.operations.get(done.id).state == "Succeeded"
    with pytest.raises(Refusal, match="no operation"):
        cloud.operations.get("nothing")
