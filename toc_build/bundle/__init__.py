"""Turns a model repository into a bundle: an immutable folder named by its digest."""

from toc_build.bundle.assembly import assemble
from toc_build.bundle.manifest import FileEntry, Manifest
from toc_build.bundle.store import Bundle, open_bundle

__all__ = ["Bundle", "FileEntry", "Manifest", "assemble", "open_bundle"]
