"""Reads and writes OCI layouts, and reads docker archives, for `base`, `build` and the tools."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import shutil
import tarfile
from pathlib import Path
from typing import IO, Any

from toc_build.errors import ImageError
from toc_build.image.built import Descriptor
from toc_build.image.layer import compress
from toc_build.image.store import LAYER_TYPE, ImageStore, Layer, file_digest

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
DOCKER_MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST_TYPE = "application/vnd.docker.distribution.manifest.list.v2+json"
_DOCKER_LAYER_TYPES = {
    "application/vnd.docker.image.rootfs.diff.tar.gzip": LAYER_TYPE,
    "application/vnd.docker.image.rootfs.diff.tar": "application/vnd.oci.image.layer.v1.tar",
}
Found = tuple[str, dict[str, Any], tuple[Layer, ...]]


def canonical(document: Any) -> bytes:
    """JSON with sorted keys and no spaces: the same document gives the same bytes."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def manifest_bytes(config: Descriptor, layers: tuple[Layer, ...]) -> bytes:
    """The bytes of an image manifest."""
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": config.to_json(),
        "layers": [layer.descriptor.to_json() for layer in layers],
    }
    return canonical(document)


def write_layout(
    manifest: Descriptor, blobs: tuple[Descriptor, ...], reference: str, store: ImageStore, folder: Path
) -> None:
    """Writes an OCI layout with one manifest to `folder`, which must not exist; whole or not at all.

    Args:
        manifest: of the image; its bytes are in the store.
        blobs: configuration and layers; in the store.
        reference: name and tag.
        store: where the blobs come from, as hard links where the file system has them.
        folder: the layout.

    Raises:
        ImageError: it cannot be written.
    """
    with store.scratch() as work, store.writing():
        part = work / "layout"
        (part / "blobs" / "sha256").mkdir(parents=True)
        for blob in dict.fromkeys((manifest, *blobs)):
            store.link(blob.digest, part / "blobs" / "sha256" / blob.digest.partition(":")[2])
        named = {**manifest.to_json(), "annotations": {"org.opencontainers.image.ref.name": reference}}
        index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [named]}
        (part / "index.json").write_bytes(canonical(index))
        (part / "oci-layout").write_bytes(canonical({"imageLayoutVersion": "1.0.0"}))
        folder.parent.mkdir(parents=True, exist_ok=True)
        if folder.exists():  # a damaged one: a whole one would have been found
            shutil.rmtree(folder)
        part.rename(folder)


def read_layout(folder: Path, *, platform: str, store: ImageStore) -> Found:
    """The image for a platform in an OCI layout; its blobs are put into the store.

    Returns:
        The digest that the layout names (of an index, where it has one), the configuration, the layers.

    Raises:
        ImageError: there is no such layout or image, or a blob is not what its digest says.
    """

    def fetch(blob: Descriptor) -> bytes:
        return (folder / "blobs" / blob.digest.replace(":", "/")).read_bytes()

    try:
        index = json.loads((folder / "index.json").read_bytes())
        chosen = named = choose(index["manifests"], platform)
        text = _checked(fetch(chosen), chosen, folder)
        if chosen.media_type in {INDEX_TYPE, DOCKER_LIST_TYPE}:
            chosen = choose(json.loads(text)["manifests"], platform)
            text = _checked(fetch(chosen), chosen, folder)
        config_blob, layer_blobs = parts(json.loads(text))
        config = json.loads(_checked(fetch(config_blob), config_blob, folder))
        for blob in layer_blobs:
            if not store.has(blob):
                place = folder / "blobs" / blob.digest.replace(":", "/")
                if file_digest(place) != blob.digest:
                    raise damaged(blob, str(folder))
                with place.open("rb") as source, store.new_blob() as (stream, keep):
                    shutil.copyfileobj(source, stream, 1 << 20)
                    keep(blob.digest)
        return named.digest, config, layers_of(config, layer_blobs)
    except (OSError, ValueError, KeyError, TypeError, StopIteration) as error:
        raise ImageError(
            f"there is no OCI layout with an image for {platform} in {folder}: {_reason(error)}.",
            code="TOC-IMAGE-030",
            where="deploy.yml image -> base",
            fix="check the path; `skopeo copy docker://IMAGE oci:FOLDER` makes one, "
            "`tools/minimal_base.py` of "
            "toc-build another.",
        ) from None


def read_archive(file: Path, *, store: ImageStore) -> Found:
    """The one image in a docker archive (`docker save`); its layers are put into the store, compressed.

    Returns:
        The configuration's digest, the configuration, the layers.

    Raises:
        ImageError: there is no such archive, or it holds several images.
    """
    try:
        with tarfile.open(file) as archive:
            listed = json.loads(_member(archive, "manifest.json").read())
            (only,) = listed
            text = _member(archive, only["Config"]).read()
            config = json.loads(text)
            layers = []
            for name, diff_id in zip(only["Layers"], config["rootfs"]["diff_ids"], strict=True):
                with _member(archive, name) as packed:
                    layers.append(_archived_layer(packed, diff_id, store, file))
        return f"sha256:{hashlib.sha256(text).hexdigest()}", config, tuple(layers)
    except (tarfile.TarError, OSError, ValueError, KeyError, TypeError) as error:
        raise ImageError(
            f"{file} is not a docker archive with one image: {_reason(error)}.",
            code="TOC-IMAGE-030",
            where="deploy.yml image -> base",
            fix="check the path; `docker save IMAGE -o FILE` makes one.",
        ) from None


def _archived_layer(packed: IO[bytes], diff_id: str, store: ImageStore, file: Path) -> Layer:
    known = store.remembered("archived", diff_id.partition(":")[2])
    if known and store.has(Layer.from_json(known).descriptor):
        return Layer.from_json(known)
    with contextlib.ExitStack() as opened:
        start = packed.read(2)
        packed.seek(0)
        plain: Any = opened.enter_context(gzip.open(packed)) if start == b"\x1f\x8b" else packed
        layer = compress(plain, "base", store)
    if layer.diff_id != diff_id:
        raise damaged(Descriptor(diff_id, 0, ""), str(file))
    store.remember("archived", diff_id.partition(":")[2], layer.to_json())
    return layer


def choose(manifests: list[dict[str, Any]], platform: str) -> Descriptor:
    """The manifest for a platform in an index; the only one, where it does not say what it is for.

    Raises:
        ValueError: there is none.
    """
    wanted = dict(zip(("os", "architecture"), platform.split("/"), strict=True))
    real = [item for item in manifests if item.get("platform", {}).get("os") != "unknown"]  # attestations
    fitting = [item for item in real if wanted.items() <= item.get("platform", {}).items()]
    if not fitting and len(real) == 1 and "platform" not in real[0]:
        fitting = real
    if not fitting:
        named = sorted("/".join(filter(None, _platform(item))) for item in real if item.get("platform"))
        raise ValueError(
            f"it has no image for {platform}" + (f", only for {', '.join(named)}" if named else "")
        )
    return Descriptor(fitting[0]["digest"], fitting[0]["size"], fitting[0]["mediaType"])


def parts(manifest: dict[str, Any]) -> tuple[Descriptor, list[Descriptor]]:
    """Configuration and layers of a manifest, Docker's media types turned into OCI's.

    Raises:
        KeyError, TypeError: it is not an image's manifest.
    """
    config = manifest["config"]
    layers = [
        Descriptor(
            item["digest"], item["size"], _DOCKER_LAYER_TYPES.get(item["mediaType"], item["mediaType"])
        )
        for item in manifest["layers"]
    ]
    return Descriptor(config["digest"], config["size"], CONFIG_TYPE), layers


def layers_of(config: dict[str, Any], blobs: list[Descriptor]) -> tuple[Layer, ...]:
    """The layers with what the configuration says of each; their unpacked size is not known yet."""
    return tuple(
        Layer(blob, diff_id, 0, "base")
        for blob, diff_id in zip(blobs, config["rootfs"]["diff_ids"], strict=True)
    )


def damaged(blob: Descriptor, where: str) -> ImageError:
    """The error for a blob that is not what its digest says."""
    return ImageError(
        f"the blob {blob.digest} was changed or is not whole.",
        code="TOC-IMAGE-035",
        where=where,
        fix="fetch or make the base image again.",
    )


def _checked(data: bytes, blob: Descriptor, folder: Path) -> bytes:
    if f"sha256:{hashlib.sha256(data).hexdigest()}" != blob.digest:
        raise damaged(blob, str(folder))
    return data


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    stream = archive.extractfile(name)
    if stream is None:
        raise ValueError(f"{name} is not a file in it")
    return stream


def _platform(item: dict[str, Any]) -> tuple[str, str, str]:
    found = item["platform"]
    return found.get("os", ""), found.get("architecture", ""), found.get("variant", "")


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, KeyError):
        return f"{error} is missing"
    return str(error).partition("\n")[0].rstrip(":") or type(error).__name__
