"""Wheels written by hand into a folder: locks and environments in seconds, without a network."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

# name, version, requirements, tag
WHEELS = (
    ("azureml-inference-server-http", "1.5.1", ("numpy",), "py3-none-any"),
    ("azureml-defaults", "1.0.85.1", (), "py3-none-any"),
    ("azureml-defaults", "1.62.0", ("numpy<2.3.3", "azureml-inference-server-http"), "py3-none-any"),
    ("numpy", "2.3.1", (), "py3-none-any"),
    ("numpy", "2.3.2", (), "py3-none-any"),
    ("numpy", "2.4.6", (), "py3-none-any"),
    ("opencv-python-headless", "4.12.0", ("numpy",), "py3-none-any"),
    ("tensorflow-cpu", "2.21.0", ("numpy",), "py3-none-any"),
    ("elsewhere", "1.0", (), "py3-none-win_amd64"),
    ("pytest", "9.0.0", ("pluggy",), "py3-none-any"),
    ("pluggy", "1.6.0", (), "py3-none-any"),
)


def write_wheel(
    folder: Path,
    name: str,
    version: str,
    *,
    requires: tuple[str, ...] = (),
    tag: str = "py3-none-any",
    files: Mapping[str, str] | None = None,
) -> Path:
    """Writes one wheel whose module knows its version, and returns its path."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    contents = {
        f"{module}/__init__.py": f'__version__ = "{version}"\n',
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        + "".join(f"Requires-Dist: {item}\n" for item in requires),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n",
        **(files or {}),
    }
    record = "".join(f"{path},sha256={_record_hash(text)},{len(text)}\n" for path, text in contents.items())
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{module}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inner, text in {**contents, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            archive.writestr(zipfile.ZipInfo(inner, (2024, 1, 1, 0, 0, 0)), text)
    return path


def _record_hash(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


def write_index(house: Path) -> None:
    """Writes the pages of a package index (PEP 503) over the wheels in a folder."""
    names = {path.name.partition("-")[0].replace("_", "-") for path in house.glob("*.whl")}
    for name in names:
        page = house / "simple" / name / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        wheels = sorted(house.glob(f"{name.replace('-', '_')}-*.whl"))
        page.write_text(
            "".join(f'<a href="{path.as_uri()}{_fragment(path)}">{path.name}</a>\n' for path in wheels)
        )


def _fragment(path: Path) -> str:
    return f"#sha256={hashlib.sha256(path.read_bytes()).hexdigest()}"


def offline(monkeypatch: pytest.MonkeyPatch, folder: Path, cache: Path) -> Path:
    """Makes an index of small wheels below `folder`, and uv use it alone; returns the wheels' folder."""
    house = folder / "wheelhouse"
    for name, version, requires, tag in WHEELS:
        write_wheel(house, name, version, requires=requires, tag=tag)
    write_index(house)
    for variable in ("UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_CONFIG_FILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("UV_DEFAULT_INDEX", (house / "simple").as_uri())
    monkeypatch.setenv("UV_CACHE_DIR", str(cache))
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    return house
