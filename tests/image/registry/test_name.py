"""`ImageName`: names as Docker reads them."""

from __future__ import annotations

import pytest

from toc_build.errors import ImageError
from toc_build.image.registry.name import ImageName

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("text", "whole", "api"),
    [
        ("python", "docker.io/library/python", "https://registry-1.docker.io"),
        ("python:3.11-slim", "docker.io/library/python:3.11-slim", "https://registry-1.docker.io"),
        ("some/thing:1", "docker.io/some/thing:1", "https://registry-1.docker.io"),
        ("index.docker.io/library/python", "docker.io/library/python", "https://registry-1.docker.io"),
        ("mcr.microsoft.com/azureml/base:1", "mcr.microsoft.com/azureml/base:1", "https://mcr.microsoft.com"),
        (
            f"r.example.org:5000/a/b@{DIGEST}",
            f"r.example.org:5000/a/b@{DIGEST}",
            "https://r.example.org:5000",
        ),
        (f"r.example.org/a:t@{DIGEST}", f"r.example.org/a:t@{DIGEST}", "https://r.example.org"),
        ("127.0.0.1:5000/a", "127.0.0.1:5000/a", "http://127.0.0.1:5000"),
        ("127.9.9.9/a", "127.9.9.9/a", "http://127.9.9.9"),
        ("localhost/a:1", "localhost/a:1", "http://localhost"),
        ("[::1]:5000/a", "[::1]:5000/a", "http://[::1]:5000"),
    ],
)
def test_names(text: str, whole: str, api: str) -> None:
    name = ImageName.parse(text)

    assert str(name) == whole
    assert name.api == api
    assert ImageName.parse(whole) == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "UPPER/case",
        "r.example.org/",
        "r.example.org/a:",
        "r.example.org/a@sha256:12",
        "a b",
        "r.example.org/a//b",
        "https://r.example.org/a",
        "user:secret@r.example.org/a",
    ],
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(ImageError) as caught:
        ImageName.parse(text, where="deploy.yml:3 image -> repository")

    assert caught.value.code == "TOC-IMAGE-040"
    assert caught.value.problems[0].where == "deploy.yml:3 image -> repository"


def test_the_digest_comes_before_the_tag() -> None:
    assert ImageName.parse(f"r.io/a:t@{DIGEST}").reference == DIGEST
    assert ImageName.parse("r.io/a:t").reference == "t"
    assert ImageName.parse("r.io/a").reference == "latest"
