"""`prune_images`: old images and what only they held go; what a newer one needs stays."""

from __future__ import annotations

import os
from collections.abc import Callable

from toc_build.image import BuiltImage
from toc_build.image.housekeeping import prune_images
from toc_build.image.store import ImageStore

Build = Callable[..., BuiltImage]
DAY = 86400


def aged(store: ImageStore, image: BuiltImage, days: float) -> float:
    """Makes everything of the store look that old, but the image's own folder; returns the time now."""
    now = image.layout.stat().st_mtime
    for blob in (store.root / "blobs/sha256").iterdir():
        os.utime(blob, (now - days * DAY, now - days * DAY))
    return now


def test_an_old_image_goes_and_its_layers_stay_with_the_new_one(build: Build) -> None:
    store = ImageStore()
    old, new = build(), build(threads=9)
    now = aged(store, new, 40)
    os.utime(old.layout, (now - 40 * DAY, now - 40 * DAY))

    assert prune_images(now=now, older_than_days=30) == 1

    assert not old.layout.exists()
    assert new.layout.is_dir()
    assert all(store.has(layer) for layer in new.layers)
    assert not store.blob(old.config_digest).exists()
    assert build(threads=9) == new
    assert build() == old, "it can be built again"


def test_building_an_image_again_keeps_it(build: Build) -> None:
    image = build()
    long_ago = image.layout.stat().st_mtime - 40 * DAY
    os.utime(image.layout, (long_ago, long_ago))

    now = build().layout.stat().st_mtime

    assert prune_images(now=now, older_than_days=30) == 0
    assert image.layout.is_dir()


def test_what_is_in_the_making_stays(build: Build) -> None:
    store = ImageStore()
    waiting = store.add(b"a blob whose image is not written yet", "text/plain")

    prune_images(now=store.blob(waiting.digest).stat().st_mtime + 60, older_than_days=0)

    assert store.has(waiting)


def test_an_empty_cache_has_nothing_to_remove() -> None:
    assert prune_images(now=0.0, older_than_days=0) == 0
