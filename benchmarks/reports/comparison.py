"""The comparison with a baseline, as a report tells it: what it comes to, each number that is not the same, and why."""

import re
from collections.abc import Sequence
from typing import Final

from benchmarks.comparing.comparison import Comparison, Row, Why, WhyOf, Word
from benchmarks.formats import listed, seconds
from benchmarks.judging.measures import PASS_RATE, is_time
from benchmarks.reports.markdown import cell, escaped, table
from benchmarks.reports.naming import named
from benchmarks.reports.sources import measured_subject
from instrumentation.rendering.quantities import UNKNOWN
from nanoagent.texts import plural

MOST_NAMED: Final = 5
"""Rows in the first sentence; the table has all of them."""
MOST_ROWS: Final = 200
"""In the table: what is left out stands in results.json."""
MOST_EXPLAINED: Final = 30
_ORDER: Final = (Word.WORSE, Word.NOT_COMPARABLE, Word.INCONCLUSIVE, Word.BETTER, Word.SAME)
_SAFE_URL: Final = re.compile(r"https?://[\w.:\[\]-]+(?:/[\w.~:/?&=%+,-]*)?", re.ASCII)


def verdict_line(comparison: Comparison) -> str:
    """What the comparison comes to, worst first."""
    parts = [_worse(comparison), _missing(comparison), *_others(comparison)]
    said = "; ".join(part for part in parts if part)
    return f"{said[:1].upper()}{said[1:]}." if said else "No number could be compared."


def comparison_lines(comparison: Comparison, why: WhyOf) -> list[str]:
    """What the section of the report says below the verdict."""
    lines = [escaped(_baseline(comparison))]
    groups = _groups(comparison)
    if groups:
        header = ["Where", "Number", "Result", "Attempts", "Baseline", "Now", "Change", "Reason"]
        lines += ["", *table(header, map(_cells, groups[:MOST_ROWS]))]
    if len(groups) > MOST_ROWS:
        lines += ["", f"{plural(len(groups) - MOST_ROWS, 'row')} more: see results.json."]
    return lines + _explained(comparison, why)


def _explained(comparison: Comparison, why: WhyOf) -> list[str]:
    """Why rows are worse: once for the numbers of a goal that are worse for the same reasons."""
    groups: dict[object, list[Row]] = {}
    for row in comparison.of(Word.WORSE):
        found = why.get((row.goal_id or "", row.metric))
        if found is not None:
            groups.setdefault((row.where, tuple(found.findings), found.compare_url), []).append(row)
    lines: list[str] = []
    for rows in list(groups.values())[:MOST_EXPLAINED]:
        numbers = listed([row.label for row in rows])
        reasons = _findings(why[(rows[0].goal_id or "", rows[0].metric)])
        lines += ["", f"Why {escaped(rows[0].where)} is worse in {numbers}:", "", *reasons]
    left = len(groups) - MOST_EXPLAINED
    return [*lines, "", f"The reasons of {left:,} more are left out."] if left > 0 else lines


# -- what it comes to -----------------------------------------------------------------------------------------------


def _worse(comparison: Comparison) -> str:
    rows = comparison.of(Word.WORSE)
    if not rows:
        return "nothing is worse" if comparison.of(Word.SAME) or comparison.of(Word.BETTER) else ""
    said = [f"{row.label} of {row.where} ({change(row)})" for row in rows]
    return f"worse in {plural(len(rows), 'row')}: {named(said, MOST_NAMED)}"


def _missing(comparison: Comparison) -> str:
    parts = [
        f"{len(ids):,} {'is' if len(ids) == 1 else 'are'} {what} ({named(ids, MOST_NAMED)})"
        for ids, what in ((comparison.missing, "missing"), (comparison.added, "new"))
        if ids
    ]
    return f"of the goals {listed(parts)}" if parts else ""


def _others(comparison: Comparison) -> list[str]:
    return [_told(comparison.of(word), word) for word in _ORDER[1:] if comparison.of(word)]


def _told(rows: Sequence[Row], word: Word) -> str:
    """How many rows have a word; that it is times which have it is no news."""
    are_times = all(is_time(row.metric) for row in rows)
    times = " of times" if are_times else ""
    return f"{plural(len(rows), 'row')}{times} {'is' if len(rows) == 1 else 'are'} {_AS_SAID[word]}"


_AS_SAID: Final = {
    Word.NOT_COMPARABLE: "not comparable",
    Word.INCONCLUSIVE: "inconclusive",
    Word.BETTER: "better",
    Word.SAME: "the same",
}


def _baseline(comparison: Comparison) -> str:
    source = comparison.baseline
    commit = f", commit {source.commit[:12]}{' with changed files' if source.dirty else ''}" if source.commit else ""
    return f"The baseline was measured on the {measured_subject(source)}{commit}, at {source.started_at}."


# -- rows -----------------------------------------------------------------------------------------------------------


def _groups(comparison: Comparison) -> list[list[Row]]:
    """The rows that are not the same, worst first; those of which the same cannot be said, together."""
    groups: dict[object, list[Row]] = {}
    for row in sorted(comparison.rows, key=lambda row: _ORDER.index(row.word)):
        undecided = row.word in (Word.INCONCLUSIVE, Word.NOT_COMPARABLE)
        key = (row.word, row.metric, row.reason) if undecided else len(groups)
        groups.setdefault(key, []).append(row)
    return [rows for rows in groups.values() if rows[0].word is not Word.SAME]


def _cells(rows: list[Row]) -> list[str]:
    row = rows[0]
    word = f"**{row.word}**" if row.word is Word.WORSE else f"{row.word}"
    if len(rows) > 1:
        numbers = [UNKNOWN] * 4
    else:
        sides = [cell(value_text(side.value, row.metric)) for side in (row.baseline, row.current)]
        numbers = [_attempts(row), *sides, cell(change(row))]
    where = named([one.where for one in rows], MOST_NAMED)
    return [escaped(where), row.label, word, *numbers, escaped(row.reason) or UNKNOWN]


def _attempts(row: Row) -> str:
    """Of how many attempts the sides are."""
    before, now = row.baseline.n, row.current.n
    return f"{now:,}" if before == now else f"{before:,} and {now:,}"


def value_text(value: float | None, metric: str) -> str:
    """A value in its unit."""
    if value is None:
        return UNKNOWN
    if metric == PASS_RATE:
        return f"{100 * value:.0f} %"
    if is_time(metric):
        return seconds(value)
    return f"{value:,.0f}" if value == int(value) else f"{value:,.4g}"


def change(row: Row) -> str:
    """The difference, with its sign and what that is of the baseline's value."""
    if row.difference is None:
        return UNKNOWN
    sign = "-" if row.difference < 0 else "+"
    if row.metric == PASS_RATE:
        return f"{sign}{100 * abs(row.difference):.0f} points"
    share = "" if row.ratio is None else f", {sign}{100 * abs(row.ratio - 1):,.3g} %"
    return f"{sign}{value_text(abs(row.difference), row.metric)}{share}"


def _findings(why: Why) -> list[str]:
    lines = [f"- {escaped(finding)}" for finding in why.findings]
    if why.compare_url is not None and _SAFE_URL.fullmatch(why.compare_url):
        lines.append(f"- [Both traces in Jaeger](<{why.compare_url}>)")
    return lines
