"""`Connection`: logs in as it is asked to, tries again, and says what a refusal means without a secret."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from support.fake_registry import FakeRegistry

from toc_build.errors import ImageError
from toc_build.image.registry.client import ATTEMPTS, Connection
from toc_build.image.registry.credentials import Credentials

Connect = Callable[..., Connection]
REPOSITORY = "models/river-litter"


@pytest.fixture
def blob(fake: FakeRegistry) -> str:
    return fake.put_blob(REPOSITORY, b"12345")


def fetch(connection: Connection, digest: str) -> bytes:
    return connection.request("GET", connection.path("blobs", digest), ok={200}).content


@pytest.mark.parametrize("auth", ["none", "basic", "bearer"])
def test_it_logs_in_as_the_registry_asks(fake: FakeRegistry, connect: Connect, blob: str, auth: str) -> None:
    fake.auth = auth

    assert fetch(connect(credentials=lambda _host: Credentials(*fake.user)), blob) == b"12345"


def test_a_refresh_token_is_exchanged(fake: FakeRegistry, connect: Connect, blob: str) -> None:
    fake.auth = "bearer"

    assert (
        fetch(connect(credentials=lambda _: Credentials(refresh_token=fake.refresh_token)), blob) == b"12345"
    )


def test_the_azure_login_will_do_where_docker_has_none(
    fake: FakeRegistry, connect: Connect, blob: str
) -> None:
    fake.auth = "bearer"

    assert fetch(connect(azure_token=lambda _host: "an Azure token"), blob) == b"12345"


@pytest.mark.parametrize("auth", ["basic", "bearer"])
@pytest.mark.parametrize("known", [None, Credentials("somebody", "a wrong password")])
def test_a_wrong_login_is_said_without_the_secret(
    fake: FakeRegistry, connect: Connect, blob: str, auth: str, known: Credentials | None
) -> None:
    fake.auth = auth

    with pytest.raises(ImageError) as caught:
        fetch(connect(credentials=lambda _host: known), blob)

    assert caught.value.code == "TOC-IMAGE-042"
    assert ("the login of somebody is wrong" if known else "you are not logged in") in str(caught.value)
    assert "docker login registry.example.org" in str(caught.value)
    assert "password" not in str(caught.value)


def test_an_overloaded_registry_is_asked_again_when_it_says(
    fake: FakeRegistry, connect: Connect, blob: str
) -> None:
    fake.overloaded = 2

    assert fetch(connect(), blob) == b"12345"
    assert fake.slept == [7.0, 7.0]


def test_one_that_stays_overloaded_is_given_up(fake: FakeRegistry, connect: Connect, blob: str) -> None:
    fake.overloaded = 99

    with pytest.raises(ImageError) as caught:
        fetch(connect(), blob)

    assert caught.value.code == "TOC-IMAGE-044"
    assert len(fake.slept) == ATTEMPTS - 1


def test_one_that_never_answered_is_given_up_soon(fake: FakeRegistry, connect: Connect) -> None:
    def nobody(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused")

    with pytest.raises(ImageError) as caught:
        fetch(connect(transport=httpx.MockTransport(nobody)), "sha256:1")

    assert caught.value.code == "TOC-IMAGE-041"
    assert fake.slept == [0.5, 1]


def test_one_that_is_away_for_a_while_is_given_longer_and_longer_pauses(
    fake: FakeRegistry, connect: Connect, blob: str
) -> None:
    away = False

    def registry(request: httpx.Request) -> httpx.Response:
        if away:
            raise httpx.ReadError("the line broke")
        return fake._answer(request)

    connection = connect(transport=httpx.MockTransport(registry))
    fetch(connection, blob)
    away = True

    with pytest.raises(ImageError) as caught:
        fetch(connection, blob)

    assert caught.value.code == "TOC-IMAGE-041"
    assert fake.slept == [0.5, 1, 2, 4, 8]


def test_what_is_not_there_is_said(connect: Connect) -> None:
    with pytest.raises(ImageError) as caught:
        fetch(connect(), "sha256:1")

    assert caught.value.code == "TOC-IMAGE-043"


def test_the_login_does_not_go_to_another_host(fake: FakeRegistry, connect: Connect) -> None:
    seen: dict[str, str | None] = {}

    def registry(request: httpx.Request) -> httpx.Response:
        seen[request.url.host] = request.headers.get("Authorization")
        if request.url.host == "storage.example.net":
            return httpx.Response(200, content=b"12345")
        if "Authorization" not in request.headers:
            return httpx.Response(401, headers={"WWW-Authenticate": 'Basic realm="x"'})
        return httpx.Response(307, headers={"Location": "https://storage.example.net/blob?signature=1"})

    connection = connect(
        transport=httpx.MockTransport(registry), credentials=lambda _host: Credentials(*fake.user)
    )

    assert fetch(connection, "sha256:1") == b"12345"
    assert seen["registry.example.org"]
    assert seen["storage.example.net"] is None
