"""The certificate's private key stays out of git."""

from __future__ import annotations

from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity


def check(subject: Subject) -> Iterator[Found]:
    """`ssl -> key_pem_file` of target `aci`."""
    aci = subject.config.targets.aci
    if aci is None or aci.ssl is None or subject.tracked is None:
        return
    if aci.ssl.key_pem_file in subject.tracked:
        yield Found(
            f"git tracks {aci.ssl.key_pem_file}.",
            subject.repository.where("targets", "aci", "ssl", "key_pem_file"),
            f"`git rm --cached {aci.ssl.key_pem_file}`, ignore it, and have the certificate renewed.",
        )


RULE = Rule(
    code="TOC-DOC-405",
    severity=Severity.ERROR,
    looks_for="a certificate's private key that git tracks",
    why="Whoever reads the repository can pretend to be the service.",
    check=check,
    target="aci",
)
