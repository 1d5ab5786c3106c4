"""The way to an extra names the very toc-build that runs."""

from __future__ import annotations

import json
from importlib.metadata import Distribution, PackageNotFoundError
from typing import Any

import pytest

from toc_build import extras


class Installed:
    version = "1.2.0"

    def __init__(self, origin: dict[str, Any] | None) -> None:
        self.origin = origin

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return None if self.origin is None else json.dumps(self.origin)


@pytest.mark.parametrize(
    ("origin", "requirement"),
    [
        (None, "toc-build[docker]==1.2.0"),
        ({"url": "file:///c/toc", "dir_info": {"editable": True}}, "toc-build[docker] @ file:///c/toc"),
        (
            {"url": "https://example.org/o/n.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            "toc-build[docker] @ git+https://example.org/o/n.git@abc",
        ),
        (
            {"url": "file:///c", "vcs_info": {"vcs": "git", "commit_id": "abc"}, "subdirectory": "tools"},
            "toc-build[docker] @ git+file:///c@abc#subdirectory=tools",
        ),
    ],
)
def test_where_it_came_from(
    monkeypatch: pytest.MonkeyPatch, origin: dict[str, Any] | None, requirement: str
) -> None:
    monkeypatch.setattr(Distribution, "from_name", lambda _: Installed(origin))
    assert extras.requirement("docker") == requirement
    assert requirement in extras.how_to_add("docker")


def test_a_source_tree_that_was_never_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Distribution:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(Distribution, "from_name", missing)
    assert extras.requirement("docker") == "toc-build[docker]"
