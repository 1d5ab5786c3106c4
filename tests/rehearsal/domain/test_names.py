"""Names that are allowed, and those that are not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from toc_build.rehearsal.domain import names
from toc_build.rehearsal.domain.refusals import Refusal


@pytest.mark.parametrize(
    ("check", "name"),
    [
        (names.check_service, "abc"),
        (names.check_service, "a" * 32),
        (names.check_model, "River_litter.v2-final"),
        (names.check_compute, "inference-ml"),
        (names.check_dns_label, "river-litter"),
        (names.check_namespace, "rivers"),
        (names.check_environment, "my-env.1"),
    ],
)
def test_good_names(check: Callable[[str], None], name: str) -> None:
    check(name)


@pytest.mark.parametrize(
    ("check", "name"),
    [
        (names.check_service, "ab"),
        (names.check_service, "a" * 33),
        (names.check_service, "Abc"),
        (names.check_service, "abc-"),
        (names.check_service, "1abc"),
        (names.check_model, "-a"),
        (names.check_model, "a" * 256),
        (names.check_compute, "a-name-that-is-too-long"),
        (names.check_compute, "a"),
        (names.check_dns_label, "abcd"),
        (names.check_dns_label, "River"),
        (names.check_namespace, "-a"),
        (names.check_environment, "AzureML-mine"),
        (names.check_environment, "a b"),
    ],
)
def test_bad_names(check: Callable[[str], None], name: str) -> None:
    with pytest.raises(Refusal):
        check(name)
