"""Whether a service answers at its scoring URI's host. Used while waiting for a new version."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

ASK_SECONDS = 10.0
_PAUSES = (0.2, 0.5, 1.0, 2.0)
_NOT_YET = frozenset({404, 408, 424, 429})


def until_answers(scoring_uri: str, headers: Mapping[str, str]) -> Iterator[float]:
    """Asks until there is an answer; yields the seconds to wait before each next try.

    Args:
        scoring_uri: where images are posted; its parent is where the server says that it is healthy.
        headers: what callers must send.
    """
    import httpx

    from toc_build.contract.client import trusted

    health = scoring_uri.rsplit("/", 1)[0] + "/"
    verify = trusted()
    direct = is_loopback(health)
    for pause in itertools.chain(_PAUSES, itertools.repeat(_PAUSES[-1])):
        try:
            status = httpx.get(
                health, headers=dict(headers), timeout=ASK_SECONDS, trust_env=not direct, verify=verify
            ).status_code
        except httpx.HTTPError:
            status = 0
        if status and status < 500 and status not in _NOT_YET:
            return
        yield pause


def is_loopback(uri: str) -> bool:
    """Whether a proxy has no business between here and there."""
    return uri.split("://", 1)[-1].startswith(("127.", "localhost"))
