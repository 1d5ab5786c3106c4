"""From what the SDK raised to a kind that `client.py` can act on. Azure's own words stay whole."""

from __future__ import annotations

import json
import re
from typing import Any

from .channel import Failure

_STATUS = re.compile(r"(?:Response Code|status code|Code):? ?'?(\d{3})\b")
_CONTENT = re.compile(r"Content: (b?['\"].*['\"])\s*$", re.DOTALL)
_KINDS = {
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    408: "busy",
    409: "conflict",
    413: "too-large",
    429: "busy",
}


def explain(error: BaseException) -> Failure:
    """The failure that `error` means."""
    status = _status(error)
    message = words(error)
    if status is not None:
        kind = _KINDS.get(status, "service-error" if status >= 500 else "http")
        return Failure(kind, message, status=status)
    name = type(error).__name__
    if name in {
        "ConnectionError",
        "ConnectTimeout",
        "ReadTimeout",
        "Timeout",
        "ClientRequestError",
        "ProxyError",
        "SSLError",
        "ChunkedEncodingError",
        "ServiceRequestError",
        "ServiceResponseError",
        "IncompleteReadError",
        "HttpResponseError",
    }:
        return Failure("connection", message)
    if name == "AuthenticationException":
        return Failure("sign-in", message)
    lowered = message.lower()
    if "not found" in lowered:
        return Failure("not-found", message)
    if name in {
        "UserErrorException",
        "WebserviceException",
        "ComputeTargetException",
        "ModelNotFoundException",
        "ProjectSystemException",
        "WorkspaceException",
    }:
        return Failure("refused", message)
    return Failure("unexpected", f"{name}: {message}")


def words(error: BaseException) -> str:
    """What an exception of the SDK says, without its frame of headers and quoting."""
    text = str(getattr(error, "message", "") or error).strip() or type(error).__name__
    found = _CONTENT.search(text)
    if found:
        inner = _message_of(_unquoted(found[1]))
        if inner:
            return inner
    content = getattr(getattr(error, "response", None), "text", "")
    if callable(content):  # requests has the text there, azure-core a method that may have nothing to read
        try:
            content = content()
        except Exception:  # noqa: BLE001 - the exception's own words are left
            content = ""
    inner = _message_of(str(content or ""))
    return inner or text


def _status(error: BaseException) -> int | None:
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    if isinstance(status, int):
        return status
    found = _STATUS.search(str(getattr(error, "message", "") or error))
    return int(found[1]) if found else None


def _unquoted(text: str) -> str:
    """The bytes or text that a message shows as Python writes them."""
    import ast

    try:
        value: Any = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _message_of(text: str) -> str:
    """The message in an error document of Azure's, with the details' messages below it."""
    try:
        value: Any = json.loads(text)
    except ValueError:
        return ""
    lines: list[str] = []
    collect(value, lines)
    return "\n".join(dict.fromkeys(lines))


def collect(value: Any, lines: list[str]) -> None:
    """Adds the messages in an error document, the outer ones first."""
    if isinstance(value, dict):
        code, message = value.get("code"), value.get("message")
        if isinstance(message, str) and message.strip():
            lines.append(f"{code}: {message}" if isinstance(code, str) and code not in message else message)
        for key in ("error", "details", "innererror", "innerError"):
            collect(value.get(key), lines)
    elif isinstance(value, list):
        for item in value:
            collect(item, lines)
