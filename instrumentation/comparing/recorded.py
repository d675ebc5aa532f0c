"""Recorded runs: the runs in a stream of spans, each with its numbers and with what it did."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from instrumentation.comparing.facts import NO_FACTS, Facts, facts_of
from instrumentation.comparing.steps import Step, steps_of
from instrumentation.reading.arrival import lack_of
from instrumentation.reading.counted import groups_in
from instrumentation.reading.problems import Problems
from instrumentation.reading.spans import Batch, ReadSpan
from nanoagent.core import producers
from nanoagent.core.counting import age
from nanoagent.core.lineage import Forest, Key, each_once, forest, key_of, parent_of
from nanoagent.core.performance import PerformanceMetrics
from nanoagent.core.records import SpanRecord
from nanoagent.core.runs import CountedRun, runs_in
from nanoagent.core.streams import with_stream_usage


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRun:
    """A run that was recorded: what a comparison takes of it."""

    counted: CountedRun
    """Its numbers."""
    steps: Step | None
    """What it did, in one step; `None` where its root is missing."""
    goal: str | None = None
    """The id of the benchmark's goal, or what the run was asked, where content was captured."""

    @property
    def metrics(self) -> PerformanceMetrics:
        """Its numbers alone."""
        return self.counted.metrics

    @property
    def lack(self) -> str | None:
        """What is missing of it, on one line; `None` for a run that is all there, as far as it says."""
        if self.metrics.complete is False:
            return lack_of(self.counted) or "incomplete, the run's own counts are others than what was found"
        return lack_of(self.counted)


def recorded_runs(batches: Iterable[Batch], problems: Problems) -> Iterator[RecordedRun]:
    """The runs in these spans, each as soon as it is over, the rest at the end, the oldest first.

    What is kept of a run takes some 500 bytes a step.

    Args:
        batches: Spans, in any order, with any of them more than once.
        problems: Hears of counts that are none, and of spans that were left out.
    """
    facts: dict[Key, Facts] = {}

    def note(span: ReadSpan, record: SpanRecord) -> None:
        said = facts_of(span, record.operation)
        if said is not None:
            facts[key_of(record)] = said

    for group in groups_in(batches, problems, met=note):
        yield from _runs_of(group.records, facts)
        for record in group.records:
            facts.pop(key_of(record), None)


def _runs_of(records: Sequence[SpanRecord], facts: Mapping[Key, Facts]) -> Iterator[RecordedRun]:
    spans = each_once(records)
    trees, ours = forest(with_stream_usage(spans)), _roots_of_ours(spans.values())
    outside = _without_parent(trees)
    for counted in runs_in(records):
        run_id = str(counted.metrics.run_id)
        # The id of a run of others is that of its root.
        root = ours.get(run_id) or spans.get((counted.metrics.trace_id, run_id))
        if root is None:
            yield RecordedRun(counted=counted, steps=None)
            continue
        below = _OfOthers(root, trees) if root.run_id is None else _OfOurs(root, trees, outside.get(root.run_id, ()))
        yield RecordedRun(counted=counted, steps=steps_of(root, below, facts), goal=_goal_of(root, spans, facts))


def _roots_of_ours(spans: Iterable[SpanRecord]) -> dict[str | None, SpanRecord]:
    """By the id of a run of ours the oldest span that is the root of one."""
    roots: dict[str | None, SpanRecord] = {}
    for span in sorted((span for span in spans if span.summary is not None), key=age):
        roots.setdefault(span.run_id, span)
    return roots


def _without_parent(trees: Forest) -> Mapping[str | None, list[SpanRecord]]:
    """By the id of a run of ours the spans without a parent that are of it, and those of the runs that it began."""
    found: defaultdict[str | None, list[SpanRecord]] = defaultdict(list)
    for span in trees.roots:
        for run_id in {span.run_id, span.parent_run_id}:
            found[run_id].append(span)
    return found


def _goal_of(root: SpanRecord, spans: Mapping[Key, SpanRecord], facts: Mapping[Key, Facts]) -> str | None:
    """What the run was for, as a benchmark's span above it says, or else the run itself."""
    at, seen = parent_of(root), set[Key]()
    while at is not None and at in spans and at not in seen:
        if (said := facts.get(at)) is not None and said.goal is not None:
            return said.goal
        seen.add(at)
        at = parent_of(spans[at])
    return facts.get(key_of(root), NO_FACTS).goal


class _OfOurs:
    """What of a run of ours lies right below a span; what was begun outside of its trace lies below its root."""

    def __init__(self, root: SpanRecord, trees: Forest, without_parent: Iterable[SpanRecord]) -> None:
        self._root = root
        self._trees = trees
        self._outside = [span for span in without_parent if span is not root]

    def __call__(self, record: SpanRecord) -> Iterable[SpanRecord]:
        below = self._trees.children.get(key_of(record), ())
        return (*below, *self._outside) if record is self._root else below


class _OfOthers:
    """What of a run of others lies right below a span: runs of ours, and agents outside of any, stand beside it."""

    def __init__(self, root: SpanRecord, trees: Forest) -> None:
        self._is_agent = root.operation in producers.AGENT_OPERATIONS
        self._trees = trees

    def __call__(self, record: SpanRecord) -> Iterable[SpanRecord]:
        below = (child for child in self._trees.children.get(key_of(record), ()) if child.run_id is None)
        if self._is_agent or record.call is not None:
            return below
        return (child for child in below if child.operation not in producers.AGENT_OPERATIONS)
