"""Creates a container that has as little as a scorer needs. Called by `server_container`.

Its file system is read-only but for a `/tmp` in memory; it has no capability, no way to gain one, a limit on
memory and on processes, an init process, no user called root, and a network without a way out where the
engine has such a thing. It lives as long as somebody holds its standard input, and leaves nothing.
"""

from __future__ import annotations

import contextlib
import ipaddress
import secrets
import shlex
import shutil
import socket
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toc_build.errors import TargetError
from toc_build.targets.local.settings import LOOPBACK, BundleReference, ContainerSettings

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.errors import APIError
    from docker.models.containers import Container
    from docker.models.networks import Network

HOOKS = Path(__file__).with_name("gunicorn_hooks.py")
MOUNTS = "/toc-build"  # in the container
MOUNTED_CODE = f"{MOUNTS}/code"
MOUNTED_MODEL = f"{MOUNTS}/model"
MOUNTED_HOOKS = f"{MOUNTS}/gunicorn_hooks.py"
OWNER_LABEL = "com.github.toc-build.owner"
BUNDLE_LABEL = "com.github.toc-build.bundle"
NETWORKS = "toc-build-no-way-out-"
FALLBACK_USER = "10001:10001"
TMP_SHARE = 0.5  # of the memory, at most, may be files in /tmp


@dataclass(frozen=True)
class Wish:
    """What a container is to be.

    Attributes:
        bundle: what it serves.
        settings: how.
        folder: for the files that are mounted; it exists.
        owner: the service's state folder, which the container's label names.
        stack_at: Unix time in seconds at which a start that hangs writes its stacks.
    """

    bundle: BundleReference
    settings: ContainerSettings
    folder: Path
    owner: Path
    stack_at: float


def create(client: DockerClient, wish: Wish, *, isolated: bool) -> Container:
    """A container that has not been started.

    Args:
        client: of the engine.
        wish: what it is to be.
        isolated: in a network without a way out, where it is reached by its own address; otherwise its port
            is published on 127.0.0.1.

    Raises:
        TargetError: the image is not there, or the engine refuses, in its own words.
        docker.errors.APIError: see `network_went`.
    """
    from docker.errors import APIError, ImageNotFound
    from docker.types import LogConfig

    settings = wish.settings
    try:
        image = client.images.get(settings.image).attrs["Config"]
        network: dict[str, Any] = (
            {"network": _network(client)} if isolated else {"ports": {f"{settings.port}/tcp": (LOOPBACK, 0)}}
        )
        memory = int(settings.memory_gb * 1e9)
        return client.containers.create(
            settings.image,
            _command(image, settings),
            name=f"toc-build-{wish.bundle.short}-{secrets.token_hex(3)}",
            environment=_environment(image, wish),
            working_dir=MOUNTED_CODE if settings.mounted else None,  # gunicorn imports from there first
            user=image.get("User") if not _is_root(image.get("User")) else FALLBACK_USER,
            labels={OWNER_LABEL: str(wish.owner.absolute()), BUNDLE_LABEL: wish.bundle.digest},
            volumes=_volumes(wish),
            read_only=True,
            tmpfs={"/tmp": f"rw,noexec,nosuid,nodev,mode=1777,size={int(memory * TMP_SHARE)}"},  # noqa: S108
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            mem_limit=memory,
            memswap_limit=memory,
            pids_limit=settings.pids_limit,
            init=True,
            stdin_open=True,
            auto_remove=True,
            log_config=LogConfig(type="json-file", config={"max-size": "10m", "max-file": "1"}),
            **network,
        )
    except ImageNotFound:
        raise TargetError(
            f"the container engine does not have the image {settings.image.removeprefix('sha256:')[:12]}"
            " any more",
            code="TOC-ENGINE-008",
            where=settings.engine,
            fix="deploy again: the image is built and loaded when it is missing",
        ) from None
    except APIError as error:
        if network_went(error):
            raise
        raise refused(error, settings) from None


def refused(error: Exception, settings: ContainerSettings) -> TargetError:
    """The engine does not run the container."""
    said = str(getattr(error, "explanation", None) or error)
    if "exec format error" in said:
        return TargetError(
            "the image is for another processor than this machine's",
            code="TOC-ENGINE-009",
            where="deploy.yml image -> platform",
            fix="set the platform of this machine there, or install emulation (binfmt)",
            details=said,
        )
    return TargetError(
        "the container engine does not run the container",
        code="TOC-ENGINE-009",
        where=settings.engine,
        fix="its own words are shown",
        details=said,
    )


def address_of(
    container: Container, settings: ContainerSettings, *, isolated: bool
) -> tuple[str, int] | None:
    """Where a running container is reached from this machine; None when it is not."""
    container.reload()
    networks: dict[str, Any] = container.attrs["NetworkSettings"]
    if isolated:
        found: dict[str, Any] = next(iter(networks["Networks"].values()), {})
        ip = found.get("IPAddress")
        return (ip, settings.port) if ip and _has_part_in(ip, found.get("IPPrefixLen", 32)) else None
    published = networks["Ports"].get(f"{settings.port}/tcp") or []
    return (LOOPBACK, int(published[0]["HostPort"])) if published else None


def _has_part_in(ip: str, prefix: int) -> bool:
    """Whether this machine has an address in a container's network.

    podman gives it none in a network without a way out, and an engine in a virtual machine has its own there.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect((ip, 9))  # sends nothing: the kernel chooses a way, and the address to come from
        except OSError:
            return False
        own = str(asking.getsockname()[0])
    return ipaddress.ip_address(own) in ipaddress.ip_network(f"{ip}/{prefix}", strict=False)


def remove_orphans(owner: Path, engine: str) -> None:
    """Remove the containers of a service whose supervisor is dead; an engine that is gone keeps none."""
    import requests
    from docker.errors import APIError

    from toc_build.image.engine import Engine

    with contextlib.suppress(TargetError, APIError, requests.RequestException):
        client = Engine.connect(url=engine).client
        with contextlib.closing(client):
            for container in client.containers.list(
                all=True, filters={"label": f"{OWNER_LABEL}={owner.absolute()}"}, ignore_removed=True
            ):
                with contextlib.suppress(APIError):
                    container.remove(v=True, force=True)
            forget_network(client)


def forget_network(client: DockerClient) -> None:
    """Remove the network without a way out, unless a container uses it."""
    from docker.errors import APIError

    for network in _networks(client):
        with contextlib.suppress(APIError):  # in use, or another has just removed it
            network.remove()


def network_went(error: APIError) -> bool:
    """Whether a container does not start because its network was removed after `create` had found it."""
    said = str(error.explanation or error)
    return bool(error.status_code == HTTPStatus.NOT_FOUND and "network" in said and "not found" in said)


def _network(client: DockerClient) -> str:
    """The name of the network without a way out, made if it is not there.

    Two services that begin at the same moment may both make one. Each has a name of its own, since an engine
    that has two of one name lets no container join either; everybody takes the oldest.
    """
    if not _networks(client):
        client.networks.create(
            f"{NETWORKS}{secrets.token_hex(3)}",
            driver="bridge",
            internal=True,
            options={"com.docker.network.bridge.enable_icc": "false"},
            labels={OWNER_LABEL: "shared"},
        )
    found = sorted(_networks(client), key=lambda network: (network.attrs.get("Created", ""), network.id))
    return str(found[0].name) if found else NETWORKS  # another service has just removed it


def _networks(client: DockerClient) -> list[Network]:
    found = client.networks.list(names=[NETWORKS])
    return [network for network in found if str(network.name).startswith(NETWORKS)]


def _command(image: dict[str, Any], settings: ContainerSettings) -> list[str] | None:
    """The image's arguments, with the mounted script in place of its own."""
    command = list(image.get("Cmd") or ())
    if not settings.mounted:
        return command or None
    if "--entry_script" in command:
        place = command.index("--entry_script") + 1
        command[place] = f"{MOUNTED_CODE}/score.py"
        return command
    return ["--entry_script", f"{MOUNTED_CODE}/score.py", "--port", str(settings.port), *command]


def _environment(image: dict[str, Any], wish: Wish) -> dict[str, str]:
    given = dict(line.partition("=")[::2] for line in image.get("Env") or ())
    arguments = [*shlex.split(given.get("GUNICORN_CMD_ARGS", "")), "--config", MOUNTED_HOOKS]
    added = {
        "GUNICORN_CMD_ARGS": shlex.join(arguments),
        "TOC_LIFELINE": "stdin",
        "TOC_STACK_AT": repr(wish.stack_at),
    }
    if wish.settings.mounted:
        added |= {
            "AML_APP_ROOT": MOUNTED_CODE,
            "AZUREML_ENTRY_SCRIPT": "score.py",
            "AZUREML_MODEL_DIR": MOUNTED_MODEL,
        }
    return added


def _volumes(wish: Wish) -> dict[str, dict[str, str]]:
    hooks = wish.folder / "gunicorn_hooks.py"  # a copy: an engine in a virtual machine sees the cache folder
    shutil.copyfile(HOOKS, hooks)
    hooks.chmod(0o644)
    mounts = {hooks: MOUNTED_HOOKS}
    if wish.settings.mounted:
        mounts |= {wish.bundle.code: MOUNTED_CODE, wish.bundle.model: MOUNTED_MODEL}
    return {str(source): {"bind": place, "mode": "ro,z"} for source, place in mounts.items()}


def _is_root(user: str | None) -> bool:
    return (user or "").partition(":")[0] in ("", "0", "root")
