"""The answer of a web server: whole, of bounded size and in time, or the one reason why there is none."""

import ipaddress
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from enum import Enum
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from requests import Response

_PIECE: Final = 1 << 16


class Failure(Enum):
    """Why there is no answer."""

    REFUSED = "refused"
    """Nothing listens there."""
    UNREACHABLE = "unreachable"
    """No connection came about: no such host, no way to it, a proxy or a certificate that is not trusted."""
    LATE = "late"
    """It was not whole at the deadline."""
    CUT_OFF = "cut off"
    """The connection ended before the answer did."""
    TOO_LARGE = "too large"
    UNUSABLE = "unusable"
    """The URL is none, or what came is no HTTP."""


class NoAnswer(Exception):  # noqa: N818 - reads as what it says
    """There is no answer."""

    def __init__(self, failure: Failure, reason: str) -> None:
        super().__init__(reason)
        self.failure: Final = failure
        self.reason: Final = reason
        """In a few words, without the URL."""


class Answer(NamedTuple):
    """What a server said."""

    status: int
    """Of HTTP, such as 200."""
    body: bytes
    """Unpacked."""

    @property
    def is_html(self) -> bool:
        """Whether it is a page for people."""
        return self.body.lstrip()[:1] == b"<"


def get(url: str, query: Mapping[str, str], *, deadline_s: float, max_bytes: int) -> Answer:
    """Ask a server, and wait for its whole answer, whatever its status.

    A proxy of the environment is not asked for what is on this machine itself.

    Args:
        url: http or https; a user and a password in it are sent.
        query: Is added to the URL.
        deadline_s: For all of it: looking the name up, connecting, and the last byte.
        max_bytes: Of the unpacked answer.

    Raises:
        NoAnswer: There is none.
    """
    # A server that sends a byte now and then keeps every time-out of a socket from running out. The thread of such an
    # answer is left behind: it ends with the answer, and holds nobody up.
    outcome: Future[Answer] = Future()
    given_up = threading.Event()

    def ask() -> None:
        try:
            outcome.set_result(_get(url, query, deadline_s, max_bytes, given_up))
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=ask, name="nanoagent-reading", daemon=True).start()
    try:
        return outcome.result(deadline_s)
    except TimeoutError:
        raise NoAnswer(Failure.LATE, f"no whole answer within {deadline_s:g} s") from None
    finally:
        given_up.set()


def _get(url: str, query: Mapping[str, str], deadline_s: float, max_bytes: int, given_up: threading.Event) -> Answer:
    import requests  # only who reads from a server waits for it

    with _told(), requests.Session() as session:
        session.trust_env = not is_loopback(url)
        session.headers["Accept"] = "application/json"
        with session.get(url, params=query, timeout=deadline_s, stream=True) as response:
            return Answer(response.status_code, _body(response, max_bytes, given_up))


def _body(response: "Response", max_bytes: int, given_up: threading.Event) -> bytes:
    pieces, length = [], 0
    for piece in response.iter_content(_PIECE):
        length += len(piece)
        if length > max_bytes:
            raise NoAnswer(Failure.TOO_LARGE, f"more than {max_bytes:,} bytes")
        if given_up.is_set():
            break
        pieces.append(piece)
    return b"".join(pieces)


def is_loopback(url: str) -> bool:
    """Whether a URL's host is this machine itself."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@contextmanager
def _told() -> Iterator[None]:
    """Say in our words what the library raises."""
    from requests import exceptions

    started_s = time.monotonic()
    try:
        yield
    except exceptions.Timeout as error:
        raise NoAnswer(Failure.LATE, f"no answer within {time.monotonic() - started_s:.3g} s") from error
    except (exceptions.ProxyError, exceptions.SSLError) as error:
        raise NoAnswer(Failure.UNREACHABLE, _innermost(error)) from error
    except (exceptions.ChunkedEncodingError, exceptions.ContentDecodingError) as error:
        raise NoAnswer(Failure.CUT_OFF, _innermost(error)) from error
    except exceptions.ConnectionError as error:
        raise NoAnswer(_of_connection(error), _innermost(error)) from error
    except (exceptions.RequestException, ValueError) as error:
        raise NoAnswer(Failure.UNUSABLE, _innermost(error)) from error


def failure_of(error: BaseException) -> tuple[Failure, str]:
    """Why a client that is built on urllib3 got no answer, by what it raised, and in a few words."""
    from urllib3.exceptions import ConnectTimeoutError, ProtocolError, ProxyError

    causes = [*_causes(error)]
    if any(isinstance(cause, ProxyError) for cause in causes):
        return Failure.UNREACHABLE, f"by way of a proxy: {_innermost(error)}"
    is_connected = not any(isinstance(cause, ConnectTimeoutError) for cause in causes)
    if is_connected and any(isinstance(cause, TimeoutError) for cause in causes):
        failure = Failure.LATE
    elif any(isinstance(cause, IncompleteRead) for cause in causes):
        failure = Failure.CUT_OFF
    elif any(isinstance(cause, OSError | HTTPException) for cause in causes):
        failure = _of_connection(error)
    elif any(isinstance(cause, ProtocolError) for cause in causes):
        failure = Failure.CUT_OFF
    else:
        failure = Failure.UNUSABLE
    return failure, _innermost(error)


def _of_connection(error: BaseException) -> Failure:
    causes = [*_causes(error)]
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return Failure.REFUSED
    # How a server that goes down ends a connection, and how a port that takes something else than HTTP does.
    if any(isinstance(cause, ConnectionResetError | BrokenPipeError | RemoteDisconnected) for cause in causes):
        return Failure.CUT_OFF
    return Failure.UNUSABLE if any(isinstance(cause, HTTPException) for cause in causes) else Failure.UNREACHABLE


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An exception and what it was raised from, the innermost last."""
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        yield at
        inner = [argument for argument in at.args if isinstance(argument, BaseException)]
        reason = getattr(at, "reason", None)
        context = None if at.__suppress_context__ else at.__context__
        at = reason if isinstance(reason, BaseException) else at.__cause__ or context or next(iter(inner), None)


def _innermost(error: BaseException) -> str:
    """What the first exception of all says, on one line; its class where it says nothing."""
    *_, first = _causes(error)
    text = (first.strerror if isinstance(first, OSError) else None) or str(first)
    lines = text.strip().splitlines()
    return lines[0][:200].rstrip(" .:") if lines else type(first).__name__
