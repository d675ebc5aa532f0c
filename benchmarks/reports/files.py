"""The files of a report, from the data alone."""

from collections.abc import Mapping
from typing import Final

from benchmarks.reports.charts import charts_of
from benchmarks.reports.document import file_name, markdown_of
from benchmarks.reports.junit import junit_xml
from benchmarks.reports.page import page_of
from benchmarks.reports.report import document
from benchmarks.results.results import Results

REPORT: Final = "RESULTS.md"
PAGE: Final = "report.html"
JUNIT: Final = "junit.xml"


def files_of(results: Results) -> Mapping[str, str]:
    """All files, by their names relative to the directory of results."""
    whole = document(results, charts_of(results))
    pictures = {
        file_name(chart, surroundings): svg
        for chart in whole.charts
        for surroundings, svg in chart.drawn._asdict().items()
    }
    return {REPORT: markdown_of(whole), PAGE: page_of(whole), JUNIT: junit_xml(results), **pictures}
