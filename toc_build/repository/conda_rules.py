"""Which packages must, and must not, stand together in `conda.yml`. `folder.load` calls this."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from toc_build.errors import Problem
from toc_build.repository.conda import CondaSpec, Requirement

# azureml-dataset-runtime, which azureml-defaults brings, admits numpy below this only.
NUMPY_CEILING = Version("2.3.3")
# The oldest azureml-defaults that works with the Python versions supported here.
AZUREML_DEFAULTS_FLOOR = Version("1.62")
SERVERS = ("azureml-inference-server-http", "azureml-defaults")
DECODERS = ("opencv-python-headless", "opencv-contrib-python-headless", "pillow")
_WINDOWED_OPENCVS = {
    "opencv-python": "opencv-python-headless",
    "opencv-contrib-python": "opencv-contrib-python-headless",
}
_RIVALS = (
    ("tensorflow", "tensorflow-cpu"),
    ("tensorflow", "tensorflow-gpu"),
    ("tensorflow-cpu", "tensorflow-gpu"),
    ("onnxruntime", "onnxruntime-gpu"),
    ("opencv-python-headless", "opencv-contrib-python-headless"),
)
_FRAMEWORKS = {
    "tensorflow": ("tensorflow-cpu", "tensorflow", "tensorflow-gpu", "tf-nightly"),
    "litert": ("ai-edge-litert", "tflite-runtime", "tensorflow-cpu", "tensorflow"),
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu"),
}


def package_problems(
    spec: CondaSpec, framework: str | None, mentioned: Collection[str] = ()
) -> Iterator[Problem]:
    """What is missing from the pip section, or stands there wrongly.

    Args:
        spec: what `conda.yml` asks for.
        framework: the model's framework in `deploy.yml`; None when that is not known.
        mentioned: packages whose lines are wrong; they are not missing as well.
    """
    pip = next((item.path[:-1] for item in spec.requirements), ("dependencies",))

    def there(name: str) -> bool:
        return name in mentioned or spec.requirement(name) is not None

    def missing(number: int, what: str, fix: str) -> Problem:
        return Problem(f"TOC-CONDA-{number:03}", what, spec.source.where(*pip), fix)

    def wrong(number: int, what: str, item: Requirement, fix: str) -> Problem:
        return Problem(f"TOC-CONDA-{number:03}", what, spec.source.where(*item.path), fix)

    if not any(there(name) for name in SERVERS):
        yield missing(
            30,
            "the pip section has no server: neither azureml-inference-server-http nor azureml-defaults.",
            "add `- azureml-inference-server-http>=1.5,<2` (63 MB), or `- azureml-defaults>=1.62` when "
            "Azure ML builds the image.",
        )
    if not there("numpy"):
        yield missing(
            31,
            "numpy is missing: the scoring runtime needs it.",
            "add `- numpy>=1.26,<2.3.3` to the pip section.",
        )
    windowed = [spec.requirement(name) for name in _WINDOWED_OPENCVS]
    for item in windowed:
        if item:
            yield wrong(
                32,
                f"{item.name} draws windows and needs libGL, which a server does not have: importing it "
                "fails there.",
                item,
                f"write {_WINDOWED_OPENCVS[item.name]} in its place; it has the same module, cv2.",
            )
    if not any(windowed) and not any(there(name) for name in DECODERS):
        yield missing(
            31,
            "opencv-python-headless is missing, and so is pillow: the scoring runtime decodes images with "
            "one of the two.",
            "add `- opencv-python-headless>=4.10` to the pip section, or `- pillow>=10.3` when the detector "
            "does without OpenCV.",
        )
    for one, other in _RIVALS:
        if spec.requirement(one) and (item := spec.requirement(other)):
            yield wrong(
                33,
                f"{one} and {other} are both asked for; they install the same files over each other.",
                item,
                f"keep one: {one}, or {other}.",
            )
    yield from _numpy_trap(spec)
    wanted = _FRAMEWORKS.get(framework or "")
    if wanted and not any(there(name) for name in wanted):
        yield missing(
            35,
            f"deploy.yml says that {framework} runs the model, but none of {', '.join(wanted)} is asked for.",
            f"add `- {wanted[0]}` with its version to the pip section, or correct `model -> framework` in "
            "deploy.yml.",
        )


def _numpy_trap(spec: CondaSpec) -> Iterator[Problem]:
    """azureml-defaults without a floor beside a numpy without a ceiling: a resolver may go back to 2020."""
    defaults, numpy = spec.requirement("azureml-defaults"), spec.requirement("numpy")
    if defaults is None or _has_floor(defaults.parsed.specifier) or (numpy and not _admits_new_numpy(numpy)):
        return
    yield Problem(
        "TOC-CONDA-034",
        f"`{defaults.text}` stands beside `{numpy.text if numpy else 'no numpy'}`: azureml-defaults 1.62 "
        "needs numpy below "
        f"{NUMPY_CEILING}, so a resolver that takes the newest numpy first walks azureml-defaults back to "
        "a release of 2020.",
        spec.source.where(*defaults.path),
        "write `azureml-defaults>=1.62` and `numpy>=1.26,<2.3.3`.",
    )


def _has_floor(specifiers: SpecifierSet) -> bool:
    """Whether the range starts at or above the floor, or names exact versions: the user's own choice."""
    for item in specifiers:
        if item.operator == "===" or (item.operator == "==" and not item.version.endswith(".*")):
            return True
        if (
            item.operator in {">=", ">", "~=", "=="}
            and Version(item.version.removesuffix(".*")) >= AZUREML_DEFAULTS_FLOOR
        ):
            return True
    return False


def _admits_new_numpy(numpy: Requirement) -> bool:
    newer = (str(NUMPY_CEILING), "2.3.5", "2.4.0", "2.4.6", "2.5.0", "2.99", "3.0", "4.0")
    return any(numpy.parsed.specifier.contains(version) for version in newer)
