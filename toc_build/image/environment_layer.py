"""The environment layer: the packages of the lock, for the image's platform, whatever builds it.

`build` calls `environment_layer`. The packages stand in a virtual environment at `/opt/scoring`, whose
interpreter is the base's: pip's `.pth` files work, and the base's own packages stay out of the way.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from packaging.utils import canonicalize_name

from toc_build.bundle import Bundle
from toc_build.environment.failures import failure, without_credentials
from toc_build.environment.lock_file import read_lock, without_comments
from toc_build.environment.uv_tool import Finished, run_uv
from toc_build.errors import ImageError
from toc_build.image import pruning, source_packages
from toc_build.image.base_contents import Interpreter
from toc_build.image.host_python import HostPython
from toc_build.image.layer import FORMAT, Entry, tree, write_layer
from toc_build.image.pruning import files_below
from toc_build.image.python_packages import REMEMBERED, python_packages
from toc_build.image.reference import Reference
from toc_build.image.store import ImageStore, Layer, Tell

HOME = "opt/scoring"
_ARCHITECTURES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}
# What an installer writes about itself, and its scripts, which name an interpreter of this machine.
_INSTALLER_FILES = {"INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"}
_USING = re.compile(r"^(?:Using |hint: ).*\n?", re.MULTILINE)  # paths and settings of this machine
_NO_WHEEL = re.compile(r"^(?:.*Because |.*)(\S+?==\S+) has no (?:usable )?wheels", re.DOTALL)


def packages_dir(python: str) -> str:
    """Where the packages stand in the image, without a leading slash."""
    return f"{HOME}/lib/python{python}/site-packages"


def uv_platform(platform: str, libc: str) -> str:
    """What uv calls the image's platform, such as `x86_64-manylinux_2_36`."""
    return f"{_ARCHITECTURES[platform]}-{libc}"


def virtual_environment_settings(interpreter: str, minor: str) -> bytes:
    """The `pyvenv.cfg` that makes `/opt/scoring` a virtual environment.

    Args:
        interpreter: the base's, without a leading slash.
        minor: such as `3.11`.
    """
    home = PurePosixPath("/", interpreter).parent
    return f"home = {home}\ninclude-system-site-packages = false\nversion = {minor}\n".encode()


def environment_layer(
    bundle: Bundle,
    interpreter: Interpreter,
    host_python: HostPython,
    *,
    system: str,
    platform: str,
    prune: bool,
    reference: Reference,
    store: ImageStore,
    tell: Tell,
) -> Layer:
    """The layer with the packages of the bundle's lock, made if it is not in the store.

    Args:
        bundle: whose lock it is.
        interpreter: the base's.
        system: what uv calls the base's, such as `x86_64-manylinux_2_36`.
        host_python: an interpreter of that minor version on this machine, which compiles.
        platform: such as `linux/amd64`.
        prune: whether to leave out what no scorer needs.
        reference: scores with the packages before and after pruning.
        store: where layers are kept.
        tell: told in one line what is being done.

    Raises:
        EnvironmentBuildError: uv could not install the packages; the codes are those of area IMAGE.
        ImageError: a wheel is missing for the platform, or pruning changed an answer.
    """
    lock = bundle.lock_path.read_text(encoding="utf-8")
    rules = pruning.rules_for(lock) if prune else ()
    built = sorted(source_packages.SOURCE_ONLY & {*source_packages.locked_names(lock)})
    parts = (
        str(FORMAT),
        *((str(source_packages.FORMAT), *built) if built else ()),
        *((str(pruning.FORMAT), *(rule.pattern for rule in rules)) if prune else ("whole",)),
        system,
        interpreter.path,
        host_python.version,
        without_comments(lock),
    )

    def make() -> Layer:
        with store.scratch() as folder, store.writing():
            packages = folder / "packages"
            tell(f"installing {len(read_lock(lock).pins)} packages for {platform}")
            _install(bundle.lock_path, packages, interpreter, host_python.path, system, platform)
            _clean(packages)
            if compiled := source_packages.settle(packages):
                raise _no_wheel(compiled, platform, bundle.lock_path, None)
            tell("compiling bytecode")
            _compile(packages, host_python, interpreter.minor, rules)
            pruned = _pruned(packages, rules, reference, tell) if prune else None
            _correct_records(packages)
            with ThreadPoolExecutor(1) as beside:
                check = beside.submit(pruned.check) if pruned else None
                tell("writing the environment layer")
                layer = write_layer("environment", _entries(packages, interpreter), store)
                if check is not None:
                    check.result()
            name = layer.descriptor.digest.partition(":")[2]
            listed = [asdict(item) for item in python_packages(packages)]
            store.remember(REMEMBERED, name, {"packages": listed})
            store.remember("pruned", name, pruned.bytes_by_reason if pruned else {})
            return layer

    return store.layer_once("environment", parts, make, tell)


@dataclass(frozen=True)
class _Pruned:
    bytes_by_reason: dict[str, int]
    check: Callable[[], None]


def _pruned(packages: Path, rules: tuple[pruning.Rule, ...], reference: Reference, tell: Tell) -> _Pruned:
    """Leaves out what no scorer needs; what is returned can say whether the answers are the same."""
    before = reference.score(packages, tell)
    tell("leaving out what no scorer needs")
    found = pruning.prune(packages, rules)
    return _Pruned(found, lambda: reference.compare(before, packages))


def _install(
    lock: Path, packages: Path, interpreter: Interpreter, python: Path, system: str, platform: str
) -> None:
    arguments = [
        "pip",
        "install",
        "--target",
        str(packages),
        "--python",
        str(python),
        "--python-version",
        interpreter.minor,
        "--python-platform",
        system,
        *_wheels_only(lock),
        "--require-hashes",
        "--no-deps",
        "--no-compile-bytecode",
        "--link-mode",
        "hardlink",
        "--requirements",
        str(lock),
    ]
    finished = run_uv(arguments, cwd=packages.parent)
    if finished.status:
        raise _failure(finished, platform, packages.parent, lock)


def _wheels_only(lock: Path) -> list[str]:
    """No package is built from its source but those few that are known to be Python alone."""
    names = source_packages.locked_names(lock.read_text(encoding="utf-8"))
    if not source_packages.SOURCE_ONLY.intersection(names):
        return ["--only-binary", ":all:"]
    wanted = (name for name in names if name not in source_packages.SOURCE_ONLY)
    return [word for name in wanted for word in ("--only-binary", name)]


def _failure(finished: Finished, platform: str, place: Path, lock: Path) -> Exception:
    if missing := _NO_WHEEL.match(finished.stderr):
        said = _USING.sub("", without_credentials(finished.stderr)).strip()
        return _no_wheel(missing[1], platform, lock, said)
    return failure(
        finished,
        task=f"the packages of the lock were being installed for {platform}",
        area="IMAGE",
        place=place,
        where="requirements.lock",
    )


def _no_wheel(pin: str, platform: str, lock: Path, said: str | None) -> ImageError:
    """A requirement, such as `psutil==5.9.8`, that has no wheel for the platform."""
    name = canonicalize_name(pin.partition("==")[0])
    asking = " and ".join(sorted(pruning.who_asks(lock.read_text(encoding="utf-8")).get(name, ())))
    return ImageError(
        f"{pin} has no wheel for {platform}; an image is made of wheels alone, so that it does not depend on "
        "the machine that builds it.",
        code="TOC-IMAGE-010",
        where="requirements.lock",
        fix=f"{asking or 'the lock'} asks for it. Where conda.yml can do with versions that have wheels, ask "
        "for those. Or build the wheel on a machine of that platform "
        f"(`pip wheel --no-deps {pin}`), put it into a folder, `export UV_FIND_LINKS=/folder`, have the lock "
        "take its hash (`toc-build lock --rehash`), and build again. Or choose another image -> platform.",
        details=said,
    )


def _clean(packages: Path) -> None:
    """Takes away what depends on the installer and the machine."""
    for path in list(files_below(packages)):
        parent = path.parent.name
        if (
            (parent.endswith(".dist-info") and path.name in _INSTALLER_FILES)
            or path.suffix
            in {
                ".pyc",
                ".pyo",
            }
            or (path.parent == packages and path.name in {".lock", "CACHEDIR.TAG", ".gitignore"})
        ):
            path.unlink()
    scripts = packages / "bin"
    if scripts.is_dir():
        for path in list(files_below(scripts)):
            path.unlink()


def _compile(packages: Path, python: HostPython, minor: str, rules: tuple[pruning.Rule, ...]) -> None:
    work = []
    place = packages_dir(minor)
    for path in files_below(packages):
        relative = path.relative_to(packages).as_posix()
        if path.suffix != ".py":
            continue
        if target := pruning.bytecode_of(relative, minor, rules):
            work.append((path, f"{place}/{relative}", packages / target))
    python.compile(work)


def _correct_records(packages: Path) -> None:
    """Makes the RECORD of every package true of the files that are there, and sorted."""
    for record in sorted(packages.glob("*.dist-info/RECORD")):
        rows = []
        for row in csv.reader(record.read_text(encoding="utf-8").splitlines()):
            path = packages / row[0]
            if path.suffix == ".py" and not path.exists() and path.with_suffix(".pyc").is_file():
                path, row = path.with_suffix(".pyc"), [f"{row[0]}c", row[1], "-"]  # only bytecode is left
            if row[0].startswith(("..", "/")) or not path.is_file():
                continue
            if row[2] and row[2] != str(path.stat().st_size):  # not the wheel's any more
                encoded = base64.urlsafe_b64encode(_sha256(path)).decode().rstrip("=")
                row = [row[0], f"sha256={encoded}", str(path.stat().st_size)]
            rows.append(row)
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(sorted(rows))
        part = record.with_name(".RECORD")
        part.write_text(text.getvalue(), encoding="utf-8")
        part.replace(record)  # never written into: uv's cache shares it by a hard link


def _sha256(path: Path) -> bytes:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.digest()


def _entries(packages: Path, interpreter: Interpreter) -> list[Entry]:
    """What stands in the layer: the packages, and what makes their folder a virtual environment."""
    return [
        *tree(packages, packages_dir(interpreter.minor)),
        Entry(f"{HOME}/pyvenv.cfg", virtual_environment_settings(interpreter.path, interpreter.minor)),
        Entry(f"{HOME}/bin/python", link=f"/{interpreter.path}"),
        Entry(f"{HOME}/bin/python{interpreter.minor}", link="python"),
        Entry(f"{HOME}/bin/python3", link="python"),
    ]
