"""A registry whose disk is full while an image is pushed to it."""

from __future__ import annotations

import os
from pathlib import Path

import httpx
import pytest
from support.engine import registry
from support.image_layouts import make_image
from support.small_disk import small_disk

from toc_build.errors import ImageError
from toc_build.image.registry import push
from toc_build.image.registry.client import Connection
from toc_build.image.registry.name import ImageName


def test_it_is_said_and_no_image_is_there(tmp_path: Path) -> None:
    image = make_image(tmp_path / "image", [{"small": b"1"}, {"large": os.urandom(3_000_000)}], "full:1")
    with small_disk(tmp_path / "disk", 2000) as disk, registry(disk) as running:
        name = ImageName.parse(f"{running.address}/full/disk")

        def attempt() -> None:
            with Connection(name, push=True, sleep=lambda _seconds: None) as line:
                push(image, line, tags=("1",))

        with pytest.raises(ImageError) as caught:
            attempt()
        assert caught.value.code in {"TOC-IMAGE-044", "TOC-IMAGE-045"}
        for reference in ("1", image.digest):
            url = f"http://{running.address}/v2/full/disk/manifests/{reference}"
            assert httpx.get(url, trust_env=False).status_code == 404
