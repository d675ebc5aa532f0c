"""`nanoagent tree`: the traces in some sources, drawn as the console exporter draws them."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final

from rich.text import Text

from instrumentation.commands.output import Output
from instrumentation.commands.sources import Source, batches_of
from instrumentation.commands.speaking import Listing, Speaker
from instrumentation.commands.traces import DrawnTrace, traces_in
from instrumentation.exits import Ended, ExitCode
from instrumentation.reading.collector import collector_off
from instrumentation.reading.problems import Problems
from instrumentation.rendering.notes import loss

_MAX_NAMED: Final = 4


def show_trees(sources: Sequence[Source], *, max_spans: int, jaeger: str | None) -> None:
    """Write the trees on stdout, one after the other, and what is missing on stderr.

    Args:
        sources: Are read together: spans of one trace are one tree, whichever of them they come from.
        max_spans: The most spans of one trace that are drawn.
        jaeger: The URL of Jaeger's UI; `None` for that of the environment.

    Raises:
        Ended: Spans are missing, or there are none.
        ConfigurationError: A source cannot be read.
    """
    output, shown, has_gaps = Output(), 0, False
    with collector_off(), Speaker() as speaker:
        met, gaps = Listing(speaker, "problems"), Listing(speaker, "runs and traces with spans that are missing")
        problems = Problems(met.add)
        batches = chain.from_iterable(
            batches_of(source, problems, jaeger=jaeger, progress=speaker.progress(str(source))) for source in sources
        )
        for trace in traces_in(batches, max_rows=max_spans):
            continued = ", continued: these spans came later" if trace.is_continued else ""
            head = Text(f"trace {trace.trace_id}{continued}", "bold")
            output.write([*([Text()] if shown else []), head, *trace.rows.lines(width=output.width)])
            shown += 1
            for gap in _gaps(trace):
                has_gaps = True
                gaps.add(gap)
        met.end(problems.count)
        gaps.end()
        if not shown:
            speaker.say(f"no spans in {', '.join(map(str, sources[:_MAX_NAMED]))}")
    if problems.lossy or has_gaps or not shown:
        raise Ended(ExitCode.INCONCLUSIVE)


def _gaps(trace: DrawnTrace) -> Iterator[str]:
    """What is known to be missing of the trace: by its runs, or by its parents where it has none."""
    runs = trace.rows.runs()
    yield from (
        f"run {run.metrics.run_id} is not complete: {loss(run)}" for run in runs if run.metrics.complete is False
    )
    parents = trace.rows.missing_parents()
    if parents and not runs:
        further = len(parents) - _MAX_NAMED
        named = ", ".join(parents[:_MAX_NAMED]) + (f" and {further:,} more" if further > 0 else "")
        yield f"trace {trace.trace_id} is not complete: missing parents: {named}"
