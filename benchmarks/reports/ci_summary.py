"""The summary that CI shows beside a job: short Markdown, and where GitHub wants it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from benchmarks.comparing.comparison import Comparison, WhyOf
from benchmarks.formats import first_line, printable
from benchmarks.judging.verdict import VerdictWord
from benchmarks.reports.analysis import headline
from benchmarks.reports.comparison import comparison_lines, verdict_line
from benchmarks.reports.markdown import escaped
from benchmarks.reports.report import measured_line, verdict_table
from benchmarks.reports.shards import lacking
from benchmarks.results.results import Results
from nanoagent.texts import plural

VARIABLE: Final = "GITHUB_STEP_SUMMARY"
"""Names the file to which a step of a GitHub workflow appends what it wants shown."""
LARGEST_BYTES: Final = 1 << 20
"""GitHub shows nothing at all of a step that has more."""
MOST_GOALS: Final = 30
_CUT: Final = "\n\nCut here: the whole report is in the directory of results.\n"


def summary_for_ci(results: Results, comparison: Comparison | None = None, why: WhyOf | None = None) -> str:
    """The summary: what it comes to, and what did not pass or is not the same."""
    lines = ["## Benchmark results", "", f"**{escaped(headline(results))}**", ""]
    if comparison is not None:
        lines += [f"**{escaped(verdict_line(comparison))}**", ""]
    lines += [measured_line(results), ""]
    lines += [text for sentence in lacking(results) for text in (f"**{escaped(sentence)}**", "")]
    against = [row for row in results.goals if row.verdict is not VerdictWord.PASS]
    if against:
        lines += [*verdict_table(against[:MOST_GOALS], repeat=results.provenance.repeat), ""]
    if len(against) > MOST_GOALS:
        lines += [f"{plural(len(against) - MOST_GOALS, 'more goal')} did not pass.", ""]
    if comparison is not None:
        lines += ["### Comparison", "", *comparison_lines(comparison, why or {}), ""]
    return "\n".join(lines)


def append_for_github(text: str, environ: Mapping[str, str]) -> str | None:
    """Append a summary to that of the step, as far as there is room; nothing outside of a GitHub workflow.

    Returns:
        Why it cannot be shown, for a person; `None` where all is well. A summary is no reason to fail.
    """
    path = environ.get(VARIABLE, "").strip()
    if not path:
        return None
    try:
        return _append(Path(path), f"\n{printable(text)}".encode())
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or first_line(error)
        return f"{VARIABLE} names no file that can be appended to, got {path!r}: {reason}"


def _append(path: Path, text: bytes) -> str | None:
    if path.exists() and not path.is_file():
        return f"{VARIABLE} must name a file, got {str(path)!r}; the summary is left out"
    room = LARGEST_BYTES - (path.stat().st_size if path.exists() else 0)
    if len(text) > room:
        kept = text[: max(0, room - len(_CUT))]
        text = kept[: kept.rfind(b"\n") + 1] + _CUT.encode()
    if len(text) > room:
        return f"{VARIABLE} has no room left: the summary is left out"
    with path.open("ab") as file:
        file.write(text)
    return None
