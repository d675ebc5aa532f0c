"""The report of a benchmark run: RESULTS.md, from the data alone."""

from collections.abc import Mapping
from typing import Final

from benchmarks.formats import count
from benchmarks.judging import verdict
from benchmarks.judging.verdict import expected_of_agent
from benchmarks.reports.analysis import analysis, recommendations, success_criteria
from benchmarks.reports.breakdown import TIME_COLUMNS, TimeSplit, iteration_table, phase_table
from benchmarks.reports.markdown import escaped, table
from benchmarks.results.results import Attempt, GoalResults, Provenance, Results
from benchmarks.suite.facts import GoalFacts
from instrumentation.rendering.quantities import UNKNOWN, plural

_SCRIPTED_NOTE = (
    "The `scripted` model answers by rules. These results measure the framework: its prompts, its loop, its tools and "
    "what they cost in tokens. They make no claim about any model's intelligence."
)


def markdown(results: Results) -> str:
    """The whole report."""
    sections = [
        _head(results),
        ["## Verdicts", "", *_verdict_table(results)],
        ["## Numbers", "", *_number_table(results), "", _NUMBERS_NOTE],
        *_breakdown(results),
        ["## Analysis", "", *_bullets(map(escaped, analysis(results)))],
        ["## Success criteria", "", *_criteria_table(results)],
        ["## Recommendations", "", *(_bullets(map(escaped, recommendations(results))) or [_NO_RECOMMENDATION])],
        ["## Goals and answers", "", *_goal_table(results)],
        ["## Provenance", "", *_provenance_table(results)],
    ]
    return "\n".join("\n".join([*section, ""]) for section in sections)


_NUMBERS_NOTE = (
    "Input and output are tokens. Here and below, the last three columns split the time and add up to it: model calls, "
    "tools outside of them, and the rest."
)
_NO_PHASES = "An agent of your own is one piece: its work has no phases."
_NO_RECOMMENDATION = "Nothing in these numbers calls for a change."


def _head(results: Results) -> list[str]:
    source = results.provenance
    lines = [
        "# Benchmark results",
        "",
        f"**{_summary(results)}**",
        "",
        f"Measured: {plural(len(results.goals), 'goal')}, once each, on the {_subject(source)}; "
        f"token counts are {_TOKEN_COUNTS[source.token_source]}; {source.concurrency} at a time; "
        f"{escaped(source.started_at)} to {escaped(source.ended_at or UNKNOWN)}.",
    ]
    if results.verification is not None:
        found = [f"{finding.goal_id}: {finding.text}" for finding in results.verification.findings]
        lines += ["", f"{escaped(results.verification.summary)}."]
        lines += ["", *_bullets(map(escaped, found))] if found else []
    if results.interrupted:
        lines += ["", "**The run was interrupted: these are the goals that came to an end before.**"]
    if source.model == "scripted":
        lines += ["", _SCRIPTED_NOTE]
    return lines


_TOKEN_COUNTS: Final[Mapping[str, str]] = {
    "counted": "counted by a tokenizer",
    "approximate": "approximate",
    "provider": "the provider's",
}


def _subject(source: Provenance) -> str:
    return escaped(source.model) if source.agent else f"model {escaped(source.model)}"


def _summary(results: Results) -> str:
    return escaped(analysis(results)[0])


def _verdict_table(results: Results) -> list[str]:
    rows = [_verdict_row(row) for row in results.goals]
    return table(["Goal", "Tier", "Verdict", "Iterations", "Tokens", "What stands against it"], rows)


def _verdict_row(row: GoalResults) -> list[str]:
    goal = row.goal
    if not row.attempts:
        return [escaped(goal.id), escaped(goal.tier), UNKNOWN, UNKNOWN, UNKNOWN, "not judged"]
    last = row.attempts[-1]
    iterations, tokens = verdict.headroom(last.metrics, goal)
    reasons = "; ".join(map(escaped, last.verdict.reasons)) or UNKNOWN
    return [escaped(goal.id), escaped(goal.tier), f"{row.verdict}", _escaped(iterations), _escaped(tokens), reasons]


def _escaped(cell: str) -> str:
    return cell if cell == UNKNOWN else escaped(cell)


def _number_table(results: Results) -> list[str]:
    header = ["Goal", "Iterations", "Model calls", "Input", "Output", "Tool calls", "Failed", *TIME_COLUMNS]
    rows = [_number_row(goal, attempt) for goal, attempt in results.attempts]
    return table(header, rows, numbers_from=1)


def _number_row(goal: GoalFacts, attempt: Attempt) -> list[str]:
    numbers = attempt.metrics
    return [
        escaped(goal.id),
        count(numbers.iterations),
        count(numbers.api_calls),
        count(numbers.input_tokens),
        count(numbers.output_tokens),
        count(numbers.tool_calls),
        count(numbers.failed_tool_calls),
        *TimeSplit.of([numbers]).cells(),
    ]


def _breakdown(results: Results) -> list[list[str]]:
    """Sections by phase and by iteration."""
    if not results.has_iterations:
        return [["## By phase", "", _NO_PHASES]]
    iterations = iteration_table(results)
    by_phase = ["## By phase", "", "All goals added up.", "", *phase_table(results)]
    by_iteration = ["## By iteration", "", "The mean of the runs that came so far.", "", *iterations]
    return [by_phase, by_iteration] if iterations else [by_phase]


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
    answer = row.attempts[-1].answer if row.attempts else None
    return escaped(answer) if answer else UNKNOWN


def _provenance_table(results: Results) -> list[str]:
    source = results.provenance
    facts = {
        "Session": source.session_id,
        "Commit": source.commit,
        "Changed files": {True: "yes", False: "no", None: None}[source.dirty],
        "Model": source.model,
        "Token counts": source.token_source,
        "Goals": source.goals_file or "the benchmark's own",
        "Concurrency": str(source.concurrency),
        "Selection": _selection(source),
        "Machine": ", ".join(f"{key} {value}" for key, value in source.machine.items()),
        "Packages": ", ".join(f"{name} {version or UNKNOWN}" for name, version in source.packages.items()),
    }
    return table(["Fact", "Value"], [[key, escaped(value) if value else UNKNOWN] for key, value in facts.items()])


def _selection(source: Provenance) -> str:
    chosen = [f"{key} {value}" for key, values in source.settings.items() for value in values]
    return ", ".join(chosen) or "all goals"


def _bullets(sentences: "map[str]") -> list[str]:
    return [f"- {sentence}" for sentence in sentences]
