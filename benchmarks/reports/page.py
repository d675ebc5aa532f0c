"""The report as one page of HTML: everything is in the file, it asks for nothing from elsewhere and runs no script."""

import base64
import hashlib
import re
from collections.abc import Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from benchmarks.reports.charts import Chart
from benchmarks.reports.document import Document, Section, alt_text
from benchmarks.reports.palette import BACKGROUND, BAD, FIRST, GRID, QUIET, TEXT

_STYLE: Final = Path(__file__).with_name("page.css")
_COLOURS: Final = {
    "background": BACKGROUND,
    "bad": BAD,
    "grid": GRID,
    "link": FIRST,
    "quiet": QUIET,
    "text": TEXT,
}
_SHORT_CHARACTERS: Final = 24
"""A cell of so many is not broken into lines."""
_CAPTION: Final = "caption"
"""Under this name a section hands its title to the tables in it."""


def page_of(document: Document) -> str:
    """The whole page."""
    style = _style()
    title = escape(document.title)
    links = [f'<li><a href="#{_anchor(part)}">{escape(part.title)}</a></li>' for part in document.sections]
    parts = [
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(style)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        '<meta name="referrer" content="no-referrer">',
        f"<title>{title}</title>",
        '<link rel="icon" href="data:,">',
        f"<style>{style}</style>",
        "</head>",
        "<body>",
        '<a class="skip" href="#content">Skip to the content</a>',
        f"<header><h1>{title}</h1></header>",
        f'<nav aria-label="Sections"><ul>{"".join(links)}</ul></nav>',
        '<main id="content" tabindex="-1">',
        _html(document.head, document.title),
        *(_section(part) for part in document.sections),
        "</main>",
        "</body>",
        "</html>",
    ]
    return "\n".join(parts) + "\n"


def _section(section: Section) -> str:
    anchor = _anchor(section)
    return "\n".join(
        [
            f'<section aria-labelledby="{anchor}">',
            f'<h2 id="{anchor}"><a href="#{anchor}">{escape(section.title)}</a></h2>',
            _html(section.lines, section.title),
            *map(_figure, section.charts),
            "</section>",
        ]
    )


def _figure(chart: Chart) -> str:
    """A picture inside the page; on a small screen it can be moved sideways, by keyboard too."""
    title, alt = escape(chart.title), alt_text(chart)
    return (
        f'<figure><figcaption>{title}</figcaption><div class="wide" role="region" tabindex="0" aria-label="{title}">'
        f'<picture><source media="(prefers-color-scheme: dark)" srcset="{_inside(chart.drawn.dark)}">'
        f'<img src="{_inside(chart.drawn.light)}" alt="{alt}"></picture></div></figure>'
    )


def _inside(svg: str) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def _anchor(section: Section) -> str:
    return re.sub(r"\W+", "-", section.title.lower()).strip("-")


# -- Markdown -------------------------------------------------------------------------------------------------------


def _html(lines: Sequence[str], caption: str) -> str:
    rendered: str = _reader().render("\n".join(lines), {_CAPTION: caption})
    return rendered.rstrip("\n")


@cache
def _reader() -> MarkdownIt:
    """What makes HTML of a report's Markdown: HTML that stands in it is text, whatever it says."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    reader.add_render_rule("table_open", _table_open)
    reader.add_render_rule("table_close", _table_close)
    for cell in ("th_open", "td_open"):
        reader.add_render_rule(cell, _cell_open)
    return reader


def _table_open(_: RendererHTML, tokens: Sequence[Token], place: int, options: OptionsDict, env: EnvType) -> str:
    caption = escape(str(env[_CAPTION]))
    return f'<div class="wide" role="region" tabindex="0" aria-label="{caption}"><table><caption>{caption}</caption>\n'


def _cell_open(renderer: RendererHTML, tokens: Sequence[Token], place: int, *rest: Any) -> str:
    """A cell; a number or a short one says so by a class, since the page allows no style beside its own."""
    is_number = tokens[place].attrs.pop("style", None) is not None
    if is_number:
        tokens[place].attrSet("class", "number")
    elif len(tokens[place + 1].content) <= _SHORT_CHARACTERS:
        tokens[place].attrSet("class", "short")
    options, env = rest
    return renderer.renderToken(tokens, place, options, env)


def _table_close(*_: Any) -> str:
    return "</table></div>\n"


# -- what the page may do -------------------------------------------------------------------------------------------


@cache
def _style() -> str:
    """The style, in the colours of the charts."""

    def colours(place: int) -> str:
        return " ".join(f"--{name}: {pair[place]};" for name, pair in _COLOURS.items())

    root = f":root {{ {colours(0)} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {colours(1)} }} }}\n"
    return "\n" + root + _STYLE.read_text(encoding="utf-8")


def _policy(style: str) -> str:
    """Nothing but this style and pictures that are in the page."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
