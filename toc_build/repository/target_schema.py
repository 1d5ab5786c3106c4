"""The targets' part of `deploy.yml`: where a bundle may run, with what resources. `schema` holds the rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field, field_validator

from toc_build.repository import patterns
from toc_build.repository.section import Section, Violation

Text = Annotated[str, patterns.ONE_LINE]
Tags = dict[str, str]


class ContainerConfig(Section):
    """What a container may use, when a container engine runs the bundle."""

    memory_gb: float = Field(
        default=2, description="Memory in GB that the container may use at most.", ge=0.05, le=4096
    )
    pids_limit: int = Field(
        default=512, description="Processes and threads that the container may have.", ge=16, le=1_000_000
    )
    outbound: bool = Field(default=False, description="Whether the scoring code may reach other machines.")


class LocalTarget(Section):
    """The endpoint on this machine."""

    engine: Literal["process", "docker"] = Field(
        default="process",
        description="What runs the bundle: a process in the scoring environment, or the image in a container "
        "(Docker or podman).",
    )
    port: int = Field(default=8890, description="Port on 127.0.0.1.", ge=1, le=65535)
    readiness_seconds: int = Field(
        default=120, description="Seconds until init() must be done.", ge=1, le=3600
    )
    container: ContainerConfig = Field(
        default_factory=ContainerConfig, description="Limits of the container, for `engine: docker`."
    )


class SslConfig(Section):
    """HTTPS with a certificate of one's own."""

    cname: Text = Field(
        description="The host name that the certificate is for.", examples=["litter.example.org"]
    )
    cert_pem_file: Text = Field(
        description="File of the certificate in PEM form; keep it out of git. May be ${VARIABLE}.",
        examples=["tls/cert.pem"],
    )
    key_pem_file: Text = Field(
        description="File of its private key in PEM form; keep it out of git. May be ${VARIABLE}.",
        examples=["tls/key.pem"],
    )


class AciTarget(Section):
    """Azure Container Instances: one container, for trying out."""

    service_name: Annotated[str, patterns.SERVICE_NAME] | None = Field(
        default=None,
        description="Name of the service on this target, for a workspace has each name once; the service's "
        "name with -aci when left out.",
    )
    image: Text | None = Field(
        default=None,
        description="Image that holds the scoring environment, in place of one that Azure builds from the "
        "lock. May be ${VARIABLE}.",
        examples=["ocean.azurecr.io/river-litter@sha256:..."],
    )
    cpu_cores: float = Field(default=1, description="CPU cores.", ge=0.1, le=31)
    memory_gb: float = Field(default=2, description="Memory in GB.", ge=0.1, le=240)
    location: Annotated[str, patterns.LOCATION] | None = Field(
        default=None,
        description="Region of the container; the workspace's when left out. May be ${VARIABLE}.",
    )
    dns_name_label: Annotated[str, patterns.DNS_LABEL] | None = Field(
        default=None,
        description="First part of the host name; made by Azure when left out. May be ${VARIABLE}.",
    )
    readiness_seconds: int = Field(
        default=600, description="Seconds until init() must be done, once the image runs.", ge=1, le=3600
    )
    auth_enabled: bool = Field(default=True, description="Whether callers must send a key.")
    ssl: SslConfig | None = Field(
        default=None, description="HTTPS with your own certificate; plain HTTP when left out."
    )
    vnet_name: Text | None = Field(
        default=None, description="Virtual network of the container; needs subnet_name. May be ${VARIABLE}."
    )
    subnet_name: Text | None = Field(
        default=None, description="Subnet of the virtual network. May be ${VARIABLE}."
    )
    enable_app_insights: bool = Field(
        default=False, description="Whether requests are logged to Application Insights."
    )
    collect_model_data: bool = Field(
        default=False, description="Whether Azure ML keeps what the scoring script collects as model data."
    )
    tags: Tags = Field(default_factory=dict, description="Tags of the service: texts by name.")

    def violations(self) -> Iterator[Violation]:
        """A subnet belongs to a network."""
        if (self.vnet_name is None) != (self.subnet_name is None):
            given, needed = ("vnet_name", "subnet_name") if self.vnet_name else ("subnet_name", "vnet_name")
            yield Violation(
                (given,), f"{given} is given without {needed}.", f"add {needed}, or remove {given}."
            )


class AutoscaleConfig(Section):
    """Replicas that follow the load."""

    min_replicas: int = Field(default=1, description="Fewest replicas.", ge=1, le=1000)
    max_replicas: int = Field(default=10, description="Most replicas.", ge=1, le=1000)
    target_utilization: int = Field(
        default=70, description="Share of busy replicas to aim at, in percent.", ge=1, le=100
    )
    refresh_seconds: int = Field(
        default=1, description="Seconds between two looks at the load.", ge=1, le=3600
    )

    def violations(self) -> Iterator[Violation]:
        """The range has its ends the right way round."""
        if self.min_replicas > self.max_replicas:
            yield Violation(
                ("min_replicas",),
                f"min_replicas is {self.min_replicas}, more than max_replicas, which is {self.max_replicas}.",
                "make min_replicas at most max_replicas.",
            )


class LivenessConfig(Section):
    """When Kubernetes takes a container for dead and starts it again."""

    initial_delay_seconds: int = Field(
        default=310, description="Seconds before the first probe; longer than init() takes.", ge=0, le=3600
    )
    period_seconds: int = Field(default=10, description="Seconds between two probes.", ge=1, le=3600)
    timeout_seconds: int = Field(default=2, description="Seconds that a probe may take.", ge=1, le=3600)
    success_threshold: int = Field(
        default=1, description="Probes in a row that must succeed after a failure.", ge=1, le=100
    )
    failure_threshold: int = Field(
        default=3, description="Probes in a row that must fail before a restart.", ge=1, le=100
    )


class NodesConfig(Section):
    """The machines of the cluster, for `toc-build doctor`, which is offline; a plan asks Azure itself."""

    vm_size: Annotated[str, patterns.VM_SIZE] = Field(
        description="Azure's name of the nodes' size.", examples=["Standard_D3_v2"]
    )
    count: int = Field(description="How many nodes there are.", ge=1, le=5000)
    production: bool = Field(
        default=True, description="Whether it was attached for production (FastProd), not DevTest."
    )


class AksTarget(Section):
    """Azure Kubernetes Service, attached to the workspace."""

    compute_target_name: Annotated[str, patterns.COMPUTE_TARGET_NAME] | None = Field(
        default=None,
        validation_alias=AliasChoices("compute_target_name", "cluster"),
        description="Name of the attached cluster in the workspace (`cluster` is the same key); when left "
        "out, each deployment must name one. May be ${VARIABLE}.",
        examples=["inference-ml"],
    )
    service_name: Annotated[str, patterns.SERVICE_NAME] | None = Field(
        default=None,
        description="Name of the service on this target, for a workspace has each name once; the service's "
        "own name when left out.",
    )
    image: Text | None = Field(
        default=None,
        description="Image that holds the scoring environment, in place of one that Azure builds from the "
        "lock. May be ${VARIABLE}.",
        examples=["ocean.azurecr.io/river-litter@sha256:..."],
    )
    namespace: Annotated[str, patterns.NAMESPACE] | None = Field(
        default=None, description="Kubernetes namespace; Azure ML's own when left out. May be ${VARIABLE}."
    )
    versions: bool = Field(
        default=False,
        description="Whether the service is an endpoint with versions (AksEndpoint), which share the "
        "traffic: needed for --canary.",
    )
    replicas: int | None = Field(
        default=None, description="A fixed number of replicas; one without this and autoscale.", ge=1, le=1000
    )
    autoscale: AutoscaleConfig | None = Field(
        default=None, description="Replicas that follow the load, in place of `replicas`."
    )
    cpu_cores: float = Field(
        default=1, description="CPU cores that each replica is promised.", ge=0.1, le=256
    )
    cpu_cores_limit: float | None = Field(
        default=None, description="CPU cores that each replica may use at most.", ge=0.1, le=256
    )
    memory_gb: float = Field(
        default=2, description="Memory in GB that each replica is promised.", ge=0.1, le=4096
    )
    memory_gb_limit: float | None = Field(
        default=None, description="Memory in GB that each replica may use at most.", ge=0.1, le=4096
    )
    gpu_cores: int = Field(default=0, description="GPUs for each replica.", ge=0, le=16)
    readiness_seconds: int = Field(
        default=600, description="Seconds until init() must be done, once the image runs.", ge=1, le=3600
    )
    auth: Literal["key", "token", "none"] = Field(default="key", description="What callers must send.")
    scoring_timeout_ms: int = Field(
        default=60000, description="Milliseconds that one request may take.", ge=1, le=300000
    )
    max_concurrent_requests_per_container: int = Field(
        default=1, description="Requests that a replica works on at once.", ge=1, le=1000
    )
    max_queue_wait_ms: int = Field(
        default=500,
        description="Milliseconds that a request may wait for a replica before it gets 503.",
        ge=1,
        le=300000,
    )
    liveness: LivenessConfig = Field(
        default_factory=LivenessConfig, description="When a replica is started again."
    )
    nodes: NodesConfig | None = Field(
        default=None, description="The machines of the cluster, for checks without Azure."
    )
    enable_app_insights: bool = Field(
        default=False, description="Whether requests are logged to Application Insights."
    )
    collect_model_data: bool = Field(
        default=False, description="Whether Azure ML keeps what the scoring script collects as model data."
    )
    tags: Tags = Field(default_factory=dict, description="Tags of the service: texts by name.")

    @property
    def fixed_replicas(self) -> int | None:
        """The fixed number of replicas; None when they follow the load."""
        return None if self.autoscale else self.replicas or 1

    def violations(self) -> Iterator[Violation]:
        """One way to say how many replicas; no limit below what is promised."""
        if self.replicas is not None and self.autoscale is not None:
            yield Violation(
                ("replicas",),
                "replicas and autoscale are both given; Azure ML takes one of them.",
                "remove replicas to follow the load, or autoscale to keep a fixed number.",
            )
        for name in ("cpu_cores", "memory_gb"):
            request, limit = getattr(self, name), getattr(self, f"{name}_limit")
            if limit is not None and limit < request:
                yield Violation(
                    (f"{name}_limit",),
                    f"{name}_limit is {limit:g}, less than {name}, which is {request:g}.",
                    f"make {name}_limit at least {request:g}, or lower {name}.",
                )


class TargetsConfig(Section):
    """Where the bundle may run."""

    local: LocalTarget = Field(default_factory=LocalTarget, description="This machine.")
    aci: AciTarget | None = Field(default=None, description="Azure Container Instances.")
    aks: AksTarget | None = Field(default=None, description="Azure Kubernetes Service.")

    @field_validator("aci", "aks", mode="before")
    @classmethod
    def _named_is_wanted(cls, value: Any) -> Any:
        return {} if value is None else value  # `aci:` alone asks for that target with its defaults
