"""`nanoagent diff`: where two runs part, and what each of them took."""

from collections.abc import Iterator, Sequence

from instrumentation.commands.output import JsonList, Output
from instrumentation.commands.pairs import Pairs, pairs_of, picked
from instrumentation.commands.sources import FileSource, Source, TraceSource, batches_of, jaeger_url
from instrumentation.commands.speaking import Listing, Speaker
from instrumentation.comparing.comparison import Comparison, compared
from instrumentation.comparing.recorded import RecordedRun, recorded_runs
from instrumentation.exits import Ended, ExitCode, worst
from instrumentation.jaeger import compare_url
from instrumentation.reading.byte_sources import STDIN
from instrumentation.reading.collector import collector_off
from instrumentation.reading.problems import Problems
from instrumentation.rendering.difference import difference_lines, point_text
from nanoagent.errors import ConfigurationError
from nanoagent.texts import plural

NAMES = ("A", "B")
"""What the two sides are called."""
_MOST_CHOICES = 2


def show_difference(one: Source, other: Source, *, choices: Sequence[str], as_json: bool, jaeger: str | None) -> None:
    """Write where the runs of two sources part: one pair in full, a line each where there are several.

    Args:
        one: The source of the run that the other one is compared with.
        other: The source of the run that is judged.
        choices: The run to compare, by its id, how that begins, or its goal: one for both sources, or one for each.
        as_json: Whether a JSON list of the comparisons is written rather than text.
        jaeger: The URL of Jaeger's UI; `None` for that of the environment.

    Raises:
        Ended: Runs differ, something is missing, or nothing says which runs belong together.
        ConfigurationError: A source cannot be read, or a choice names no run.
    """
    _check(one, other, choices)
    with collector_off(), Speaker() as speaker:
        met = Listing(speaker, "problems")
        problems = Problems(met.add)
        chosen = (choices[0], choices[-1]) if choices else (None, None)
        sides = []
        for source, choice in zip((one, other), chosen, strict=True):
            batches = batches_of(source, problems, jaeger=jaeger, progress=speaker.progress(str(source)))
            sides.append(picked(list(recorded_runs(batches, problems)), choice, str(source)))
        speaker.hide_progress()
        met.end(problems.count)
        pairs = pairs_of(*sides)
        codes = [ExitCode.INCONCLUSIVE] if problems.lossy else []
        for lack in _lacks(pairs, sides, (one, other)):
            codes.append(ExitCode.INCONCLUSIVE)
            speaker.say(lack)
        comparisons = [compared(*pair, names=NAMES) for pair in pairs.both] if pairs else []
    codes += [_code_of(comparison) for comparison in comparisons]
    if as_json:
        _write_json(comparisons)
    else:
        _write_text(comparisons, (one, other), jaeger=jaeger)
    if (code := worst(codes)) is not ExitCode.OK:
        raise Ended(code)


def _code_of(comparison: Comparison) -> ExitCode:
    if comparison.is_same is None:
        return ExitCode.INCONCLUSIVE
    return ExitCode.OK if comparison.is_same else ExitCode.FAILED


def _lacks(
    pairs: Pairs | None, sides: Sequence[Sequence[RecordedRun]], sources: tuple[Source, Source]
) -> Iterator[str]:
    """What is not compared, and why."""
    empty = [str(source) for source, runs in zip(sources, sides, strict=True) if not runs]
    if empty:
        yield f"no runs in {' and '.join(dict.fromkeys(empty))}: nothing was compared"
    elif pairs is None:
        counts = " and ".join(
            f"{plural(len(runs), 'run')} in {source}" for source, runs in zip(sources, sides, strict=True)
        )
        yield f"{counts}, and not all of them say their goal: choose with --run, once for both or once for each"
    else:
        for runs, here, there in zip(pairs.alone, sources, reversed(sources), strict=True):
            for run in runs:
                yield f"goal {run.goal}: run {run.metrics.run_id} of {here} has none to be compared with in {there}"


def _write_json(comparisons: Sequence[Comparison]) -> None:
    written = JsonList()
    for comparison in comparisons:
        written.add(comparison.to_dict())
    written.end()


def _write_text(comparisons: Sequence[Comparison], sources: tuple[Source, Source], *, jaeger: str | None) -> None:
    output = Output()
    if len(comparisons) == 1:
        [comparison] = comparisons
        named = (str(sources[0]), str(sources[1]))
        link = _link(comparison, jaeger) if all(isinstance(source, TraceSource) for source in sources) else None
        output.write(difference_lines(comparison, names=NAMES, sources=named, link=link, width=output.width))
        return
    for comparison in comparisons:
        output.write_text(f"{comparison.one.goal}: {point_text(comparison.first)}")


def _link(comparison: Comparison, jaeger: str | None) -> str:
    one, other = (str(run.metrics.trace_id) for run in (comparison.one, comparison.other))
    return compare_url(jaeger_url(jaeger), one, other)


def _check(one: Source, other: Source, choices: Sequence[str]) -> None:
    if len(choices) > _MOST_CHOICES:
        raise ConfigurationError(f"--run may be given once for both sources, or once for each, got {len(choices):,}")
    if one == other == FileSource(STDIN):
        raise ConfigurationError("stdin can be read once, got - twice: name a file, or a trace in Jaeger")
