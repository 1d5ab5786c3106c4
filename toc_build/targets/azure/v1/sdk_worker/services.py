"""Web services of both kinds: created, changed in place, asked, deleted."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from typing import TYPE_CHECKING, Any

from . import operations, quirks
from .channel import Failure

if TYPE_CHECKING:
    from azureml.core.webservice import Webservice

    from .session import Session

# What a service's description holds that must not leave this process.
_SECRET = ("sslKey", "sslCertificate", "keys", "primaryKey", "secondaryKey")


class Services:
    """Calls about web services.

    Args:
        session: the signed-in worker.
    """

    calls = (
        "service",
        "service_names",
        "deploy",
        "update",
        "retag",
        "restore",
        "validate",
        "wait",
        "service_logs",
        "keys",
        "delete_service",
    )

    def __init__(self, session: Session) -> None:
        self._session = session

    def service(self, name: str) -> dict[str, Any] | None:
        """What Azure says of a service, less its secrets; None when there is none."""
        from azureml.core.webservice import Webservice

        found = Webservice._get(self._session.workspace, name)  # noqa: SLF001 - the object knows only half of it
        if found is None:
            return None
        return {key: value for key, value in found.items() if key not in _SECRET}

    def service_names(self) -> list[dict[str, Any]]:
        """Every service of the workspace: `name`, `type`, `state`."""
        from azureml.core.webservice import Webservice

        listed = Webservice.list(self._session.workspace)
        return [
            {
                "name": one.name,
                "type": one.compute_type,
                "state": one.state,
                "compute": getattr(one, "compute_name", None),
                "tags": one.tags or {},
            }
            for one in listed
        ]

    def deploy(self, specification: dict[str, Any]) -> dict[str, Any]:
        """Ask for a new service; returns the `operation` to wait for.

        Args:
            specification: see `client.Specification`.
        """
        from azureml.core.model import Model
        from azureml.core.webservice import AciWebservice, AksEndpoint, AksWebservice

        kinds = {"ACI": AciWebservice, "AKS": AksWebservice, "AKSENDPOINT": AksEndpoint}
        kind = kinds[specification["kind"]]
        with arranged(self._session, specification) as (models, inference):
            version = {"version_name": specification.get("version"), "traffic_percentile": 100}
            configuration = kind.deploy_configuration(
                **self._configuration(specification),
                **(version if kind is AksEndpoint else {}),
                tags=specification["tags"],
                properties=specification["properties"],
                description=specification["description"],
            )
            target = None
            if specification["compute"]:
                from azureml.core.compute import AksCompute

                target = AksCompute(self._session.workspace, specification["compute"])
            service = Model.deploy(
                self._session.workspace,
                specification["name"],
                models,
                inference_config=inference,
                deployment_config=configuration,
                deployment_target=target,
                overwrite=bool(specification.get("overwrite")),
            )
        return {"operation": operations.last_part(service._operation_endpoint)}  # noqa: SLF001 - no public one

    def update(self, specification: dict[str, Any]) -> dict[str, Any]:
        """Ask for a change of an existing service, in place; returns the `operation`, None when idone."""
        service = self._open(specification["name"])
        # The SDK compares a new request with the old limit, and a new limit with the old request.
        service.container_resource_requirements = None
        with arranged(self._session, specification) as (models, inference):
            service.update(
                **self._configuration(specification),
                tags=specification["tags"],
                properties=specification["properties"],
                description=specification["description"],
                models=models,
                inference_config=inference,
            )
        return {"operation": operations.last_part(service._operation_endpoint)}  # noqa: SLF001

    def retag(
        self, name: str, tags: dict[str, str], properties: dict[str, str], description: str | None = None
    ) -> dict[str, Any]:
        """Change tags and description, add properties; returns the `operation`, None when it is done."""
        service = self._open(name)
        quirks.mend_endpoints()
        service.update(tags=tags, properties=properties, description=description)
        return {"operation": operations.last_part(service._operation_endpoint)}  # noqa: SLF001

    def restore(self, name: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Put a service's earlier content and tags back, as Azure described them; returns the `operation`.

        The public calls take a bundle's files; this is for when they are gone.
        """
        from azureml._model_management._util import get_requests_session
        from azureml._restclient.clientbase import ClientBase

        service = self._open(name)
        patch = [
            {"op": "replace", "path": f"/{key}", "value": payload[key]}
            for key in ("environmentImageRequest", "kvTags", "numReplicas", "containerResourceRequirements")
            if payload.get(key) is not None
        ]
        headers = {
            "Content-Type": "application/json-patch+json",
            **service._auth.get_authentication_header(),  # noqa: SLF001
        }
        answer = ClientBase._execute_func(  # noqa: SLF001
            get_requests_session().patch,
            service._mms_endpoint,  # noqa: SLF001
            headers=headers,
            json=patch,
        )
        answer.raise_for_status()
        where = answer.headers.get("Operation-Location")
        return {"operation": operations.last_part(where) or (answer.json() or {}).get("operationId")}

    def validate(self, specification: dict[str, Any]) -> list[str]:
        """What Azure would say against a service of this name and size; nothing is made."""
        from azureml.core import Environment
        from azureml.core.webservice import AciWebservice, AksWebservice, Webservice

        kinds = {"ACI": AciWebservice, "AKS": AksWebservice, "AKSENDPOINT": AksWebservice}
        configuration = kinds[specification["kind"]].deploy_configuration(**specification["configuration"])
        image = {  # nothing is uploaded yet: what stands for it is only looked at
            "driverProgram": "score.py",
            "assets": [
                {
                    "id": "score.py",
                    "mimeType": "application/x-python",
                    "url": "aml://artifact/LocalUpload/toc-plan/score.py",
                }
            ],
            "modelIds": [],
            "environment": Environment._serialize_to_dict(Environment("toc-plan")),  # noqa: SLF001
        }
        payload = configuration._build_create_payload(specification["name"], image)  # noqa: SLF001
        if specification["compute"]:
            payload["computeName"] = specification["compute"]
        found: list[str] = []
        workspace = self._session.workspace
        answers = (
            Webservice._request_validate_service_name(workspace, specification["name"]),  # noqa: SLF001
            Webservice._request_validate_resource_not_enough(workspace, payload),  # noqa: SLF001
        )
        for content in answers:
            error = Webservice._check_validate_error(content) if content else None  # noqa: SLF001
            if error:
                found.append(error)
        return found

    def wait(self, operation: str, pause_seconds: list[float], watch: str | None = None) -> dict[str, Any]:
        """Follow an operation to its end, watching the log of the service `watch`; see `operations`."""
        with contextlib.ExitStack() as stack:
            if watch is not None:
                stack.enter_context(operations.LogWatch(self._session, watch))
            return operations.follow(self._session, operation, pause_seconds)

    def service_logs(self, name: str, lines: int) -> str:
        """The container's output; with nothing in it, that of the container that prepares it."""
        service = self._open(name)
        return str(service.get_logs(num_lines=lines) or service.get_logs(num_lines=lines, init=True) or "")

    def keys(self, name: str) -> dict[str, str]:
        """The headers that callers must send; empty when the service asks for nothing."""
        service = self._open(name)
        if getattr(service, "token_auth_enabled", False):
            token = service.get_access_token()
            return {"Authorization": f"Bearer {token.access_token}"}
        if service.auth_enabled:
            primary, _ = service.get_keys()
            return {"Authorization": f"Bearer {primary}"}
        return {}

    def delete_service(self, name: str, pause_seconds: list[float]) -> bool:
        """Delete a service and wait until it is gone; whether there was one."""
        if self.service(name) is None:
            return False
        service = self._open(name)
        # The SDK's own wait sleeps 5 s between two looks and draws dots; ours does neither.
        seen: list[str] = []
        service._wait_for_operation_to_complete = lambda *_: seen.append(  # noqa: SLF001
            operations.last_part(service._operation_endpoint) or ""  # noqa: SLF001
        )
        service.delete()
        if seen and seen[0]:
            ended = operations.follow(self._session, seen[0], pause_seconds)
            if ended["state"] != "Succeeded":
                raise Failure(
                    "deployment", ended["message"] or f"the deletion of {name} ended as {ended['state']}"
                )
        return True

    def _open(self, name: str) -> Webservice:
        from azureml.core.webservice import Webservice

        return Webservice(self._session.workspace, name)

    def _configuration(self, specification: dict[str, Any]) -> dict[str, Any]:
        """The arguments of the SDK's configuration; with another service's keys where they shall be equal."""
        values = dict(specification["configuration"])
        same = specification.get("keys_of")
        if same:
            primary, secondary = self._open(same).get_keys()
            values.update(primary_key=primary, secondary_key=secondary)
        return values


@contextlib.contextmanager
def arranged(session: Session, specification: dict[str, Any]) -> Any:
    """The models and the inference configuration of a specification, whose files exist while the block runs.

    The lock goes with the code, so that whoever looks into the container sees what it was made of.

    The SDK leaves tarballs and driver scripts in the temporary folder: it is given one that goes.
    """
    from azureml.core import Environment
    from azureml.core.model import InferenceConfig, Model

    with tempfile.TemporaryDirectory(prefix="toc-azure-") as scratch:
        kept, tempfile.tempdir = tempfile.tempdir, scratch
        try:
            wanted = specification["environment"]
            if wanted.get("image"):
                environment = Environment(wanted["name"])
                environment.docker.base_image = wanted["image"]
                environment.python.user_managed_dependencies = True
                environment.inferencing_stack_version = None
            else:
                path = os.path.join(scratch, "conda.yml")  # noqa: PTH118 - as plain as the SDK's own
                with open(path, "w", encoding="utf-8") as stream:  # noqa: PTH123
                    stream.write(wanted["conda"])
                environment = Environment.from_conda_specification(wanted["name"], path)
            environment.environment_variables = dict(wanted["variables"])  # without EXAMPLE_ENV_VAR
            source = os.path.join(scratch, "code")  # noqa: PTH118
            shutil.copytree(specification["source"], source)
            lock = os.path.join(source, "requirements.lock")  # noqa: PTH118
            if not os.path.exists(lock):  # noqa: PTH110 - one of the user's own stays
                with open(lock, "w", encoding="utf-8") as stream:  # noqa: PTH123
                    stream.write(specification["lock"])
            models = [Model(session.workspace, id=identity) for identity in specification["models"]]
            inference = InferenceConfig(
                entry_script=specification["entry_script"],
                source_directory=source,
                environment=environment,
            )
            session.channel.event("progress", "uploading the scoring code")
            yield models, inference
        finally:
            tempfile.tempdir = kept
