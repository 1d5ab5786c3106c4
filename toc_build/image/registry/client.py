"""One repository of a registry over HTTP: logs in when it is asked to, and tries again when the line breaks.

`push`, `pull` and `referrers` use it. It speaks the OCI distribution protocol
(https://github.com/opencontainers/distribution-spec) and Docker's token authentication.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from toc_build.errors import ImageError
from toc_build.image.registry.credentials import Credentials, azure_access_token, find_credentials
from toc_build.image.registry.name import ImageName

if TYPE_CHECKING:
    import httpx

ATTEMPTS = 6
_FIRST_ATTEMPTS = 3  # while nothing ever answered: more likely a wrong name than a line that broke
_FIRST_PAUSE = 0.5  # seconds; doubled each time
_LONGEST_PAUSE = 30.0
_AGAIN = {408, 429, 500, 502, 503, 504}
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_CLIENT_ID = "toc-build"


class Connection:
    """A connection to the repository of an image.

    Args:
        name: of the image.
        push: whether to ask for the right to write.
        transport: httpx's, for tests; the network when omitted.
        sleep: waits between two attempts, in seconds.
        credentials: finds who one is to a host.
    """

    def __init__(
        self,
        name: ImageName,
        *,
        push: bool = False,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        credentials: Callable[[str], Credentials | None] = find_credentials,
        azure_token: Callable[[str], str | None] = azure_access_token,
    ) -> None:
        import httpx

        self.name = name
        self._actions = "pull,push" if push else "pull"
        self._sleep = sleep
        self._find, self._azure = credentials, azure_token
        self._authorization: str | None = None
        self._reached = False
        self._user = ""
        self._http = httpx.Client(
            base_url=name.api,
            transport=transport,
            follow_redirects=True,
            timeout=httpx.Timeout(60, connect=15),
            headers={"User-Agent": _CLIENT_ID},
        )

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def path(self, *parts: str) -> str:
        """The path of something in the repository, such as `blobs`, `sha256:...`."""
        return "/".join(("/v2", self.name.repository, *parts))

    def request(
        self,
        method: str,
        url: str,
        *,
        ok: Collection[int],
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        params: Mapping[str, str] | None = None,
        attempts: int = ATTEMPTS,
    ) -> httpx.Response:
        """Asks, logs in if need be, and asks again while the registry is away or overloaded.

        Args:
            method: HTTP's.
            url: absolute, or a path.
            ok: the statuses that are an answer.
            headers: to send.
            content: the body.
            params: added to the query.
            attempts: how often to try.

        Raises:
            ImageError: the registry cannot be reached, refuses, or answers with another status.
        """
        import httpx

        found: httpx.Response | None = None
        for attempt in range(attempts):
            try:
                found = self._send(method, url, headers, content, params)
            except httpx.TransportError as error:
                if attempt + 1 >= (attempts if self._reached else min(attempts, _FIRST_ATTEMPTS)):
                    raise self.unreachable(error) from None
                self.pause(attempt)
                continue
            self._reached = True
            if found.status_code in ok:
                return found
            if found.status_code not in _AGAIN or attempt + 1 == attempts:
                break
            self.pause(attempt, found.headers.get("Retry-After"))
        assert found is not None  # noqa: S101 - the last attempt raised or gave it
        raise self.refused(found)

    def stream(self, url: str, headers: Mapping[str, str]) -> Any:
        """An answer to read piece by piece, as httpx's `stream`; no second attempt is made here."""
        return self._http.stream("GET", url, headers={**headers, **self._login_header()})

    def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        content: bytes | None,
        params: Mapping[str, str] | None,
    ) -> httpx.Response:
        import httpx

        # httpx puts its own query in place of the URL's, and upload URLs have one that must stay.
        address = httpx.URL(url).copy_merge_params(params) if params else httpx.URL(url)

        def once() -> httpx.Response:
            sent = {**(headers or {}), **self._login_header()}
            return self._http.request(method, address, headers=sent, content=content)

        answer = once()
        if answer.status_code == 401 and self._log_in(answer.headers.get("WWW-Authenticate", "")):
            answer = once()
        return answer

    def _login_header(self) -> dict[str, str]:
        return {"Authorization": self._authorization} if self._authorization else {}

    def _log_in(self, challenge: str) -> bool:
        """Answers the registry's challenge; whether there is something new to send."""
        import httpx

        kind, _, rest = challenge.partition(" ")
        known = self._find(self.name.host)
        self._user = known.user if known and known.user else ""
        if kind.lower() == "basic":
            if known is None or not known.user or self._authorization:
                return False
            self._authorization = httpx.BasicAuth(known.user, known.password)._auth_header  # noqa: SLF001
            return True
        fields = dict(_CHALLENGE.findall(rest))
        if kind.lower() != "bearer" or "realm" not in fields:
            return False
        asked = {
            "service": fields.get("service", ""),
            "scope": f"repository:{self.name.repository}:{self._actions}",
        }
        token = self._token(fields["realm"], asked, known or self._by_azure(asked["service"]))
        if token is None:
            return False
        self._authorization = f"Bearer {token}"
        return True

    def _token(self, realm: str, asked: dict[str, str], known: Credentials | None) -> str | None:
        if known and known.refresh_token:
            form = {**asked, "grant_type": "refresh_token", "refresh_token": known.refresh_token}
            answer = self._http.post(realm, data={**form, "client_id": _CLIENT_ID})
        else:
            user = (known.user, known.password) if known and known.user else None
            answer = self._http.get(realm, params=asked, auth=user)
        if answer.status_code != 200:
            return None
        given = answer.json()
        token = given.get("token") or given.get("access_token")
        return str(token) if token else None

    def _by_azure(self, service: str) -> Credentials | None:
        """A refresh token of an Azure registry for the Azure login.

        Source: https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md
        """
        access = self._azure(self.name.host)
        if access is None:
            return None
        form = {"grant_type": "access_token", "service": service or self.name.host, "access_token": access}
        answer = self._http.post("/oauth2/exchange", data=form)
        token = answer.json().get("refresh_token") if answer.status_code == 200 else None
        return Credentials(refresh_token=str(token)) if token else None

    def pause(self, attempt: int, asked: str | None = None) -> None:
        """Waits before the next attempt, longer each time.

        Args:
            attempt: how many there were before, from 0.
            asked: the header `Retry-After` of the answer.
        """
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**attempt)
        if asked and asked.isdigit():
            pause = min(_LONGEST_PAUSE, float(asked))
        self._sleep(pause)

    def unreachable(self, error: Exception) -> ImageError:
        """The error for a registry that does not answer."""
        return ImageError(
            f"the registry {self.name.host} does not answer, or breaks the connection each time.",
            code="TOC-IMAGE-041",
            where=str(self.name),
            fix="check its name and the network, and run the command again: what arrived whole is not sent "
            "again.",
            details=f"{type(error).__name__}: {error}",
        )

    def refused(self, answer: httpx.Response) -> ImageError:
        """The error for an answer that is none of those wanted."""
        status = answer.status_code
        said = answer.text[:1000] if answer.is_closed else None
        if status in {401, 403}:
            login = f"the login of {self._user} is wrong" if self._user else "you are not logged in"
            return ImageError(
                f"the registry {self.name.host} refuses: {login}, or may not "
                f"{'write' if 'push' in self._actions else 'read'} {self.name.repository}.",
                code="TOC-IMAGE-042",
                where=str(self.name),
                fix=f"log in with `docker login {self.name.host}`, `podman login` or, for Azure, `az login`; "
                "ask for the role AcrPush or AcrPull.",
                details=said,
            )
        if status == 404:
            return ImageError(
                f"the registry {self.name.host} has no {self.name.repository} by {self.name.reference}.",
                code="TOC-IMAGE-043",
                where=str(self.name),
                fix="check the name. A digest that is gone was deleted or replaced under its tag: for a "
                "base, "
                "`toc-build build --update-base` takes what the tag names now.",
                details=said,
            )
        return ImageError(
            f"the registry {self.name.host} answered {status} to {answer.request.method} "
            f"{answer.request.url.path}.",
            code="TOC-IMAGE-044",
            where=str(self.name),
            fix="see its own words below, and run the command again.",
            details=said,
        )
