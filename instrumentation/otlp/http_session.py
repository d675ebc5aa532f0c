"""The HTTP session of an exporter, which hears what the receiver answers."""

# requests imports it with its first request: a child that is forked at that moment would wait for it for ever.
import netrc  # noqa: F401
from typing import Any

import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from requests.adapters import HTTPAdapter

from instrumentation.otlp.answers import Answer, hear


class NotTakenError(requests.RequestException):
    """What was sent was not taken; the exporter is not to try again by itself, because nobody can interrupt that."""


class HeardSession(requests.Session):
    """A session of which each answer is heard; all but success is an error that the exporter knows no remedy for."""

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        """Make a request without following redirections: credentials are for the receiver alone.

        Raises:
            NotTakenError: Nothing answered, or it was no success, for which exporters take web pages and redirections.
        """
        try:
            response = super().request(*args, **{**kwargs, "allow_redirects": False})
        except Exception as error:
            hear(Answer(error=type(error).__name__))
            raise NotTakenError(type(error).__name__) from None
        answer = _answer_of(response)
        hear(answer)
        if answer.web_page or not 200 <= response.status_code < 300:
            raise NotTakenError(answer.reason)
        return response

    def close(self) -> None:
        """Close the connections, too: urllib3 leaves them to finalizers, and while the interpreter exits none runs."""
        for adapter in self.adapters.values():
            if isinstance(adapter, HTTPAdapter):
                for manager in (adapter.poolmanager, *adapter.proxy_manager.values()):
                    for key in manager.pools.keys():  # noqa: SIM118 - it is no mapping to iterate over
                        manager.pools[key].close()
        super().close()


def _answer_of(response: requests.Response) -> Answer:
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    is_good = 200 <= response.status_code < 300
    return Answer(
        status=response.status_code,
        web_page=is_good and kind == "text/html",
        too_large=response.status_code == 413,
        retry_after_s=_seconds(response.headers.get("Retry-After")),
        rejected_spans=_rejected(response.content) if is_good and kind == "application/x-protobuf" else 0,
    )


def _seconds(value: str | None) -> float | None:
    return float(value) if value is not None and value.strip().isdecimal() else None


def _rejected(content: bytes) -> int:
    try:
        return int(ExportTraceServiceResponse.FromString(content).partial_success.rejected_spans)
    except Exception:  # whatever it is, the batch was taken
        return 0
