"""The two layers that a bundle gives: the model, and the scoring code with the runtime. `build` calls both.

The model stands where Azure ML puts a registered model, `/var/azureml-app/azureml-models/<name>/1`; the code
at `/var/azureml-app`. The last folder is a number because azureml-inference-server-http takes it for the
model's version and complains otherwise (its `appinsights_client.py`).
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from toc_build.bundle import Bundle, FileEntry
from toc_build.errors import ImageError
from toc_build.image.bytecode import pyc_name
from toc_build.image.environment_layer import HOME
from toc_build.image.host_python import HostPython
from toc_build.image.layer import FORMAT, Entry, write_layer
from toc_build.image.store import ImageStore, Layer, Tell, file_digest, hash_of

APP_ROOT = "var/azureml-app"
GUNICORN_SETTINGS = f"{HOME}/gunicorn.conf.py"
_SETTINGS_SOURCE = Path(__file__).with_name("gunicorn_settings.py")


def gunicorn_settings() -> bytes:
    """The gunicorn settings file as it stands in the image."""
    return _SETTINGS_SOURCE.read_bytes()


def model_place(bundle: Bundle) -> str:
    """Where the artifacts stand in the image, without a leading slash."""
    return f"{APP_ROOT}/azureml-models/{bundle.manifest.model}/1"


def model_version(bundle: Bundle) -> str:
    """What tells these artifacts from others: the first 12 hex digits of a hash over all of them."""
    return hash_of(*_texts(bundle, "model/"))[:12]


def model_layer(bundle: Bundle, store: ImageStore, tell: Tell) -> Layer:
    """The layer with the artifacts, made if it is not in the store.

    Raises:
        ImageError: an artifact is not what the manifest says, or the store cannot be written.
    """
    place = model_place(bundle)

    def make() -> Layer:
        tell("writing the model layer")
        entries = [Entry(place)]
        for file in _files(bundle, "model/"):
            source = bundle.root / file.path
            if file_digest(source) != f"sha256:{file.sha256}":
                raise _changed(file)
            entries.append(Entry(f"{place}/{file.path.removeprefix('model/')}", source))
        return write_layer("model", entries, store)

    return store.layer_once("model", (str(FORMAT), place, *_texts(bundle, "model/")), make, tell)


def code_layer(bundle: Bundle, host_python: HostPython, store: ImageStore, tell: Tell) -> Layer:
    """The layer with the scoring code and the runtime, made if it is not in the store.

    Raises:
        ImageError: a file is not what the manifest says, or the store cannot be written.
    """
    settings = gunicorn_settings()
    parts = (
        str(FORMAT),
        host_python.version,
        hashlib.sha256(settings).hexdigest(),
        *_texts(bundle, "code/"),
    )

    def make() -> Layer:
        tell("writing the code layer")
        with store.scratch() as folder:
            entries = [Entry(GUNICORN_SETTINGS, settings)]
            work = []
            for number, file in enumerate(_files(bundle, "code/")):
                source, name = bundle.root / file.path, f"{APP_ROOT}/{file.path.removeprefix('code/')}"
                if file_digest(source) != f"sha256:{file.sha256}":
                    raise _changed(file)
                entries.append(Entry(name, source))
                if name.endswith(".py"):
                    work.append((source, name, folder / f"{number}.pyc"))
            host_python.compile(work)
            minor = bundle.manifest.python
            entries += [Entry(pyc_name(name, minor), pyc) for _, name, pyc in work if pyc.is_file()]
            return write_layer("code", entries, store)

    return store.layer_once("code", parts, make, tell)


def _files(bundle: Bundle, below: str) -> list[FileEntry]:
    return [entry for entry in bundle.manifest.files if entry.path.startswith(below)]


def _texts(bundle: Bundle, below: str) -> tuple[str, ...]:
    return tuple(f"{entry.path} {entry.sha256}" for entry in _files(bundle, below))


def _changed(file: FileEntry) -> ImageError:
    return ImageError(
        f"the bundle's {file.path} is not what its manifest says: it was changed after the bundle was made.",
        code="TOC-IMAGE-012",
        where=file.path,
        fix="delete the bundle's folder (`toc-build env prune --all`) and build again.",
    )
