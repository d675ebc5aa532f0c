"""The gRPC exporters, of which each answer is heard."""

from typing import Any, Final

import grpc  # type: ignore[import-untyped]
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from opentelemetry.exporter.otlp.proto.grpc.exporter import OTLPExporterMixin
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

from instrumentation.otlp.answers import Answer, hear
from instrumentation.otlp.grpc_calls import call

_TOO_LARGE: Final = ("larger than max", "too large")
"""What gRPC libraries write of a message over the limit, in a status that also stands for a busy receiver."""


class _Heard(OTLPExporterMixin):  # type: ignore[type-arg]
    """An official exporter, which of an answer tells a class of failure in its log, once a minute, and no more."""

    def _initialize_channel_and_stub(self) -> None:
        # It calls this again to connect anew; there is no public way to its client.
        super()._initialize_channel_and_stub()  # type: ignore[no-untyped-call]
        client: Any = _HeardClient(self._client)
        self._client = client


class HeardSpanExporter(_Heard, OTLPSpanExporter):
    """The one for spans."""


class HeardMetricExporter(_Heard, OTLPMetricExporter):
    """The one for metrics."""


class _HeardClient:
    def __init__(self, client: Any) -> None:
        self._client = client

    def Export(self, **arguments: Any) -> Any:  # noqa: N802 - gRPC's name
        try:
            with call():
                response = self._client.Export(**arguments)
        except grpc.RpcError as error:
            hear(_answer_of(error))
            raise
        hear(Answer(rejected=_rejected(response.partial_success)))
        return response


def _rejected(partial: Any) -> int:
    of_spans = hasattr(partial, "rejected_spans")
    return int(partial.rejected_spans if of_spans else partial.rejected_data_points)


def _answer_of(error: Any) -> Answer:
    code = str(error.code().name)
    details = str(error.details()).lower()
    return Answer(
        code=code,
        too_large=code == "RESOURCE_EXHAUSTED" and any(words in details for words in _TOO_LARGE),
        retry_after_s=_retry_after_s(error),
    )


def _retry_after_s(error: Any) -> float | None:
    found = dict(error.trailing_metadata() or ()).get("google.rpc.retryinfo-bin")
    if found is None:
        return None
    try:
        delay = RetryInfo.FromString(found).retry_delay
    except Exception:  # whatever it is, it says no time
        return None
    return float(delay.seconds + delay.nanos / 1e9)
