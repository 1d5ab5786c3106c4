"""The type of the `shell` fixture of the end-to-end tests."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

#: (repository, *command, check=True, script_mode=False, timeout=600, **variables) -> the finished process
Run = Callable[..., "subprocess.CompletedProcess[str]"]
