"""What results are compared with, and what comes of that."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.comparing.comparability import is_same_subject
from benchmarks.comparing.compare import compare, refusal
from benchmarks.comparing.comparison import Comparison, WhyOf
from benchmarks.comparing.thresholds import Thresholds, read_thresholds
from benchmarks.reports.comparison import verdict_line
from benchmarks.request import COMMITTED
from benchmarks.results.reading import Recorded, read_results
from benchmarks.results.results import Attempt, Provenance, Results
from benchmarks.running.traces import KeptTraces
from benchmarks.suite.facts import GoalFacts
from benchmarks.suite.goals import GOALS
from benchmarks.why import Traced, why_of
from instrumentation.exits import ExitCode
from instrumentation.jaeger import compare_url
from nanoagent.errors import ConfigurationError

_RULE: Final = "--baseline must be a file of results"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What came of the comparison."""

    comparison: Comparison | None = None
    """`None` where nothing was compared."""
    why: WhyOf = field(default_factory=dict)
    """Why rows are worse."""
    is_inconclusive: bool = False
    """Whether nothing was compared though something should have been."""
    line: str | None = None
    """What it comes to, or why nothing was compared; `None` where there is nothing to say."""

    @property
    def exit_code(self) -> ExitCode:
        """2 where something is worse or missing, 3 where something that counts cannot be said."""
        if self.comparison is not None:
            return self.comparison.exit_code
        return ExitCode.INCONCLUSIVE if self.is_inconclusive else ExitCode.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """What results are compared with."""

    recorded: Recorded | None = None
    """`None` for nothing."""
    notice: str | None = None
    """Why it is nothing, where that needs to be said."""
    is_inconclusive: bool = False
    """Whether something should have been compared."""
    thresholds: Thresholds | None = None
    """What a difference must exceed; `None` with nothing."""
    ui_url: str | None = None
    """Of the Jaeger that may have the traces."""

    def compared(self, results: Results, traces: KeptTraces) -> Compared:
        """Compare results with it.

        Args:
            results: What was measured.
            traces: What is kept of its traces.
        """
        if self.recorded is None or self.thresholds is None:
            return Compared(line=self.notice, is_inconclusive=self.is_inconclusive)
        comparison = compare(self.recorded.results, results, self.thresholds)
        before = Traced(self.recorded.results, self.recorded.trace_lines.splitlines())
        why = why_of(comparison, before, Traced(results, traces.lines(results.trace_ids)), self._url)
        return Compared(comparison=comparison, why=why, line=f"Baseline: {verdict_line(comparison)}")

    def _url(self, before: Attempt, now: Attempt) -> str | None:
        """Where Jaeger shows both; only where both went to one."""
        if self.ui_url is None or not (before.trace_url and now.trace_url and before.trace_id and now.trace_id):
            return None
        return compare_url(self.ui_url, before.trace_id, now.trace_id)


def against_of(
    baseline: Path | None, source: Provenance, goals: Sequence[GoalFacts], ui_url: str, *, is_usual: bool
) -> Against:
    """What results are to be compared with.

    Args:
        baseline: The file that was asked for; `None` where nobody said which.
        source: The provenance of the results.
        goals: What they are of.
        ui_url: Of Jaeger's pages.
        is_usual: Whether they are compared with the committed baseline where nobody said which, and it is of the same.

    Raises:
        ConfigurationError: The baseline that was asked for cannot be used, or the thresholds cannot.
    """
    path = baseline
    if path is None:
        if not is_usual or not COMMITTED.exists():
            return Against()
        path = COMMITTED
    recorded = read_results(path, _RULE, "name another one, or save a new one with --save-baseline")
    reason = refusal(recorded.results, source, goals)
    if reason is not None and baseline is None:
        # Another model is compared with nothing, as nobody asked for that; what should compare and does not is no pass.
        is_ours = is_same_subject(recorded.results.provenance, source)
        return Against(notice=f"Baseline: not compared, {reason}", is_inconclusive=is_ours)
    if reason is not None:
        raise ConfigurationError(f"--baseline must be of the same, got {str(path)!r}: {reason}; name another one")
    known = {goal.id for goal in GOALS} | {goal.id for goal in goals}
    return Against(recorded=recorded, thresholds=read_thresholds(known), ui_url=ui_url)
