"""`set_text`: one value changes, every other character stays; what cannot be changed safely is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from toc_build.errors import RepositoryError
from toc_build.repository.editing import set_text

VALUE = "docker.io/library/python:3.11@sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a: 1\n# end\n", "a: 1\n# end\n\nimage:\n  base: {}\n"),
        ("a: 1", "a: 1\n\nimage:\n  base: {}\n"),
        ("image:\n  base: x:1  # why\n  b: 2\n", "image:\n  base: {}  # why\n  b: 2\n"),
        ("image:\n  base: 'x # y'\n", "image:\n  base: {}\n"),
        ('image:\n  base: "x" # z\n', "image:\n  base: {} # z\n"),
        ("image:\n  base: python:3.11#x\n", "image:\n  base: {}\n"),
        ("image: # c\n    prune: no # d\nz: 1\n", "image: # c\n    base: {}\n    prune: no # d\nz: 1\n"),
        ("image:\nz:   1\n", "image:\n  base: {}\nz:   1\n"),
        ("image:\r\n  b: 1\r\n", "image:\r\n  base: {}\r\n  b: 1\r\n"),
        ("# ö\nx:\n- [1,2]\n-   3\nimage:\n  base: old\n", "# ö\nx:\n- [1,2]\n-   3\nimage:\n  base: {}\n"),
    ],
)
def test_only_the_value_changes(tmp_path: Path, before: str, after: str) -> None:
    path = tmp_path / "deploy.yml"
    path.write_bytes(before.encode())
    path.chmod(0o640)

    set_text(path, "image", "base", VALUE)

    assert path.read_bytes().decode() == after.format(VALUE)
    assert path.stat().st_mode & 0o777 == 0o640
    assert [item.name for item in tmp_path.iterdir()] == ["deploy.yml"]


def test_a_value_that_needs_quotes_gets_them(tmp_path: Path) -> None:
    path = tmp_path / "deploy.yml"
    path.write_text("image:\n  base: x\n")

    set_text(path, "image", "base", "oci:it's here@sha256:1")

    assert path.read_text() == "image:\n  base: 'oci:it''s here@sha256:1'\n"


@pytest.mark.parametrize(
    "text",
    [
        "image: {base: x, c: 1}\n",
        "image:\n  base: >-\n    x\n    y\n",
        "image: [1]\n",
        "a: &x {b: 1}\nimage: *x\n",
    ],
)
def test_what_cannot_be_changed_safely_stays_as_it_is(tmp_path: Path, text: str) -> None:
    path = tmp_path / "deploy.yml"
    path.write_text(text)

    with pytest.raises(RepositoryError) as caught:
        set_text(path, "image", "base", VALUE)

    assert caught.value.code == "TOC-DEPLOY-030"
    assert VALUE in str(caught.value)
    assert path.read_text() == text
