"""How the contract talks to a scorer: every request, every way a connection fails, no secret told.

The cases get one `Scorer` and see `Answer`s; a request that ends without an answer raises `Breach`, a scorer
that is gone `Unreachable`.
"""

from __future__ import annotations

import http.client
import io
import os
import select
import socket
import ssl
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
from typing_extensions import Self

from toc_build.contract.answers import Answer
from toc_build.contract.rules import Breach
from toc_build.errors import ScoreError

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_ANY_TYPE = "application/octet-stream"
_CHUNK = 256 * 1024
_MOST_ANSWER_BYTES = 64 * 1024 * 1024
_LEAST_SECRET = 4


class Unreachable(Exception):  # noqa: N818 - an observation, like Breach
    """Nothing accepts connections at the scorer's address; the message says what the attempt gave."""


class _Connection(http.client.HTTPConnection):
    """Reads all its answers through one buffer: what a scorer sends unasked is taken for the next answer.

    A proxy in front of a scorer, with its pool of connections, does the same; HTTPConnection would lose it.
    """

    _incoming: io.BufferedReader | None = None

    def connect(self) -> None:
        self.finish()
        super().connect()
        self._incoming = self.sock.makefile("rb")

    def finish(self) -> None:
        """Close the connection for good; `close` is called before the last answer is read."""
        self.close()
        if self._incoming is not None:
            self._incoming.close()

    def response_class(self, *args: Any, **options: Any) -> http.client.HTTPResponse:  # type: ignore[override]
        response = http.client.HTTPResponse(*args, **options)
        response.fp.close()
        response.fp = _Lasting(self._incoming)  # type: ignore[assignment]
        return response


class _Lasting:
    """A file that a response cannot close."""

    def __init__(self, file: object) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def close(self) -> None:
        """Left to the connection."""


class Scorer:
    """One scorer at one URL; a context manager, safe to use from several threads.

    Args:
        uri: where images are posted, http or https.
        headers: sent with every request, such as an authorisation; their values are secrets.
        timeout: seconds that one request may take.

    Raises:
        ScoreError: `uri` is no HTTP URL (TOC-TEST-020).
    """

    def __init__(self, uri: str, *, headers: Mapping[str, str] | None = None, timeout: float) -> None:
        try:
            self._url = httpx.URL(uri)
        except httpx.InvalidURL:
            self._url = httpx.URL("")
        if self._url.scheme not in ("http", "https") or not self._url.host:
            raise ScoreError(
                "a scorer is asked over HTTP, and this is no HTTP address",
                code="TOC-TEST-020",
                where=uri if "@" not in uri else None,
                fix="write it in full, such as http://127.0.0.1:8890/score",
            )
        #: Whether any request reached the scorer.
        self.reached = False
        self._timeout = timeout
        self._headers = dict(headers or {})
        self._port = self._url.port or (443 if self._url.scheme == "https" else 80)
        self._direct = self._url.host in _LOOPBACK or not urllib.request.getproxies().get(self._url.scheme)
        # Without TLS, a proxy and a password in the URL, the standard library's client can be used: it sends
        # and reads what it is told.
        self._plain = self._direct and self._url.scheme == "http" and not self._url.userinfo
        self._target = self._url.raw_path.decode("ascii")
        # Over plain HTTP each request gets its own connection, so that one case cannot spoil another's. TLS
        # costs too much for that.
        keep = self._url.scheme == "https"
        self._client = self._open(keep_alive=keep)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._client.close()

    @property
    def shown_uri(self) -> str:
        """The URL without user name, password and query: fit to be printed."""
        return str(self._url.copy_with(userinfo=b"", query=None, fragment=None))

    def redact(self, text: str) -> str:
        """`text` without the values of the secret headers and of the URL's password and query."""
        secrets = [part for value in self._headers.values() for part in (value, value.split(" ")[-1])]
        secrets += [self._url.password, *self._url.params.values()]
        for secret in sorted(secrets, key=len, reverse=True):
            if len(secret) >= _LEAST_SECRET:
                text = text.replace(secret, "***")
        return text

    def post(self, body: bytes, *, content_type: str | None = _ANY_TYPE) -> Answer:
        """Post `body`; a `content_type` of None sends none.

        Raises:
            Breach: answer.missing, answer.timeout or answer.encoding.
            Unreachable: the scorer does not accept connections.
        """
        return self._ask(self._client, "POST", body, content_type)[0]

    def get(self) -> Answer:
        """Ask with the method GET; raises as `post`."""
        return self._ask(self._client, "GET", None, None)[0]

    def post_at_once(self, bodies: Sequence[bytes]) -> list[Answer | Breach]:
        """Post all bodies at the same moment, each over its own connection; answers in the order of `bodies`.

        Raises:
            Unreachable: the scorer does not accept connections.
        """
        together = threading.Barrier(len(bodies))

        def ask(body: bytes) -> Answer | Breach:
            together.wait()
            try:
                return self.post(body)
            except Breach as breach:
                return breach

        with ThreadPoolExecutor(max_workers=len(bodies)) as pool:
            return list(pool.map(ask, bodies))

    def post_in_turn(self, bodies: Sequence[bytes]) -> tuple[list[Answer], int]:
        """Post the bodies one after another over one connection, as long as the scorer keeps it open.

        Returns:
            The answers, and how many connections they took.

        Raises:
            Breach: as `post`.
            Unreachable: as `post`.
        """
        if not self._plain:
            with self._open(keep_alive=True) as client:
                asked = [self._ask(client, "POST", body, _ANY_TYPE) for body in bodies]
            return [answer for answer, _ in asked], len({ours for _, ours in asked})
        # httpx drops a connection on which something unasked arrived, and so hides what a scorer gets wrong.
        answers: list[Answer] = []
        opened = 0
        connection = self._raw()
        try:
            for body in bodies:
                if connection.sock is not None and (answer := self._asked_again(connection, body)):
                    answers.append(answer)
                    continue
                self._connect(connection)
                opened += 1
                answers.append(self._asked(connection, iter([body]), len(body)))
        finally:
            connection.finish()
        return answers, opened

    def post_padded(self, start: bytes, size: int) -> Answer:
        """Post `start` and then zeros, `size` bytes in all; an answer that comes before the end is taken.

        Raises:
            Breach: as `post`.
            Unreachable: as `post`.
        """
        if not self._plain:
            headers = {"Content-Length": str(size)}
            return self._ask(self._client, "POST", _padded(start, size), _ANY_TYPE, headers)[0]
        connection = self._raw()
        self._connect(connection)
        try:
            return self._asked(connection, _padded(start, size), size, close=True)
        finally:
            connection.finish()

    def _raw(self) -> _Connection:
        return _Connection(self._url.host, self._port, timeout=self._timeout)

    def _connect(self, connection: _Connection) -> None:
        try:
            connection.connect()
        except OSError as error:
            raise Unreachable(str(error)) from None

    def _asked_again(self, connection: _Connection, body: bytes) -> Answer | None:
        """The answer over a connection used before; None when the scorer had closed it, as HTTP allows."""
        began = time.perf_counter()
        try:
            self._send(connection, iter([body]), len(body), close=False)
            return self._response(connection, began)
        except TimeoutError:
            raise self._timed_out(time.perf_counter() - began) from None
        except ConnectionError:
            connection.close()
            return None
        except (OSError, http.client.HTTPException) as error:
            raise self._no_answer(error) from None

    def _asked(
        self,
        connection: _Connection,
        chunks: Iterator[bytes],
        size: int,
        *,
        close: bool = False,
    ) -> Answer:
        began = time.perf_counter()
        try:
            self._send(connection, chunks, size, close=close)
            return self._response(connection, began)
        except TimeoutError:
            raise self._timed_out(time.perf_counter() - began) from None
        except (OSError, http.client.HTTPException) as error:
            raise self._no_answer(error) from None

    def _send(self, connection: _Connection, chunks: Iterator[bytes], size: int, *, close: bool) -> None:
        """Send a request; stop when an answer arrives or the scorer hangs up: what it sent can be read."""
        connection.putrequest("POST", self._target, skip_accept_encoding=True)
        for name, value in self._all_headers(_ANY_TYPE).items():
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(size))
        if close:
            connection.putheader("Connection", "close")
        try:
            connection.endheaders()
            for chunk in chunks:
                if not self._send_chunk(connection.sock, memoryview(chunk)):
                    return
        except (BrokenPipeError, ConnectionResetError):
            return

    def _send_chunk(self, connected: socket.socket, left: memoryview) -> bool:
        """Whether all was sent; not when an answer came first: a scorer that answered may read no more."""
        while left:
            readable, writable, _ = select.select([connected], [connected], [], self._timeout)
            if readable:
                return False
            if not writable:
                raise TimeoutError
            left = left[connected.send(left) :]
        return True

    def _response(self, connection: _Connection, began: float) -> Answer:
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        body = response.read()
        self.reached = True
        return Answer(response.status, headers, body, time.perf_counter() - began, self.redact)

    def _ask(
        self,
        client: httpx.Client,
        method: str,
        body: bytes | Iterator[bytes] | None,
        content_type: str | None,
        more_headers: Mapping[str, str] | None = None,
    ) -> tuple[Answer, object]:
        """The answer, and our end of the connection that brought it."""
        headers = {**self._all_headers(content_type), **(more_headers or {})}
        began = time.perf_counter()
        received = bytearray()
        try:
            with client.stream(method, self._url, content=body, headers=headers) as response:
                ours = response.extensions["network_stream"].get_extra_info("client_addr")
                for chunk in response.iter_bytes():
                    received += chunk
                    if time.perf_counter() - began > self._timeout or len(received) > _MOST_ANSWER_BYTES:
                        raise self._timed_out(time.perf_counter() - began)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise Unreachable(str(error) or type(error).__name__) from None
        except httpx.TimeoutException:
            self.reached = True
            raise self._timed_out(time.perf_counter() - began) from None
        except httpx.DecodingError as error:
            raise Breach(
                "answer.encoding", f"the answer is not encoded as its Content-Encoding says: {error}"
            ) from None
        except httpx.TransportError as error:
            raise self._no_answer(error) from None
        self.reached = True
        seconds = time.perf_counter() - began
        if seconds > self._timeout:
            raise self._timed_out(seconds)
        names = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, names, bytes(received), seconds, self.redact), ours

    def _all_headers(self, content_type: str | None) -> dict[str, str]:
        own = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if content_type is not None:
            own["Content-Type"] = content_type
        return {**own, **self._headers}

    def _timed_out(self, seconds: float) -> Breach:
        return Breach(
            "answer.timeout", f"no complete answer after {seconds:.1f} s, the limit is {self._timeout:g} s"
        )

    def _no_answer(self, error: Exception) -> Breach:
        """The connection broke: say so, unless the scorer itself is gone."""
        self.reached = True
        if self._direct:
            try:
                socket.create_connection((self._url.host, self._port), timeout=self._timeout).close()
            except OSError as refused:
                raise Unreachable(str(refused)) from None
        told = (
            "what came is no whole HTTP answer"
            if _half(error)
            else "the connection was closed without an answer"
        )
        why = " ".join(str(error).split()) or type(error).__name__
        return Breach("answer.missing", f"{told} ({why})")

    def _open(self, *, keep_alive: bool) -> httpx.Client:
        limits = httpx.Limits(max_keepalive_connections=None if keep_alive else 0)
        headers = None if keep_alive else {"Connection": "close"}
        local = self._url.host in _LOOPBACK  # a proxy from the environment is never meant for this machine
        # Certificates are read where they are needed; it takes longer than a dozen requests.
        verify = trusted() if self._url.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        return httpx.Client(
            limits=limits, headers=headers, timeout=self._timeout, trust_env=not local, verify=verify
        )


def trusted() -> ssl.SSLContext | bool:
    """Whose certificates are good: those in SSL_CERT_FILE, also where no proxy of the environment counts."""
    named = os.environ.get("SSL_CERT_FILE")
    return ssl.create_default_context(cafile=named) if named and Path(named).is_file() else True


def _half(error: Exception) -> bool:
    """Whether something came that is no answer, or less than was promised."""
    if isinstance(error, http.client.HTTPException):
        return not isinstance(error, ConnectionError)
    return isinstance(error, httpx.RemoteProtocolError) and "without sending a response" not in str(error)


def _padded(start: bytes, size: int) -> Iterator[bytes]:
    yield start[:size]
    left = size - len(start)
    while left > 0:
        yield bytes(min(left, _CHUNK))
        left -= _CHUNK
