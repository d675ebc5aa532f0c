"""Reading back: every run of a benchmark from every place that its trace was exported to, against the live numbers."""

from collections.abc import Callable, Iterator, Sequence

from benchmarks.results.results import Results
from benchmarks.results.sources import Found, Source, Wanted
from benchmarks.results.verification import Finding, Kind, Verification
from instrumentation.delivery.account import DeliveryReport
from instrumentation.reading.arrival import LIMIT_S
from instrumentation.telemetry import Telemetry
from instrumentation.verification import first_difference
from nanoagent.core.performance import PerformanceMetrics


def read_back(
    results: Results,
    sources: Sequence[Source],
    telemetry: Telemetry,
    *,
    tell: Callable[[str], object] = lambda line: None,
) -> Verification:
    """Read every run back from every source, and compare it with the live one; Ctrl-C ends it with what is known.

    Args:
        results: The live numbers.
        sources: Where the traces were exported to.
        telemetry: What exported them; it is shut down first, so that all of them are on their way.
        tell: Told what is read or waited for.
    """
    live = [(goal.id, attempt) for goal, attempt in results.attempts if attempt.metrics.run_id and attempt.trace_id]
    wanted = [Wanted(goal_id, str(attempt.metrics.run_id), str(attempt.trace_id)) for goal_id, attempt in live]
    findings: list[Finding] = []
    interrupted = False
    try:
        tell("sending the traces")
        telemetry.shutdown(LIMIT_S)
        reports = telemetry.delivery()
        for source in sources:
            for (goal_id, attempt), found in zip(live, source.read(wanted, tell), strict=True):
                findings += _findings(goal_id, attempt.number, source, attempt.metrics, found, reports)
    except KeyboardInterrupt:
        interrupted = True
    labels = tuple(source.label for source in sources)
    return Verification(sources=labels, runs=len(wanted), findings=tuple(findings), interrupted=interrupted)


def _findings(
    goal_id: str,
    attempt: int,
    source: Source,
    live: PerformanceMetrics,
    found: Found,
    reports: Sequence[DeliveryReport],
) -> Iterator[Finding]:
    if found.metrics is None:
        kind, text = Kind.LACKING, f"{source.label}: {found.lack}; {delivered(source, reports)}"
    else:
        difference = first_difference(live.to_dict(), found.metrics.to_dict())
        if difference is None:
            return
        path, was, is_now = difference
        kind, text = Kind.DIFFERENT, f"{source.label}: {path} is {is_now}, and was {was} in the run"
    yield Finding(goal_id=goal_id, attempt=attempt, source=source.name, kind=kind, text=text)


def delivered(source: Source, reports: Sequence[DeliveryReport]) -> str:
    """Whether what a source lacks was sent there, as far as the exporter knows."""
    report = next((report for report in reports if report.destination == source.name), None)
    reason = f" ({report.last_reason})" if report is not None and report.last_reason else ""
    if report is None or not report.exported_spans:
        return f"nothing was ever sent{reason}"
    missing = report.missing_spans
    if not missing:
        return "all spans were sent"
    return f"{missing:,} of {missing + report.exported_spans:,} spans did not arrive{reason}"
