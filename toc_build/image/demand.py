"""The demand of `deploy.yml` that an image be signed: `image -> signed_by`. Targets ask it before a deploy.

Without that setting every image is taken. With it nothing is taken whose digest cosign does not find signed
with that key, whatever the reason: also where nobody can tell.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from toc_build.errors import ImageError
from toc_build.image.built import BuiltImage
from toc_build.image.registry.name import ImageName
from toc_build.image.signing import verify
from toc_build.repository import Repository

Tell = Callable[[str], None]


@dataclass(frozen=True)
class SignatureDemand:
    """What an image must show before it is deployed.

    Attributes:
        key: what cosign's `--key` takes: a public key's file, absolute, or where a vault keeps it.
        named: the same as the user wrote it.
        repository_name: where images of this model are pushed, or None.
        where: the place of the demand in `deploy.yml`.
    """

    key: str
    named: str
    repository_name: str | None
    where: str

    @classmethod
    def of(cls, repository: Repository) -> SignatureDemand | None:
        """The demand of a model repository; None where there is none."""
        image = repository.config.image
        if image.signed_by is None:
            return None
        where = repository.where("image", "signed_by")
        key = image.signed_by if "://" in image.signed_by else str(repository.root / image.signed_by)
        return cls(key, image.signed_by, image.repository, where)

    def check_built(self, image: BuiltImage, tell: Tell) -> None:
        """An image that was built here is signed where this model's images are pushed.

        Args:
            image: what was built.
            tell: told in one line what is being done.

        Raises:
            ImageError: it is not, or nobody can tell.
        """
        if self.repository_name is None:
            raise ImageError(
                "the image must be signed, but nobody said in which registry the signature is.",
                code="TOC-IMAGE-064",
                where=self.where,
                fix="write `repository: REGISTRY/PATH` beside it, then `toc-build image push --sign "
                "cosign.key`.",
            )
        name = ImageName.parse(self.repository_name, where="deploy.yml image -> repository")
        name = name.with_digest(image.digest)
        tell(f"checking the signature of {name}")
        self._check(
            name,
            "if it is what you mean to run, commit, then push and sign it: toc-build image push --sign "
            "cosign.key.",
        )

    def check_named(self, text: str, where: str | None) -> None:
        """An image that `deploy.yml` names for a target is signed in its registry.

        Args:
            text: the image's name.
            where: its place in `deploy.yml`.

        Raises:
            ImageError: it is not, nobody can tell, or it is named by a tag.
        """
        name = ImageName.parse(text, where=where)
        self._check(
            name,
            f"if it is what you mean to run, sign it: toc-build image sign {name} --key cosign.key.",
            where,
        )

    def _check(self, name: ImageName, fix: str, where: str | None = None) -> None:
        try:
            verify(name, self.key, where=where if where and name.digest is None else self.where)
        except ImageError as error:
            if error.code != "TOC-IMAGE-062":
                raise
            raise ImageError(
                f"{name} is not signed with {self.named}, so it is not deployed.",
                code="TOC-IMAGE-063",
                where=self.where,
                fix=fix,
                details=error.problems[0].details,
            ) from None
