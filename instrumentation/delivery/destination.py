"""The destination: a place that spans go to, and a way out of it that never hangs."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Final

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from instrumentation.courier import Courier, outcome_of
from instrumentation.delivery.acceptance import AcceptanceExporter, DeliveryReport, listening
from instrumentation.delivery.exporters import Outlet, build_outlet
from nanoagent.errors import ConfigurationError

DEFAULT_DEADLINE_S: Final = 2.0
"""How long a flush or a shutdown may take."""


class Destination(BatchSpanProcessor):
    """A place that spans go to in batches; flushing it and closing it take no longer than the caller wants."""

    def __init__(
        self,
        exporter: SpanExporter,
        *,
        name: str,
        endpoint: str | None,
        max_queue_size: int = 8192,
        max_export_batch_size: int = 64,
        schedule_delay_ms: float = 1_000,
    ) -> None:
        """Start the worker that sends.

        Args:
            exporter: What sends a batch.
            name: The destination's name in reports.
            endpoint: Its URL; `None` where there is none, as for a file.
            max_queue_size: Spans that may wait; of more, the oldest are lost and stay unknown.
            max_export_batch_size: Spans in a batch.
            schedule_delay_ms: Longest wait before spans are sent.

        Raises:
            ValueError: A size or the delay is not positive, or a batch is larger than the queue.
        """
        self._acceptance = AcceptanceExporter(exporter, name)
        super().__init__(self._acceptance, max_queue_size, schedule_delay_ms, max_export_batch_size)
        self.endpoint = endpoint
        self._closed: Future[bool] | None = None
        # Two, so that closing does not queue behind a flush that hangs. They start now because from Python 3.12 on no
        # thread can start while the interpreter exits, which is when they are needed.
        self._flusher, self._closer = Courier(f"nanoagent-flush-{name}"), Courier(f"nanoagent-close-{name}")

    def on_end(self, span: ReadableSpan) -> None:
        """Queue the span when it is sampled."""
        if span.context and span.context.trace_flags.sampled:
            self._acceptance.expect()
        super().on_end(span)

    def report(self) -> DeliveryReport:
        """The counts so far."""
        return self._acceptance.report()

    def is_listening(self) -> "Future[bool]":
        """Whether something listens at the endpoint, found out aside because looking a name up can take long."""
        endpoint = self.endpoint
        return self._closer.run(lambda: endpoint is None or listening(endpoint))

    def start_flush(self) -> "Future[bool]":
        """Start to send what has ended; true when all of that was accepted or refused."""
        return self._flusher.run(self._flush)

    def start_close(self) -> "Future[bool]":
        """Start to send what has ended and to shut down; true when all was accepted. A second time is the same."""
        if self._closed is None:
            self._closed = self._closer.run(self._close)
            self._closer.stop()
            self._flusher.stop()
        return self._closed

    def give_up(self, reason: str = "no answer in time") -> None:
        """Wait for nothing any more: what is not accepted yet will be refused or stay unknown."""
        self._acceptance.shutdown(reason)

    def force_flush(self, timeout_millis: int | None = None) -> bool:
        """Send what has ended; whether that was done in time."""
        timeout_s = DEFAULT_DEADLINE_S if timeout_millis is None else timeout_millis / 1_000
        return outcome_of(self.start_flush(), timeout_s)

    def shutdown(self) -> None:
        """Send what has ended, and shut down: for a provider that knows no deadline, within the default one."""
        if self._closed is None and not outcome_of(self.start_close(), DEFAULT_DEADLINE_S):
            self.give_up()

    def _flush(self) -> bool:
        report = self.report()
        due = report.accepted_spans + report.refused_spans + report.unknown_spans
        super().force_flush()
        report = self.report()
        return report.accepted_spans + report.refused_spans >= due

    def _close(self) -> bool:
        # The retries of a whole queue against a closed port take minutes, and cannot succeed.
        if self.endpoint is not None and not listening(self.endpoint):
            self.give_up("nothing listens")
        super().shutdown()  # type: ignore[no-untyped-call]
        # A request that was under way has opened a connection pool anew; left to the interpreter's end, urllib3
        # complains about it on stderr.
        self._acceptance.release()
        report = self.report()
        return not report.refused_spans and not report.unknown_spans


def destinations_of(exporters: Sequence[str], env: Mapping[str, str]) -> list[Destination]:
    """The destinations of these exporters, their batches as `OTEL_BSP_*` says.

    Raises:
        ConfigurationError: A setting cannot be used; what was built before that is shut down.
    """
    queue_size = _positive(env, "OTEL_BSP_MAX_QUEUE_SIZE", 8_192)
    batch_size = _positive(env, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", min(64, queue_size), most=queue_size)
    delay_ms = _positive(env, "OTEL_BSP_SCHEDULE_DELAY", 1_000)
    return [
        Destination(
            outlet.exporter,
            name=outlet.name,
            endpoint=outlet.endpoint,
            max_queue_size=queue_size,
            max_export_batch_size=batch_size,
            schedule_delay_ms=delay_ms,
        )
        for outlet in _outlets(exporters, env)
    ]


def _outlets(exporters: Sequence[str], env: Mapping[str, str]) -> list[Outlet]:
    outlets: list[Outlet] = []
    try:
        for name in exporters:
            outlets.append(build_outlet(name, env))  # noqa: PERF401 - those before a failure must be closed
    except ConfigurationError:
        for outlet in outlets:
            AcceptanceExporter(outlet.exporter, outlet.name).shutdown()
        raise
    return outlets


def _positive(env: Mapping[str, str], variable: str, default: int, *, most: int | None = None) -> int:
    """An integer variable of the standard ones for batches; an empty one counts as unset."""
    value = env.get(variable) or str(default)
    number = int(value) if value.strip().isdecimal() else 0
    if number < 1 or (most is not None and number > most):
        raise ConfigurationError(f"{variable} must be an integer from 1{f' to {most}' if most else ''}, got {value!r}")
    return number
