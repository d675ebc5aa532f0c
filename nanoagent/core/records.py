"""The span record: what the counting rule needs to know of one finished span.

Every source of spans (the run itself, an SDK span, a line of a file, a trace from Jaeger) makes the same record of the
same span, through `SpanRecord.of`; whatever counts takes records and nothing else.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any, Final, NamedTuple, TypeVar

from nanoagent.core import producers
from nanoagent.tracing import names

_T = TypeVar("_T")

CANCELLED_ERROR_TYPE: Final = "asyncio.exceptions.CancelledError"
"""`error.type` of what was cancelled rather than failed."""
UNSPECIFIED_ERROR_TYPE: Final = "_OTHER"
"""`error.type` of a failed span that names none; the conventions' own word for it."""
MAX_COUNT: Final = 2**63
"""Counts are below this: no attribute holds more."""
MAX_TOKENS: Final = 10**9
"""A call that is said to have used so many tokens has none that are known: no model takes a thousandth of it."""
MAX_COST_USD: Final = 10**9
"""A call that is said to cost so much has no known price."""
MAX_SECONDS: Final = 10**6
"""A first chunk that is said to have taken so long has no known time."""
NS_PER_S: Final = 1_000_000_000
COST_STEP_USD: Final = Decimal("1e-12")
"""Prices are kept to this step: their sums survive a round trip through a JSON number up to some 8,000 USD."""
MONEY: Final = Context(prec=60, rounding=ROUND_HALF_EVEN, traps=[])
"""How money is rounded and added up, whatever the application has set for its own decimals."""


TOKEN_KEYS: Final = (
    names.INPUT_TOKENS,
    names.OUTPUT_TOKENS,
    names.CACHE_READ_TOKENS,
    names.CACHE_CREATION_TOKENS,
    names.REASONING_TOKENS,
)
"""In the order of the fields of `ModelCall`."""
_SUMMARY_KEYS: Final = (
    names.RUN_ITERATIONS,
    names.RUN_API_CALLS,
    names.RUN_TOOL_CALLS,
    names.TASKS_COMPLETED,
    names.TASKS_TOTAL,
    names.RUN_INPUT_TOKENS,
    names.RUN_OUTPUT_TOKENS,
    names.RUN_SPANS,
)
"""In the order of the counts of `RunSummary`."""


_CALLS_OF_OTHERS: Final = (
    *names.INFERENCE_OPERATIONS,
    producers.ATTEMPT,
    producers.CALL_AROUND_TOOLS,
    producers.STREAM_USAGE,
)


class ModelCall(NamedTuple):
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

    @property
    def is_measured(self) -> bool:
        """Whether input and output tokens are known, both."""
        return self.input_tokens is not None and self.output_tokens is not None


class RunSummary(NamedTuple):
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
    spans: int | None


class SpanRecord(NamedTuple):
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
    """`gen_ai.operation.name`, or `iteration` for our iterations; `None` for any other span, and for a tool that was
    deferred. Of spans of others what `producers` makes of them."""
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
    agent_tokens: int | None = None
    """On agents and workflows of others alone: the input and output tokens that they say they used."""

    @classmethod
    def of(
        cls,
        trace_id: str | None,
        span_id: str,
        parent_span_id: str | None,
        start_ns: int,
        end_ns: int,
        name: str,
        attributes: Mapping[str, Any],
        failed: bool,  # noqa: FBT001 - called with what spans keep, in this order
        exception_type: str | None = None,
    ) -> "SpanRecord":
        """Make the record of a span from its parts.

        Args:
            trace_id: See the field, as the next four.
            span_id: See the field.
            parent_span_id: See the field.
            start_ns: See the field.
            end_ns: See the field.
            name: The span's name.
            attributes: Its attributes, as the SDK has them.
            failed: Whether its status is ERROR.
            exception_type: `exception.type` of its exception event, for producers that set no `error.type`.
        """
        get = attributes.get
        error_type = _text(get(names.ERROR_TYPE)) or exception_type or UNSPECIFIED_ERROR_TYPE if failed else None
        run_id = get(names.RUN_ID)
        if not isinstance(run_id, str):
            return _of_others(trace_id, span_id, parent_span_id, start_ns, end_ns, attributes, error_type)
        operation, phase, iteration = get(names.OPERATION_NAME), get(names.PHASE), get(names.ITERATION)
        if not isinstance(phase, str):
            phase = None
        if iteration is not None:
            iteration = as_count(iteration)
        if operation == names.OP_TOOL and names.DEFERRED in attributes:
            operation = None  # a question, which is asked before the call is made
        if operation is None and name == names.ITERATION_SPAN and iteration is not None:
            operation = names.ITERATION_SPAN
        root = is_root(attributes)
        # Every span comes by here: a named tuple's own way to make one takes twice the time.
        return tuple.__new__(
            cls,
            (
                trace_id,
                span_id,
                parent_span_id,
                start_ns,
                end_ns,
                operation,
                run_id,
                _text(get(names.PARENT_RUN_ID)) if root else None,
                phase,
                iteration,
                error_type,
                _call_of(attributes) if operation in names.INFERENCE_OPERATIONS else None,
                _summary_of(attributes) if root else None,
                None,
            ),
        )


def _of_others(
    trace_id: str | None,
    span_id: str,
    parent_span_id: str | None,
    start_ns: int,
    end_ns: int,
    attributes: Mapping[str, Any],
    error_type: str | None,
) -> SpanRecord:
    operation = producers.operation_of(attributes, error_type=error_type)
    call, agent_tokens = None, None
    if operation in _CALLS_OF_OTHERS:
        call = _call_of_others(attributes)
        if operation == producers.ATTEMPT and producers.was_answered(attributes):
            error_type = None
    elif operation in producers.AGENT_OPERATIONS:
        known = [count for keys in producers.AGENT_USAGE if (count := _first(attributes, keys, as_count)) is not None]
        agent_tokens = sum(known) if known else None
    return SpanRecord(
        trace_id,
        span_id,
        parent_span_id,
        start_ns,
        end_ns,
        operation,
        error_type=error_type,
        call=call,
        agent_tokens=agent_tokens,
    )


def is_root(attributes: Mapping[str, Any]) -> bool:
    """Whether a span of a run with these attributes is its root: it carries the run's status and is no call."""
    operation = attributes.get(names.OPERATION_NAME)
    if names.STATUS not in attributes:
        return operation == names.OP_WORKFLOW
    if operation == names.OP_TOOL:
        return names.DEFERRED in attributes
    return operation not in names.INFERENCE_OPERATIONS


def exception_type_in(events: Iterable[Mapping[str, Any]]) -> str | None:
    """Of the attributes of some exception events, the type that the last one names which names any."""
    types = [attributes.get(names.EXCEPTION_TYPE) for attributes in events]
    return next((found for found in reversed(types) if isinstance(found, str)), None)


def status_of(error_type: str | None) -> str:
    """The status of a run that is an agent's own or of others, by what its root failed with."""
    if error_type is None:
        return "completed"
    return "cancelled" if error_type == CANCELLED_ERROR_TYPE else "failed"


def as_count(value: object) -> int | None:
    """A count as the spans should hold it; anything but a non-negative integer is unknown."""
    return value if type(value) is int and 0 <= value < MAX_COUNT else None


def as_cost_usd(value: object) -> Decimal | None:
    """A price in USD to the step that is kept; anything but a finite, non-negative number is unknown."""
    if value is None or type(value) not in (int, float, Decimal):
        return None
    price = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)  # type: ignore[arg-type]
    return price.quantize(COST_STEP_USD, context=MONEY) if price.is_finite() and 0 <= price < MAX_COST_USD else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def as_tokens(value: object) -> int | None:
    """The tokens of a call; anything but a non-negative integer that a call can have used is unknown."""
    return value if type(value) is int and 0 <= value < MAX_TOKENS else None


def tokens_of(values: Iterable[object]) -> list[int | None]:
    """What `as_tokens` makes of each of the values: one call for all of them, since every span comes by here."""
    return [value if type(value) is int and 0 <= value < MAX_TOKENS else None for value in values]


def _call_of(attributes: Mapping[str, Any]) -> ModelCall:
    get = attributes.get
    input_tokens, output_tokens, cached, created, reasoning = tokens_of(map(get, TOKEN_KEYS))
    cost_usd, first_chunk_s = get(names.OPERATION_COST), get(names.TIME_TO_FIRST_CHUNK)
    return ModelCall(
        _text(get(names.RESPONSE_MODEL)) or _text(get(names.REQUEST_MODEL)),
        input_tokens,
        output_tokens,
        cached,
        created,
        reasoning,
        None if cost_usd is None else as_cost_usd(cost_usd),
        None if first_chunk_s is None else _as_ns(first_chunk_s),
    )


def _call_of_others(attributes: Mapping[str, Any]) -> ModelCall:
    input_tokens, output_tokens, cached, created, reasoning = (
        _first(attributes, keys, as_tokens) for keys in producers.USAGE
    )
    return ModelCall(
        _first(attributes, producers.MODEL, _name),
        input_tokens,
        output_tokens,
        cached,
        created,
        reasoning,
        _first(attributes, producers.COST_USD, as_cost_usd),
        _first(attributes, producers.FIRST_CHUNK_S, _as_ns),
    )


def _first(attributes: Mapping[str, Any], keys: Iterable[str], usable: Callable[[Any], _T | None]) -> _T | None:
    """The first usable value that stands under one of the keys."""
    found = (usable(attributes[key]) for key in keys if key in attributes)
    return next((value for value in found if value is not None), None)


def _name(value: object) -> str | None:
    return _text(value) or None


def _as_ns(seconds: object) -> int | None:
    if type(seconds) not in (int, float):
        return None
    return round(seconds * NS_PER_S) if 0 <= seconds < MAX_SECONDS else None  # type: ignore[operator]


def _summary_of(attributes: Mapping[str, Any]) -> RunSummary:
    get = attributes.get
    iterations, api_calls, tool_calls, completed, total, input_tokens, output_tokens, spans = [
        as_count(get(key)) for key in _SUMMARY_KEYS
    ]
    cost_usd = get(names.RUN_COST_USD)
    return RunSummary(
        _text(get(names.STATUS)),
        _text(get(names.STOP_REASON)),
        iterations,
        api_calls,
        tool_calls,
        completed,
        total,
        input_tokens,
        output_tokens,
        None if cost_usd is None else as_cost_usd(cost_usd),
        spans,
    )
