"""The report of a benchmark run: what stands in RESULTS.md and on the page, from the data alone."""

from collections.abc import Iterable, Sequence
from typing import Final

from benchmarks.comparing.comparison import Comparison, WhyOf
from benchmarks.judging.verdict import VerdictWord, expected_of_agent
from benchmarks.reports.analysis import analysis, headline, recommendations
from benchmarks.reports.breakdown import iteration_table, phase_table
from benchmarks.reports.charts import Chart
from benchmarks.reports.comparison import comparison_lines, verdict_line
from benchmarks.reports.criteria import success_criteria
from benchmarks.reports.document import Document, Section
from benchmarks.reports.markdown import cell, escaped, table
from benchmarks.reports.numbers import number_table
from benchmarks.reports.outcomes import outcome_lines
from benchmarks.reports.repeats import beside_budget, rate_cells
from benchmarks.reports.shards import lacking, shards_of
from benchmarks.reports.sources import SCRIPTED, SCRIPTED_NOTE, TOKEN_COUNTS, measured_subject, provenance_facts
from benchmarks.results.results import GoalResults, Results
from benchmarks.suite.facts import GoalFacts
from instrumentation.rendering.quantities import UNKNOWN
from nanoagent.texts import plural

_NUMBERS_NOTE: Final = (
    "Input and output are tokens. Here and below, the last three columns split the time and add up to it: model calls, "
    "tools outside of them, and the rest."
)
_MEANS_NOTE: Final = "Each number is the mean of the goal's attempts."
_RATES_NOTE: Final = (
    "Passed is of the attempts that say something of the goal: those that could not be judged are left out. The "
    "interval is Wilson's, at 95 %. Iterations and tokens are means, with the range."
)
_NO_PHASES: Final = "An agent of your own is one piece: its work has no phases."
_NO_RECOMMENDATION: Final = "Nothing in these numbers calls for a change."


def document(
    results: Results,
    charts: Iterable[Chart] = (),
    comparison: Comparison | None = None,
    why: WhyOf | None = None,
) -> Document:
    """The whole report, each picture below the table that it shows."""
    pictures = {chart.name: chart for chart in charts}

    def section(title: str, lines: Sequence[str], *names: str) -> Section:
        return Section(title=title, lines=lines, charts=[pictures[name] for name in names if name in pictures])

    compared = [] if comparison is None else [comparison_lines(comparison, why or {})]
    sections = [
        *(section("Comparison", lines, "comparison") for lines in compared),
        section("Verdicts", _verdicts(results), "pass-rate", "headroom"),
        *(section("Outcomes", lines) for lines in outcome_lines(results)),
        section("Numbers", _numbers(results)),
        section("By phase", _by_phase(results), "phases"),
        *(section("By iteration", lines) for lines in _by_iteration(results)),
        section("Analysis", _bullets(analysis(results))),
        section("Success criteria", _criteria_table(results)),
        section("Recommendations", _bullets(recommendations(results)) or [_NO_RECOMMENDATION]),
        section("Goals and answers", _goal_table(results)),
        section("Provenance", _provenance_table(results)),
    ]
    return Document(title="Benchmark results", head=_head(results, comparison), sections=sections)


def measured_line(results: Results) -> str:
    """What was measured, on what and when."""
    source = results.provenance
    times = "once each" if source.repeat == 1 else f"{source.repeat:,} times each"
    shards = shards_of(source)
    at_a_time = f"{source.concurrency:,} at a time" + (f" in each of {plural(shards[0].of, 'shard')}" if shards else "")
    return (
        f"Measured: {plural(len(results.goals), 'goal')}, {times}, on the {escaped(measured_subject(source))}; "
        f"token counts are {escaped(TOKEN_COUNTS.get(source.token_source, source.token_source))}; "
        f"{at_a_time}; {escaped(source.started_at)} to {escaped(source.ended_at or UNKNOWN)}."
    )


def _head(results: Results, comparison: Comparison | None) -> list[str]:
    lines = [f"**{escaped(headline(results))}**"]
    if comparison is not None:
        lines += ["", f"**{escaped(verdict_line(comparison))}**"]
    lines += ["", measured_line(results)]
    if results.verification is not None:
        found = [f"{finding.goal_id}: {finding.text}" for finding in results.verification.findings]
        lines += ["", f"{escaped(results.verification.summary)}."]
        lines += ["", *_bullets(found)] if found else []
    for sentence in lacking(results):
        lines += ["", f"**{escaped(sentence)}**"]
    if results.interrupted:
        lines += ["", "**The run was interrupted: these are the goals that came to an end before.**"]
    if results.provenance.model == SCRIPTED:
        lines += ["", escaped(SCRIPTED_NOTE)]
    return lines


# -- verdicts -------------------------------------------------------------------------------------------------------


def verdict_table(rows: Sequence[GoalResults], *, repeat: int) -> list[str]:
    """A line a goal: its verdict, and how near it came to its budgets."""
    rates = ["Passed", "Interval"] if repeat > 1 else []
    header = ["Goal", "Tier", "Verdict", *rates, "Iterations", "Tokens", "What stands against it"]
    return table(header, [_verdict_row(row, repeated=repeat > 1) for row in rows])


def _verdicts(results: Results) -> list[str]:
    repeat = results.provenance.repeat
    return verdict_table(results.goals, repeat=repeat) + (["", _RATES_NOTE] if repeat > 1 else [])


def _verdict_row(row: GoalResults, *, repeated: bool) -> list[str]:
    rates = rate_cells(row) if repeated else []
    start = [escaped(row.goal.id), escaped(row.goal.tier)]
    if not row.attempts:
        return [*start, UNKNOWN, *rates, UNKNOWN, UNKNOWN, "not judged"]
    uses = [cell(beside_budget(row, name)) for name in ("iterations", "tokens")]
    return [*start, f"{row.verdict}", *rates, *uses, _reasons(row) or UNKNOWN]


def _reasons(row: GoalResults) -> str:
    """Why attempts did not pass, each reason once."""
    reasons = (reason for attempt in row.attempts for reason in attempt.verdict.reasons)
    return "; ".join(map(escaped, dict.fromkeys(reasons)))


# -- tables ---------------------------------------------------------------------------------------------------------


def _numbers(results: Results) -> list[str]:
    means = [_MEANS_NOTE] if results.provenance.repeat > 1 else []
    return [*number_table(results), "", " ".join([*means, _NUMBERS_NOTE])]


def _by_phase(results: Results) -> list[str]:
    if not results.has_iterations:
        return [_NO_PHASES]
    what = "goals" if results.provenance.repeat == 1 else "attempts"
    return [f"All {what} added up.", "", *phase_table(results)]


def _by_iteration(results: Results) -> list[list[str]]:
    """The section where there is one."""
    iterations = iteration_table(results)
    return [["The mean of the runs that came so far.", "", *iterations]] if iterations else []


def _criteria_table(results: Results) -> list[str]:
    words = {True: "yes", False: "**no**", None: UNKNOWN}
    rows = [[escaped(what), words[holds], escaped(evidence)] for what, holds, evidence in success_criteria(results)]
    return table(["Criterion", "Holds", "Evidence"], rows)


def _goal_table(results: Results) -> list[str]:
    rows = [
        [escaped(row.goal.id), escaped(row.goal.text), _expected(row.goal, results), _answer(row)]
        for row in results.goals
    ]
    return table(["Goal", "Text", "Expected", "Answer"], rows)


def _expected(goal: GoalFacts, results: Results) -> str:
    ending = goal.stop_reason.value if results.has_iterations else expected_of_agent(goal).value
    return escaped(f"{ending}; {goal.check}")


def _answer(row: GoalResults) -> str:
    """The answer; of several attempts one that did not pass, since it says more."""
    against = [attempt for attempt in row.attempts if attempt.verdict.word is VerdictWord.FAIL]
    shown = next(iter([*against, *reversed(row.attempts)]), None)
    return escaped(shown.answer) if shown and shown.answer else UNKNOWN


def _provenance_table(results: Results) -> list[str]:
    return table(["Fact", "Value"], [[name, cell(value)] for name, value in provenance_facts(results).items()])


def _bullets(sentences: Iterable[str]) -> list[str]:
    return [f"- {escaped(sentence)}" for sentence in sentences]
