"""Writes a build context: a Dockerfile that BuildKit, `az acr build` or Azure ML builds the same way.

`toc-build build --dockerfile` calls `write_context`. It is for places that build images themselves; the
digest is theirs, for a build by an engine has times in it.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

from toc_build.bundle import Bundle
from toc_build.errors import ImageError
from toc_build.image import bytecode, elf, pruning, source_packages
from toc_build.image.base import Base, require_python
from toc_build.image.bundle_layers import APP_ROOT, GUNICORN_SETTINGS, gunicorn_settings, model_place
from toc_build.image.configuration import USER, command, entrypoint, environment_variables, labels
from toc_build.image.environment_layer import HOME, packages_dir, virtual_environment_settings
from toc_build.image.settings import DEFAULT_BASE, ImageSettings

_INSTALL = Path(__file__).with_name("dockerfile_install.py")
# What of toc-build makes the environment, in the order of imports; standard library only.
_HELPERS = (elf, pruning, bytecode, source_packages)

TEMPLATE = """\
# Made by toc-build from bundle {bundle}; do not edit.
# Build it:  DOCKER_BUILDKIT=1 docker build --tag NAME .
# Behind a company's certificates:  --secret id=ca,src=CERTIFICATES.pem  (they do not stay in the image)
# BUILDER needs a shell, Python {python} and pip; BASE needs Python {python} alone.
ARG BUILDER={builder}
ARG BASE={base}

FROM ${{BUILDER}} AS environment
WORKDIR /build
COPY tools/ tools/
COPY requirements.lock ./
RUN --mount=type=secret,id=ca --mount=type=cache,target=/root/.cache/pip \\
    PYTHONHASHSEED=0 python3 tools/install.py requirements.lock /{packages} {options}
COPY code/ /{app}/
RUN PYTHONHASHSEED=0 python3 tools/install.py --compile /{app}

FROM ${{BASE}}
COPY --from=environment /{packages}/ /{packages}/
COPY environment/ /{home}/
COPY model/ /{model}/
COPY --from=environment /{app}/ /{app}/
{variables}
{labels}
WORKDIR /{app}
USER {user}
EXPOSE {port}
STOPSIGNAL SIGTERM
ENTRYPOINT {entrypoint}
CMD {command}
"""


def write_context(bundle: Bundle, settings: ImageSettings, base: Base, folder: Path) -> None:
    """Writes the build context of a bundle's image to `folder`, which must not exist; whole or not at all.

    Args:
        bundle: what is served.
        settings: how.
        base: what the image stands on.
        folder: the context.

    Raises:
        ImageError: the base's Python does not fit, or the folder exists or cannot be written.
    """
    interpreter = require_python(base, bundle.manifest.python)
    if folder.exists():
        raise ImageError(
            f"{folder} is there already.",
            code="TOC-IMAGE-003",
            where=str(folder),
            fix="delete it, or name another folder.",
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            part.chmod(0o755)
            _fill(part, bundle, interpreter.path)
            text = _dockerfile(bundle, settings, base)
            (part / "Dockerfile").write_text(text, encoding="utf-8")
            part.rename(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        raise ImageError(
            f"the build context cannot be written: {error.strerror or error}.",
            code="TOC-IMAGE-003",
            where=str(folder),
            fix="name another folder, or make room.",
        ) from None


def _fill(part: Path, bundle: Bundle, interpreter: str) -> None:
    for name, source in (("code", bundle.code_dir), ("model", bundle.model_dir)):
        (part / name).mkdir()
        for entry in bundle.manifest.files:
            kind, _, relative = entry.path.partition("/")
            if kind == name:
                place = part / name / relative
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source / relative, place)
    shutil.copyfile(bundle.lock_path, part / "requirements.lock")
    binaries = part / "environment" / "bin"
    binaries.mkdir(parents=True)
    for name in ("python", "python3", f"python{bundle.manifest.python}"):
        os.symlink(f"/{interpreter}", binaries / name)  # noqa: PTH211 - reads as ln does
    (part / "environment" / "pyvenv.cfg").write_bytes(
        virtual_environment_settings(interpreter, bundle.manifest.python)
    )
    (part / "environment" / Path(GUNICORN_SETTINGS).name).write_bytes(gunicorn_settings())
    package = part / "tools" / "toc_build" / "image"
    package.mkdir(parents=True)
    for module in _HELPERS:
        source = Path(str(module.__file__))
        shutil.copyfile(source, package / source.name)
    shutil.copyfile(_INSTALL, part / "tools" / "install.py")


def _dockerfile(bundle: Bundle, settings: ImageSettings, base: Base) -> str:
    inherited = dict(line.partition("=")[::2] for line in (base.config.get("config") or {}).get("Env") or ())
    variables = environment_variables(bundle, settings, inherited.get("PATH", ""))
    local = base.reference.startswith(("oci:", "docker-archive:"))
    public = DEFAULT_BASE.format(python=bundle.manifest.python)
    return TEMPLATE.format(
        bundle=bundle.digest,
        python=bundle.manifest.python,
        builder=public if local else base.pinned,
        base=public if local else base.pinned,
        packages=packages_dir(bundle.manifest.python),
        options="" if settings.prune else "--whole",
        app=APP_ROOT,
        home=HOME,
        model=model_place(bundle),
        variables=_settings("ENV", variables),
        labels=_settings("LABEL", labels(bundle, settings, base)),
        user=USER,
        port=settings.port,
        entrypoint=json.dumps(entrypoint()),
        command=json.dumps(command(bundle, settings)),
    )


def _settings(instruction: str, values: dict[str, str]) -> str:
    """One instruction with all values, each quoted as a Dockerfile wants it."""
    lines = [f"{name}={_quoted(value)}" for name, value in values.items()]
    return f"{instruction} " + " \\\n    ".join(lines)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return f'"{" ".join(escaped.split())}"'
