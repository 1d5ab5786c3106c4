"""From the SDK's exceptions to kinds."""

from __future__ import annotations

import pytest

from toc_build.targets.azure.v1.sdk_worker.failures import explain


class WebserviceException(Exception):  # noqa: N818 - the SDK's own name
    pass


class ConnectTimeout(Exception):  # noqa: N818
    pass


REPLY = (
    "Received bad response from Model Management Service:\nResponse Code: {}\nHeaders: {{}}\n"
    'Content: b\'{{"code":"Conflict","message":"Service litter exists","details":[{{"code":"NameTaken",'
    '"message":"take another"}}]}}\''
)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, "unauthorized"),
        (403, "forbidden"),
        (404, "not-found"),
        (409, "conflict"),
        (429, "busy"),
        (500, "service-error"),
        (503, "service-error"),
        (400, "http"),
    ],
)
def test_by_status(status: int, kind: str) -> None:
    failure = explain(WebserviceException(REPLY.format(status)))
    assert failure.kind == kind
    assert failure.more["status"] == status
    assert failure.message == "Conflict: Service litter exists\nNameTaken: take another"


def test_an_unreachable_host() -> None:
    assert explain(ConnectTimeout("HTTPSConnectionPool")).kind == "connection"


def test_the_sdk_s_own_refusal() -> None:
    failure = explain(WebserviceException("Error, cpu_cores must be greater than zero."))
    assert failure.kind == "refused"
    assert failure.message == "Error, cpu_cores must be greater than zero."


def test_not_found_without_a_status() -> None:
    failure = explain(WebserviceException("WebserviceNotFound: Webservice with name x not found"))
    assert failure.kind == "not-found"


def test_whatever_else() -> None:
    failure = explain(KeyError("x"))
    assert failure.kind == "unexpected"
    assert "KeyError" in failure.message


class StorageResponse:
    """azure-core's: its text is a method, which fails when the answer was cut off."""

    status_code = 429

    def __init__(self, content: str | None) -> None:
        self._content = content

    def text(self) -> str:
        if self._content is None:
            raise AttributeError("no content was read")
        return self._content


@pytest.mark.parametrize(
    "content", [None, "<Error/>", '{"error": {"code": "ServerBusy", "message": "slower"}}']
)
def test_the_answer_of_a_storage_account(content: str | None) -> None:
    error = WebserviceException("Operation failed")
    error.response = StorageResponse(content)  # type: ignore[attr-defined]
    failure = explain(error)
    assert failure.kind == "busy"
    assert ("slower" if content and content.startswith("{") else "Operation failed") in failure.message
