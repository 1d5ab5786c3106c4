"""What tests of targets share: a folder of services, emptied of every process afterwards."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from support.targets_bundles import processes


@pytest.fixture
def states(tmp_path: Path) -> Iterator[Path]:
    """The folder with the state folders of all services; whatever a test leaves running in it is ended."""
    folder = tmp_path / "local"
    yield folder
    for process in processes(tmp_path):
        with contextlib.suppress(psutil.Error):
            process.kill()
