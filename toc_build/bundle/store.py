"""Where bundles are kept: one read-only folder per digest, model artifacts shared between them as hard links.

`assembly` writes here; `open_bundle` and `Bundle.verify` read. A folder appears under its digest by a rename,
when it is whole, so that one that is there is complete.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from toc_build.bundle.manifest import FileEntry, Manifest
from toc_build.bundle.sources import Source
from toc_build.errors import BundleError
from toc_build.paths import cache_dir

MANIFEST_FILE = "manifest.json"
BYTECODE_DIR = "__pycache__"
_CHUNK = 1 << 20
_BUILDING = ".building-"
_MAKING_SECONDS = 3600.0  # what is younger may be in the making


@dataclass(frozen=True)
class Bundle:
    """An assembled bundle.

    Attributes:
        root: its folder, holding `code/`, `model/`, `environment/` and `manifest.json`.
        manifest: what is in it.
    """

    root: Path
    manifest: Manifest

    @property
    def digest(self) -> str:
        """`sha256:` and 64 hex digits."""
        return self.manifest.digest

    @property
    def code_dir(self) -> Path:
        """The scoring code: Azure ML's source directory and `AML_APP_ROOT`."""
        return self.root / "code"

    @property
    def model_dir(self) -> Path:
        """The artifacts: where `AZUREML_MODEL_DIR` points."""
        return self.root / "model"

    @property
    def lock_path(self) -> Path:
        """The exact versions the bundle was made with."""
        return self.root / "environment" / "requirements.lock"

    def verify(self, *, below: str = "") -> list[str]:
        """Re-reads the files and says which are not what the manifest says.

        Args:
            below: look only at paths that start so, such as `code/`.

        Returns:
            The paths that are missing, changed, or there without being in the manifest; empty when all is
            well. Compiled code does not count: an interpreter that ran the code may have put it there.
        """
        expected = {entry.path: entry for entry in self.manifest.files if entry.path.startswith(below)}
        present = {
            path.relative_to(self.root).as_posix()
            for path in self.root.rglob("*")
            if path.is_file() and path.name != MANIFEST_FILE and path.parent.name != BYTECODE_DIR
        }
        odd = {path for path in present if path.startswith(below)} - expected.keys()
        for path, entry in expected.items():
            if path not in present or sha256_file(self.root / path) != entry.sha256:
                odd.add(path)
        return sorted(odd)


def bundles_dir() -> Path:
    """The folder of all bundles; not created here."""
    return cache_dir() / "bundles"


def open_bundle(root: Path) -> Bundle:
    """The bundle in the folder `root`.

    Raises:
        BundleError: there is none, or its manifest does not hold.
    """
    try:
        text = (root / MANIFEST_FILE).read_text(encoding="utf-8")
    except OSError as error:
        raise BundleError(
            f"there is no bundle in {root}: {error.strerror}.", code="TOC-BUNDLE-007", where=str(root)
        ) from None
    return Bundle(root, Manifest.from_json(text))


def sha256_file(path: Path) -> str:
    """The sha256 of a file's contents, 64 hex digits."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def store(manifest: Manifest, sources: Mapping[str, Source]) -> Bundle:
    """Puts the files of `manifest` into the store, unless a whole bundle of that digest is there.

    Raises:
        BundleError: the cache cannot be written, or a file changed while it was copied.
    """
    root = bundles_dir() / manifest.digest.replace(":", "-")
    kept = _kept(root, manifest)
    if kept:
        return kept
    try:
        bundles_dir().mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=_BUILDING, dir=bundles_dir()))
    except OSError as error:
        raise _unwritable(error) from error
    try:
        for entry in manifest.files:
            place = building / entry.path
            place.parent.mkdir(parents=True, exist_ok=True)
            _place(sources[entry.path], place, entry, shared=entry.path.startswith("model/"))
        (building / MANIFEST_FILE).write_text(manifest.to_json(), encoding="utf-8")
        building.chmod(0o755)
        if root.exists():  # a damaged one: a whole one would have been returned above
            shutil.rmtree(root)
        try:
            building.rename(root)
        except OSError:
            if not (root / MANIFEST_FILE).is_file():  # otherwise another command stored the same bundle first
                raise
    except OSError as error:
        raise _unwritable(error) from error
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return Bundle(root, manifest)


def prune_bundles(*, now: float, older_than_days: float) -> int:
    """Removes bundles that nothing has used for a while, and artifacts that no bundle holds any more.

    One whose code or model a running process was started with stays, and one that a local service's state
    names: a container was not started with its folder, nor does anything run between two restarts.

    Args:
        now: seconds since 1970.
        older_than_days: since the last use.

    Returns:
        How many bundles were removed.
    """
    if not bundles_dir().is_dir():
        return 0
    in_use = "\n".join([*_command_lines(), *_service_states()])
    removed = 0
    for root in bundles_dir().iterdir():
        try:
            age = now - root.stat().st_mtime
        except FileNotFoundError:  # another command has just removed it, or given it its name
            continue
        being_made = root.name.startswith(_BUILDING)
        if age < (_MAKING_SECONDS if being_made else older_than_days * 86400):
            continue
        if str(root) in in_use or str(root.resolve()) in in_use:
            continue
        shutil.rmtree(root, ignore_errors=True)
        removed += not being_made
    artifacts = bundles_dir().parent / "artifacts"
    for blob in artifacts.iterdir() if artifacts.is_dir() else ():
        if blob.stat().st_nlink == 1 and now - blob.stat().st_mtime >= _MAKING_SECONDS:
            blob.unlink(missing_ok=True)
    return removed


def _command_lines() -> list[str]:
    """What every process of this machine that may be looked at was started with."""
    import psutil

    found = psutil.process_iter(["cmdline"])
    return [" ".join(process.info["cmdline"] or ()) for process in found]


def _service_states() -> list[str]:
    """What is written of the local services: the paths of their bundles are in it."""
    found = []
    for state in (cache_dir() / "services").glob("*/state.json"):
        with suppress(OSError, ValueError):
            found.append(json.dumps(json.loads(state.read_text("utf-8")), ensure_ascii=False))
    return found


def _kept(root: Path, manifest: Manifest) -> Bundle | None:
    """The stored bundle, if it is still what it was.

    Code and lock are read again, for somebody may have edited them while debugging; artifacts, which may be
    large, are looked at by size.
    """
    try:
        bundle = open_bundle(root)
    except BundleError:
        return None
    if bundle.manifest != manifest or bundle.verify(below="code/") or bundle.verify(below="environment/"):
        return None
    for entry in manifest.files:
        path = root / entry.path
        if not path.is_file() or path.stat().st_size != entry.size:
            return None
    os.utime(root)  # when it was last used, for `toc-build env prune`
    return bundle


def _place(source: Source, place: Path, entry: FileEntry, *, shared: bool) -> None:
    """Writes one file, read-only; a shared one is stored once under its own hash and linked."""
    sha256 = entry.sha256
    if not shared:
        _write(source, place, sha256)
        return
    blob = cache_dir() / "artifacts" / sha256
    # One that is there is read again: a machine that lost its power, or a person, may have changed it.
    if not blob.is_file() or blob.stat().st_size != entry.size or sha256_file(blob) != sha256:
        blob.parent.mkdir(parents=True, exist_ok=True)
        part = blob.with_name(f".{sha256}.{os.getpid()}")
        try:
            _write(source, part, sha256, lasting=True)
            part.replace(blob)
        finally:
            part.unlink(missing_ok=True)
    try:
        place.hardlink_to(blob)
    except OSError:  # a file system without links, or too many on one file
        _write(blob, place, sha256)


def _write(source: Source, place: Path, sha256: str, *, lasting: bool = False) -> None:
    digest = hashlib.sha256()
    with place.open("wb") as target:
        if isinstance(source, bytes):
            digest.update(source)
            target.write(source)
        else:
            with source.open("rb") as stream:
                while chunk := stream.read(_CHUNK):
                    digest.update(chunk)
                    target.write(chunk)
        if lasting:  # before it is known by its hash
            target.flush()
            os.fsync(target.fileno())
    if digest.hexdigest() != sha256:
        raise BundleError(
            f"{source if isinstance(source, Path) else place.name} changed while the bundle was assembled.",
            code="TOC-BUNDLE-008",
            where=str(source) if isinstance(source, Path) else None,
            fix="wait until whatever writes it is done, and run the command again.",
        )
    place.chmod(0o444)


def _unwritable(error: OSError) -> BundleError:
    return BundleError(
        f"the bundle cannot be stored in {bundles_dir()}: {error.strerror or error}.",
        code="TOC-BUNDLE-009",
        where=error.filename if isinstance(error.filename, str) else None,
        fix="make room or make it writable, or name another folder with TOC_BUILD_CACHE_DIR.",
    )
