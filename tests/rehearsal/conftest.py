"""A rehearsal of the whole run's own, and a signed-in client for it. The cache is shared by the run."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.rehearsal_clients import Signed

from toc_build.rehearsal import process
from toc_build.rehearsal.domain.cloud import Cloud
from toc_build.rehearsal.process import Running


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache of this run: its scoring environment is built once."""
    return tmp_path_factory.mktemp("toc-build-cache")


@pytest.fixture(scope="session")
def running(shared_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A rehearsal that runs while the tests do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOC_BUILD_CACHE_DIR", str(shared_cache))
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        found, server = process.start(tmp_path_factory.mktemp("state"), detached=False)
    yield found
    assert server.stdin is not None
    server.stdin.close()  # its lifeline
    assert server.wait(30) == 0


@pytest.fixture
def signed(running: Running) -> Iterator[Signed]:
    """A client that has signed in as the SDK does; faults that a test leaves are cleared."""
    context = ssl.create_default_context(cafile=str(running.bundle))
    with httpx.Client(verify=context, trust_env=False, timeout=30.0) as client:
        yield Signed(running, client)
    running.ask("DELETE", "faults")


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    """A workspace without a server."""
    made = Cloud(tmp_path / "state", clock=lambda: 1_800_000_000.0)
    yield made
    made.store.close()
