"""The rehearsed storage account: blobs on disk, whole or not there, and signed addresses for them.

A blob is a file named after its path's hash, so that no path can leave the folder or be too long; the store
knows the paths. Blocks wait beside the blobs until a list of them is committed, as Azure's do.
"""

from __future__ import annotations

import hashlib
import hmac
import shutil
import uuid
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from toc_build.rehearsal.domain.clock import Clock
from toc_build.rehearsal.domain.refusals import Refusal
from toc_build.rehearsal.domain.store import Document, Store

SCOPE = "storage"
VALID_SECONDS = 24 * 3600
CONTAINER = "azureml"  # where Azure keeps artifacts in a workspace's own account


class Blobs:
    """Blobs by container and path.

    Args:
        folder: where the files lie; made when it is not there.
        store: knows which there are.
        secret: signs addresses.
        clock: seconds since 1970.
    """

    def __init__(self, folder: Path, store: Store, secret: bytes, clock: Clock) -> None:
        self._folder, self._store, self._secret, self._clock = folder, store, secret, clock
        (folder / "parts").mkdir(parents=True, exist_ok=True)

    def signed_query(self, path: str, permission: str) -> str:
        """The query that lets whoever has it read (`r`) or write (`rw`) the blob at `container/path`."""
        expires = int(self._clock()) + VALID_SECONDS
        signature = quote(self._signature(path, permission, expires), safe="")
        return f"sp={permission}&se={expires}&sr=b&sig={signature}"

    def check_signature(self, path: str, query: dict[str, str], wanted: str) -> None:
        """Refuses a query that does not allow what is wanted.

        Args:
            path: `container/path` of the blob.
            query: of the request.
            wanted: `r` or `w`.

        Raises:
            Refusal: it was not signed here, has run out, or allows something else.
        """
        permission, given = query.get("sp", ""), query.get("sig", "")
        expires = int(query["se"]) if query.get("se", "").isdigit() else 0
        good = hmac.compare_digest(given, self._signature(path, permission, expires))
        if not good or expires < self._clock():
            raise Refusal(
                "AuthenticationFailed",
                "Server failed to authenticate the request. Make sure the value of the signature is right.",
                403,
            )
        if wanted not in permission:
            raise Refusal("AuthorizationPermissionMismatch", "This signature does not permit that.", 403)

    def new_part(self) -> Path:
        """A file to receive content before it is put in place."""
        return self._folder / "parts" / uuid.uuid4().hex

    def put(self, path: str, part: Path) -> Document:
        """Makes a received file the blob at `container/path`."""
        target = self._file(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        size = part.stat().st_size
        with part.open("rb") as content:
            md5 = (
                hashlib.file_digest(content, "md5").hexdigest()
                if hasattr(hashlib, "file_digest")
                else _md5(part)
            )
        part.replace(target)
        document: Document = {"path": path, "size": size, "md5": md5, "modified": self._clock()}
        self._store.put(SCOPE, "blob", path, document)
        return document

    def put_block(self, path: str, block: str, part: Path) -> None:
        """Keeps a received file as a block of the blob until the list comes."""
        target = self._block(path, block)
        target.parent.mkdir(parents=True, exist_ok=True)
        part.replace(target)

    def commit(self, path: str, blocks: Iterable[str]) -> Document:
        """Puts blocks together to the blob at `container/path`.

        Raises:
            Refusal: a block is not there.
        """
        part = self.new_part()
        try:
            with part.open("wb") as whole:
                for block in blocks:
                    try:
                        with self._block(path, block).open("rb") as content:
                            shutil.copyfileobj(content, whole, 1 << 20)
                    except FileNotFoundError:
                        raise Refusal(
                            "InvalidBlockList", "The specified block list is invalid.", 400
                        ) from None
            document = self.put(path, part)
        finally:
            part.unlink(missing_ok=True)
        shutil.rmtree(self._block(path, "").parent, ignore_errors=True)
        return document

    def find(self, path: str) -> Document | None:
        """What is known of a blob, or None when it is not there."""
        return self._store.get(SCOPE, "blob", path)

    def file(self, path: str) -> Path:
        """The file of a blob.

        Raises:
            Refusal: there is no such blob.
        """
        if self.find(path) is None:
            raise Refusal("BlobNotFound", "The specified blob does not exist.", 404)
        return self._file(path)

    def below(self, prefix: str) -> list[str]:
        """The paths of the blobs at or below `container/prefix`, sorted."""
        paths = (str(document["path"]) for document in self._store.all(SCOPE, "blob"))
        return [path for path in paths if path == prefix or path.startswith(prefix.rstrip("/") + "/")]

    def _signature(self, path: str, permission: str, expires: int) -> str:
        text = f"{path}\n{permission}\n{expires}".encode()
        return hmac.new(self._secret, text, hashlib.sha256).hexdigest()

    def _file(self, path: str) -> Path:
        name = hashlib.sha256(path.encode()).hexdigest()
        return self._folder / name[:2] / name

    def _block(self, path: str, block: str) -> Path:
        folder = self._folder / "parts" / f"{hashlib.sha256(path.encode()).hexdigest()}.blocks"
        return folder / hashlib.sha256(block.encode()).hexdigest()


def _md5(part: Path) -> str:  # Python 3.10 has no file_digest
    digest = hashlib.md5(usedforsecurity=False)
    with part.open("rb") as content:
        while data := content.read(1 << 20):
            digest.update(data)
    return digest.hexdigest()
