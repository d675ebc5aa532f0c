"""The sender: gets a batch to a receiver, in parts where it does not take the whole."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter

from instrumentation.otlp.answers import Answer, Fault, last_answer_to, silence_exporters
from instrumentation.otlp.sizes import NO_SIZE, bytes_of, parts_of, shortened

MAX_ATTEMPTS: Final = 40
"""For one batch: enough to find two spans among 64 that the receiver does not take."""


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """Spans that were accepted."""

    spans: Sequence[ReadableSpan]
    rejected: int = 0
    """So many of them were not taken after all, the receiver says; not which."""
    shortened: int = 0
    """So many of them arrived without their long texts."""


Sent = Callable[[Arrival], object]
"""Told of spans as soon as they are accepted."""


class Sender:
    """Sends batches through an exporter; it never raises."""

    def __init__(self, exporter: SpanExporter, *, max_batch_bytes: int) -> None:
        """Send batches of at most so many bytes, fewer once the receiver has called one too large."""
        silence_exporters()
        self._exporter = exporter
        self._max_span_bytes = self._max_batch_bytes = max_batch_bytes
        self._attempts = 0
        self._last_refusal = Answer()

    def send(self, spans: Sequence[ReadableSpan], sent: Sent) -> Answer | None:
        """Send the spans.

        Returns:
            What was said to the last part that was not accepted; `None` when all was. Where it is nobody's fault but
            the batch's, all of the batch that can be has arrived.
        """
        self._attempts = 0
        worst: Answer | None = None
        for part in parts_of(spans, self._max_batch_bytes):
            refusal = self._send_part(part, sent)
            worst = refusal or worst
            if refusal is not None and refusal.fault is not Fault.BATCH:
                break
        return worst

    def shut_down(self) -> bool:
        """Shut the exporter down; true when that is done."""
        self._exporter.shutdown()
        return True

    def _send_part(self, part: Sequence[ReadableSpan], sent: Sent) -> Answer | None:
        if len(part) == 1 and bytes_of(part[0]) > self._max_span_bytes:
            return self._send_shortened(part[0], sent)
        answer = self._attempt(part)
        if answer.accepted:
            sent(Arrival(spans=part, rejected=answer.rejected))
            return None
        if answer.fault is not Fault.BATCH:
            return answer
        if len(part) > 1:
            if answer.too_large:
                self._max_batch_bytes = max(1, sum(map(bytes_of, part)) // 2)
            return self._send_halves(part, sent)
        refusal = self._send_shortened(part[0], sent)
        return answer if refusal is not None else None

    def _send_halves(self, part: Sequence[ReadableSpan], sent: Sent) -> Answer | None:
        half = len(part) // 2
        first = self._send_part(part[:half], sent)
        if first is not None and first.fault is not Fault.BATCH:
            return first
        return self._send_part(part[half:], sent) or first

    def _send_shortened(self, span: ReadableSpan, sent: Sent) -> Answer | None:
        """Send what is left of the span without its long texts, if that is less."""
        less = shortened(span)
        if bytes_of(less) >= bytes_of(span):
            return Answer(too_large=bytes_of(span) != NO_SIZE)
        answer = self._attempt([less])
        if not answer.accepted:
            return answer
        sent(Arrival(spans=[span], rejected=answer.rejected, shortened=1))
        return None

    def _attempt(self, spans: Sequence[ReadableSpan]) -> Answer:
        if self._attempts >= MAX_ATTEMPTS:
            return self._last_refusal
        self._attempts += 1
        answer = last_answer_to(self._exporter, spans)
        if not answer.accepted:
            self._last_refusal = answer
        return answer
