"""`image -> signed_by` says nothing of an image that Azure builds."""

from __future__ import annotations

from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity


def check(subject: Subject) -> Iterator[Found]:
    """Targets of Azure's without an image of their own."""
    if subject.config.image.signed_by is None:
        return
    named = dict(subject.named_images())
    for target in ("aci", "aks"):
        planned = subject.target in (None, target)
        if planned and getattr(subject.config.targets, target) is not None and target not in named:
            yield Found(
                f"images must be signed, but on {target} Azure builds the image, which nobody signs.",
                subject.repository.where("targets", target),
                f"push and sign the image, and name it under targets -> {target} -> image.",
            )


RULE = Rule(
    code="TOC-DOC-408",
    severity=Severity.WARNING,
    looks_for="targets without an image, where images must be signed",
    why="What runs there is not what was signed.",
    check=check,
)
