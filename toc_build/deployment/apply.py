"""Puts a bundle on a target, takes an earlier one back, finds what an earlier deploy left."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from toc_build.bundle import Bundle, open_bundle
from toc_build.bundle.store import bundles_dir
from toc_build.console import Console
from toc_build.deployment.history import Deployment, History, Result
from toc_build.deployment.lock import hold
from toc_build.deployment.prepare_target import DOCKER, prepare_target
from toc_build.deployment.service import Service
from toc_build.deployment.transaction import Transaction
from toc_build.environment import ensure_environment
from toc_build.errors import BundleError, TargetError, UserError
from toc_build.repository import Repository, load
from toc_build.targets.protocol import Version
from toc_build.targets.registry import DEFAULT_TARGET, Cloud, open_target, running_engine


def deploy(
    repository: str | Path = ".",
    target: str = DEFAULT_TARGET,
    *,
    port: int | None = None,
    engine: str | None = None,
    compute_target_name: str | None = None,
    canary: int | None = None,
    allow_untested: bool = False,
    console: Console | None = None,
) -> Service:
    """Deploys a model repository and returns the running service.

    Makes the lock when there is none, builds the scoring environment when there is none for that lock,
    assembles the bundle, starts it, judges its answers to the samples, and makes it the one that answers. A
    service that runs already serves until the new version is found right, and goes on serving when it is not.

    Args:
        repository: the folder that holds `deploy.yml`.
        target: where it runs: `local`, a background process on this machine; `aci`, Azure Container
            Instances; `aks`, a Kubernetes cluster that is attached to the Azure ML workspace.
        port: for `local`: instead of the one in `deploy.yml`; 0 for any free one.
        engine: for `local`: instead of the one in `deploy.yml`; `process`, or `docker` for the image in a
            container.
        compute_target_name: for `aks`: the cluster, instead of the one in `deploy.yml`; when there is
            neither, the error names the clusters that exist.
        canary: for `aks` with versions: the share of the traffic, in percent, that the new version gets; 0 to
            withdraw the canary that is there.
        allow_untested: targets other than `local` refuse a bundle that has no passing test on record; with
            this they take it, and the record says so.
        console: draws the long steps; a quiet one when omitted.

    Raises:
        Rejected: the new version's answers are wrong.
        UserError: the repository is not in order, another deploy is under way, or the target refused or
            failed; the cause comes with it.
    """
    console = console or Console(quiet=True)
    loaded = load(Path(repository))
    cloud = Cloud(compute_target_name, canary, deploys=True)
    # What does not exist is said before anything is built.
    open_target(target, loaded, engine=engine, cloud=cloud)
    with hold(loaded.root, target, "deploy"):
        loaded, place, bundle = prepare_target(
            target, loaded, console=console, port=port, engine=engine, cloud=cloud
        )
        Transaction(loaded, place, bundle, console, allow_untested=allow_untested).carry_out()
    return Service(loaded.root, place, console=console)


def reload(
    repository: Path, *, target: str = DEFAULT_TARGET, allow_untested: bool = False, console: Console
) -> None:
    """Puts the repository as it is now in place of what runs, with the settings of what runs.

    Args:
        repository: the folder that holds `deploy.yml`.
        target: where it runs.
        allow_untested: as for `deploy`.
        console: draws the long steps.

    Raises:
        Rejected: the new version's answers are wrong.
        UserError: as `deploy`.
    """
    loaded = load(repository)
    with hold(loaded.root, target, "reload"):
        loaded, place, bundle = prepare_target(
            target,
            loaded,
            console=console,
            port=_live_port(loaded, target),
            engine=running_engine(loaded),
            mounted=True,
        )
        untested = allow_untested or target == DEFAULT_TARGET
        Transaction(loaded, place, bundle, console, kind="reload", allow_untested=untested).carry_out()


def rollback(
    repository: str | Path = ".",
    target: str = DEFAULT_TARGET,
    *,
    to: int | None = None,
    console: Console | None = None,
) -> Deployment:
    """Puts an earlier version back, with the settings of then, and returns the record of that.

    Args:
        repository: the folder that holds `deploy.yml`.
        target: where it runs.
        to: number of the deployment to go back to, as `toc-build history` shows it; the one before that which
            answers now when omitted.
        console: draws the long steps; a quiet one when omitted.

    Raises:
        UserError: there is no such deployment, its bundle is not kept any more, or the target failed.
    """
    console = console or Console(quiet=True)
    loaded = load(Path(repository))
    place = open_target(target, loaded)
    with hold(loaded.root, target, "rollback"):
        history, live = History(loaded.root), place.live()
        history.settle(target, live)
        here = place.describe().where if target != DEFAULT_TARGET else None
        chosen = choose(history.deployments(target), live, to, where=here)
        bundle = _kept_bundle(chosen.digest)
        engine = _engine_of(chosen)
        place = open_target(target, loaded, engine=engine)
        if bundle is not None and place.describe().engine != DOCKER:
            with console.step(f"scoring environment (Python {bundle.manifest.python})", lazy=True) as update:
                environment = ensure_environment(bundle.lock_path, bundle.manifest.python, progress=update)
            place = open_target(target, loaded, python=environment.python, engine=engine)
        done = Transaction(loaded, place, bundle, console, kind="rollback", to=chosen).carry_out()
        return done or chosen


def open_service(
    repository: str | Path = ".", target: str = DEFAULT_TARGET, *, console: Console | None = None
) -> Service:
    """The service that an earlier deploy of this model repository left on `target`, whatever its state.

    Raises:
        UserError: this is no model repository, or there is no such target.
    """
    loaded = load(Path(repository))
    return Service(loaded.root, open_target(target, loaded), console=console)


def history(repository: str | Path = ".", target: str | None = None) -> list[Deployment]:
    """The deployments on record, oldest first; what a dead command left open is settled where that can be.

    Args:
        repository: the folder that holds `deploy.yml`.
        target: only of this one.

    Raises:
        UserError: this is no model repository.
    """
    loaded = load(Path(repository), check_folder=False)
    record = History(loaded.root)
    for name in {item.target for item in record.deployments(target) if item.result is Result.RUNNING}:
        # Unsettled is how it stays while it is under way, or while the target cannot be reached.
        with suppress(UserError), hold(loaded.root, name, "look at what is left open"):
            record.settle(name, open_target(name, loaded).live())
    return record.deployments(target)


def choose(
    deployments: list[Deployment], live: Version | None, to: int | None, *, where: str | None = None
) -> Deployment:
    """The deployment to go back to.

    A rollback stands for what it put back, so that a second one goes further back, not forward again.

    Args:
        deployments: of one target, oldest first.
        live: what answers now.
        to: its number, or None for the one before that which answers.
        where: leave out what was deployed to another place, such as a rehearsal; None for any.

    Raises:
        TargetError: there is none.
    """
    succeeded = [
        item
        for item in deployments
        if item.result is Result.SUCCEEDED
        and (where is None or _workspace(item.plan.get("where", where)) == _workspace(where))
    ]
    by_number = {item.number: item for item in succeeded}
    if to is not None:
        if to not in by_number:
            known = ", ".join(str(number) for number in sorted(by_number)) or "none"
            raise TargetError(
                f"deployment {to} is not one that succeeded on this target.",
                code="TOC-APPLY-003",
                fix=f"`toc-build history` lists them; those that can be put back: {known}.",
            )
        return by_number[to]
    identity = live.record.get("deployment") if live else None
    now = next((item for item in succeeded if item.identity == identity), None)
    while now is not None and now.restores in by_number:
        now = by_number[now.restores]
    earlier = [
        item
        for item in succeeded
        if item.restores is None
        and (now is None or item.number < now.number)
        and (live is None or (item.digest, dict(item.settings)) != (live.digest, dict(live.settings)))
    ]
    if not earlier:
        raise TargetError(
            "there is no earlier version on record to go back to.",
            code="TOC-APPLY-004",
            fix="`toc-build history` shows what there is; deploy an earlier git revision instead.",
        )
    return earlier[-1]


def _workspace(where: str) -> str:
    """Service and workspace of a place in Azure: the cluster behind them may be named by a command alone."""
    return where.partition(", ")[0]


def _kept_bundle(digest: str) -> Bundle | None:
    """The bundle of that digest, where the store still holds it unharmed."""
    try:
        bundle = open_bundle(bundles_dir() / digest.replace(":", "-"))
    except BundleError:
        return None
    return None if bundle.verify() else bundle


def _engine_of(deployment: Deployment) -> str | None:
    """What ran it then, where its target has engines to choose from."""
    engine = deployment.settings.get("engine")
    return engine if isinstance(engine, str) else None


def _live_port(repository: Repository, target: str) -> int | None:
    live = open_target(target, repository).live()
    port = live.settings.get("port") if live else None
    return port if isinstance(port, int) else None
