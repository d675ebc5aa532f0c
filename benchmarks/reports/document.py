"""The document that a report is, before it is Markdown or a page."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from benchmarks.reports.charts import Chart
from benchmarks.reports.markdown import escaped
from instrumentation.rendering.visible import visible

CHARTS: Final = "charts"
"""The directory of the pictures, beside the report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of a report."""

    title: str
    lines: Sequence[str]
    """Markdown in which nothing from outside means anything but itself."""
    charts: Sequence[Chart] = ()
    """Below the lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A report."""

    title: str
    head: Sequence[str]
    """Markdown, as in a section."""
    sections: Sequence[Section]

    @property
    def charts(self) -> list[Chart]:
        """All pictures."""
        return [chart for section in self.sections for chart in section.charts]


def markdown_of(document: Document) -> str:
    """The document as Markdown, its pictures as GitHub shows them: light or dark as the reader has it."""
    lines = [f"# {document.title}", "", *document.head, ""]
    for section in document.sections:
        lines += [f"## {section.title}", "", *section.lines, ""]
        for chart in section.charts:
            lines += [f"{escaped(chart.title)}:", "", *_picture(chart), ""]
    return "\n".join(lines)


def file_name(chart: Chart, surroundings: str) -> str:
    """Of a picture's file, as seen from the report; the surroundings are light or dark."""
    return f"{CHARTS}/{chart.name}-{surroundings}.svg"


def alt_text(chart: Chart) -> str:
    """What a picture says, as HTML holds it in an attribute; on one line."""
    return escape(visible(chart.alt))


def _picture(chart: Chart) -> list[str]:
    return [
        "<picture>",
        f'<source media="(prefers-color-scheme: dark)" srcset="{file_name(chart, "dark")}">',
        f'<img src="{file_name(chart, "light")}" alt="{alt_text(chart)}">',
        "</picture>",
    ]
