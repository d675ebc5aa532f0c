"""The HTTP session of an exporter, which hears what the receiver answers."""

# requests imports it with its first request: a child that is forked at that moment would wait for it for ever.
import netrc  # noqa: F401
from typing import Any, Final

import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from requests.adapters import HTTPAdapter

from instrumentation.otlp.answers import Answer, hear
from instrumentation.otlp.timed_answers import timed

MAX_ANSWER_BYTES: Final = 64 * 1024
"""So much is read of an answer, which has a few bytes; of a longer one nothing more."""


class NotTakenError(requests.RequestException):
    """What was sent was not taken; the exporter is not to try again by itself, because nobody can interrupt that."""


class HeardSession(requests.Session):
    """A session of which each answer is heard; all but success is an error that the exporter knows no remedy for."""

    def __init__(self) -> None:
        """Have no connection yet."""
        super().__init__()
        self.headers["Accept-Encoding"] = "identity"  # a short answer that unfolds to a long one is not wanted
        for scheme in ("http://", "https://"):
            self.mount(scheme, _TimedAdapter())

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        """Make a request, and read its answer as far as it is needed.

        Raises:
            NotTakenError: Nothing answered, or it was no success, for which exporters take web pages and redirections.
        """
        # A session's own certificate would give way to the one that REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE names.
        verify = None if self.verify is True else self.verify
        try:
            with super().request(*args, **{**kwargs, "stream": True, "verify": verify}) as response:
                answer = _answer_of(response)
        except Exception as error:
            hear(Answer(error=type(error).__name__))
            raise NotTakenError(type(error).__name__) from None
        hear(answer)
        if answer.web_page or not _is_good(response):
            raise NotTakenError(answer.reason)
        return response

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Follow no redirection, and do not read it: credentials are for the receiver alone."""

    def close(self) -> None:
        """Close the connections, too: urllib3 leaves them to finalizers, and while the interpreter exits none runs."""
        for adapter in self.adapters.values():
            if isinstance(adapter, HTTPAdapter):
                for manager in (adapter.poolmanager, *adapter.proxy_manager.values()):
                    for key in manager.pools.keys():  # noqa: SIM118 - it is no mapping to iterate over
                        manager.pools[key].close()
        super().close()


class _TimedAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        timed(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        return timed(super().proxy_manager_for(proxy, **kwargs))


def _is_good(response: requests.Response) -> bool:
    return 200 <= response.status_code < 300


def _answer_of(response: requests.Response) -> Answer:
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    is_page = kind == "text/html"
    # What is read to its end leaves the connection for the next batch; of a failure nothing is needed.
    content = response.raw.read(MAX_ANSWER_BYTES) if _is_good(response) and not is_page else b""
    return Answer(
        status=response.status_code,
        web_page=_is_good(response) and is_page,
        too_large=response.status_code == 413,
        retry_after_s=_seconds(response.headers.get("Retry-After")),
        rejected=_rejected(content) if kind == "application/x-protobuf" else 0,
    )


def _seconds(value: str | None) -> float | None:
    return float(value) if value is not None and value.strip().isdecimal() else None


def _rejected(content: bytes) -> int:
    """Spans or data points: on the wire, the answers to both signals are alike."""
    try:
        return int(ExportTraceServiceResponse.FromString(content).partial_success.rejected_spans)
    except Exception:  # whatever it is, the batch was taken
        return 0
