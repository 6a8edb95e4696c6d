"""One HTTP request on alpaca-py's own client: sent once, within time-outs, and answered or not.

alpaca-py re-sends on 429 and 504 whatever the method, waits for ever on a silent server and takes a redirect for an
answer. All three are settled here from outside, by its constructor and by its `requests` session, so the library stays
as it was installed. What the answers mean is `alpaca.py`'s matter.
"""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPResponse
from io import BufferedReader, RawIOBase
from typing import TYPE_CHECKING, Any

from alpaca.common.exceptions import APIError
from alpaca.common.rest import RESTClient
from requests import PreparedRequest, Response, Session, exceptions
from requests.adapters import BaseAdapter, HTTPAdapter
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError as TransportError

if TYPE_CHECKING:
    from socket import socket

    from _typeshed import WriteableBuffer
    from urllib3 import PoolManager

HTTP_TIMEOUT_S = (3.05, 10.0)
"""Connect and read; a little over three seconds gives a lost packet time for its first TCP re-transmission."""

WHOLE_ANSWER = 2
"""A read time-out bounds one silence, and a server that sends a byte now and then is never silent for long: from the
request to the last byte of its answer this many read time-outs may go by."""

NEVER_RESEND = [0]
"""alpaca-py re-sends on these HTTP statuses; no answer has status 0, and an empty list would mean its default."""

MESSAGE_CHARACTERS_MAX = 300
SECRET_CHARACTERS_MIN = 8
"""A paper broker takes any word for a key; one that is shorter may be in an answer by chance."""

SILENCE = (exceptions.Timeout, exceptions.ConnectionError, TransportError)

log = logging.getLogger(__name__)


class NoAnswerError(Exception):
    """No readable answer: time-out, lost connection, redirect, or a success that is not JSON.

    `silent` for the first two: nobody was there, as far as one can tell.
    """

    def __init__(self, why: str, *, silent: bool = False) -> None:
        self.silent = silent
        super().__init__(why)


class _EchoError(exceptions.RequestException):
    """An answer holds our keys: no host of Alpaca's says that, and nothing of it may reach a log or a row."""


class RefusedError(Exception):
    """An answer with an HTTP status of 400 or more; `body` is None unless it is one of Alpaca's JSON errors."""

    def __init__(self, status: int, body: Mapping[str, object] | None) -> None:
        self.status = status
        self.body = body
        super().__init__(f"{status} {refusal_text(body) if body else '(no JSON error from Alpaca)'}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRetry:
    """How often a read is tried, and how it waits in between: the pass's own clock and a source of jitter."""

    tries_max: int = 3
    sleep: Callable[[float], None] = time.sleep
    uniform: Callable[[float, float], float] = random.uniform

    def pause_s(self, tries: int) -> float:
        """Return how long to wait after so many tries: about 0.5, then about 1 second."""
        return 0.5 * (1 << (tries - 1)) * self.uniform(0.5, 1.5)


READ_RETRY = ReadRetry()
NO_RETRY = ReadRetry(tries_max=1)


class TimeoutAdapter(HTTPAdapter):
    """HTTP with time-outs where the caller gave none, and without any re-sending of its own."""

    def __init__(self, timeout_s: tuple[float, float] = HTTP_TIMEOUT_S) -> None:
        super().__init__(max_retries=0)
        self._timeout_s = timeout_s

    def send(  # noqa: PLR0917 - the signature is requests'
        self,
        request: PreparedRequest,
        stream: bool = False,  # noqa: FBT001, FBT002 - same
        timeout: Any = None,
        verify: Any = True,  # noqa: FBT002 - same
        cert: Any = None,
        proxies: Any = None,
    ) -> Response:
        return super().send(request, stream, timeout or self._timeout_s, verify, cert, proxies)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        _make_timely(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        _make_timely(manager)
        return manager


class _WholeAnswer(RawIOBase):
    """The bytes of one answer from the socket, up to the moment at which the whole of it has to be there."""

    def __init__(self, raw: RawIOBase, connection: socket) -> None:
        self._raw = raw
        self._connection = connection
        self._silence_s = connection.gettimeout() or HTTP_TIMEOUT_S[1]
        self._ends = time.monotonic() + WHOLE_ANSWER * self._silence_s

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer takes too long")
        self._connection.settimeout(min(left, self._silence_s))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimelyResponse(HTTPResponse):
    def __init__(self, sock: socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = BufferedReader(_WholeAnswer(self.fp.detach(), sock))


class _TimelyConnection(HTTPConnection):
    response_class = _TimelyResponse


class _TimelySecureConnection(HTTPSConnection):
    response_class = _TimelyResponse


class _TimelyPool(HTTPConnectionPool):
    ConnectionCls = _TimelyConnection


class _TimelySecurePool(HTTPSConnectionPool):
    ConnectionCls = _TimelySecureConnection


class Wire:
    """One of Alpaca's hosts. Not for several threads at once: `requests` does not promise that of its sessions."""

    def __init__(
        self, base_url: str, *, api_key: str, secret_key: str, adapter: BaseAdapter, read_retry: ReadRetry
    ) -> None:
        self._client = _Client(base_url, api_key, secret_key, adapter)
        self._retry = read_retry
        self.time_outs = 0
        """Requests that met silence, a read only after its last try."""

    @property
    def answered_at(self) -> datetime | None:
        """The host's own clock at its last answer, cut to the second; None if that did not say."""
        return self._client.answered_at

    def read(self, path: str, params: Mapping[str, str] | None = None, *, version: str = "v2") -> object:
        """Return the JSON at `path`, asked for again after what may pass; raises NoAnswerError or RefusedError."""

        def note(state: RetryCallState) -> None:
            why = state.outcome.exception() if state.outcome else None
            log.warning("read.retry path=/%s%s tries=%d why=%r", version, path, state.attempt_number, str(why))

        retrying = Retrying(
            stop=stop_after_attempt(self._retry.tries_max),
            wait=lambda state: self._retry.pause_s(state.attempt_number),
            retry=retry_if_exception(_may_pass),
            sleep=self._retry.sleep,
            before_sleep=note,
            reraise=True,
        )
        asked = dict(params) if params else None
        return self._counted(lambda: retrying(_body, lambda: self._client.get(path, asked, api_version=version)))

    def post(self, path: str, body: Mapping[str, object]) -> object:
        """Send `body` once; raises NoAnswerError or RefusedError."""
        return self._counted(lambda: _answer(lambda: self._client.post(path, dict(body))))

    def patch(self, path: str, body: Mapping[str, object]) -> object:
        """Send changes once; raises NoAnswerError or RefusedError."""
        return self._counted(lambda: _answer(lambda: self._client.patch(path, dict(body))))

    def delete(self, path: str) -> object:
        """Send a DELETE once; raises NoAnswerError or RefusedError."""
        return self._counted(lambda: _answer(lambda: self._client.delete(path)))

    def _counted(self, request: Callable[[], object]) -> object:
        try:
            return request()
        except NoAnswerError as error:
            self.time_outs += error.silent
            raise


class _InProcess(Session):
    """A session for an adapter in this process: no cookie, proxy, .netrc or redirect is looked for.

    Looking for them takes longer than a paper broker takes to answer.
    """

    def request(self, method: str, url: str, **options: Any) -> Response:  # type: ignore[override]
        """Carry one request to the adapter; time-outs are the adapter's own."""
        options.pop("allow_redirects", None)
        prepared = PreparedRequest()
        prepared.prepare(method=method, url=url, **options)
        answered = self.get_adapter(url).send(prepared)
        for look in self.hooks["response"]:
            look(answered)
        return answered


class _Client(RESTClient):
    """alpaca-py's client on an adapter of ours."""

    def __init__(self, base_url: str, api_key: str, secret_key: str, adapter: BaseAdapter) -> None:
        super().__init__(base_url, api_key, secret_key, raw_data=True, retry_exception_codes=NEVER_RESEND)
        if not isinstance(adapter, HTTPAdapter):
            self._session = _InProcess()
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)
        self._secrets = tuple(key.encode() for key in (api_key, secret_key) if len(key) >= SECRET_CHARACTERS_MIN)
        self._session.hooks["response"] += [self._look_at_the_clock, _refuse_redirect, self._refuse_echo]
        self.answered_at: datetime | None = None

    def _look_at_the_clock(self, response: Response, *_args: object, **_kwargs: object) -> None:
        self.answered_at = _http_date(response.headers.get("Date"))

    def _refuse_echo(self, response: Response, *_args: object, **_kwargs: object) -> None:
        if any(secret in response.content for secret in self._secrets):
            raise _EchoError


def _refuse_redirect(response: Response, *_args: object, **_kwargs: object) -> None:
    # alpaca-py follows no redirect but returns its body, or None as for a cancel's 204.
    if 300 <= response.status_code < 400:
        raise exceptions.TooManyRedirects(f"{response.status_code}, a redirect")


def _make_timely(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _TimelyPool, "https": _TimelySecurePool}


def _http_date(text: str | None) -> datetime | None:
    try:
        at = parsedate_to_datetime(text or "")
        return at.astimezone(UTC) if at.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def _answer(send: Callable[[], object]) -> object:
    try:
        return send()
    except APIError as error:
        # Neither .code nor .message is safe: they raise on HTML, on an empty body and on a 401 without a code.
        raise RefusedError(int(error.status_code or 0), _json_error(str(error))) from None
    except (OSError, TransportError, ValueError, RecursionError) as error:
        # requests' exceptions are OSErrors; bodies that are no JSON, or JSON nested too deep, are the other two.
        raise NoAnswerError(_why(error), silent=isinstance(error, SILENCE)) from error


def _body(send: Callable[[], object]) -> object:
    answer = _answer(send)
    if answer is None:
        raise NoAnswerError("the answer is empty")
    return answer


def _json_error(text: str) -> Mapping[str, object] | None:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(body, dict) and (isinstance(body.get("message"), str) or "code" in body):
        return body
    return None


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, NoAnswerError) or (
        isinstance(error, RefusedError) and (error.status == 429 or error.status >= 500)
    )


def _why(error: Exception) -> str:
    match error:
        case exceptions.ConnectTimeout():
            return "no connection within the time-out"
        case exceptions.Timeout():
            return "no answer within the time-out"
        case exceptions.TooManyRedirects():
            return str(error)
        case _EchoError():
            return "the answer repeats our keys, so it is not Alpaca's"
        case exceptions.ConnectionError() | TransportError():
            return f"the connection failed: {one_line(str(_root(error)) or type(error).__name__)}"
        case exceptions.InvalidJSONError():
            return "the answer is not JSON"
        case exceptions.RequestException() | OSError():
            return f"the answer broke off or was damaged ({type(error).__name__})"
        case _:
            return "the answer is not JSON"


def _root(error: BaseException) -> BaseException:
    below = error.__cause__ or error.__context__
    return error if below is None else _root(below)


def refusal_text(body: Mapping[str, object]) -> str:
    """Return the broker's own words in one line, with the reason that a wash trade's refusal keeps apart."""
    words = [str(body[key]) for key in ("code", "message", "reject_reason") if body.get(key) is not None]
    return one_line(" ".join(words))


def one_line(text: str) -> str:
    """Return `text` on one line and no longer than a log line bears."""
    return " ".join(text.split())[:MESSAGE_CHARACTERS_MAX]
