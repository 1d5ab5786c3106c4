"""The manifest: what is in a bundle, and the digest that names the whole.

Written and read by `bundle.store`; computed by `bundle.assembly`. The digest is the sha256 of the
manifest's own canonical text without the digest, and that text is made from contents and relative paths
alone: never from time, owner, mode, order on disk, or the place of the folder.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from toc_build.errors import BundleError

FORMAT = 1


@dataclass(frozen=True, order=True)
class FileEntry:
    """One file of a bundle.

    Attributes:
        path: relative to the bundle, with `/`, in Unicode form NFC.
        sha256: of the contents, 64 hex digits.
        size: in bytes.
    """

    path: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Manifest:
    """What a bundle holds.

    Attributes:
        service: name of the service in `deploy.yml`.
        model: name of the model in `deploy.yml`.
        framework: the model's framework.
        python: minor version of the interpreter that runs it, such as `3.11`.
        entry_script: the scoring script, relative to `code/`.
        files: every file but the manifest, sorted by path.
    """

    service: str
    model: str
    framework: str
    python: str
    entry_script: str
    files: tuple[FileEntry, ...]

    @classmethod
    def of(
        cls,
        files: Iterable[FileEntry],
        *,
        service: str,
        model: str,
        framework: str,
        python: str,
        entry_script: str,
    ) -> Manifest:
        """A manifest over `files`, whatever order they come in."""
        ordered = tuple(sorted(files, key=lambda entry: entry.path.encode()))
        return cls(service, model, framework, python, entry_script, ordered)

    @property
    def digest(self) -> str:
        """`sha256:` and 64 hex digits: the identity of the bundle."""
        return "sha256:" + hashlib.sha256(self._canonical()).hexdigest()

    def _canonical(self) -> bytes:
        return json.dumps(
            {"format": FORMAT, **asdict(self)}, sort_keys=True, separators=(",", ":"), ensure_ascii=False
        ).encode()

    def to_json(self) -> str:
        """The text of `manifest.json`: readable, stable, with the digest in front."""
        return (
            json.dumps(
                {"digest": self.digest, "format": FORMAT, **asdict(self)}, indent=1, ensure_ascii=False
            )
            + "\n"
        )

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Reads `manifest.json` back.

        Raises:
            BundleError: it is not a manifest of this format, or its digest is not that of its contents.
        """
        try:
            raw: dict[str, Any] = json.loads(text)
            claimed, version = raw.pop("digest"), raw.pop("format")
            files = tuple(FileEntry(**entry) for entry in raw.pop("files"))
            manifest = cls(files=files, **raw)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BundleError(
                f"manifest.json is not a bundle's manifest: {error}", code="TOC-BUNDLE-001"
            ) from None
        if version != FORMAT:
            raise BundleError(
                f"manifest.json has format {version}; this toc-build reads format {FORMAT}.",
                code="TOC-BUNDLE-002",
                fix="use the toc-build that made the bundle, or make the bundle again.",
            )
        if manifest.digest != claimed:
            raise BundleError(
                f"manifest.json says {claimed}, but its contents make {manifest.digest}: it was edited.",
                code="TOC-BUNDLE-003",
                fix="make the bundle again from its model repository.",
            )
        return manifest
