"""The sampler that keeps every span for the numbers."""

from collections.abc import Sequence
from typing import Final, cast

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_ON,
    DEFAULT_ON,
    AlwaysRecordSampler,
    Decision,
    Sampler,
    SamplingResult,
)
from opentelemetry.util.types import Attributes

from nanoagent.tracing import names


class RecordingSampler(AlwaysRecordSampler):
    """Records every span whole, also those that the sampler inside does not let be exported.

    Example:
        >>> TracerProvider(sampler=RecordingSampler(ParentBased(TraceIdRatioBased(0.1))))
    """

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: trace.SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[trace.Link] | None = None,
        trace_state: trace.TraceState | None = None,
    ) -> SamplingResult:
        """The decision of the sampler inside, with recording in place of dropping; a score of a run always goes out."""
        if attributes and names.EVALUATION_NAME in attributes:
            # One small span, in a trace of its own, that nobody will give a second time.
            return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes, trace_state)
        result = super().should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)
        # The SDK's samplers return no attributes for a span that they drop; it would start without its run's id.
        if result.decision is Decision.RECORD_ONLY and not result.attributes:
            result = SamplingResult(result.decision, attributes, result.trace_state)
        return result


def sampling_notices(provider: TracerProvider | None) -> list[str]:
    """The line for a provider whose sampler keeps spans from the aggregator, if it does."""
    sampler: Sampler | None = getattr(provider, "sampler", None)
    if sampler is None or isinstance(sampler, RecordingSampler):
        return []
    description = sampler.get_description()
    if description in _KEEPING:
        return []
    return [
        f"the tracer provider's sampler {description} can drop spans, or what they start with, and keep runs from the "
        "aggregator: wrap it in instrumentation.sampling.RecordingSampler, an AlwaysRecordSampler that keeps both"
    ]


# What the default one drops is what a remote caller decided to drop: no reason to warn everybody.
_KEEPING: Final = frozenset(
    cast("Sampler", sampler).get_description()
    for kept in (ALWAYS_ON, DEFAULT_ON)
    for sampler in (kept, AlwaysRecordSampler(kept))
)
