"""What `image -> signed_by` demands can be told, for the images that the targets take."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity


def check(subject: Subject) -> Iterator[Found]:
    """cosign, the key, the registry, and digests in place of tags."""
    image, where = subject.config.image, subject.repository.where
    if image.signed_by is None:
        return
    named = dict(subject.named_images())
    built = subject.target in (None, "local") and subject.config.targets.local.engine == "docker"
    if not named and not built:
        return
    place = where("image", "signed_by")
    if shutil.which("cosign") is None:
        yield Found(
            "images must be signed, but cosign, which can tell whether they are, is not installed.",
            place,
            "install it: https://docs.sigstore.dev/cosign/system_config/installation/",
        )
    if "://" not in image.signed_by and not (subject.root / image.signed_by).is_file():
        yield Found(
            f"images must be signed, but the public key {image.signed_by} is not there.",
            place,
            "put it there, and into git; `cosign generate-key-pair` makes a pair.",
        )
    if built and image.repository is None:
        yield Found(
            "images must be signed, but nobody says in which registry the signatures are.",
            place,
            "write `repository: REGISTRY/PATH` beside it, then `toc-build image push --sign cosign.key`.",
        )
    for target, name in named.items():
        if "@sha256:" not in name and not name.startswith("${"):
            yield Found(
                f"images must be signed, but {name} is named by a tag, which may name another one tomorrow.",
                where("targets", target, "image"),
                "name it by its digest: REGISTRY/PATH@sha256:..., as `toc-build image push` prints it.",
            )


RULE = Rule(
    code="TOC-DOC-407",
    severity=Severity.ERROR,
    looks_for="a demand for signed images that no deploy can meet",
    why="A deploy takes no image whose signature nobody can check.",
    check=check,
)
