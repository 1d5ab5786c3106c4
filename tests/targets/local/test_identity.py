"""A process is known again, whatever the clock does meanwhile."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys

import pytest

from toc_build.targets.local.identity import ProcessIdentity


def test_it_crosses_json() -> None:
    own = ProcessIdentity.of(os.getpid())
    assert ProcessIdentity.from_json(own.to_json()) == own
    assert own.alive()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells when a process started without a clock")
def test_a_clock_that_is_set_changes_nothing() -> None:
    own = ProcessIdentity.of(os.getpid())
    assert dataclasses.replace(own, started=own.started + 3600).alive()
    assert not dataclasses.replace(own, birth="another boot/1").alive()


def test_without_more_the_start_time_counts() -> None:
    own = dataclasses.replace(ProcessIdentity.of(os.getpid()), birth=None)
    assert own.alive()
    assert not dataclasses.replace(own, started=own.started - 3600).alive()


def test_one_that_nobody_has_waited_for_is_dead() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    identity = ProcessIdentity.of(process.pid)
    assert identity.alive()
    process.communicate(b"\n")
    assert not identity.alive()
