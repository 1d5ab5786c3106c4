"""The examples' folders, and their scripts as modules.

What needs TensorFlow is tested by the examples' own tests.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


@pytest.fixture
def examples() -> Path:
    """The folder that holds the examples."""
    return EXAMPLES


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Imports a script of an example, such as `river-litter/training/train.py`, with its neighbours in reach.

    Several examples have a module of the same name, so all that is imported is forgotten after the test.
    """
    before = set(sys.modules)

    def load(place: str) -> ModuleType:
        path = EXAMPLES / place
        monkeypatch.syspath_prepend(str(path.parent))
        return importlib.import_module(path.stem)

    yield load
    for name in set(sys.modules) - before:
        origin = getattr(sys.modules[name], "__file__", None)
        if origin and Path(origin).is_relative_to(EXAMPLES):
            del sys.modules[name]
