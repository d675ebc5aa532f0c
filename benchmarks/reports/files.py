"""The files of a report, from the data alone."""

from typing import Final

from benchmarks.comparing.comparison import Comparison, WhyOf
from benchmarks.reports.charts import charts_of
from benchmarks.reports.comparison_chart import comparison_chart
from benchmarks.reports.document import file_name, markdown_of
from benchmarks.reports.junit import junit_xml
from benchmarks.reports.page import page_of
from benchmarks.reports.report import document
from benchmarks.results.results import Results

REPORT: Final = "RESULTS.md"
PAGE: Final = "report.html"
JUNIT: Final = "junit.xml"


def files_of(results: Results, comparison: Comparison | None = None, why: WhyOf | None = None) -> dict[str, str]:
    """All files, by their names relative to the directory of results.

    Args:
        results: What was measured.
        comparison: What became of a baseline; `None` where there is none.
        why: Why rows of the comparison are worse, as far as it is known.
    """
    compared = None if comparison is None else comparison_chart(comparison)
    charts = [*charts_of(results), *([compared] if compared else [])]
    whole = document(results, charts, comparison, why or {})
    pictures = {
        file_name(chart, surroundings): svg
        for chart in whole.charts
        for surroundings, svg in chart.drawn._asdict().items()
    }
    return {REPORT: markdown_of(whole), PAGE: page_of(whole), JUNIT: junit_xml(results, comparison), **pictures}
