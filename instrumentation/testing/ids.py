"""Ids that can be told before."""

from opentelemetry.sdk.trace.id_generator import IdGenerator


class CountingIds(IdGenerator):
    """Trace and span ids that count from 1."""

    def __init__(self) -> None:
        self._traces = 0
        self._spans = 0

    def generate_trace_id(self) -> int:
        """The next trace id."""
        self._traces += 1
        return self._traces

    def generate_span_id(self) -> int:
        """The next span id."""
        self._spans += 1
        return self._spans
