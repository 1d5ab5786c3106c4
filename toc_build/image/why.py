"""What takes the space in an image, per layer and package, and what would shrink it.

Sizes are of the files unpacked, as an engine counts them; a package's bytecode counts as the package's.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name

from toc_build.bundle import Bundle
from toc_build.image.base_contents import open_layer
from toc_build.image.built import BuiltImage
from toc_build.image.environment_layer import packages_dir
from toc_build.image.settings import ImageSettings
from toc_build.image.store import ImageStore

_LAYERS = ("environment", "model", "code")
_INFO = re.compile(r"(.+?)-[^-]+\.dist-info")
_LARGE_BASE = 100_000_000
_SMALLEST_BASE = 46_000_000  # what tools/minimal_base.py makes
# What a package costs beyond the one that does the same for a scorer, in bytes; measured with Python 3.11.
_INSTEAD = (
    ("tensorflow", "tensorflow-cpu", 600_000_000, "it has code for GPUs that this image cannot use"),
    ("tensorflow-cpu", "ai-edge-litert", 770_000_000, "convert the model to a .tflite file"),
    (
        "azureml-defaults",
        "azureml-inference-server-http",
        540_000_000,
        "the server alone is what scoring needs",
    ),
    ("torch", "onnxruntime", 500_000_000, "export the model to a .onnx file"),
    ("opencv-python-headless", "pillow", 137_000_000, "the runtime decodes with either; cv2 is gone then"),
)
_COMES = {"pillow": 22_000_000}  # what comes in a package's place, where it is no framework
_FRAMEWORK_SIZE = 60_000_000  # LiteRT, onnxruntime: what stays when TensorFlow goes


@dataclass(frozen=True)
class LayerSize:
    """One layer.

    Attributes:
        name: `base`, `environment`, `model` or `code`.
        unpacked: bytes of its files.
        packed: bytes in a registry.
    """

    name: str
    unpacked: int
    packed: int


@dataclass(frozen=True)
class Advice:
    """What would make the image smaller.

    Attributes:
        what: to do, one sentence.
        saves: about how many bytes; 0 when it cannot be said.
    """

    what: str
    saves: int


@dataclass(frozen=True)
class Why:
    """Where an image's bytes are.

    Attributes:
        layers: from the base up; the base's own layers are one.
        packages: Python packages by name, the largest first.
        models: artifacts by path, the largest first.
        pruned: bytes that were left out, by reason.
        advice: the most saving first.
    """

    layers: tuple[LayerSize, ...]
    packages: tuple[tuple[str, int], ...]
    models: tuple[tuple[str, int], ...]
    pruned: tuple[tuple[str, int], ...]
    advice: tuple[Advice, ...]


def why(image: BuiltImage, bundle: Bundle, settings: ImageSettings, store: ImageStore) -> Why:
    """Looks into an image that was built here.

    Raises:
        TarError, OSError: a layer cannot be read.
    """
    own = image.layers[-len(_LAYERS) :]
    sizes = [sum(size for _, size in _files(image.blob(layer.digest))) for layer in own]
    below = image.layers[: -len(_LAYERS)]
    base = LayerSize("base", image.size - sum(sizes), sum(layer.size for layer in below))
    layers = (
        base,
        *(LayerSize(name, size, layer.size) for name, size, layer in zip(_LAYERS, sizes, own, strict=True)),
    )
    packages = _packages(image.blob(own[0].digest), packages_dir(bundle.manifest.python))
    models = Counter(
        {
            item.path.removeprefix("model/"): item.size
            for item in bundle.manifest.files
            if item.path[:6] == "model/"
        }
    )
    pruned = Counter(store.remembered("pruned", own[0].digest.partition(":")[2]) or {})
    return Why(
        layers,
        tuple(packages.most_common()),
        tuple(models.most_common()),
        tuple(pruned.most_common()),
        _advice(base, packages, settings, bundle),
    )


def _files(layer: Path) -> Iterator[tuple[str, int]]:
    with open_layer(layer) as archive:
        for member in archive:
            if member.isreg():
                yield member.name, member.size


def _packages(layer: Path, place: str) -> Counter[str]:
    """Sizes by package; whose a file is, its RECORD says, and for bytecode that of its source."""
    owners: dict[str, str] = {}
    sizes: dict[str, int] = {}
    with open_layer(layer) as archive:
        for member in archive:
            if not member.isreg():
                continue
            name = member.name.removeprefix(f"{place}/")
            sizes[name] = member.size
            folder, _, last = name.partition("/")
            if last == "RECORD" and (info := _INFO.fullmatch(folder)):
                stream = archive.extractfile(member)
                text = stream.read().decode("utf-8", "replace") if stream else ""
                for row in csv.reader(text.splitlines()):
                    owners[row[0]] = str(canonicalize_name(info[1]))
    found: Counter[str] = Counter()
    for name, size in sizes.items():
        found[owners.get(_source(name)) or "(other)"] += size
    return found


def _source(path: str) -> str:
    """The source of a file of bytecode; other files are their own."""
    match = re.fullmatch(r"(.*/|)__pycache__/([^/]+)\.cpython-\d+\.pyc", path)
    return f"{match[1]}{match[2]}.py" if match else path


def _advice(
    base: LayerSize, packages: Counter[str], settings: ImageSettings, bundle: Bundle
) -> tuple[Advice, ...]:
    found = []
    if not settings.prune:
        what = (
            "set `prune: true` under `image:` in deploy.yml: headers, static libraries and symbol tables go"
        )
        found.append(Advice(what, 0))
    for name, instead, saves, how in _INSTEAD:
        if name in packages and instead not in packages:
            found.append(
                Advice(f"{instead} in place of {name}: {how}", min(saves, _spared(name, instead, packages)))
            )
    if base.unpacked > _LARGE_BASE:
        what = "a smaller base under `image: base:`, such as tools/minimal_base.py of toc-build makes"
        found.append(Advice(what, base.unpacked - _SMALLEST_BASE))
    twice = [name for name in ("saved_model", "keras", "tflite", "onnx") if _has_model(bundle, name)]
    if len(twice) > 1:
        what = f"one form of the model in {settings.service}'s model folder; there are {', '.join(twice)}"
        found.append(Advice(what, 0))
    return tuple(sorted(found, key=lambda item: -item.saves))


def _spared(name: str, instead: str, packages: Counter[str]) -> int:
    """What goes with a package, itself and what nothing but TensorFlow asks for, less what comes instead."""
    with_it: Iterable[str] = (name,)
    if name.startswith("tensorflow"):
        with_it = (name, "keras", "libclang", "grpcio", "h5py", "ml-dtypes", "tensorboard", "optree")
    return max(0, sum(packages[item] for item in with_it) - _COMES.get(instead, _FRAMEWORK_SIZE))


def _has_model(bundle: Bundle, form: str) -> bool:
    names = [item.path for item in bundle.manifest.files if item.path.startswith("model/")]
    if form == "saved_model":
        return any(name.endswith("saved_model.pb") for name in names)
    return any(name.endswith(f".{form}") for name in names)
