"""In-process: an adapter for a `requests` session that carries bytes to the paper broker without a network.

Mount it on the base URL that the client was given; time-outs and resets arrive as the exceptions that a real connection
would have raised.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter
from requests.exceptions import ConnectionError as RequestsConnectionError
from requests.exceptions import ReadTimeout
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers

from lib.paper_broker import message
from lib.paper_broker.message import Trouble
from lib.paper_broker.state import StateError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Responds(Protocol):
    """Whatever answers requests, a PaperBroker as a rule."""

    def respond(self, request: message.Request) -> message.Response:
        """Answer one request."""


class PaperAdapter(BaseAdapter):
    """Carries the requests of one session to a paper broker."""

    def __init__(self, paper: Responds) -> None:
        super().__init__()
        self._paper = paper

    def send(  # noqa: PLR0917 - the signature is the library's
        self,
        request: PreparedRequest,
        stream: bool = False,  # noqa: ARG002, FBT001, FBT002
        timeout: object = None,
        verify: bool | str = True,  # noqa: ARG002, FBT001, FBT002
        cert: object = None,  # noqa: ARG002
        proxies: Mapping[str, str] | None = None,  # noqa: ARG002
    ) -> Response:
        """Answer a prepared request."""
        try:
            found = self._paper.respond(_read(request))
        except StateError as error:  # a full disk, a file that another keeps: nobody knows how far the request came
            raise RequestsConnectionError(str(error), request=request) from error
        if found.trouble is Trouble.TIMEOUT or _too_late(found, timeout):
            raise ReadTimeout("the paper broker does not answer", request=request)
        if found.trouble is Trouble.RESET:
            raise RequestsConnectionError("the paper broker reset the connection", request=request)
        response = Response()
        response.status_code = found.status
        response.headers = CaseInsensitiveDict(found.headers)
        response.encoding = get_encoding_from_headers(response.headers)
        response.raw = BytesIO(found.body)
        response.url = request.url or ""
        response.request = request
        return response

    def close(self) -> None:
        """Do nothing: the paper broker is its opener's."""


def _too_late(found: message.Response, timeout: object) -> bool:
    # Nothing is waited for in-process: time is the broker's clock's. A client that would not have waited must see it.
    patience = timeout[-1] if isinstance(timeout, tuple) else timeout
    return isinstance(patience, int | float) and found.late_s > patience


def _read(request: PreparedRequest) -> message.Request:
    parts = urlsplit(request.url or "")
    body = request.body if request.body is not None else b""
    return message.Request(
        method=request.method or "GET",
        path=parts.path,
        query=parts.query,
        headers={key: str(value) for key, value in request.headers.items()},
        body=body.encode() if isinstance(body, str) else bytes(body),
    )
