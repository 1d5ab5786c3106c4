"""A fake registry, and a connection to it that does not wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.fake_registry import FakeRegistry

from toc_build.image.registry.client import Connection
from toc_build.image.registry.name import ImageName

NAME = "registry.example.org/models/river-litter"


@pytest.fixture
def fake() -> FakeRegistry:
    return FakeRegistry()


@pytest.fixture
def connect(fake: FakeRegistry) -> Callable[..., Connection]:
    """Connects to the fake; keywords are those of `Connection`."""

    def open_one(name: str = NAME, **changes: Any) -> Connection:
        given: dict[str, Any] = {
            "push": True,
            "transport": fake.transport,
            "sleep": fake.slept.append,
            "credentials": lambda _host: None,
            "azure_token": lambda _host: None,
        }
        return Connection(ImageName.parse(name), **{**given, **changes})

    return open_one
