"""The HTTP session of an exporter, which hears what the receiver answers."""

from typing import Any

import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from instrumentation.delivery.answers import Answer, hear


class NoReceiverError(requests.RequestException):
    """Something answered that takes no spans: a web page, or a redirection."""


class HeardSession(requests.Session):
    """A session of which each answer is heard; one that no receiver gives is an error, whatever its status."""

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        """Make a request without following redirections: credentials are for the receiver alone.

        Raises:
            NoReceiverError: The exporter would take the answer for success.
        """
        try:
            response = super().request(*args, **{**kwargs, "allow_redirects": False})
        except Exception as error:
            hear(Answer(error=type(error).__name__))
            raise
        answer = _answer_of(response)
        hear(answer)
        if answer.web_page or 300 <= response.status_code < 400:
            raise NoReceiverError(answer.reason)
        return response


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
