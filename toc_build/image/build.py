"""Builds the image of a bundle: `build_image`. Called by `toc-build build` and by the local target.

No container engine and no network are needed for it but what is missing: the base's blobs and the wheels.
"""

from __future__ import annotations

import os
from pathlib import Path

from toc_build.bundle import Bundle
from toc_build.image.base import Base, open_base, require_python
from toc_build.image.built import BuiltImage
from toc_build.image.bundle_layers import code_layer, model_layer
from toc_build.image.configuration import configuration
from toc_build.image.environment_layer import environment_layer, uv_platform
from toc_build.image.host_python import host_python
from toc_build.image.layout import CONFIG_TYPE, MANIFEST_TYPE, canonical, manifest_bytes, write_layout
from toc_build.image.reference import Reference
from toc_build.image.settings import ImageSettings
from toc_build.image.store import ImageStore, Layer, Tell


def build_image(
    bundle: Bundle, *, settings: ImageSettings, cache: Path | None = None, progress: Tell | None = None
) -> BuiltImage:
    """The image of `bundle`; layers that were made before are taken from the cache.

    Args:
        bundle: what is served.
        settings: how.
        cache: the folder of images, instead of `images` in the cache folder.
        progress: told in one line what is being done.

    Raises:
        ImageError: the base, the environment or the cache stands in the way; nothing half-made is left.
        EnvironmentBuildError: a package of the lock cannot be installed, or its Python is not to be had.
    """
    store = ImageStore(cache)
    tell = progress or _nobody
    base = open_base(settings.base, platform=settings.platform, store=store, tell=tell)
    interpreter = require_python(base, bundle.manifest.python)
    python = host_python(bundle.manifest.python, store, tell)
    environment = environment_layer(
        bundle,
        interpreter,
        python,
        system=uv_platform(settings.platform, base.contents.libc),
        platform=settings.platform,
        prune=settings.prune,
        reference=Reference(bundle, settings.samples, python.path, settings.platform),
        store=store,
        tell=tell,
    )
    layers = (environment, model_layer(bundle, store, tell), code_layer(bundle, python, store, tell))
    return _assemble(bundle, settings, base, layers, store)


def _assemble(
    bundle: Bundle, settings: ImageSettings, base: Base, layers: tuple[Layer, ...], store: ImageStore
) -> BuiltImage:
    """Configuration, manifest and layout over layers that are in the store."""
    config = store.add(canonical(configuration(bundle, settings, base, layers)), CONFIG_TYPE)
    every = (*base.layers, *layers)
    manifest = store.add(manifest_bytes(config, every), MANIFEST_TYPE)
    built = BuiltImage(
        layout=store.root / "layouts" / manifest.digest.partition(":")[2],
        digest=manifest.digest,
        config_digest=config.digest,
        reference_name=f"{settings.service}:{bundle.digest.partition(':')[2][:12]}",
        size=sum(layer.unpacked for layer in every),
        layers=tuple(layer.descriptor for layer in every),
        base=base.pinned,
    )
    blobs = (config, *built.layers)
    whole = all(_size(built.blob(blob.digest)) == blob.size for blob in (manifest, *blobs))
    if not whole or not (built.layout / "index.json").is_file():
        write_layout(manifest, blobs, built.reference_name, store, built.layout)
    else:
        os.utime(built.layout)  # when it was last built, for `toc-build env prune`
    return built


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _nobody(_line: str) -> None:
    """Progress that nobody watches."""
