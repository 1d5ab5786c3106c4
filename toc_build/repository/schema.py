"""The typed schema of `deploy.yml`: every key, its unit, its default and its rules.

`folder.load` validates the file against `DeployConfig`; everything above reads the settings as
`config.scoring.threads` and the like. `json_schema` publishes the same for editors, so every description
here is read by a user.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import Field

from toc_build.repository import patterns
from toc_build.repository.section import Section, Violation, stays_inside
from toc_build.repository.target_schema import TargetsConfig

Framework = Literal["tensorflow", "litert", "onnxruntime", "custom"]


class ServiceConfig(Section):
    """Who and what the endpoint is."""

    name: Annotated[str, patterns.SERVICE_NAME] = Field(
        description="Name of the deployed service, as Azure ML wants it.", examples=["river-litter"]
    )
    description: str | None = Field(
        default=None, description="What the service does, for people.", max_length=4000
    )
    owner: str | None = Field(
        default=None, description="The team or person who answers for it.", max_length=256
    )


class ModelConfig(Section):
    """The model that the scoring code loads."""

    name: Annotated[str, patterns.MODEL_NAME] = Field(
        description="Name under which the model is registered.", examples=["river-litter"]
    )
    framework: Framework = Field(description="What runs the model.", examples=["tensorflow"])
    path: str = Field(
        default="model",
        description="Folder of the artifacts, relative to the model repository.",
        min_length=1,
    )
    labels: Annotated[
        tuple[Annotated[str, patterns.LABEL], ...],
        Field(
            strict=False,
            min_length=1,
            description="Every label that a detection may have, in the model's order.",
        ),
    ] = Field(examples=[["bottle", "can"]])

    registered: Annotated[str, patterns.MODEL_VERSION] | None = Field(
        default=None,
        description="A model that is registered in the workspace already, as name:version; deployments "
        "to Azure use it in place of the folder.",
        examples=["river-litter:3"],
    )

    def violations(self) -> Iterator[Violation]:
        """No label twice, no path that leaves the repository."""
        yield from stays_inside("path", self.path)
        seen: dict[str, int] = {}
        for index, label in enumerate(self.labels):
            if label in seen:
                yield Violation(
                    ("labels", index),
                    f"the label {label!r} stands here a second time; item {seen[label] + 1} has it already.",
                    "remove one of the two, keeping the order that the model was trained with.",
                    "TOC-DEPLOY-017",
                )
            seen.setdefault(label, index)


class ScoringConfig(Section):
    """The scoring code and its limits."""

    script: Annotated[str, patterns.SCRIPT_PATH] = Field(
        default="scoring/score.py",
        description="The script with init() and run(request); its whole folder is the scoring code.",
    )
    max_request_mb: float = Field(
        default=20,
        description="Largest request body in MB (1 MB = 1,000,000 bytes); a larger one is answered with 413.",
        gt=0,
        le=100,
    )
    max_megapixels: float = Field(
        default=50,
        description="Largest image in millions of pixels, read from its header; a larger one is answered "
        "with 413.",
        gt=0,
        le=1000,
    )
    workers: int = Field(default=1, description="Server processes; each loads the model.", ge=1, le=64)
    threads: int = Field(
        default=4,
        description="Threads per worker: requests that are read and decoded side by side.",
        ge=1,
        le=64,
    )
    concurrency: int = Field(
        default=1,
        description="How many requests may be inside the detector at once, per worker; 1 is safe for any "
        "model.",
        ge=1,
        le=64,
    )
    timeout_seconds: int = Field(
        default=60, description="Seconds that one request may take before its worker is ended.", ge=1, le=3600
    )

    def violations(self) -> Iterator[Violation]:
        """No more requests inside the detector than there are threads to carry them."""
        yield from stays_inside("script", self.script)
        if PurePosixPath(self.script).parent == PurePosixPath() and "\\" not in self.script:
            yield Violation(
                ("script",),
                f"{self.script} stands at the top of the repository, so that its folder, the whole "
                "repository, would be "
                "the scoring code.",
                "move the scoring code into a folder of its own, such as scoring/score.py.",
                "TOC-DEPLOY-021",
            )
        if self.concurrency > self.threads:
            yield Violation(
                ("concurrency",),
                f"concurrency is {self.concurrency}, but a worker has only {self.threads} threads to carry "
                "requests.",
                f"give at least {self.concurrency} threads, or lower concurrency to {self.threads}.",
            )


class EnvironmentConfig(Section):
    """The packages that the scoring code needs."""

    conda: str = Field(
        default="conda.yml", description="The conda environment file that Azure ML reads.", min_length=1
    )
    lock: str = Field(
        default="requirements.lock",
        description="Exact versions with hashes, made by `nox -s lock`.",
        min_length=1,
    )

    def violations(self) -> Iterator[Violation]:
        """Both files lie in the repository and are two."""
        yield from stays_inside("conda", self.conda)
        yield from stays_inside("lock", self.lock)
        if PurePosixPath(self.conda) == PurePosixPath(self.lock):
            yield Violation(
                ("lock",),
                f"conda and lock name the same file, {self.lock}.",
                "give the lock a name of its own, such as requirements.lock.",
            )


class ImageConfig(Section):
    """The container image that is built from the bundle."""

    base: str | None = Field(
        default=None,
        description="The image that ours stands on, with Python in it: a registry reference, `oci:FOLDER` or "
        "`docker-archive:FILE`. The official slim Python image when left out. `toc-build build` adds the "
        "digest of a reference on first use.",
        min_length=1,
        examples=["docker.io/library/python:3.11-slim-bookworm"],
    )
    repository: str | None = Field(
        default=None,
        description="Where the image is pushed: registry and repository, without a tag.",
        min_length=1,
        examples=["example.azurecr.io/models/river-litter"],
    )
    signed_by: str | None = Field(
        default=None,
        description="The public key that must have signed an image before a deploy takes it: a file of the "
        "repository, or what else cosign's --key takes, such as azurekms://...; every image is taken when "
        "left out.",
        min_length=1,
        examples=["cosign.pub"],
    )
    platform: Literal["linux/amd64", "linux/arm64"] = Field(
        default="linux/amd64", description="The system that the image runs on, whatever builds it."
    )
    prune: bool = Field(
        default=True,
        description="Whether files that no scorer needs (headers, static libraries, symbol tables) are left "
        "out of the image.",
    )
    port: int = Field(
        default=5001, description="Port that the image listens on; Azure ML expects 5001.", ge=1024, le=65535
    )

    def violations(self) -> Iterator[Violation]:
        """A key that is a file lies in the repository."""
        if self.signed_by is not None and "://" not in self.signed_by:
            yield from stays_inside("signed_by", self.signed_by)


class SamplesConfig(Section):
    """The sample images and how answers to them are judged."""

    path: str = Field(
        default="samples", description="Folder of images with expected detections beside them.", min_length=1
    )
    min_iou: float = Field(
        default=0.5,
        description="Smallest overlap (IoU, 0 to 1) of an answered with an expected box.",
        gt=0,
        le=1,
    )
    score_tolerance: float = Field(
        default=0.2, description="Largest difference of an answered from an expected score.", ge=0, le=1
    )

    def violations(self) -> Iterator[Violation]:
        """The folder lies in the repository."""
        yield from stays_inside("path", self.path)


class JudgeConfig(Section):
    """What a new version must show, asked for the samples, before callers meet it."""

    requests: int = Field(
        default=24,
        description="How many requests it is asked; every sample is posted once at least.",
        ge=1,
        le=10000,
    )
    seconds: int = Field(
        default=60, description="Seconds after which no new round of samples begins.", ge=1, le=3600
    )
    max_error_rate: float = Field(
        default=0,
        description="Largest share of requests that may fail, 0 to 1. Wrong answers are never admitted.",
        ge=0,
        le=1,
    )
    latency_ms: float | None = Field(
        default=None,
        description="Largest median of the answer times in milliseconds; any when left out.",
        gt=0,
    )
    slower_than_before: float = Field(
        default=2,
        description="How many times as long as by the version before an answer may take.",
        ge=1,
        le=1000,
    )
    memory_growth_mb: float = Field(
        default=128,
        description="By how much its memory may grow meanwhile, in MB (1 MB = 1,000,000 bytes), where the "
        "target can tell.",
        gt=0,
    )


class AzureConfig(Section):
    """The Azure ML workspace; values may be `${VARIABLE}` and are looked up when a command needs them."""

    subscription_id: Annotated[str, patterns.SUBSCRIPTION_ID] | None = Field(
        default=None, description="Subscription of the workspace, a GUID or ${VARIABLE}."
    )
    resource_group: Annotated[str, patterns.RESOURCE_GROUP] | None = Field(
        default=None, description="Resource group of the workspace, or ${VARIABLE}."
    )
    workspace_name: Annotated[str, patterns.WORKSPACE_NAME] | None = Field(
        default=None, description="Azure ML workspace, or ${VARIABLE}."
    )
    location: Annotated[str, patterns.LOCATION] | None = Field(
        default=None, description="Region, such as northeurope, or ${VARIABLE}."
    )


class DeployConfig(Section):
    """The whole of `deploy.yml`."""

    service: ServiceConfig = Field(description="Who and what the endpoint is.")
    model: ModelConfig = Field(description="The model that the scoring code loads.")
    scoring: ScoringConfig = Field(
        default_factory=ScoringConfig, description="The scoring code and its limits."
    )
    environment: EnvironmentConfig = Field(
        default_factory=EnvironmentConfig, description="The packages that the scoring code needs."
    )
    image: ImageConfig = Field(
        default_factory=ImageConfig, description="The container image that is built from the bundle."
    )
    samples: SamplesConfig = Field(
        default_factory=SamplesConfig, description="The sample images and how answers to them are judged."
    )
    judge: JudgeConfig = Field(
        default_factory=JudgeConfig, description="What a new version must show before callers meet it."
    )
    azure: AzureConfig = Field(default_factory=AzureConfig, description="The Azure ML workspace.")
    targets: TargetsConfig = Field(default_factory=TargetsConfig, description="Where the bundle may run.")
