"""Steps: what a run did, one inside the other and one after the other, without ids and times."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import Final, NamedTuple

from instrumentation.comparing.facts import NO_FACTS, Facts
from nanoagent.core.lineage import Key, key_of
from nanoagent.core.others import Inside
from nanoagent.core.records import ModelCall, RunSummary, SpanRecord
from nanoagent.tracing import names


class StepKind(StrEnum):
    """What a step is."""

    RUN = "run"
    AGENT = "agent"
    ITERATION = "iteration"
    CALL = "call"
    TOOL = "tool"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that a run did."""

    kind: StepKind
    name: str
    """Of the model, the tool or the agent; empty where it is not known."""
    phase: str | None = None
    iteration: int | None = None
    error: str | None = None
    """`None` where nothing failed."""
    call: ModelCall | None = None
    """Of a model call."""
    summary: RunSummary | None = None
    """Of a run of ours."""
    facts: Facts = NO_FACTS
    inside: "tuple[Moment, ...]" = ()
    """In order. What a model call asked for comes after it, not inside it."""
    start_ns: int
    end_ns: int
    digest: bytes
    """The same for steps that are the same, with all that is inside them."""

    @property
    def tools(self) -> list["Step"]:
        """The tools that were called right inside it."""
        return self._of_kind(StepKind.TOOL)

    @property
    def calls(self) -> list["Step"]:
        """The model calls right inside it."""
        return self._of_kind(StepKind.CALL)

    def _of_kind(self, kind: StepKind) -> list["Step"]:
        return [step for moment in self.inside if moment[0].kind is kind for step in moment]


Moment = tuple[Step, ...]
"""Steps of one kind in no order: the tools that were called between two model calls, and what else went at once."""
Below = Callable[[SpanRecord], Iterable[SpanRecord]]
"""What lies right below a span."""
_KINDS: Final = {
    names.OP_WORKFLOW: StepKind.RUN,
    names.OP_AGENT: StepKind.AGENT,
    names.OP_PLAN: StepKind.AGENT,
    names.ITERATION_SPAN: StepKind.ITERATION,
    names.OP_TOOL: StepKind.TOOL,
}


class _Met(NamedTuple):
    """A span on the way down."""

    record: SpanRecord
    above: int
    """The number of the span that it was met below."""
    inside: Inside


def steps_of(root: SpanRecord, below: Below, facts: Mapping[Key, Facts]) -> Step:
    """The run as one step, with all that it did inside it.

    What counts is what the counting rule counts: of a run of ours the spans with a run's id, of others what `Inside`
    says. What lies below anything else takes its place.

    Args:
        root: The span of the run.
        below: What of it lies right below a span.
        facts: What spans say beyond their records.
    """
    met: list[_Met] = []
    ahead = [_Met(root, 0, Inside())]
    while ahead:
        one = ahead.pop()
        inside = one.inside.entered(one.record)
        ahead.extend(_Met(child, len(met), inside) for child in below(one.record))
        met.append(one)
    found: list[list[Step]] = [[] for _ in met]
    for number in range(len(met) - 1, 0, -1):
        record, above, inside = met[number]
        kind = _kind_of(record, inside, below, is_ours=root.run_id is not None)
        steps, found[number] = found[number], []
        found[above] += steps if kind is None else _placed(_step(record, kind, facts, steps), steps)
    if root.call is not None:
        found[0] = _placed(_step(root, StepKind.CALL, facts, ()), found[0])
    return _step(root, StepKind.AGENT if root.operation == names.OP_AGENT else StepKind.RUN, facts, found[0])


def _kind_of(record: SpanRecord, inside: Inside, below: Below, *, is_ours: bool) -> StepKind | None:
    if is_ours and record.run_id is None:
        return None
    if record.call is None:
        return _KINDS.get(record.operation or "")
    return StepKind.CALL if is_ours or inside.counts(record, below(record)) else None


def _placed(step: Step, found: Sequence[Step]) -> list[Step]:
    """What lies below a model call comes after it: some producers' calls last until their tools have run."""
    return [step, *found] if step.kind is StepKind.CALL else [step]


def _step(record: SpanRecord, kind: StepKind, facts: Mapping[Key, Facts], found: Sequence[Step]) -> Step:
    said = facts.get(key_of(record), NO_FACTS)
    inside = () if kind is StepKind.CALL else moments_of(found)
    name = (record.call.model if record.call else said.name) or ""
    return Step(
        kind=kind,
        name=name,
        phase=record.phase,
        iteration=record.iteration,
        error=record.error_type,
        call=record.call,
        summary=record.summary,
        facts=said,
        inside=inside,
        start_ns=record.start_ns,
        end_ns=record.end_ns,
        digest=_digest(kind, name, record, said, inside),
    )


def moments_of(steps: Iterable[Step]) -> tuple[Moment, ...]:
    """The steps in the order of their start, those together that are of one kind and in no order."""
    moments: list[list[Step]] = []
    lasts_ns = 0
    for step in sorted(steps, key=lambda one: (one.start_ns, one.end_ns, one.digest)):
        is_along = bool(moments) and moments[-1][0].kind is step.kind and _has_no_order(step, lasts_ns)
        lasts_ns = max(lasts_ns, step.end_ns) if is_along else step.end_ns
        if is_along:
            moments[-1].append(step)
        else:
            moments.append([step])
    return tuple(map(tuple, moments))


def _has_no_order(step: Step, lasts_ns: int) -> bool:
    """Whether the step goes along with those of its kind right before it, which last until then."""
    if step.kind is StepKind.TOOL:
        return True
    return step.kind is not StepKind.ITERATION and step.start_ns < lasts_ns


def _digest(kind: StepKind, name: str, record: SpanRecord, facts: Facts, inside: Sequence[Moment]) -> bytes:
    call, summary = record.call, record.summary
    told = (
        kind.value,
        name,
        record.error_type,
        (call.input_tokens, call.output_tokens) if call else None,
        (summary.status, summary.stop_reason, summary.tasks_completed, summary.tasks_total) if summary else None,
        (facts.finish, facts.arguments, facts.task, facts.outcome),
    )
    hashed = blake2b(repr(told).encode(errors="replace"), digest_size=16)
    for moment in inside:
        hashed.update(b"(")
        for digest in sorted(step.digest for step in moment):
            hashed.update(digest)
    return hashed.digest()
