"""The delivery of spans: what was accepted, what was refused, and whether anybody listens."""

import logging
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class DeliveryReport:
    """What became of the spans that ended, at one destination."""

    destination: str
    """The exporter's name: file, jaeger or otlp."""
    accepted_spans: int
    refused_spans: int
    """Spans of batches that failed; they are lost."""
    unknown_spans: int = 0
    """Spans that wait, are under way, or fell out of a full queue."""
    last_reason: str | None = None
    """Why spans did not arrive: an exception's class, `refused`, or a few words of ours. `None` while they did."""


class AcceptanceExporter(SpanExporter):
    """An exporter that knows what was accepted; it never raises, whatever the exporter inside does."""

    def __init__(self, exporter: SpanExporter, destination: str) -> None:
        self._exporter = exporter
        self._destination = destination
        self._lock = threading.Lock()
        self._expected = self._accepted = self._refused = 0
        self._last_reason: str | None = None
        self._refusing: str | None = None
        self._said: set[str] = set()
        for name in _EXPORTER_LOGGERS:
            logging.getLogger(name).addFilter(_ONCE)

    def expect(self) -> None:
        """Count a span that is on its way to `export`."""
        with self._lock:
            self._expected += 1

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Pass the batch on, and count it as accepted or refused."""
        with self._lock:
            self._expected = max(self._expected, self._accepted + self._refused + len(spans))
        reason = self._refusing or self._failure_of(spans)
        with self._lock:
            if reason is None:
                self._accepted += len(spans)
                return SpanExportResult.SUCCESS
            self._refused += len(spans)
            self._last_reason = self._refusing or reason
        return SpanExportResult.FAILURE

    def shutdown(self, reason: str = "shut down") -> None:
        """Shut the exporter inside down, which ends its retries; every later batch is refused for that reason."""
        with self._lock:
            is_first, self._refusing = self._refusing is None, self._refusing or reason
            if is_first and self._expected > self._accepted + self._refused:
                self._last_reason = reason
        if is_first:
            try:
                self._exporter.shutdown()
            except Exception as error:
                self._log_once(error)

    def release(self) -> None:
        """Let go of the exporter inside, after its shutdown."""
        self._exporter = SpanExporter()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Flush the exporter inside."""
        try:
            return self._exporter.force_flush(timeout_millis)
        except Exception as error:
            self._log_once(error)
            return False

    def report(self) -> DeliveryReport:
        """The counts so far."""
        with self._lock:
            return DeliveryReport(
                destination=self._destination,
                accepted_spans=self._accepted,
                refused_spans=self._refused,
                unknown_spans=self._expected - self._accepted - self._refused,
                last_reason=self._last_reason,
            )

    def _failure_of(self, spans: Sequence[ReadableSpan]) -> str | None:
        _at_work.exporter = self
        try:
            return None if self._exporter.export(spans) is SpanExportResult.SUCCESS else "refused"
        except Exception as error:
            self._log_once(error)
            return type(error).__name__
        finally:
            _at_work.exporter = None

    def _may_say(self, message: str) -> bool:
        if self._refusing or message in self._said or message.startswith(_RETRYING):
            return False
        self._said.add(message)
        return True

    def _log_once(self, error: Exception) -> None:
        kind = type(error).__name__
        if kind not in self._said:
            self._said.add(kind)
            # An exporter's message can quote its URL or what it was sending; the class says what to look for.
            _logger.warning("the exporter %s failed: %s", self._destination, kind)


def listening(endpoint: str, timeout_s: float = 0.5) -> bool:
    """Whether a TCP connection to the endpoint's host and port can be made; true where that says nothing.

    It says nothing where a proxy is in between, or where the endpoint has no host, as a Unix socket.

    Args:
        endpoint: A URL, or `host:port`.
        timeout_s: For each of the host's addresses; looking the name up comes on top.
    """
    try:
        parts = urlsplit(endpoint if "://" in endpoint else f"//{endpoint}")
        host, port = parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
        if not host or ((parts.scheme or "http") in getproxies() and not proxy_bypass(host)):
            return True
        socket.create_connection((host, port), timeout_s).close()
    except (OSError, ValueError):
        return False
    return True


def silence_notice(endpoint: str) -> str:
    """The line for a start with nobody at the endpoint."""
    return (
        f"nothing listens at {shown(endpoint)}: traces will not arrive. Start Jaeger with: docker compose up -d jaeger"
    )


def loss_notice(report: DeliveryReport, endpoint: str | None) -> str | None:
    """The line for an end with spans that did not arrive; `None` when all did."""
    lost = report.refused_spans + report.unknown_spans
    if not lost:
        return None
    place = f"{report.destination} at {shown(endpoint)}" if endpoint else report.destination
    reason = f" ({report.last_reason})" if report.last_reason else ""
    return f"traces did not arrive: {lost} of {lost + report.accepted_spans} spans for {place}{reason}"


def shown(endpoint: str) -> str:
    """The endpoint without what may be secret in it: scheme, host and port.

    Example:
        >>> shown("http://user:secret@localhost:4318/v1/traces?key=1")
        'http://localhost:4318'
    """
    scheme, separator, rest = endpoint.rpartition("://")
    return f"{scheme}{separator}{rest.partition('?')[0].rpartition('@')[2].partition('/')[0]}"


_EXPORTER_LOGGERS: Final = (
    "opentelemetry.exporter.otlp.json.file.trace_exporter",
    "opentelemetry.exporter.otlp.proto.grpc.exporter",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
)


_RETRYING: Final = "Transient error"


_at_work = threading.local()


class _SaidOnce(logging.Filter):
    """Lets the SDK's exporters say each thing once while they work for us; of a dead port they speak every second."""

    def filter(self, record: logging.LogRecord) -> bool:
        exporter: AcceptanceExporter | None = getattr(_at_work, "exporter", None)
        return exporter is None or exporter._may_say(str(record.msg))


_ONCE = _SaidOnce()
