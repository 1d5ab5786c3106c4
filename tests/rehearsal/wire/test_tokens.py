"""Tokens: good ones, old ones, strange ones."""

from __future__ import annotations

import pytest

from toc_build.rehearsal.domain.cloud import Cloud, Identity
from toc_build.rehearsal.domain.refusals import Refusal
from toc_build.rehearsal.wire.tokens import VALID_SECONDS, Tokens


def test_a_token_is_good_until_it_runs_out(cloud: Cloud) -> None:
    now = 1000.0
    tokens = Tokens(cloud.identity, lambda: now)
    token = tokens.issue("here")
    assert tokens.check(f"Bearer {token}")["aud"] == "here"
    now += VALID_SECONDS
    with pytest.raises(Refusal) as refusal:
        tokens.check(f"Bearer {token}")
    assert (refusal.value.code, refusal.value.status) == ("ExpiredAuthenticationToken", 401)


def test_a_token_of_another_rehearsal_is_not_good(cloud: Cloud) -> None:
    other = Tokens(Identity.new(), lambda: 1000.0).issue("here")
    tokens = Tokens(cloud.identity, lambda: 1000.0)
    for shown in (f"Bearer {other}", "Bearer x.y.z", "Bearer ", "", f"Basic {tokens.issue('here')}"):
        with pytest.raises(Refusal) as refusal:
            tokens.check(shown)
        assert refusal.value.status == 401
