"""Makes a minimal Debian image with Python for images to stand on: no shell, no package manager.

    python tools/minimal_base.py FOLDER [--suite bookworm] [--mirror URL]

FOLDER becomes an OCI layout, to be named in deploy.yml as `image: base: oci:FOLDER`, or pushed with
`skopeo copy oci:FOLDER docker://REGISTRY/python-base`. Needs Debian's mmdebstrap, and either root or user
namespaces. The same packages give the same digest, on every machine and at every time.
`var/lib/dpkg/status.d` says what is installed, as in distroless images, so that SBOM tools and scanners
see it.
"""

from __future__ import annotations

import argparse
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from toc_build.console import Console
from toc_build.errors import ImageError, UserError
from toc_build.image.layer import Entry, tree, write_layer
from toc_build.image.layout import CONFIG_TYPE, MANIFEST_TYPE, canonical, manifest_bytes, write_layout
from toc_build.image.store import ImageStore

PACKAGES = (
    "python3-minimal",
    "libpython3-stdlib",
    "libstdc++6",
    "libgcc-s1",
    "tzdata",
    "netbase",
    "base-files",
)
# Asked for by the packages above, for work that an image that never changes does not have to do,
DROPPED = {"debconf", "dpkg", "perl-base", "tar", "media-types", "gcc-12-base", "openssl"} | {
    *("libacl1", "libselinux1", "libpcre2-8-0", "libmd0"),
    # and for modules of Python's that no server imports: nis, dbm, curses, readline.
    *("libgssapi-krb5-2", "libk5crypto3", "libkrb5-3", "libkrb5support0", "libkeyutils1", "libcom-err2"),
    *("libnsl2", "libtirpc3", "libtirpc-common", "libdb5.3"),
    *("libreadline8", "readline-common", "libncursesw6", "libtinfo6"),
}
_MODULES = ("nis", "_dbm", "_curses", "_curses_panel", "readline", "_test*", "_ctypes_test", "xx*")
LEFT_OUT = (
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
    "usr/share/lintian",
    "usr/share/bug",
    "usr/share/info",
    "usr/share/zoneinfo/right",
    "usr/share/zoneinfo/posix",
    "usr/share/python3",
    "usr/share/pixmaps",
    "usr/share/applications",
    "usr/lib/systemd",
    "etc/update-motd.d",
)
_LIBRARY = "usr/lib/python3*"
LEFT_OUT_PATTERNS = (
    "usr/lib/*/gconv",
    "usr/bin/py3*",
    *(f"{_LIBRARY}/{name}" for name in ("test", "pydoc_data", "lib2to3", "ensurepip", "turtle*", "idlelib")),
    *(f"{_LIBRARY}/lib-dynload/{name}.*.so" for name in _MODULES),
)
PASSWD = "root:x:0:0:root:/root:/sbin/nologin\nscorer:x:10001:10001::/tmp:/sbin/nologin\n"
GROUP = "root:x:0:\nscorer:x:10001:\n"
MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
CREATED = "1980-01-01T00:00:00Z"


def main() -> int:
    """Make it, and say its digest."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="the OCI layout to make; must not exist")
    parser.add_argument("--suite", default="bookworm", help="Debian's release: bookworm has Python 3.11")
    parser.add_argument("--mirror", help="where Debian's packages come from; /etc/apt/sources.list otherwise")
    arguments = parser.parse_args()
    try:
        print(make(arguments.folder, suite=arguments.suite, mirror=arguments.mirror))
    except UserError as error:
        Console().problem(error)
        return 2
    return 0


def make(folder: Path, *, suite: str = "bookworm", mirror: str | None = None) -> str:
    """Makes the layout and returns the manifest's digest.

    Args:
        folder: must not exist.
        suite: Debian's release.
        mirror: a URL, or None for that of this machine.

    Raises:
        ImageError: mmdebstrap is missing or fails, or the folder exists.
    """
    if folder.exists():
        raise ImageError(
            f"{folder} is there already.", code="TOC-IMAGE-036", fix="delete it, or name another."
        )
    if shutil.which("mmdebstrap") is None:
        raise ImageError(
            "mmdebstrap is not installed.",
            code="TOC-IMAGE-036",
            fix="apt-get install --no-install-recommends mmdebstrap",
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        packages, root = Path(work, "packages"), Path(work, "root")
        packages.mkdir(mode=0o777)
        packages.chmod(0o777)  # in user namespaces somebody else writes here
        _download(packages, suite, mirror, Path(work, "unused"))
        _unpack(packages, root)
        _tidy(root)
        store = ImageStore(Path(work, "store"))
        entries = [*tree(root, "root"), Entry("root/tmp", mode=0o1777)]
        below = [_moved(entry) for entry in entries if entry.path != "root"]
        return _layout(store, below, folder, suite)


def _moved(entry: Entry) -> Entry:
    return Entry(entry.path.removeprefix("root/"), entry.source, entry.executable, entry.link, entry.mode)


def _download(packages: Path, suite: str, mirror: str | None, unused: Path) -> None:
    """The packages and what they need, as Debian resolves them; each by its signed hash."""
    command = [
        "mmdebstrap",
        "--variant=extract",
        "--format=directory",
        f"--include={','.join(PACKAGES)},ca-certificates",
        '--aptopt=Apt::Install-Recommends "false"',
        f'--extract-hook=cp "$1"/var/cache/apt/archives/*.deb "{packages}"/',
        suite,
        str(unused),
        *([mirror] if mirror else []),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ImageError(
            "mmdebstrap could not fetch Debian's packages.",
            code="TOC-IMAGE-036",
            fix="see its own words below; it needs the network, and root or user namespaces.",
            details=done.stderr[-3000:],
        )
    shutil.rmtree(unused, ignore_errors=True)


def _unpack(packages: Path, root: Path) -> None:
    for name in ("bin", "lib", "lib64", "sbin"):
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    status = root / "var/lib/dpkg/status.d"
    status.mkdir(parents=True)
    for package in sorted(packages.glob("*.deb")):
        fields = _output("dpkg-deb", "--field", str(package))
        name = re.search(r"^Package: (.*)$", fields, re.MULTILINE)
        if name is None or name[1] in DROPPED:
            continue
        archive = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE)
        subprocess.run(
            ["tar", "-x", "--keep-directory-symlink", "--no-same-owner", "-C", str(root)],
            stdin=archive.stdout,
            check=True,
        )
        if archive.wait():
            raise ImageError(f"{package.name} cannot be unpacked.", code="TOC-IMAGE-036")
        (status / name[1]).write_text(fields.rstrip() + "\n", encoding="utf-8")


def _tidy(root: Path) -> None:
    _bundle_certificates(root)
    copyrights = {
        path.parent.name: path.read_bytes()
        for path in root.glob("usr/share/doc/*/copyright")
        if path.is_file()
    }
    for place in LEFT_OUT:
        shutil.rmtree(root / place, ignore_errors=True)
    for pattern in LEFT_OUT_PATTERNS:
        for path in root.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in list(root.rglob("__pycache__")):
        shutil.rmtree(path)
    for package, text in copyrights.items():  # the licences ask for it
        place = root / "usr/share/doc" / package / "copyright"
        place.parent.mkdir(parents=True)
        place.write_bytes(text)
    for name in ("tmp", "etc", "root", "proc", "sys", "dev", "run"):
        (root / name).mkdir(exist_ok=True)
    (root / "etc/passwd").write_text(PASSWD)
    (root / "etc/group").write_text(GROUP)
    _compile(root)


def _bundle_certificates(root: Path) -> None:
    """What `update-ca-certificates` would make of Mozilla's certificates."""
    found = sorted(root.glob("usr/share/ca-certificates/mozilla/*.crt"))
    place = root / "etc/ssl/certs/ca-certificates.crt"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b"".join(path.read_bytes() for path in found))
    shutil.rmtree(root / "usr/share/ca-certificates")


def _compile(root: Path) -> None:
    """The standard library's bytecode, made by the interpreter that will read it."""
    from toc_build.environment.interpreters import find_interpreter
    from toc_build.image.bytecode import compile_files, pyc_name

    for library in sorted(root.glob("usr/lib/python3.*")):
        minor = library.name.removeprefix("python")
        work = []
        for source in sorted(library.rglob("*.py")):
            relative = source.relative_to(root).as_posix()
            work.append((source, relative, root / pyc_name(relative, minor)))
        compile_files(find_interpreter(minor), work)


def _layout(store: ImageStore, entries: list[Entry], folder: Path, suite: str) -> str:
    layer = write_layer("base", entries, store)
    document = {
        "architecture": MACHINES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "created": CREATED,
        "config": {
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"]
        },
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id]},
        "history": [{"created": CREATED, "created_by": f"toc-build minimal base, Debian {suite}"}],
    }
    config = store.add(canonical(document), CONFIG_TYPE)
    manifest = store.add(manifest_bytes(config, (layer,)), MANIFEST_TYPE)
    write_layout(manifest, (config, layer.descriptor), f"python-base:{suite}", store, store.root / "made")
    shutil.copytree(store.root / "made", folder)
    return manifest.digest


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    sys.exit(main())
