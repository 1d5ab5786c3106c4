"""Removes images that nothing has built for a while, and blobs of none. `toc-build env prune` calls it."""

from __future__ import annotations

import shutil

from toc_build.image.store import ImageStore

_IN_THE_MAKING = 3600  # seconds; a blob may wait so long for its image


def prune_images(*, now: float, older_than_days: float, store: ImageStore | None = None) -> int:
    """Removes images by the time they were last built, then the blobs that are in none.

    What a container engine or a registry has stays there.

    Args:
        now: seconds since 1970.
        older_than_days: since the last build that gave that image.
        store: the store of the cache folder when omitted.

    Returns:
        How many images were removed.
    """
    root = (store or ImageStore()).root
    removed = 0
    for layout in (root / "layouts").glob("*"):
        if now - layout.stat().st_mtime >= older_than_days * 86400:
            shutil.rmtree(layout, ignore_errors=True)
            removed += 1
    held = {blob.name for blob in (root / "layouts").glob("*/blobs/sha256/*")}
    for blob in (root / "blobs" / "sha256").glob("*"):
        age = now - blob.stat().st_mtime
        if blob.name not in held and age >= max(older_than_days * 86400, _IN_THE_MAKING):
            blob.unlink(missing_ok=True)
    for work in (root / "work").glob("*"):  # left by a build that was killed
        if now - work.stat().st_mtime >= 86400:
            shutil.rmtree(work, ignore_errors=True)
    return removed
