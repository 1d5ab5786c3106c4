"""The base image: where it comes from, which Python it has, what is installed in it.

`build` calls `open_base`. A base is a registry reference
(`docker.io/library/python:3.11-slim@sha256:...`), an OCI layout (`oci:FOLDER`) or a docker archive
(`docker-archive:FILE`); each may end in `@sha256:...`, and is refused when what is found there has another
digest. Its blobs are kept in the store, so that a second build asks nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toc_build.errors import ImageError
from toc_build.image.base_contents import Contents, Interpreter, read_contents
from toc_build.image.layout import read_archive, read_layout
from toc_build.image.store import ImageStore, Layer, Tell


@dataclass(frozen=True)
class Base:
    """A base image whose blobs are in the store.

    Attributes:
        reference: what it was asked by, without a digest.
        digest: of its manifest; of its configuration when it came from a docker archive.
        layers: from the bottom up.
        config: its configuration document.
        contents: its Python and its packages.
    """

    reference: str
    digest: str
    layers: tuple[Layer, ...]
    config: dict[str, Any]
    contents: Contents

    @property
    def pinned(self) -> str:
        """The reference with the digest."""
        return f"{self.reference}@{self.digest}"


def open_base(reference: str, *, platform: str, store: ImageStore, tell: Tell) -> Base:
    """The base image of a reference, fetched if the store has it not.

    Args:
        reference: see above.
        platform: such as `linux/amd64`.
        store: where its blobs are kept.
        tell: told in one line what is being done.

    Raises:
        ImageError: it is not there, cannot be fetched, is for another platform, or has another digest.
    """
    name, _, digest = reference.partition("@")
    kind, colon, place = name.partition(":")
    if kind == "oci" and colon:
        found, config, layers = read_layout(Path(place), platform=platform, store=store)
        return _base(name, digest, found, config, layers, platform, store)
    if kind == "docker-archive" and colon:
        found, config, layers = read_archive(Path(place), store=store)
        return _base(name, digest, found, config, layers, platform, store)
    if digest and (kept := _kept(name, digest, platform, store)):
        return kept
    from toc_build.image.registry.pull import pull

    tell(f"fetching the base {name}")
    found, config, layers = pull(reference, platform=platform, store=store, tell=tell)
    return _base(name, digest, found, config, layers, platform, store)


def require_python(base: Base, minor: str) -> Interpreter:
    """The base's interpreter, which must have the bundle's minor version.

    Raises:
        ImageError: it has none, or another.
    """
    found = base.contents.interpreters
    for interpreter in found:
        if interpreter.minor == minor:
            return interpreter
    has = ", ".join(f"Python {item.minor}" for item in found) or "no Python"
    raise ImageError(
        f"the base {base.reference} has {has}; the bundle was locked for Python {minor}.",
        code="TOC-IMAGE-032",
        where="deploy.yml image -> base",
        fix=f"name a base with Python {minor}, or ask for {_newest(found) or 'its Python'} in conda.yml "
        f"and make "
        "the lock anew: `nox -s lock`.",
    )


def _newest(found: tuple[Interpreter, ...]) -> str | None:
    minors = sorted((item.minor for item in found), key=lambda text: [int(part) for part in text.split(".")])
    return f"python={minors[-1]}" if minors else None


def _base(
    name: str,
    asked: str,
    digest: str,
    config: dict[str, Any],
    layers: tuple[Layer, ...],
    platform: str,
    store: ImageStore,
) -> Base:
    if asked and asked != digest:
        raise ImageError(
            f"the base {name} is not the one that deploy.yml asks for: it changed since it was pinned.",
            code="TOC-IMAGE-031",
            where="deploy.yml image -> base",
            fix="look at what changed; `toc-build build --update-base` takes the new one and pins it.",
            details=f"asked for: {asked}\nfound:     {digest}",
        )
    system = f"{config.get('os')}/{config.get('architecture')}"
    if system != platform:
        raise ImageError(
            f"the base {name} is for {system}, the image is to be for {platform}.",
            code="TOC-IMAGE-033",
            where="deploy.yml image -> base",
            fix=f"name a base for {platform}, or set image -> platform to {system}.",
        )
    key = digest.partition(":")[2]
    contents = Contents.from_json(store.remembered("bases", key))
    if contents is None:
        contents = read_contents([store.blob(layer.descriptor.digest) for layer in layers])
        store.remember("bases", key, contents.to_json())
    layers = tuple(
        Layer(layer.descriptor, layer.diff_id, size, layer.name)
        for layer, size in zip(layers, contents.layer_sizes, strict=True)
    )
    known = {"config": config, "layers": [layer.to_json() for layer in layers]}
    store.remember("base-images", f"{key}-{platform.replace('/', '-')}", known)
    return Base(name, digest, layers, config, contents)


def _kept(name: str, digest: str, platform: str, store: ImageStore) -> Base | None:
    """The base by its digest, if the store has it whole."""
    key = digest.partition(":")[2]
    known = store.remembered("base-images", f"{key}-{platform.replace('/', '-')}")
    contents = Contents.from_json(store.remembered("bases", key))
    if known is None or contents is None:
        return None
    try:
        layers = tuple(Layer.from_json(values) for values in known["layers"])
        config = known["config"]
    except (KeyError, TypeError):
        return None
    if not all(store.has(layer.descriptor) for layer in layers):
        return None
    return Base(name, digest, layers, config, contents)
