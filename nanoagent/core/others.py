"""The runs of others: agents and workflows that other producers traced, found by their place in the tree."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from nanoagent.core import producers
from nanoagent.core.counting import Fold
from nanoagent.core.lineage import Forest, Key, forest, key_of, parent_of
from nanoagent.core.records import SpanRecord, status_of
from nanoagent.core.streams import with_stream_usage
from nanoagent.tracing import names


@dataclass(slots=True)
class RunOfOthers:
    """A run in the making."""

    fold: Fold
    root: SpanRecord | None
    """`None` where it is missing."""
    spans: list[SpanRecord] = field(default_factory=list)
    missing_parents: set[str] = field(default_factory=set)
    encloses_ours: bool = False

    @property
    def is_one(self) -> bool:
        """Whether it has something that counts, or is an agent's and not only the frame of a run of ours."""
        is_agents = self.root is not None and self.root.operation in producers.AGENT_OPERATIONS
        return self.fold.counts_something or (is_agents and not self.encloses_ours)


def runs_of_others(spans: Mapping[Key, SpanRecord], ours: Iterable[SpanRecord]) -> list[RunOfOthers]:
    """The runs that these spans are made of.

    Args:
        spans: Spans that neither carry the id of a run of ours nor lie in one.
        ours: The spans of our runs, some of which may lie below some of `spans`.
    """
    spans = with_stream_usage(spans)
    walk = _Walk(forest(spans), above_ours={parent for record in ours if (parent := parent_of(record)) is not None})
    walk.down()
    return [run for run in walk.runs if run.is_one]


@dataclass(slots=True)
class _Agent:
    """An agent or a workflow on the way down."""

    record: SpanRecord
    run: RunOfOthers
    around: "_Agent | None"
    inside_call: bool
    has_calls: bool = False
    """Whether a model call, or a run of ours, lies below it."""
    tells: bool = False
    """Whether what it says that it used, or an agent around it, stands for all below it."""


class Inside(NamedTuple):
    """What of a model call a span of others lies in, on the way down from the root of its trace."""

    call: bool = False
    """Whether it lies in a model call at all."""
    part: bool = False
    """Whether that call stands for those below as well."""
    around_tools: bool = False
    """Whether that call lasts until its tools have run: what they call in turn is no part of it."""
    attempt: bool = False
    """Whether it lies in an attempt at that call."""

    def counts(self, record: SpanRecord, below: Iterable[SpanRecord]) -> bool:
        """Whether the span is a tool call, or a model call that no other one stands for.

        Args:
            record: The span.
            below: What lies right below it.
        """
        if record.call is None:
            return record.operation == names.OP_TOOL
        if record.operation == producers.ATTEMPT:
            return not self.attempt
        return not self.part and not _is_only_its_attempts(record, below)

    def entered(self, record: SpanRecord) -> "Inside":
        """What those below the span lie in."""
        if record.call is None:
            outside = self.around_tools and record.operation == names.OP_TOOL
            return self._replace(part=False, attempt=False) if outside else self
        around_tools = self.around_tools if self.part else record.operation == producers.CALL_AROUND_TOOLS
        attempt = self.attempt or record.operation == producers.ATTEMPT
        return Inside(call=True, part=True, around_tools=around_tools, attempt=attempt)


class _Step(NamedTuple):
    """A span on the way down, and what lies above it."""

    record: SpanRecord
    run: RunOfOthers
    agent: _Agent | None = None
    inside: Inside = Inside()


class _Walk:
    """The way down through all trees, in which each span is met once, after those above it."""

    def __init__(self, trees: Forest, *, above_ours: set[Key]) -> None:
        self.runs: list[RunOfOthers] = []
        self._trees = trees
        self._above_ours = above_ours
        self._agents: list[_Agent] = []
        self._lost = {key_of(orphan) for orphans in trees.orphans.values() for orphan in orphans}
        self._hung: dict[Key, list[SpanRecord]] = {}
        """What lost its parent, below the root of its trace."""

    def down(self) -> None:
        """Count everything."""
        ahead: list[_Step] = []
        rooted: set[str | None] = set()
        for root in self._trees.roots:
            if root.trace_id not in rooted:
                rooted.add(root.trace_id)
                self._hung[key_of(root)] = self._trees.orphans.get(root.trace_id, [])
            ahead.append(_Step(root, self._begin(root)))
        for trace_id, orphans in self._trees.orphans.items():
            if trace_id not in rooted:
                rest = self._begin(None, run_id=str(orphans[0].parent_span_id))
                ahead.extend(_Step(orphan, rest) for orphan in orphans)
        while ahead:
            ahead.extend(self._meet(ahead.pop()))
        self._add_remote_usage()

    def _begin(self, root: SpanRecord | None, *, run_id: str = "") -> RunOfOthers:
        fold = Fold(root.span_id if root else run_id, root_operation=names.OP_AGENT)
        if root is not None:
            fold.root_is(root, status=status_of(root.error_type))
        self.runs.append(RunOfOthers(fold, root))
        return self.runs[-1]

    def _meet(self, step: _Step) -> Iterable[_Step]:
        """Count a span; what lies right below it comes next."""
        record, run, agent, inside = step
        key = key_of(record)
        if record.operation in producers.AGENT_OPERATIONS:
            if agent is None and not inside.call and run.root is not record:
                run = self._begin(record)
            agent = _Agent(record, run, agent, inside.call)
            self._agents.append(agent)
        run.spans.append(record)
        self._note_loss(record, step.run, run)
        if key in self._above_ours:
            run.encloses_ours = True
            _has_calls(agent)
        if record.call is not None:
            _has_calls(agent)
        if inside.counts(record, self._trees.children.get(key, ())):
            run.fold.add(record._replace(run_id=run.fold.run_id))
        below = (*self._trees.children.get(key, ()), *self._hung.get(key, ()))
        return [_Step(child, run, agent, inside.entered(record)) for child in below]

    def _note_loss(self, record: SpanRecord, above: RunOfOthers, run: RunOfOthers) -> None:
        """The parent of a span is missing: of the root of a run alone it may be in another process."""
        if key_of(record) in self._lost and (above.root is not None or run is above):
            run.missing_parents.add(str(record.parent_span_id))

    def _add_remote_usage(self) -> None:
        for agent in self._agents:
            agent.tells = agent.around is not None and agent.around.tells
            tokens = agent.record.agent_tokens
            if tokens is not None and not (agent.tells or agent.has_calls or agent.inside_call):
                agent.tells = True
                agent.run.fold.add_remote(tokens)


def _is_only_its_attempts(record: SpanRecord, below: Iterable[SpanRecord]) -> bool:
    """Whether no attempt of a call held, and each has a span of its own."""
    model = record.call.model if record.call else None
    return producers.is_only_its_attempts(model, record.error_type) and any(
        child.operation == producers.ATTEMPT for child in below
    )


def _has_calls(agent: _Agent | None) -> None:
    while agent is not None and not agent.has_calls:
        agent.has_calls = True
        agent = agent.around
