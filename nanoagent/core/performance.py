"""Performance metrics: the numbers of one run, as plain data.

How they come about is written in `nanoagent.core.counting`, and nowhere else.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from types import NoneType
from typing import Any, Self, get_args

NS_PER_S = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What is counted, over whatever part of a run it is counted."""

    api_calls: int = 0
    """Model calls: answered, failed and cancelled ones."""
    failed_api_calls: int = 0
    """Model calls that raised."""
    cancelled_api_calls: int = 0
    """Model calls that were cancelled, or whose stream was broken off."""
    unmeasured_api_calls: int = 0
    """Answered model calls without input or output tokens: above 0, the token sums are lower bounds."""
    unpriced_api_calls: int = 0
    """Answered model calls without a price."""
    input_tokens: int | None = 0
    """`None` when no call said."""
    output_tokens: int | None = 0
    """`None` when no call said."""
    cached_input_tokens: int | None = 0
    """Part of the input tokens; `None` when no call said."""
    cache_creation_input_tokens: int | None = 0
    """Part of the input tokens; `None` when no call said."""
    reasoning_tokens: int | None = 0
    """Part of the output tokens; `None` when no call said."""
    tool_calls: int = 0
    """Tool calls that a model asked for, also those that could not be made."""
    failed_tool_calls: int = 0
    """Tool calls that ended in an error."""
    cost_usd: Decimal | None = None
    """`None` when no call was answered, or an answered one has no price."""
    cost_usd_known: Decimal = Decimal(0)
    """The priced part of the cost."""
    llm_ns: int = 0
    """Time in which at least one model call ran."""
    tool_ns: int = 0
    """Time in which at least one tool and no model call ran."""
    other_ns: int = 0
    """The rest of the duration."""
    parallel_ns: int = 0
    """What the durations of calls and tools add up to beyond the time in which at least one ran."""
    first_chunk_ns: int | None = None
    """From the start of the first streamed call to its first chunk; `None` where nothing was streamed."""

    @property
    def tokens_used(self) -> int | None:
        """Input plus output tokens; a lower bound when one of them is unknown, `None` when both are."""
        known = [n for n in (self.input_tokens, self.output_tokens) if n is not None]
        return sum(known) if known else None

    @property
    def duration_ns(self) -> int:
        """Model, tool and other time: the whole duration, exactly."""
        return self.llm_ns + self.tool_ns + self.other_ns

    @property
    def llm_seconds(self) -> float:
        """`llm_ns` in seconds."""
        return self.llm_ns / NS_PER_S

    @property
    def tool_seconds(self) -> float:
        """`tool_ns` in seconds."""
        return self.tool_ns / NS_PER_S

    @property
    def other_seconds(self) -> float:
        """`other_ns` in seconds."""
        return self.other_ns / NS_PER_S

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields, with `tokens_used` and `duration_seconds`; money as a number."""
        fields = {field.name: _plain(getattr(self, field.name)) for field in dataclasses.fields(self)}
        return fields | {"tokens_used": self.tokens_used, "duration_seconds": self.duration_ns / NS_PER_S}

    @classmethod
    def of(cls, *values: Any) -> Self:
        """Make one from the values of all its fields, in their order, which takes half as long as by their names."""
        made = object.__new__(cls)
        for set_field, value in zip(_setters(cls), values, strict=True):  # type: ignore[arg-type]
            set_field(made, value)
        return made

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`, up to the digits of money that a JSON number has; other keys are left out.

        Raises:
            ValueError: A value cannot be what its field holds.
        """
        if not isinstance(data, Mapping):
            raise ValueError(f"not metrics: expected a mapping of fields, got {data!r}")
        kinds = {field.name: field.type for field in dataclasses.fields(cls)}
        given = {key: _typed(key, kinds[key], value) for key, value in data.items() if key in kinds}
        try:
            return cls(**given)
        except TypeError as error:  # a field that has no default is not there
            raise ValueError(f"not metrics: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseCounts(Counts):
    """The counts of one phase of a run."""

    phase: str
    """plan, execute or reflect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IterationCounts(Counts):
    """The counts of one iteration of a run."""

    iteration: int
    """1-based."""


@dataclass(frozen=True, slots=True)
class PerformanceMetrics(Counts):
    """The numbers of one run, those of runs nested in it included.

    `PerformanceMetrics(goal=...)` alone is a run that has just begun.

    Example:
        >>> PerformanceMetrics(goal="What is 5 + 3?").to_dict()["status"]
        'running'
    """

    goal: str | None = None
    """`None` where it is not known: a goal is content and stands on no span."""
    _: KW_ONLY
    run_id: str | None = None
    parent_run_id: str | None = None
    """The run that this one is nested in."""
    trace_id: str | None = None
    """32 hex digits; `None` for a run that was not traced."""
    start_time_unix_ns: int | None = None
    end_time_unix_ns: int | None = None
    """`None` while the run goes on, and where its root is missing."""
    status: str = "running"
    """running, completed, incomplete, failed or cancelled."""
    stop_reason: str | None = None
    error_type: str | None = None
    """Class name of what ended a failed or cancelled run."""
    models: tuple[str, ...] = ()
    """The models that were called, sorted."""
    iterations: int | None = 0
    """`None` for an agent's own run, as tasks and stop reason are: it has none."""
    tasks_completed: int | None = 0
    tasks_total: int | None = 0
    untracked_api_calls: int = 0
    """Model calls inside the run that others traced, as far as the spans of others are seen; in no other number."""
    untracked_tokens: int = 0
    """Input and output tokens of the untracked calls, as far as they are known; in no other number."""
    remote_usage: int = 0
    """Tokens of remote agents whose calls are not in the trace; in no other number."""
    by_phase: tuple[PhaseCounts, ...] = ()
    """In the order plan, execute, reflect; only phases that occurred."""
    by_iteration: tuple[IterationCounts, ...] = ()
    """In order."""
    complete: bool | None = None
    """Whether every span of the run was seen; `None` when the run did not say how many there are."""

    @property
    def start_time(self) -> datetime | None:
        """`start_time_unix_ns` as a time in UTC, to the microsecond."""
        return _as_datetime(self.start_time_unix_ns)

    @property
    def end_time(self) -> datetime | None:
        """`end_time_unix_ns` as a time in UTC, to the microsecond."""
        return _as_datetime(self.end_time_unix_ns)

    def duration_seconds(self) -> float:
        """From start to end, so far while the run goes on."""
        return self.duration_ns / NS_PER_S


@cache
def _setters(cls: type[Counts]) -> tuple[Callable[[Counts, Any], None], ...]:
    """What sets the fields of a frozen dataclass with slots, in their order."""
    return tuple(getattr(cls, field.name).__set__ for field in dataclasses.fields(cls))


def _as_datetime(unix_ns: int | None) -> datetime | None:
    if unix_ns is None:
        return None
    try:
        return _EPOCH + timedelta(microseconds=unix_ns // 1000)
    except OverflowError:  # later than the year 9999
        return None


def _plain(value: object) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, tuple):
        return [item.to_dict() if isinstance(item, Counts) else item for item in value]
    return value


def _typed(key: str, kind: Any, value: Any) -> Any:
    """A value of `to_dict` as its field, annotated with `kind`, holds it."""
    may_be_unknown, kind = _parts(kind)
    if may_be_unknown and value is None:
        return None
    if kind is int:
        is_large = type(value) is int and value >= 2**63  # no float may hold it
        wanted = "less than 2**63" if is_large else "a whole number of 0 or more"
        good = type(value) is int and value >= 0 and not is_large
    elif kind is Decimal:
        wanted = "a finite number of 0 or more"
        good = type(value) in (int, float, Decimal) and 0 <= value < math.inf
        value = Decimal(repr(value) if isinstance(value, float) else value) if good else value
    elif kind in (bool, str):
        wanted, good = "true, false or null" if kind is bool else "text", isinstance(value, kind)
    else:
        item, _ = get_args(kind)
        wanted, good = "a list", isinstance(value, Sequence) and not isinstance(value, str | bytes)
        value = tuple(_typed(key, str, one) if item is str else item.from_dict(one) for one in value) if good else value
    if not good:
        raise ValueError(f"not metrics: {key} must be {wanted}, got {value!r}")
    return value


@cache
def _parts(kind: Any) -> tuple[bool, Any]:
    """Whether `None` is one of the values that a field holds, and what the others are."""
    parts = get_args(kind)
    return (True, parts[0]) if NoneType in parts else (False, kind)
