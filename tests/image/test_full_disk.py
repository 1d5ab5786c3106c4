"""A disk that is full at any moment of a build: said in words, and nothing left that looks like an image."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from support.small_disk import small_disk

from toc_build.errors import ImageError, UserError
from toc_build.image import BuiltImage
from toc_build.image.store import ImageStore

FULL = {"TOC-IMAGE-001", "TOC-ENV-007"}  # met by us, and by uv
SIZES = [8 * 2**power for power in range(12)]  # kilobytes; the last has room for all


def test_wherever_it_is_full_nothing_half_made_stays(
    build: Callable[..., BuiltImage], tmp_path: Path
) -> None:
    whole = build()
    refused = 0
    for size in SIZES:
        with small_disk(tmp_path / "disk", size) as disk:
            found, error = attempt(build, disk)
            for blob in disk.glob("images/blobs/sha256/*"):
                assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name
            assert not list(disk.glob("images/work/*"))
            if error is not None:
                refused += 1
                assert error.code in FULL, error
                assert "disk is full" in str(error)
                assert not list(disk.glob("images/layouts/*"))
        if found is not None:
            break
    assert found is not None
    assert found.digest == whole.digest
    assert refused > 3


def attempt(build: Callable[..., BuiltImage], disk: Path) -> tuple[BuiltImage, None] | tuple[None, UserError]:
    """The image, or why there is none."""
    try:
        return build(disk / "images"), None
    except UserError as error:
        return None, error


def test_an_archive_and_a_layout_are_written_whole_or_not_at_all(
    build: Callable[..., BuiltImage], tmp_path: Path
) -> None:
    image = build()
    with small_disk(tmp_path / "disk", image.compressed_size // 2000) as disk:
        with pytest.raises(OSError, match="No space left"):
            image.docker_archive(disk / "image.tar")
        assert list(disk.iterdir()) == []
        with pytest.raises(OSError, match="No space left"):
            image.export(disk / "layout")
        assert list(disk.iterdir()) == []


def test_a_quota_is_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(ImageError) as caught, ImageStore(tmp_path).writing():
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    assert caught.value.code == "TOC-IMAGE-001"
