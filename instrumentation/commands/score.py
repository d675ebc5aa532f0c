"""`nanoagent score`: what a user thinks of a run goes where its traces are."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from instrumentation.commands.output import Output
from instrumentation.commands.run_places import RunPlace, place_in, place_in_jaeger
from instrumentation.commands.sources import FileSource, batches_of, jaeger_url
from instrumentation.commands.speaking import Listing, Speaker
from instrumentation.configuration import configure
from instrumentation.exits import Ended, ExitCode
from instrumentation.jaeger import trace_url
from instrumentation.reading.problems import Problems
from instrumentation.reading.trace_ids import trace_id_of
from instrumentation.scoring import Verdict, checked_run_id, score
from instrumentation.selection import CONSOLE, EXPORTER_VARIABLE, JAEGER, exporters_in
from nanoagent.errors import ConfigurationError
from nanoagent.tracing import names

_WAY_OUT: Final = f"set {EXPORTER_VARIABLE} to jaeger, otlp or file, as it was for the run"


def score_run(run_id: str, verdict: Verdict, *, trace: str | None, file: str | None, jaeger: str | None) -> None:
    """Send a score, wait until it has arrived, and write on stdout where it is.

    Args:
        run_id: The run.
        verdict: What is thought of it.
        trace: The run's trace, which is then not looked for.
        file: A file that the run is in; by default it is looked for in Jaeger.
        jaeger: The URL of Jaeger's UI; `None` for that of the environment.

    Raises:
        Ended: It has not arrived.
        ConfigurationError: There is no such run, it would be kept nowhere, or a setting cannot be used.
    """
    checked_run_id(run_id)
    ui_url = jaeger_url(jaeger)
    if not any(name != CONSOLE for name in exporters_in(os.environ)):
        raise ConfigurationError(f"a score must go where it is kept, got no such exporter: {_WAY_OUT}")
    with Speaker() as speaker:
        place = _place_of(run_id, trace, file, ui_url, speaker)
        score_id, exporters, has_arrived = _sent(run_id, verdict, place, speaker)
    if not has_arrived:
        raise Ended(ExitCode.INCONCLUSIVE)
    Output().write_text(f"run {run_id} of trace {place.trace_id} is scored: {_words(verdict)}")
    Output().write_text(_where(score_id, exporters, ui_url))


def _place_of(run_id: str, trace: str | None, file: str | None, ui_url: str, speaker: Speaker) -> RunPlace:
    if trace is not None:
        if file is not None:
            raise ConfigurationError("--trace says where the run is, and so does --in: give one of them")
        return RunPlace(trace_id_of(trace))
    met = Listing(speaker, "problems")
    problems = Problems(met.add)
    try:
        if file is None:
            return place_in_jaeger(ui_url, run_id, problems, now=datetime.now(UTC))
        source = FileSource(file)
        batches = batches_of(source, problems, jaeger=None, progress=speaker.progress(str(source)))
        return place_in(batches, run_id, str(source))
    finally:
        speaker.hide_progress()
        met.end(problems.count)


def _sent(run_id: str, verdict: Verdict, place: RunPlace, speaker: Speaker) -> tuple[str, Sequence[str], bool]:
    """The score's trace, where it was sent, and whether it has arrived at each of these places."""
    telemetry = configure(service_name=place.service or names.SCOPE_NAME, notify=speaker.say)
    try:
        score_id = score(run_id, trace_id=place.trace_id, span_id=place.span_id, **vars(verdict))
    finally:
        has_arrived = telemetry.shutdown()
    if score_id is None:
        raise ConfigurationError(
            "a score must be traced to be kept, but tracing is off: unset OTEL_SDK_DISABLED, or have the sampler of "
            "OTEL_TRACES_SAMPLER keep it"
        )
    return score_id, telemetry.exporters, has_arrived


def _words(verdict: Verdict) -> str:
    """The verdict as it was sent."""
    return " ".join(f"{part:g}" if isinstance(part, float) else str(part) for part in verdict.said().values())


def _where(score_id: str, exporters: Sequence[str], ui_url: str) -> str:
    return trace_url(ui_url, score_id) if JAEGER in exporters else f"trace {score_id}"
