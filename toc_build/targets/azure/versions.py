"""An AKS endpoint with versions: how a new one takes over, or a part of the traffic as a canary.

Used by `transaction` in place of an update. A version of an endpoint cannot be asked by itself, so it was
judged as a candidate before; a canary is judged a second time while it takes its share.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from toc_build.errors import TargetError
from toc_build.targets.azure.payload import CANARY, Canary, Live
from toc_build.targets.azure.work import Doing, Work
from toc_build.targets.protocol import Candidate, Event, Judge

WHOLE = 100


def version_name(work: Work) -> str:
    """The name of the version that this apply makes; a second one of the same bundle has another."""
    digest = work.bundle.digest.removeprefix("sha256:")
    stamp = "".join(letter for letter in work.since if letter.isdigit())[8:14]
    return f"v{digest[-12:]}-{stamp}"


def take_over(work: Work, live: Live) -> Doing[None]:
    """The new version gets all of the traffic; the old ones go."""
    name, new = work.place.service, version_name(work)
    old = _serving(live)
    try:
        yield from _create(work, new)
        yield from _all_to(work, new, live.versions)
        tags, properties = work.marks(judged=True)
        yield from _call(work, "retag_endpoint", name=name, tags=tags, properties=properties)
    except BaseException as error:
        _put_back(work, live, old, new, error)
        raise
    for gone in live.versions:
        # The new version serves: what cannot be removed now is removed by the next apply.
        with contextlib.suppress(TargetError):
            yield from _call(work, "delete_version", name=name, version=gone)


def share(work: Work, live: Live, percent: int, judge: Judge | None) -> Doing[None]:
    """The new version gets a part of the traffic, and is judged once more there; it goes when it fails."""
    name, new = work.place.service, version_name(work)
    try:
        yield from _create(work, new)
        if (old := _serving(live)) is not None:
            yield from _share(work, old, WHOLE - percent)
        yield from _share(work, new, percent)
        if judge is not None and live.scoring_uri is not None:
            digest = work.bundle.digest
            judge(Candidate(digest, live.scoring_uri, work.keys(name), serving=True))
        canary = Canary(new, work.bundle.digest, percent)
        tags = {**live.tags, CANARY: json.dumps(asdict(canary))}
        yield from _call(work, "retag_endpoint", name=name, tags=tags, properties={})
    except BaseException as error:
        _put_back(work, live, _serving(live), new, error)
        raise


def promote(work: Work, live: Live, canary: Canary) -> Doing[None]:
    """The canary gets all of the traffic."""
    name = work.place.service
    others = [version for version in live.versions if version != canary.version]
    yield from _all_to(work, canary.version, others)
    tags, properties = work.marks(judged=True)
    yield from _call(work, "retag_endpoint", name=name, tags=tags, properties=properties)
    for gone in others:
        with contextlib.suppress(TargetError):
            yield from _call(work, "delete_version", name=name, version=gone)


def withdraw(work: Work, live: Live, canary: Canary) -> Doing[None]:
    """The canary goes; everything is as it was before it."""
    name, old = work.place.service, _serving(live)
    if old is not None:
        yield from _all_to(work, old, [canary.version])
    yield from _call(work, "delete_version", name=name, version=canary.version)
    tags = {key: value for key, value in live.tags.items() if key != CANARY}
    yield from _call(work, "retag_endpoint", name=name, tags=tags, properties={})


def _serving(live: Live) -> str | None:
    """The name of the version that has the traffic which a canary has not."""
    canary = live.canary
    names = [name for name in live.versions if canary is None or name != canary.version]
    described = live.payload.get("versions") or {}
    default = [name for name in names if described[name].get("isDefault")]
    return next(iter(default or names), None)


def _create(work: Work, version: str) -> Doing[None]:
    """The new version, which gets nothing of the traffic yet."""
    specification = work.specification(work.place.service, judged=True)
    specification["models"] = yield from work.models()
    yield from _call(work, "create_version", specification=specification, version=version, percent=0)


def _share(work: Work, version: str, percent: int, *, default: bool = False) -> Doing[None]:
    """Gives a version its share; what nobody has goes to the default version."""
    name = work.place.service
    yield from _call(work, "share_traffic", name=name, version=version, percent=percent, default=default)


def _all_to(work: Work, version: str, others: list[str]) -> Doing[None]:
    """All of the traffic to one version; shares are given up before they are taken: their sum is 100 at most.

    Meanwhile the default version has it.
    """
    for other in others:
        yield from _share(work, other, 0)
    yield from _share(work, version, WHOLE, default=True)


def _call(work: Work, call: str, **arguments: Any) -> Iterator[Event]:
    yield from work.operation(call, **arguments)


def _put_back(work: Work, live: Live, old: str | None, new: str, error: BaseException) -> None:
    """As it was before; a failure of that is told with the error."""
    from toc_build.errors import Problem, UserError

    name = work.place.service
    try:
        present = work.find(name)
        if present is None:
            return
        if new in present.versions:
            _quietly(work, "share_traffic", name=name, version=new, percent=0, default=False)
        if old is not None and old in present.versions:
            _quietly(work, "share_traffic", name=name, version=old, percent=WHOLE, default=True)
        if new in present.versions:
            _quietly(work, "delete_version", name=name, version=new)
        _quietly(work, "retag_endpoint", name=name, tags=dict(live.tags), properties={})
    except UserError as second:
        if isinstance(error, UserError):
            first = second.problems[0]
            told = Problem("TOC-AZURE-023", f"the traffic could not be put back: {first.what}")
            error.problems += (told,)


def _quietly(work: Work, call: str, **arguments: Any) -> None:
    from toc_build.targets.azure.work import PAUSES

    asked = work.client.call(call, **arguments)
    if asked["operation"] is None:
        return
    ended = work.client.call("wait", operation=asked["operation"], pause_seconds=PAUSES)
    if ended["state"] != "Succeeded":
        raise TargetError(ended["message"] or f"it ended as {ended['state']}", code="TOC-AZURE-023")
