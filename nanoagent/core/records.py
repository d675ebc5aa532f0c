"""The span record: what the counting rule needs to know of one finished span.

Every source of spans (the run itself, an SDK span, a line of a file, a trace from Jaeger) makes the same record of the
same span, through `SpanRecord.of`; whatever counts takes records and nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any, Final

from nanoagent.tracing import names

CANCELLED_ERROR_TYPE: Final = "asyncio.exceptions.CancelledError"
"""`error.type` of what was cancelled rather than failed."""
UNSPECIFIED_ERROR_TYPE: Final = "_OTHER"
"""`error.type` of a failed span that names none; the conventions' own word for it."""
MAX_COST_USD: Final = 10**9
"""A call that is said to cost so much has no known price."""
MAX_SECONDS: Final = 10**6
"""A first chunk that is said to have taken so long has no known time."""
NS_PER_S: Final = 1_000_000_000
COST_STEP_USD: Final = Decimal("1e-12")
"""Prices are kept to this step, so that sums survive a round trip through a JSON number."""
MONEY: Final = Context(prec=60, rounding=ROUND_HALF_EVEN, traps=[])
"""How money is rounded and added up, whatever the application has set for its own decimals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCall:
    """What a chat span says of its model call."""

    model: str | None
    """The model that answered; the requested one where none did."""
    input_tokens: int | None = None
    """All input tokens; `None` when the provider did not say."""
    output_tokens: int | None = None
    """All output tokens; `None` when the provider did not say."""
    cached_input_tokens: int | None = None
    """The part of the input that was read from a cache."""
    cache_creation_input_tokens: int | None = None
    """The part of the input that was written to a cache."""
    reasoning_tokens: int | None = None
    """The part of the output that was reasoning."""
    cost_usd: Decimal | None = None
    """The price that the span carries; `None` when it carries none."""
    first_chunk_ns: int | None = None
    """From the request to the first chunk of its stream; `None` when it was not streamed or nothing came."""

    @property
    def tokens(self) -> int:
        """Input and output tokens, as far as they are known."""
        return (self.input_tokens or 0) + (self.output_tokens or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """What a run's root says of the whole run."""

    status: str | None
    stop_reason: str | None
    iterations: int | None
    api_calls: int | None
    tool_calls: int | None
    tasks_completed: int | None
    tasks_total: int | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanRecord:
    """One finished span, reduced to what is counted."""

    trace_id: str | None
    """32 hex digits; `None` where no SDK gave the span an id."""
    span_id: str
    """16 hex digits, or the run's own id for it where no SDK gave one."""
    parent_span_id: str | None
    start_ns: int
    """Unix time in nanoseconds."""
    end_ns: int
    """Unix time in nanoseconds."""
    operation: str | None
    """`gen_ai.operation.name`, or `iteration` for our iterations; `None` for any other span."""
    run_id: str | None = None
    """The run of ours that the span belongs to; `None` for spans of others."""
    parent_run_id: str | None = None
    """On the root of a nested run alone: the run that it is nested in."""
    phase: str | None = None
    iteration: int | None = None
    error_type: str | None = None
    """`None` where nothing failed."""
    call: ModelCall | None = None
    """On model calls alone."""
    summary: RunSummary | None = None
    """On a run's root alone."""

    @classmethod
    def of(
        cls,
        *,
        trace_id: str | None,
        span_id: str,
        parent_span_id: str | None,
        start_ns: int,
        end_ns: int,
        name: str,
        attributes: Mapping[str, Any],
        failed: bool,
    ) -> "SpanRecord":
        """Make the record of a span from its parts; `failed` is whether its status is ERROR."""
        get = attributes.get
        operation, run_id = get(names.OPERATION_NAME), _text(get(names.RUN_ID))
        if operation is None and name == names.ITERATION_SPAN and names.ITERATION in attributes:
            operation = names.ITERATION_SPAN
        return cls(
            trace_id=trace_id,
            span_id=span_id,
            parent_span_id=parent_span_id,
            start_ns=start_ns,
            end_ns=end_ns,
            operation=operation,
            run_id=run_id,
            parent_run_id=_text(get(names.PARENT_RUN_ID)),
            phase=_text(get(names.PHASE)),
            iteration=as_count(get(names.ITERATION)),
            error_type=get(names.ERROR_TYPE, UNSPECIFIED_ERROR_TYPE) if failed else None,
            call=_call_of(attributes) if operation in names.INFERENCE_OPERATIONS else None,
            summary=_summary_of(attributes) if run_id is not None and is_root(attributes) else None,
        )


def is_root(attributes: Mapping[str, Any]) -> bool:
    """Whether a span of a run with these attributes is its root: it carries the run's status, from its start."""
    return names.STATUS in attributes or attributes.get(names.OPERATION_NAME) == names.OP_WORKFLOW


def as_count(value: object) -> int | None:
    """A count as the spans should hold it; anything but a non-negative integer is unknown."""
    return value if type(value) is int and value >= 0 else None


def as_cost_usd(value: object) -> Decimal | None:
    """A price in USD to the step that is kept; anything but a finite, non-negative number is unknown."""
    if type(value) not in (int, float, Decimal):
        return None
    price = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)  # type: ignore[arg-type]
    return price.quantize(COST_STEP_USD, context=MONEY) if price.is_finite() and 0 <= price < MAX_COST_USD else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _call_of(attributes: Mapping[str, Any]) -> ModelCall:
    get = attributes.get
    return ModelCall(
        model=_text(get(names.RESPONSE_MODEL)) or _text(get(names.REQUEST_MODEL)),
        input_tokens=as_count(get(names.INPUT_TOKENS)),
        output_tokens=as_count(get(names.OUTPUT_TOKENS)),
        cached_input_tokens=as_count(get(names.CACHE_READ_TOKENS)),
        cache_creation_input_tokens=as_count(get(names.CACHE_CREATION_TOKENS)),
        reasoning_tokens=as_count(get(names.REASONING_TOKENS)),
        cost_usd=as_cost_usd(get(names.OPERATION_COST)),
        first_chunk_ns=_as_ns(get(names.TIME_TO_FIRST_CHUNK)),
    )


def _as_ns(seconds: object) -> int | None:
    known = isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 <= seconds < MAX_SECONDS
    return round(seconds * NS_PER_S) if known else None  # type: ignore[operator]


def _summary_of(attributes: Mapping[str, Any]) -> RunSummary:
    get = attributes.get
    return RunSummary(
        status=get(names.STATUS),
        stop_reason=get(names.STOP_REASON),
        iterations=as_count(get(names.RUN_ITERATIONS)),
        api_calls=as_count(get(names.RUN_API_CALLS)),
        tool_calls=as_count(get(names.RUN_TOOL_CALLS)),
        tasks_completed=as_count(get(names.TASKS_COMPLETED)),
        tasks_total=as_count(get(names.TASKS_TOTAL)),
        input_tokens=as_count(get(names.RUN_INPUT_TOKENS)),
        output_tokens=as_count(get(names.RUN_OUTPUT_TOKENS)),
        cost_usd=as_cost_usd(get(names.RUN_COST_USD)),
    )
