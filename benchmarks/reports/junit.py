"""The report that CI systems read: JUnit XML, a test case an attempt.

It keeps to what all readers of it have in common: few allow a case properties, so its numbers stand in its output.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from benchmarks.comparing.comparison import Comparison, Row, Word
from benchmarks.formats import count, seconds
from benchmarks.judging.verdict import VerdictWord
from benchmarks.reports.comparison import change
from benchmarks.reports.sources import provenance_facts
from benchmarks.results.results import Attempt, GoalResults, Results
from benchmarks.suite.goals import Tier
from instrumentation.rendering.quantities import UNKNOWN
from instrumentation.rendering.visible import visible_lines

_SUITE: Final = "nanoagent-bench"
_NO_CHARACTERS: Final = re.compile("[\ufffe\uffff]")
_ELEMENTS: Final = {VerdictWord.FAIL: "failure", VerdictWord.ERROR: "error"}


def junit_xml(results: Results, comparison: Comparison | None = None) -> str:
    """The whole file: a suite a tier, with the provenance in its properties, and one for what became of a baseline."""
    root = Element("testsuites", name=_SUITE)
    words: Counter[str] = Counter()
    for tier in Tier:
        rows = [row for row in results.goals if row.goal.tier is tier]
        if rows:
            words += _add_suite(root, tier, rows, results)
    if comparison is not None:
        words += _add_comparison(root, comparison)
    root.attrib |= {name: str(words[name]) for name in ("tests", "failures", "errors")}
    indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'


def _add_suite(root: Element, tier: Tier, rows: list[GoalResults], results: Results) -> Counter[str]:
    suite = SubElement(root, "testsuite", name=f"{_SUITE}.{tier}")
    _add_properties(suite, provenance_facts(results))
    words: Counter[str] = Counter()
    for row in rows:
        for attempt in row.attempts:
            words.update(["tests", _add_case(suite, row, attempt, of=results.provenance.repeat)])
        if not row.attempts:
            SubElement(_case(suite, row, row.goal.id, 0), "skipped", message="not judged")
            words.update(["tests", "skipped"])
    taken_s = sum(attempt.metrics.duration_seconds() for row in rows for attempt in row.attempts)
    suite.attrib |= {name: str(words[name]) for name in ("tests", "failures", "errors", "skipped")}
    suite.attrib |= {"time": f"{taken_s:.3f}", "timestamp": _legal(results.provenance.started_at)}
    return words


def _add_comparison(root: Element, comparison: Comparison) -> Counter[str]:
    """A case a goal, a tier and all of them: a failure where a number of it is worse, skipped where none is decided."""
    suite = SubElement(root, "testsuite", name=f"{_SUITE}.comparison")
    by_place: dict[str, list[Row]] = {row.where: [] for row in comparison.rows}
    for row in comparison.rows:
        by_place[row.where].append(row)
    words: Counter[str] = Counter()
    for where, rows in by_place.items():
        case = _compared_case(suite, where)
        worse = [row for row in rows if row.word is Word.WORSE]
        decided = [row for row in rows if row.word in (Word.BETTER, Word.SAME)]
        if worse:
            _add_failure(case, "worse", [f"{row.label} {change(row)}: {row.reason}" for row in worse])
        elif not decided:
            SubElement(case, "skipped", message=_legal(rows[0].reason))
        words.update(["tests", "failures" if worse else "passed" if decided else "skipped"])
    for goal_id in comparison.missing:
        _add_failure(_compared_case(suite, goal_id), "missing", ["the baseline has this goal, and this run has not"])
        words.update(["tests", "failures"])
    suite.attrib |= {name: str(words[name]) for name in ("tests", "failures", "errors", "skipped")}
    return words


def _compared_case(suite: Element, name: str) -> Element:
    return SubElement(suite, "testcase", name=_legal(name), classname=f"{_SUITE}.comparison", time="0.000")


def _add_failure(case: Element, kind: str, reasons: Sequence[str], *, element: str = "failure") -> None:
    against = SubElement(case, element, type=kind, message=_legal("; ".join(reasons)))
    against.text = _legal("\n".join(reasons))


def _add_case(suite: Element, row: GoalResults, attempt: Attempt, *, of: int) -> str:
    """Add an attempt; answers as what it counts."""
    name = row.goal.id if of == 1 else f"{row.goal.id} [{attempt.number} of {of}]"
    case = _case(suite, row, name, attempt.metrics.duration_seconds())
    element = _ELEMENTS.get(attempt.verdict.word)
    if element:
        reasons = [*attempt.verdict.reasons, *([attempt.error_type] if attempt.error_type else [])]
        cause = attempt.verdict.cause or attempt.verdict.word
        _add_failure(case, cause.value, reasons, element=element)
    SubElement(case, "system-out").text = _legal("\n".join(_numbers(attempt)))
    return f"{element}s" if element else "passed"


def _case(suite: Element, row: GoalResults, name: str, taken_s: float) -> Element:
    class_name = f"{_SUITE}.{row.goal.tier}"
    return SubElement(suite, "testcase", name=_legal(name), classname=class_name, time=f"{taken_s:.3f}")


def _numbers(attempt: Attempt) -> Iterable[str]:
    metrics = attempt.metrics
    yield f"iterations: {count(metrics.iterations)}"
    yield f"tokens: {count(metrics.tokens_used)}"
    yield f"model calls: {count(metrics.api_calls)}"
    yield f"tool calls: {count(metrics.tool_calls)}, failed: {count(metrics.failed_tool_calls)}"
    yield f"time: {seconds(metrics.duration_seconds() or None)}"
    yield f"trace: {attempt.trace_url or attempt.trace_id or UNKNOWN}"
    yield f"answer: {attempt.answer or UNKNOWN}"


def _add_properties(suite: Element, facts: Mapping[str, str]) -> None:
    properties = SubElement(suite, "properties")
    for name, value in facts.items():
        SubElement(properties, "property", name=name, value=_legal(value))


def _legal(text: str) -> str:
    """The text without what XML cannot hold; what is left the library escapes."""
    return _NO_CHARACTERS.sub("\ufffd", visible_lines(text))
