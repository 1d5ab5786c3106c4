"""Carries out what was asked of a service, in the background: build, start, swap, stop.

The wire calls it; the balancer asks it which replicas answer. On a cluster a new version starts beside the
old one, which goes on answering until the new one is ready, and after it failed. A container group is
replaced: the old one is gone as soon as the new one starts, as on Azure Container Instances.
"""

from __future__ import annotations

import itertools
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from toc_build.rehearsal.domain.cloud import Cloud
from toc_build.rehearsal.domain.records import Operation, Scorer, Service, Version
from toc_build.rehearsal.domain.refusals import Refusal
from toc_build.rehearsal.domain.services import ACI
from toc_build.rehearsal.faults import Faults
from toc_build.rehearsal.scorers.container import pull_image
from toc_build.rehearsal.scorers.environment import build_environment
from toc_build.rehearsal.scorers.failures import BuildFailed, StartFailed
from toc_build.rehearsal.scorers.group import Group
from toc_build.rehearsal.scorers.layout import lay_out, model_dir
from toc_build.rehearsal.scorers.program import Program

TRIES = 2  # how often a crashing container is started before it counts as failed; Azure says CrashLoopBackOff
Key = tuple[str, str]


class GivenUp(Exception):  # noqa: N818 - somebody asked for it
    """The deployment is wanted no more: the service was deleted or replaced meanwhile."""


class Deployments:
    """What runs, and what is being changed. Every method may be called from any thread.

    Args:
        cloud: the workspace.
        faults: that are to happen.
        open_address: given a service, sees to it that its address is listened on and recorded.
    """

    def __init__(self, cloud: Cloud, faults: Faults, open_address: Callable[[Service], None]) -> None:
        self._cloud, self._faults, self._open_address = cloud, faults, open_address
        self._groups: dict[Key, Group] = {}
        self._logs: dict[Key, Group] = {}  # of the last start, also of one that failed
        self._retiring: set[Group] = set()
        self._wanted: dict[str, threading.Event] = {}
        self._lock = threading.RLock()
        self._numbers = itertools.count(1)
        self._runs = cloud.folder / "runs"
        shutil.rmtree(self._runs, ignore_errors=True)  # of an earlier server

    def group(self, service: str, version: str) -> Group | None:
        """The replicas that answer for a version, or None."""
        return self._groups.get((service, version))

    def log(self, service: str, version: str, tail: int) -> str:
        """What the version's container wrote, the newest start's."""
        group = self._logs.get((service, version)) or self._groups.get((service, version))
        return "\n".join(group.log(tail)) + "\n" if group else ""

    def busy(self, service: str) -> bool:
        """Whether a change of the service is under way."""
        found = self._cloud.services.find(service)
        if found is None or found.operation is None:
            return False
        return not self._cloud.operations.get(found.operation).done

    def deploy(self, service: Service, versions: list[str], operation: Operation) -> None:
        """Brings versions of a service to what they are to be; returns at once.

        Args:
            service: already saved, with `operation` in it.
            versions: names of those that are new or changed.
            operation: to be ended when they are there or failed.
        """
        given_up = self._replace_work(service.name)

        def work() -> None:
            for name in versions:
                self._bring_up(service.name, name, operation, given_up)

        self._in_background(operation, work, service.kind)

    def delete(self, service: Service, operation: Operation) -> None:
        """Ends a service and all its versions; returns at once."""
        self._replace_work(service.name)
        if service.operation:
            self._cloud.operations.cancel(service.operation, "the service was deleted")

        def work() -> None:
            self._cloud.services.delete(service.name)
            self.drop(service.name, list(service.versions))

        self._in_background(operation, work, service.kind)

    def drop(self, service: str, versions: list[str]) -> None:
        """Stops versions once they have finished what they are at."""
        for name in versions:
            with self._lock:
                group = self._groups.pop((service, name), None)
                self._logs.pop((service, name), None)
            if group:
                self._retire(group)

    def rescale(self, service: Service) -> None:
        """Brings the numbers of replicas to what they are to be, where nothing is started anew."""
        for name, version in service.versions.items():
            group = self.group(service.name, name)
            if group is not None and group.living != version.scorer.replicas:
                group.scale(version.scorer.replicas)

    def restore(self) -> None:
        """Starts what ran when the server was stopped; returns at once."""
        self._cloud.operations.interrupt_all("the rehearsal was stopped meanwhile")
        for service in self._cloud.services.list():
            served = [version for version in service.versions.values() if version.serving]
            for version in served:
                version.scorer = version.serving or version.scorer
                version.state = "Transitioning"
            if not served:
                self._open_address(service)
                self._cloud.services.save(service)
                continue
            operation = self._cloud.operations.create("Service", f"services/{service.name}")
            service.operation = operation.id
            self._cloud.services.save(service)
            self._open_address(service)
            self.deploy(service, [version.name for version in served], operation)

    def stop(self) -> None:
        """Ends every replica; what is kept on disk stays as it is."""
        for event in self._wanted.values():
            event.set()
        with self._lock:
            groups = {*self._groups.values(), *self._logs.values(), *self._retiring}
            self._groups.clear()
        threads = [threading.Thread(target=group.stop, args=(0.2,)) for group in groups]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        shutil.rmtree(self._runs, ignore_errors=True)

    def _in_background(self, operation: Operation, work: Callable[[], None], kind: str) -> None:
        self._cloud.operations.in_background(operation, work, lambda error: self._failed(error, kind))

    def _replace_work(self, service: str) -> threading.Event:
        with self._lock:
            if before := self._wanted.get(service):
                before.set()
            self._wanted[service] = threading.Event()
            return self._wanted[service]

    def _bring_up(self, service: str, version: str, operation: Operation, given_up: threading.Event) -> None:
        key = (service, version)
        found = self._cloud.services.get(service)
        scorer, kind = found.versions[version].scorer, found.kind
        try:
            program = self._build(service, scorer, operation, given_up)
            group = self._start(key, program, scorer, operation, given_up)
        except GivenUp:
            raise
        except (BuildFailed, StartFailed, Refusal) as error:
            if not given_up.is_set():
                self._record_failure(key, error, kind)
            raise
        self._swap(key, group)
        self._record(key, "Healthy", None)
        self._cloud.operations.tell(operation.id, f"Deployment of {version} is healthy.")

    def _build(
        self, service: str, scorer: Scorer, operation: Operation, given_up: threading.Event
    ) -> Program:
        operations, cloud = self._cloud.operations, self._cloud
        operations.enter(operation.id, "BuildEnvironment")
        operations.tell(operation.id, "Building the environment.")

        def log(line: str) -> None:
            operations.log(operation.id, line)
            if given_up.is_set():
                raise GivenUp

        self._build_fault(log, given_up)
        root = self._runs / f"{service}-{next(self._numbers)}" / "azureml-app"
        models = [cloud.models.get(identity) for identity in scorer.models]
        lay_out(root, scorer.code, models, cloud.artifacts.below, cloud.artifacts.file)
        if not (root / scorer.entry_script).is_file():
            log(f"The entry script {scorer.entry_script} is not in the uploaded code.")
            raise BuildFailed(f"the entry script {scorer.entry_script} was not uploaded")
        python, image = Path(), None
        if scorer.environment.image is not None:
            image = pull_image(scorer.environment, log)
        else:
            python = build_environment(scorer.environment, root, log).python
        operations.tell(operation.id, "The environment is ready.")
        variables = dict(scorer.environment.variables)
        variables["SERVICE_NAME"] = service
        variables["WORKSPACE_NAME"] = cloud.identity.workspace
        variables["SCORING_TIMEOUT_MS"] = str(scorer.timeout_ms)
        return Program(
            python,
            root,
            scorer.entry_script,
            model_dir(scorer.models),
            variables,
            image=image,
            interpreter=scorer.environment.interpreter,
        )

    def _build_fault(self, log: Callable[[str], None], given_up: threading.Event) -> None:
        fault = self._faults.take("build")
        if fault is None:
            return
        if fault.kind == "slow":
            log(f"A fault was asked for: this build takes {fault.value:g} s longer.")
            given_up.wait(fault.value)
        elif fault.kind == "quota":
            raise Refusal("QuotaExceeded", "The registry's quota of build minutes is used up.", 409)
        else:
            log("A fault was asked for: this build fails.")
            log('ERROR: failed to build: process "/bin/sh -c conda env create" returned exit code 1')
            raise BuildFailed("the image build failed")

    def _start(
        self, key: Key, program: Program, scorer: Scorer, operation: Operation, given_up: threading.Event
    ) -> Group:
        operations = self._cloud.operations
        operations.enter(operation.id, "DeployService")
        operations.tell(operation.id, "Submitting the deployment to the compute.")
        if fault := self._faults.take("deploy"):
            if fault.kind == "quota":
                raise Refusal("QuotaExceeded", "The quota of cores in this region is used up.", 409)
            given_up.wait()  # never ends by itself
            raise GivenUp
        program = self._with_init_fault(program)
        service = self._cloud.services.get(key[0])
        if service.kind == ACI and (old := self._groups.pop(key, None)):
            self._retire(old)
        operations.tell(operation.id, f"Checking the status of {scorer.replicas} replicas of {key[1]}.")
        for number in range(1, TRIES + 1):
            group = Group(program, program.root.parent / f"try-{number}", lambda: self._on_crash(key))
            with self._lock:
                self._logs[key] = group
            stop_when_given_up = threading.Thread(
                target=self._watch_given_up, args=(given_up, group), daemon=True
            )
            stop_when_given_up.start()
            try:
                group.start(scorer.replicas)
            except StartFailed as error:
                if given_up.is_set():
                    raise GivenUp from None
                operations.tell(operation.id, f"Try {number} of {TRIES}: {error.message}.")
                if number == TRIES or error.exit_status is None:
                    raise
            else:
                return group
        raise AssertionError("unreachable")

    def _with_init_fault(self, program: Program) -> Program:
        fault = self._faults.take("init")
        if fault is None:
            return program
        folder = program.root / "rehearsed-fault"
        folder.mkdir()
        what = (
            'raise RuntimeError("a fault was asked for: init() raises")'
            if fault.kind == "raise"
            else f"time.sleep({fault.value})"
        )
        script = folder / "score.py"
        script.write_text(
            f"import time\n\n\ndef init():\n    {what}\n\n\ndef run(data):\n    return data\n",
            encoding="utf-8",
        )
        if fault.kind != "raise":
            time.sleep(fault.value)
            return program
        return replace(program, entry_script=script.relative_to(program.root).as_posix())

    def _watch_given_up(self, given_up: threading.Event, group: Group) -> None:
        while not group.ended.wait(0.1):
            if given_up.is_set() and group not in self._groups.values():
                group.stop(0.2)
                return
            if group in self._groups.values():
                return

    def _swap(self, key: Key, group: Group) -> None:
        with self._lock:
            old = self._groups.get(key)
            self._groups[key] = group
        if old is not None and old is not group:
            self._retire(old)

    def _retire(self, group: Group) -> None:
        self._retiring.add(group)

        def work() -> None:
            group.retire()
            shutil.rmtree(group.program.root.parent, ignore_errors=True)
            self._retiring.discard(group)

        threading.Thread(target=work, name="retire", daemon=True).start()

    def _on_crash(self, key: Key) -> None:
        group = self._groups.get(key)
        if group is not None:
            self._record(key, "Healthy" if group.living else "Unhealthy", None)

    def _record(self, key: Key, state: str, error: dict[str, Any] | None) -> None:
        with self._lock:
            service = self._cloud.services.find(key[0])
            if service is None or key[1] not in service.versions:
                return
            version: Version = service.versions[key[1]]
            version.state, version.error = state, error
            if state == "Healthy":
                version.serving = version.scorer
            elif key not in self._groups:
                version.serving = None
            self._cloud.services.save(service)

    def _record_failure(self, key: Key, error: Exception, kind: str) -> None:
        self._record(key, "Failed", self._failed(error, kind))

    def _failed(self, error: Exception, kind: str) -> dict[str, Any]:
        """What an operation says about its failure, in the words that Azure has for it."""
        if isinstance(error, GivenUp):
            return {
                "code": "Cancelled",
                "statusCode": 409,
                "message": "The deployment was replaced or deleted.",
            }
        if isinstance(error, BuildFailed):
            return {
                "code": "EnvironmentBuildFailed",
                "statusCode": 400,
                "message": f"Failed building the Environment: {error}. Its log says more.",
            }
        if isinstance(error, StartFailed):
            return _crashed(error, kind)
        if isinstance(error, Refusal):
            return {"code": error.code, "statusCode": error.status, "message": error.message}
        return {
            "code": "InternalServerError",
            "statusCode": 500,
            "message": f"{type(error).__name__}: {error}",
        }


def _crashed(error: StartFailed, kind: str) -> dict[str, Any]:
    message = (
        "Your container application crashed. This may be caused by errors in your scoring file's init() "
        "function. You can call print(service.get_logs()) to see the container's log."
        if error.exit_status is not None
        else f"Your container did not become ready: {error.message}."
    )
    return {
        "code": "AciDeploymentFailed" if kind == ACI else "KubernetesDeploymentFailed",
        "statusCode": 400,
        "message": f"{'Aci' if kind == ACI else 'Kubernetes'} Deployment failed: {message}",
        "details": [{"code": "CrashLoopBackOff", "message": f"{message} {error.message}."}],
    }
