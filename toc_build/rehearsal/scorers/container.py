"""One replica as a container: for environments that are a whole image, which its user manages.

`Group` owns it. Azure puts the code into a new image on top of the user's; here the folder is mounted where
it would lie, `/var/azureml-app`. The engine is this machine's own, found as the local target finds it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from toc_build.errors import TargetError
from toc_build.rehearsal.domain.records import EnvironmentDefinition
from toc_build.rehearsal.scorers.failures import BuildFailed, StartFailed
from toc_build.rehearsal.scorers.program import Program
from toc_build.rehearsal.scorers.running import RunningReplica

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

ROOT = "/var/azureml-app"
PORT = 5001
LABEL = "com.github.toc-build.rehearsal"  # pid of the server that started the container


def pull_image(definition: EnvironmentDefinition, log: Callable[[str], None]) -> str:
    """Sees to it that the engine has an environment's image, and returns what the engine calls it.

    Args:
        definition: with the image, its registry and who may pull from there.
        log: given each line of the build's log.

    Raises:
        BuildFailed: there is no engine, or the image cannot be had.
    """
    from docker.errors import DockerException

    image = str(definition.image)
    user, password = definition.image_user, definition.image_password
    client = connect(log)
    try:
        _remove_orphans(client)
        log(f"Pulling {image}")
        try:
            access = {"username": user, "password": password} if user and password else None
            client.images.pull(image, auth_config=access)
        except DockerException as error:
            log(str(error))
        found = client.images.get(image)
        log(f"The image is {found.id}")
        return str(found.id)
    except DockerException as error:
        log(str(error))
        raise BuildFailed(f"the image {image} cannot be pulled, and is not here") from None
    finally:
        client.close()


def connect(log: Callable[[str], None]) -> DockerClient:
    """A client of this machine's engine.

    Raises:
        BuildFailed: there is none.
    """
    from toc_build.image.engine import Engine

    try:
        return Engine.connect().client
    except TargetError as error:
        for line in str(error).splitlines():
            log(line)
        raise BuildFailed(
            "the environment is an image, which only a container engine can run, and there is none"
        ) from None


class ContainerReplica(RunningReplica):
    """A replica that is a container; its program's `image` is set.

    Raises:
        StartFailed: the engine does not run it.
    """

    def __init__(self, program: Program, folder: Path, write: Callable[[str], None]) -> None:
        from docker.errors import DockerException

        super().__init__(program, folder, write)
        folder.mkdir(parents=True)
        try:
            self._client = connect(write)
            self._container = self._create()
            self._container.start()
            self._container.reload()
            binding = self._container.attrs["NetworkSettings"]["Ports"][f"{PORT}/tcp"][0]
        except (DockerException, BuildFailed, KeyError, IndexError, TypeError) as error:
            raise StartFailed(f"the container engine does not run the container: {error}") from None
        self.port = int(binding["HostPort"])
        self._pump = threading.Thread(target=self._read, name=f"container-{self.port}", daemon=True)
        self._pump.start()

    @property
    def alive(self) -> bool:
        """Whether its container runs: its output ends with it."""
        return self._pump.is_alive()

    def _let_it_finish(self) -> None:
        self._pump.join(1.0)

    def _end(self) -> None:
        from docker.errors import DockerException

        grace_seconds = max(0.0, self._killed_at - time.monotonic())
        with contextlib.suppress(DockerException):
            self._container.stop(timeout=max(1, int(grace_seconds)))
        with contextlib.suppress(DockerException):
            self._container.remove(force=True)
        self._pump.join(2)
        self._client.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _create(self) -> Container:
        program = self._program
        interpreter = program.interpreter or "python"
        command = ["-m", "azureml_inference_server_http", "--port", str(PORT)]
        command += ["--entry_script", f"{ROOT}/{program.entry_script}"]
        variables = {
            "AML_APP_ROOT": ROOT,
            "AZUREML_MODEL_DIR": program.model_dir,
            "PYTHONUNBUFFERED": "1",
            "WORKER_COUNT": "1",
            **program.variables,
            "AZUREML_ENTRY_SCRIPT": program.entry_script,
        }
        return self._client.containers.create(
            str(program.image),
            command,
            entrypoint=[interpreter],
            environment=variables,
            working_dir=ROOT,
            volumes={str(program.root): {"bind": ROOT, "mode": "rw"}},
            ports={f"{PORT}/tcp": ("127.0.0.1", 0)},
            labels={LABEL: str(os.getpid())},
        )

    def _exit_status(self) -> int:
        from docker.errors import DockerException

        try:
            answer = self._container.wait(timeout=5)
            return int(answer["StatusCode"])
        except (DockerException, OSError):
            return 1

    def _read(self) -> None:
        from docker.errors import DockerException

        rest = b""
        with contextlib.suppress(DockerException, OSError):
            for chunk in self._container.logs(stream=True, follow=True):
                *lines, rest = (rest + chunk).split(b"\n")
                for raw in lines:
                    self._take(raw)
        if rest:
            self._take(rest)


def _remove_orphans(client: DockerClient) -> None:
    """Removes what a server that was killed has left."""
    from docker.errors import DockerException

    with contextlib.suppress(DockerException):
        for container in client.containers.list(all=True, filters={"label": LABEL}):
            pid = int(container.labels.get(LABEL, "0"))
            if not Path(f"/proc/{pid}").exists() and Path("/proc").exists():
                container.remove(force=True)
