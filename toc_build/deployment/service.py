"""A deployed scorer, as the Python API hands it out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from toc_build.console import Console
from toc_build.deployment import scoring_client
from toc_build.deployment.progress import draw
from toc_build.errors import TargetError
from toc_build.targets.protocol import AsksForHeaders, Status, Target

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from toc_build.deployment.history import Deployment
    from toc_build.runtime import Detection


class Service:
    """A model repository's service on one target.

    Made by `toc_build.deploy` and `open_service`. It holds no connection: every call asks what is true now.

    Args:
        repository: the model repository's folder.
        target: where the service runs.
        console: draws long steps; a quiet one when omitted.
    """

    def __init__(self, repository: Path, target: Target, *, console: Console | None = None) -> None:
        self.repository = repository
        self._target = target
        self._console = console or Console(quiet=True)

    def __repr__(self) -> str:
        status = self.status()
        return f"<Service {self._target.name} {status.state.value} {status.scoring_uri or ''}>".replace(
            " >", ">"
        )

    @property
    def scoring_uri(self) -> str:
        """Where images are posted.

        Raises:
            TargetError: nothing is deployed, or it is not running.
        """
        status = self.status()
        if status.scoring_uri is None:
            detail = f": {status.detail}" if status.detail else ""
            raise TargetError(
                f"no service of {self.repository} runs on target {self._target.name};"
                f" it is {status.state.value}{detail}",
                code="TOC-TARGET-001",
                fix=f"deploy it: `nox -s deploy_{self._target.name}`.",
            )
        return status.scoring_uri

    def status(self) -> Status:
        """What runs now."""
        return self._target.status()

    def score(
        self, image: str | Path | bytes | NDArray[np.uint8], *, timeout: float = 60.0
    ) -> list[Detection]:
        """Posts one image and returns its detections, in pixels of that image.

        Args:
            image: a file's path, the bytes of an image file, or an array (H x W x 3 uint8, BGR).
            timeout: seconds to wait.

        Raises:
            ScoreError: no answer, an error, or an answer that breaks the contract.
            TargetError: nothing is deployed.
        """
        return scoring_client.score(self.scoring_uri, image, headers=self.headers() or None, timeout=timeout)

    def headers(self) -> dict[str, str]:
        """What a request must carry: the key or a token where the service asks for one. Never print it.

        Raises:
            TargetError: nothing is deployed.
        """
        return self._target.headers() if isinstance(self._target, AsksForHeaders) else {}

    def update(self, *, allow_untested: bool = False) -> None:
        """Puts the repository as it is now in place of what runs: `reload`, by Azure ML's word.

        Args:
            allow_untested: targets other than `local` refuse a bundle that has no passing test on record;
                with this they take it, and the record says so.

        Raises:
            Rejected: the new version's answers are wrong.
            UserError: as `deploy`.
        """
        from toc_build.deployment.apply import reload

        reload(
            self.repository,
            target=self._target.name,
            allow_untested=allow_untested,
            console=self._console,
        )

    def reload(self) -> None:
        """Puts the repository's code and model, as they are now, in place of what runs.

        What ran serves until the new version is ready, and goes on serving when that fails.

        Raises:
            Rejected: the new version's answers are wrong.
            UserError: the repository is not in order, or the new version does not start.
        """
        from toc_build.deployment.apply import reload

        reload(self.repository, target=self._target.name, console=self._console)

    def rollback(self, to: int | None = None) -> None:
        """Puts an earlier version back, with the settings of then.

        Args:
            to: number of the deployment to go back to, as `toc-build history` shows it; the one before that
                which answers now when omitted.

        Raises:
            UserError: there is none, its bundle is not kept any more, or it does not start; what answered
                before answers on.
        """
        from toc_build.deployment.apply import rollback

        rollback(self.repository, self._target.name, to=to, console=self._console)

    def history(self) -> list[Deployment]:
        """The deployments of this service on record, oldest first."""
        from toc_build.deployment.apply import history

        return history(self.repository, self._target.name)

    def logs(self, *, tail: int | None = None, follow: bool = False) -> Iterator[str]:
        """What the scorer wrote, oldest line first.

        Args:
            tail: only so many of the last lines.
            follow: go on with new lines until the service ends.

        Raises:
            TargetError: there is no log.
        """
        return self._target.logs(tail=tail, follow=follow)

    def delete(self) -> None:
        """Stops the service and removes what it left; does nothing when there is none.

        Raises:
            TargetError: it could not be stopped.
        """
        from toc_build.deployment.lock import hold

        with hold(self.repository, self._target.name, "delete"):
            draw(self._target.delete(), self._console)
