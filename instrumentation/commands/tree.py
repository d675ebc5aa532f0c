"""`nanoagent tree`: the traces in some sources, drawn as the console exporter draws them."""

from collections.abc import Sequence
from itertools import chain
from typing import Final

from rich.text import Text

from instrumentation.commands.output import Output
from instrumentation.commands.sources import Source, batches_of
from instrumentation.commands.speaking import Listing, Speaker
from instrumentation.commands.traces import traces_in
from instrumentation.exits import Ended, ExitCode
from instrumentation.reading.problems import Problems

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
    with Speaker() as speaker:
        met, gaps = Listing(speaker, "problems"), Listing(speaker, "traces with spans that are missing")
        problems = Problems(met.add)
        batches = chain.from_iterable(
            batches_of(source, problems, jaeger=jaeger, progress=speaker.progress(str(source))) for source in sources
        )
        for trace in traces_in(batches, max_rows=max_spans):
            continued = ", continued: these spans came later" if trace.is_continued else ""
            head = Text(f"trace {trace.trace_id}{continued}", "bold")
            output.write([*([Text()] if shown else []), head, *trace.rows.lines(width=output.width)])
            shown += 1
            if missing := trace.rows.missing_parents():
                has_gaps = True
                gaps.add(f"trace {trace.trace_id} is not complete: {_missing(missing)}")
        met.end(problems.count)
        gaps.end()
        if not shown:
            speaker.say(f"no spans in {', '.join(map(str, sources[:_MAX_NAMED]))}")
    if problems.lossy or has_gaps or not shown:
        raise Ended(ExitCode.INCONCLUSIVE)


def _missing(parents: Sequence[str]) -> str:
    named = ", ".join(parents[:_MAX_NAMED])
    further = len(parents) - _MAX_NAMED
    return f"missing parents: {named}" + (f" and {further:,} more" if further > 0 else "")
