"""The sides of a comparison: the runs of a file, and those of the traces in Jaeger that were named."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from instrumentation.commands.sources import FileSource, Source, TraceSource, batches_of
from instrumentation.commands.speaking import Speaker
from instrumentation.reading.arrival import Arrival, Patience, Read
from instrumentation.reading.counted import counted_runs
from instrumentation.reading.problems import Problems
from nanoagent.core.runs import CountedRun

JAEGER: Final = "Jaeger"
"""The name of the side of the traces in Jaeger."""
LAST_LOOK_S: Final = 1.0
"""An answer has so long, also when the time is over."""


@dataclass(frozen=True, slots=True)
class Side:
    """What one source says."""

    name: str
    runs: dict[str, CountedRun] = field(default_factory=dict)
    """By their ids."""
    lacks: dict[str, str] = field(default_factory=dict)
    """Of traces in Jaeger, by their ids, what was not there when the waiting ended."""


def sides_of(
    sources: Sequence[Source], problems: Problems, speaker: Speaker, *, jaeger: str | None, wait_s: float
) -> list[Side]:
    """Read every side: each file is one, and all traces in Jaeger together are another.

    Args:
        sources: Files and traces; where there are traces, of the files' runs only those in them are kept.
        problems: Hears of what could not be read.
        speaker: Says what is waited for.
        jaeger: The URL of Jaeger's UI; `None` for that of the environment.
        wait_s: How long traces in Jaeger are waited for, taken together.

    Raises:
        ConfigurationError: A source cannot be read.
    """
    traces = [source for source in sources if isinstance(source, TraceSource)]
    wanted = {source.trace_id for source in traces}
    sides = []
    for source in sources:
        if isinstance(source, FileSource):
            batches = batches_of(source, problems, jaeger=jaeger, progress=speaker.progress(str(source)))
            runs = counted_runs(batches, problems)
            kept = {_id(run): run for run in runs if not wanted or run.metrics.trace_id in wanted}
            sides.append(Side(str(source), kept))
    speaker.hide_progress()
    if traces:
        known = {run_id: run for side in reversed(sides) for run_id, run in side.runs.items()}
        at = next(number for number, source in enumerate(sources) if isinstance(source, TraceSource))
        sides.insert(at, _in_jaeger(traces, known, problems, speaker, jaeger=jaeger, wait_s=wait_s))
    return sides


def _in_jaeger(
    traces: Sequence[TraceSource],
    known: Mapping[str, CountedRun],
    problems: Problems,
    speaker: Speaker,
    *,
    jaeger: str | None,
    wait_s: float,
) -> Side:
    """What Jaeger has when all is there that others know, or the time is over."""
    side, told = Side(JAEGER), Once(speaker)
    patience = Patience(limit_s=wait_s, tell=told)
    for source in traces:
        told.about = str(source)
        met = Problems()

        def read(source: TraceSource = source) -> list[CountedRun]:
            nonlocal met
            met = Problems()
            batches = batches_of(
                source,
                met,
                jaeger=jaeger,
                progress=lambda read, size: None,
                is_expected=True,
                deadline_s=max(LAST_LOOK_S, patience.left_s),
            )
            runs = list(counted_runs(batches, met))
            return [with_known_size(run, known[_id(run)].spans if _id(run) in known else 0) for run in runs]

        expected = [run_id for run_id, run in known.items() if run.metrics.trace_id == source.trace_id]
        arrival = _arrival(patience, read, expected)
        if arrival.lack is not None:
            side.lacks[source.trace_id] = arrival.lack
        side.runs.update((_id(run), run) for run in arrival.runs)
        problems.take(met)
    return side


def _arrival(patience: Patience, read: Read, expected: Sequence[str]) -> Arrival:
    """The trace when all these runs are in it, or the time is over."""
    arrival = patience.wait_for(read, expected[0] if expected else None)
    for run_id in expected[1:]:
        if arrival.lack is None and arrival.run(run_id) is None:
            arrival = patience.wait_for(read, run_id)
    return arrival


class Once:
    """Says what is waited for, each thing once."""

    def __init__(self, speaker: Speaker) -> None:
        """Say nothing yet."""
        self.about = ""
        self._speaker = speaker
        self._said: set[str] = set()

    def __call__(self, lack: str) -> None:
        """Say that it is waited for, unless that was said."""
        if self.about not in self._said:
            self._said.add(self.about)
            self._speaker.say(f"waiting for {self.about}: {lack}")


def with_known_size(run: CountedRun, spans: int) -> CountedRun:
    """A run that does not say how many spans it has, said to have as many as are known of it, where that is more."""
    return run._replace(expected_spans=spans) if run.expected_spans is None and run.spans < spans else run


def _id(run: CountedRun) -> str:
    return str(run.metrics.run_id)
