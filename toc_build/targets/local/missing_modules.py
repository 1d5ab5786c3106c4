"""Tells a package that is missing from a file of the user's own that is not where it must be.

Used by `diagnose.py`.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path

from toc_build.errors import TargetError
from toc_build.targets.local.settings import LocalSettings

_NOT_FOUND = re.compile(r"^ModuleNotFoundError: No module named '([^']+)'")
_SHADOWED = re.compile(
    r"^ImportError: cannot import name '[^']+' from '([^']+)' \(.*azureml_inference_server_http.server."
)
_SHARED_LIBRARY = re.compile(r"^ImportError: (lib(?:GL|gthread|glib)[\w.-]*): cannot open shared object file")
# What to write into conda.yml where it differs from the name that is imported.
DISTRIBUTIONS = {
    "PIL": "pillow",
    "ai_edge_litert": "ai-edge-litert",
    "cv2": "opencv-python-headless",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "tensorflow": "tensorflow-cpu",
    "tflite_runtime": "ai-edge-litert",
    "yaml": "pyyaml",
}


def explain(
    message: str, where: str | None, details: str, code: Path, settings: LocalSettings
) -> TargetError | None:
    """The error for an import that failed, or None when the message tells of something else.

    Args:
        message: the exception's line.
        where: the place in the user's code.
        details: the user's traceback.
        code: the folder of the scoring code in the bundle.
        settings: of the service; its repository is looked into for the missing file.
    """
    if shadowed := _SHADOWED.match(message):
        return TargetError(
            f"`{shadowed[1]}` is also the name of a module of the Azure ML server, which is imported"
            f" instead of yours",
            code="TOC-LOCAL-020",
            where=where,
            fix=f"rename `{settings.scoring_dir}/{shadowed[1]}.py`",
            details=details,
        )
    if library := _SHARED_LIBRARY.match(message):
        return TargetError(
            f"the shared library {library[1]} is not on this machine, nor in Azure's images",
            code="TOC-LOCAL-006",
            where="conda.yml dependencies -> pip",
            fix="if OpenCV asks for it, use `opencv-python-headless` in place of `opencv-python`, then"
            " run `nox -s lock`",
            details=details,
        )
    found = _NOT_FOUND.match(message)
    if found is None:
        return None
    module = found[1]
    own = _own_file(module, code, settings)
    if own is not None:
        return TargetError(
            f"no module named `{module}` in the bundle",
            code="TOC-LOCAL-007",
            where=where,
            fix=own,
            details=details,
        )
    package = DISTRIBUTIONS.get(module.partition(".")[0], module.partition(".")[0].replace("_", "-"))
    return TargetError(
        f"the package for `import {module}` is not in the scoring environment",
        code="TOC-LOCAL-006",
        where=where,
        fix=f"add `{package}` to conda.yml under dependencies -> pip, then run `nox -s lock`",
        details=details,
    )


def _own_file(module: str, code: Path, settings: LocalSettings) -> str | None:
    """What to do when the module is the user's own; None when it looks like a package."""
    name, _, rest = module.partition(".")
    folder = settings.scoring_dir
    if name == Path(folder).name:
        inner = rest or "detector"
        return f"the scoring code lies flat in the bundle: write `from {inner} import ...` without `{name}.`"
    if settings.repository is not None:
        scoring = settings.repository / folder
        if _is_module(scoring, name):
            return (
                f"`{folder}/{name}` exists but is not in the bundle: see `.amlignore`,"
                " and whether it is a folder without Python files"
            )
        if _is_module(settings.repository, name):
            return f"`{name}` lies outside `{folder}/`, which alone goes into the bundle: move it there"
    if _is_module(code, name):
        return (
            f"`{name}` is in the bundle, but `{module}` is not: see what the folder `{folder}/{name}` holds"
        )
    mine = [path.stem for path in code.glob("*.py")]
    close = difflib.get_close_matches(name, mine, n=1, cutoff=0.8)
    return f"did you mean `{close[0]}`?" if close else None


def _is_module(folder: Path, name: str) -> bool:
    return (folder / f"{name}.py").is_file() or (folder / name).is_dir()
