"""The rehearsed cloud's values, as they are kept on disk; no API's spelling in them.

The wire reads requests into these and writes answers from them. What one API wants to have back exactly as
it sent it lies in `document`, which the domain only keeps.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T", bound="Record")


@dataclass
class Record:
    """A value that goes to disk and back."""

    def to_json(self) -> dict[str, Any]:
        """The record as JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls: type[T], values: dict[str, Any]) -> T:
        """The record back from JSON values."""
        return cls(**values)


@dataclass
class Model(Record):
    """A registered model version.

    Attributes:
        name: its name.
        version: counted from 1 for each name.
        content: prefixes of the artifacts that it consists of, such as `LocalUpload/250101T1200-ab/model`.
        asset: id of the asset that names them, for APIs that have such a thing.
        created: when, ISO 8601 in UTC.
        tags, properties, description: the user's words.
        document: what the API that registered it keeps.
    """

    name: str
    version: int
    content: list[str]
    asset: str
    created: str
    tags: dict[str, str] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)
    description: str | None = None
    document: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """`name:version`."""
        return f"{self.name}:{self.version}"


@dataclass
class Cluster(Record):
    """An inference cluster, or another compute target.

    Attributes:
        name: its name in the workspace.
        kind: `AKS`, `AmlCompute` or whatever was attached.
        location: an Azure region.
        created: when, ISO 8601 in UTC.
        vm_size, nodes: its machines.
        production: False for dev-test.
        state: `Creating`, `Succeeded`, `Failed`, `Deleting`.
        errors: why it failed.
        resource: the cluster's own resource id.
        attached: whether it was there before and only attached.
        port: where its load balancer listens on loopback, once it does.
        document: what the API that made it keeps.
    """

    name: str
    kind: str
    location: str
    created: str
    vm_size: str = ""
    nodes: int = 0
    production: bool = True
    state: str = "Succeeded"
    errors: list[dict[str, Any]] = field(default_factory=list)
    resource: str = ""
    attached: bool = False
    port: int | None = None
    document: dict[str, Any] = field(default_factory=dict)


@dataclass
class CodeAsset(Record):
    """Something that lies in the scorer's folder.

    Attributes:
        artifact: its artifact id, `origin/container/path`.
        unpack: whether it is an archive to be unpacked there.
    """

    artifact: str
    unpack: bool = False


@dataclass
class EnvironmentDefinition(Record):
    """What a scorer runs in.

    Attributes:
        name, version: as registered; empty for one that is not.
        python: minor version, such as `3.11`.
        requirements: lines for pip.
        conda_packages: what was asked of conda beside Python and pip.
        variables: environment variables.
        image: a whole image to run instead, when the user manages what is in it.
        image_user, image_password: for the image's registry, where it wants them.
        interpreter: Python within that image; None for the one on its PATH.
        dockerfile: the user's own Dockerfile.
        server: whether the inference server is put in without being asked for.
    """

    name: str = ""
    version: str = ""
    python: str = ""
    requirements: list[str] = field(default_factory=list)
    conda_packages: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    image: str | None = None
    image_user: str | None = None
    image_password: str | None = field(default=None, repr=False)
    interpreter: str | None = None
    dockerfile: str | None = None
    server: bool = False


@dataclass
class Scorer(Record):
    """What is to run: code, models, environment, and how much of it.

    Attributes:
        code: what lies in its folder.
        entry_script: path below that folder.
        models: ids, `name:version`.
        environment: what it runs in.
        replicas: how many.
        concurrency: requests that one replica has at once.
        timeout_ms: of one request.
        queue_ms: how long a request may wait for a replica.
        cpu, gpu: cores that one replica asks for.
        memory_gb: that one replica asks for.
    """

    code: list[CodeAsset]
    entry_script: str
    models: list[str]
    environment: EnvironmentDefinition
    replicas: int = 1
    concurrency: int = 1
    timeout_ms: int = 60_000
    queue_ms: int = 500
    cpu: float = 0.1
    gpu: int = 0
    memory_gb: float = 0.5

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Scorer:
        """The record back from JSON values."""
        return cls(
            **{
                **values,
                "code": [CodeAsset(**item) for item in values["code"]],
                "environment": EnvironmentDefinition(**values["environment"]),
            }
        )

    def same_program(self, other: Scorer) -> bool:
        """Whether the two differ in numbers only, so that no image is built and no scorer is started anew."""
        return (self.code, self.entry_script, self.models, self.environment) == (
            other.code,
            other.entry_script,
            other.models,
            other.environment,
        )


@dataclass
class Version(Record):
    """One deployment behind a service's address.

    Attributes:
        name: the service's own name, for a service that has one version only.
        scorer: what runs.
        created: when, ISO 8601 in UTC.
        traffic: percentage in [0, 100] of the requests.
        default, control: roles within an endpoint with several versions.
        state: `Transitioning`, `Healthy`, `Unhealthy` or `Failed`.
        error: why it is not healthy.
        serving: the scorer that answers, when it is another than asked for, because that one did not start.
        document: what the API that made it keeps.
    """

    name: str
    scorer: Scorer
    created: str
    traffic: int = 100
    default: bool = True
    control: bool = True
    state: str = "Transitioning"
    error: dict[str, Any] | None = None
    serving: Scorer | None = None
    document: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Version:
        """The record back from JSON values."""
        serving = values["serving"]
        return cls(
            **{
                **values,
                "scorer": Scorer.from_json(values["scorer"]),
                "serving": None if serving is None else Scorer.from_json(serving),
            }
        )


@dataclass
class Service(Record):
    """An address that answers.

    Attributes:
        name: its name.
        kind: `ACI`, `AKS` or `AKSENDPOINT`.
        created, updated: when, ISO 8601 in UTC.
        auth: `key`, `token` or `none`.
        primary_key, secondary_key: what a client shows for `key`.
        cluster: where it runs, for `AKS` and `AKSENDPOINT`.
        versions: what runs, by name.
        tls: whether it is answered over HTTPS.
        port: where it listens on loopback, for `ACI`, once it does.
        operation: id of the last operation on it.
        deleting: whether it is going away.
        document: what the API that made it keeps.
    """

    name: str
    kind: str
    created: str
    updated: str
    auth: str
    primary_key: str
    secondary_key: str
    cluster: str | None = None
    versions: dict[str, Version] = field(default_factory=dict)
    tls: bool = False
    port: int | None = None
    operation: str | None = None
    deleting: bool = False
    document: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Service:
        """The record back from JSON values."""
        versions = {name: Version.from_json(item) for name, item in values["versions"].items()}
        return cls(**{**values, "versions": versions})

    @property
    def state(self) -> str:
        """The worst of its versions."""
        states = {version.state for version in self.versions.values()}
        order = ("Transitioning", "Failed", "Unhealthy")
        return next((state for state in order if state in states), "Healthy")

    @property
    def error(self) -> dict[str, Any] | None:
        """The first error of its versions."""
        return next((version.error for version in self.versions.values() if version.error), None)


@dataclass
class Operation(Record):
    """Long work.

    Attributes:
        id: its id.
        kind: what the API calls it, such as `Service` or `PackageDockerBuildContext`.
        created: when, ISO 8601 in UTC.
        state: `NotStarted`, `Running`, `Succeeded`, `Failed`, `Cancelled` or `TimedOut`.
        step: `BuildEnvironment` or `DeployService`, for a service.
        told: what the service streams about it: stamp `YYYYMMDDhhmmss` and line.
        log: the whole log of an image build.
        error: code, message and details of a failure.
        result: where what was made can be had.
        ended: when, ISO 8601 in UTC.
        resource: what it is about, as a path of the API.
    """

    id: str
    kind: str
    created: str
    state: str = "Running"
    step: str | None = None
    told: list[list[str]] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    error: dict[str, Any] | None = None
    result: str | None = None
    ended: str | None = None
    resource: str | None = None

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self.state in {"Succeeded", "Failed", "Cancelled", "TimedOut"}
