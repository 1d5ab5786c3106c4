"""Looks through a base image's layers once: its Python, its C library, its packages, its name.

`base` calls `read_contents`; `sbom` lists the packages, `environment_layer` needs interpreter and C library.
"""

from __future__ import annotations

import gzip
import re
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from toc_build.errors import ImageError

_PYTHON = re.compile(r"usr/(?:local/)?bin/python(3\.\d+)")
_MUSL = re.compile(r"lib/ld-musl-.*")
_STATUS = "var/lib/dpkg/status"
_STATUS_FOLDER = "var/lib/dpkg/status.d/"
_APK = "lib/apk/db/installed"
_COPYRIGHT = re.compile(r"usr/share/doc/[^/]+/copyright")
_RELEASE = ("usr/lib/os-release", "etc/os-release")
_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"
_SMALL = 32 << 20
# uv knows no newer C library than this; wheels ask for older ones.
_NEWEST_GLIBC = 40
_FALLBACK = "manylinux_2_28"


@dataclass(frozen=True)
class Interpreter:
    """A Python in an image.

    Attributes:
        path: in the image, without a leading slash, such as `usr/bin/python3.11`.
        minor: such as `3.11`.
    """

    path: str
    minor: str


@dataclass(frozen=True)
class Package:
    """An installed package of the operating system.

    Attributes:
        kind: `deb` or `apk`.
        name: of the binary package.
        version: exact.
        architecture: such as `amd64`, or empty.
        source: the source package's name, or empty when it is the same.
        licenses: by the names that the package's copyright file gives them.
    """

    kind: str
    name: str
    version: str
    architecture: str
    source: str
    licenses: tuple[str, ...]


@dataclass(frozen=True)
class Contents:
    """What was found in a base.

    Attributes:
        interpreters: every Python on the usual path, `/usr/local/bin` before `/usr/bin` as the path has it.
        libc: what uv calls the newest system whose wheels run there, such as `manylinux_2_36`.
        system: `ID` and `VERSION_ID` of os-release, such as `debian` and `12`; empty when unknown.
        packages: sorted by name.
        layer_sizes: of the files in each layer, in bytes.
    """

    interpreters: tuple[Interpreter, ...]
    libc: str
    system: tuple[str, str]
    packages: tuple[Package, ...]
    layer_sizes: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        """The contents as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any] | None) -> Contents | None:
        """The contents back from JSON values; None when they are not such."""
        try:
            if values is None:
                return None
            return cls(
                tuple(Interpreter(**item) for item in values["interpreters"]),
                values["libc"],
                tuple(values["system"]),
                tuple(
                    Package(**{**item, "licenses": tuple(item["licenses"])}) for item in values["packages"]
                ),
                tuple(values["layer_sizes"]),
            )
        except (KeyError, TypeError):
            return None


def read_contents(layers: Iterable[Path]) -> Contents:
    """Looks through the layers, from the bottom up.

    Raises:
        ImageError: a layer is not an archive that Python reads (zstd is not).
    """
    names: set[str] = set()
    texts: dict[str, str] = {}
    sizes = []
    for layer in layers:
        try:
            with open_layer(layer) as archive:
                sizes.append(_read_layer(archive, names, texts))
        except (tarfile.TarError, EOFError, OSError) as error:
            raise ImageError(
                f"a layer of the base cannot be read: {error}.",
                code="TOC-IMAGE-034",
                where=layer.name,
                fix="use a base whose layers are gzip or plain tar; or fetch the base again.",
            ) from None
    packages = _packages(texts)
    interpreters = sorted(
        (Interpreter(name, match[1]) for name in names if (match := _PYTHON.fullmatch(name))),
        key=lambda item: (not item.path.startswith("usr/local/"), item.path),
    )
    release = next((texts[name] for name in _RELEASE if texts.get(name)), "")
    return Contents(
        tuple(interpreters),
        _libc(names, packages),
        (_field(release, "ID"), _field(release, "VERSION_ID")),
        packages,
        tuple(sizes),
    )


@contextmanager
def open_layer(layer: Path) -> Iterator[tarfile.TarFile]:
    """A layer's archive, to be read once from its start; tarfile's own way stops at the first gzip member.

    Raises:
        tarfile.TarError: it is not an archive, or compressed in a way that Python does not know.
    """
    with layer.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        plain: IO[bytes] = gzip.GzipFile(fileobj=raw) if packed else raw  # type: ignore[assignment]
        with tarfile.open(fileobj=plain, mode="r|", bufsize=1 << 20) as archive:
            yield archive


def _read_layer(archive: tarfile.TarFile, names: set[str], texts: dict[str, str]) -> int:
    size = 0
    for member in archive:
        name = member.name.removeprefix("./").strip("/")
        folder, _, last = name.rpartition("/")
        if last == _OPAQUE:
            _forget(folder, names, texts)
        elif last.startswith(_WHITEOUT):
            gone = f"{folder}/{last.removeprefix(_WHITEOUT)}".lstrip("/")
            names.discard(gone)
            texts.pop(gone, None)
            _forget(gone, names, texts)
        elif not member.isdir():
            size += member.size if member.isreg() else 0
            if _PYTHON.fullmatch(name) or _MUSL.fullmatch(name):
                names.add(name)
            if member.isreg() and member.size < _SMALL and _wanted(name):
                stream: IO[bytes] | None = archive.extractfile(member)
                texts[name] = stream.read().decode("utf-8", "replace") if stream else ""
    return size


def _wanted(name: str) -> bool:
    if name.startswith(_STATUS_FOLDER):
        return not name.endswith((".md5sums", ".preinst", ".postinst"))
    return name in {_STATUS, _APK, *_RELEASE} or bool(_COPYRIGHT.fullmatch(name))


def _forget(folder: str, names: set[str], texts: dict[str, str]) -> None:
    for name in [name for name in names if name.startswith(f"{folder}/")]:
        names.discard(name)
    for name in [name for name in texts if name.startswith(f"{folder}/")]:
        del texts[name]


def _packages(texts: dict[str, str]) -> tuple[Package, ...]:
    found: dict[tuple[str, str], Package] = {}
    for name, text in texts.items():
        if name == _STATUS or name.startswith(_STATUS_FOLDER):
            for stanza in re.split(r"\n\s*\n", text):
                fields = dict(re.findall(r"^([A-Za-z-]+): (.*)$", stanza, re.MULTILINE))
                if "Package" in fields and "installed" in fields.get("Status", "installed").split():
                    source = fields.get("Source", "").partition(" ")[0]
                    package = Package(
                        "deb",
                        fields["Package"],
                        fields.get("Version", ""),
                        fields.get("Architecture", ""),
                        source,
                        _licenses(texts.get(f"usr/share/doc/{fields['Package']}/copyright", "")),
                    )
                    found[package.name, package.architecture] = package
        elif name == _APK:
            for stanza in re.split(r"\n\s*\n", text):
                fields = dict(re.findall(r"^([A-Za-z]):(.*)$", stanza, re.MULTILINE))
                if "P" in fields:
                    package = Package(
                        "apk",
                        fields["P"],
                        fields.get("V", ""),
                        fields.get("A", ""),
                        fields.get("o", ""),
                        tuple(filter(None, [fields.get("L")])),
                    )
                    found[package.name, package.architecture] = package
    return tuple(sorted(found.values(), key=lambda item: (item.name, item.architecture)))


def _licenses(copyright_file: str) -> tuple[str, ...]:
    """The licences that a machine-readable copyright file names; none where it is prose.

    Source: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
    """
    if "copyright-format" not in copyright_file.partition("\n")[0]:
        return ()
    return tuple(sorted(set(re.findall(r"^License: +(\S.*?) *$", copyright_file, re.MULTILINE))))


def _libc(names: set[str], packages: tuple[Package, ...]) -> str:
    if any(_MUSL.fullmatch(name) for name in names):
        return "unknown-linux-musl"
    version = next((item.version for item in packages if item.name == "libc6"), "")
    match = re.match(r"2\.(\d+)", version)
    if match is None:
        return _FALLBACK
    return f"manylinux_2_{min(int(match[1]), _NEWEST_GLIBC)}"


def _field(release: str, name: str) -> str:
    match = re.search(rf'^{name}="?([^"\n]*)"?$', release, re.MULTILINE)
    return match[1] if match else ""
