"""`nanoagent verify`: whether several sources say the same of the same runs, number by number."""

from collections.abc import Iterator, Sequence

from instrumentation.commands.output import Output
from instrumentation.commands.sides import Side, sides_of, with_known_size
from instrumentation.commands.sources import FileSource, Source, TraceSource
from instrumentation.commands.speaking import Listing, Speaker
from instrumentation.exits import Ended, ExitCode, worst
from instrumentation.reading.arrival import lack_of
from instrumentation.reading.collector import collector_off
from instrumentation.reading.problems import Problems
from instrumentation.rendering.notes import loss
from instrumentation.verification import first_difference
from nanoagent.errors import ConfigurationError
from nanoagent.texts import plural

Finding = tuple[ExitCode, str]
"""What was found of a run or a trace, and what it means for the whole."""


def verify_sources(sources: Sequence[Source], *, jaeger: str | None, wait_s: float) -> None:
    """Write a line for each run on stdout: the same everywhere, its first difference, or what is missing of it.

    Args:
        sources: Files and traces in Jaeger. Each file is a side, all traces in Jaeger together are one; where there
            are traces, only the runs in them are compared.
        jaeger: The URL of Jaeger's UI; `None` for that of the environment.
        wait_s: How long traces in Jaeger are waited for, taken together.

    Raises:
        Ended: Numbers differ, or something is missing.
        ConfigurationError: A source cannot be read, or there are not two sides.
    """
    _check(sources)
    output = Output()
    with collector_off(), Speaker() as speaker:
        met = Listing(speaker, "problems")
        problems = Problems(met.add)
        sides = sides_of(sources, problems, speaker, jaeger=jaeger, wait_s=wait_s)
        met.end(problems.count)
        traces = [source.trace_id for source in sources if isinstance(source, TraceSource)]
        codes = [ExitCode.INCONCLUSIVE] if problems.lossy else []
        for code, line in findings(sides, traces):
            codes.append(code)
            output.write_text(line)
        if not codes:
            codes.append(ExitCode.INCONCLUSIVE)
            speaker.say(f"no runs in {' and '.join(side.name for side in sides)}: nothing was compared")
    if (code := worst(codes)) is not ExitCode.OK:
        raise Ended(code)


def findings(sides: Sequence[Side], traces: Sequence[str] = ()) -> Iterator[Finding]:
    """What is to be said of each run in any of the sides, in their order, and of each trace without one."""
    run_ids = dict.fromkeys(run_id for side in sides for run_id in side.runs)
    for run_id in run_ids:
        yield _finding(run_id, sides)
    found = {run.metrics.trace_id for side in sides for run in side.runs.values()}
    for trace_id in traces:
        if trace_id not in found:
            lack = next((side.lacks[trace_id] for side in sides if trace_id in side.lacks), "no run")
            yield ExitCode.INCONCLUSIVE, f"trace {trace_id}: {lack}"


def _finding(run_id: str, sides: Sequence[Side]) -> Finding:
    if lacks := list(_lacks(run_id, sides)):
        return ExitCode.INCONCLUSIVE, f"run {run_id}: {'; '.join(lacks)}"
    first, *others = sides
    run = first.runs[run_id]
    for other in others:
        difference = first_difference(run.metrics.to_dict(), other.runs[run_id].metrics.to_dict())
        if difference is not None:
            path, one, two = difference
            return ExitCode.FAILED, f"run {run_id}: {path} is {one} in {first.name} and {two} in {other.name}"
    names = " and ".join(side.name for side in sides)
    if run.metrics.complete is False:
        return ExitCode.INCONCLUSIVE, f"run {run_id}: the same in {names}, but not complete: {loss(run)}"
    return ExitCode.OK, f"run {run_id}: the same in {names}, {plural(run.spans, 'span')}"


def _lacks(run_id: str, sides: Sequence[Side]) -> Iterator[str]:
    """What is missing of a run, and where, on any side."""
    found = [side.runs[run_id] for side in sides if run_id in side.runs]
    spans = max(run.spans for run in found)
    for side in sides:
        lack: str | None
        if run_id in side.runs:
            lack = lack_of(with_known_size(side.runs[run_id], spans))
            if lack is not None:
                yield f"{lack}, in {side.name}"
        else:
            lack = next((side.lacks[trace] for run in found if (trace := run.metrics.trace_id) in side.lacks), None)
            yield f"not in {side.name}" + (f": {lack}" if lack else "")


def _check(sources: Sequence[Source]) -> None:
    files = [source for source in sources if isinstance(source, FileSource)]
    traces = [source for source in sources if isinstance(source, TraceSource)]
    if len(files) + bool(traces) < 2:
        got = f"only {plural(len(traces), 'trace')} in Jaeger" if traces else f"only {files[0]}"
        raise ConfigurationError(
            f"verify compares two or more sources, got {got}: name another file, or the ids of its traces in Jaeger"
        )
