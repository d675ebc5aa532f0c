"""The page, as a browser shows it: on a phone and a screen, in light and in dark, by keyboard, and alone."""

from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from benchmarks.comparing.comparison import Comparison, Why, WhyOf, Word
from benchmarks.reports.document import Document, Section
from benchmarks.reports.files import PAGE, REPORT, files_of
from benchmarks.reports.page import page_of
from benchmarks.results.results import Results
from tests.benchmarks.reports.data import PASS, compared, compared_row, failed, many, results, row
from tests.benchmarks.test_names_from_outside import FROM_OUTSIDE
from tests.browser import Page, browser, chromium

WIDTHS = (360, 1280)
TOLD = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")


def page_file(directory: Path, data: Results, *compared_with: Any) -> Path:
    path = directory / PAGE
    path.write_text(files_of(data, *compared_with)[PAGE], encoding="utf-8")
    return path


def worse() -> tuple[Comparison, WhyOf]:
    """A comparison in which everything from outside is worse, for reasons from outside."""
    rows = [compared_row(text, "tokens_used", Word.WORSE, 4_000, 4_400, reason=text) for text in FROM_OUTSIDE]
    why = {(text, "tokens_used"): Why([text], "http://localhost:16686/trace/a...b") for text in FROM_OUTSIDE}
    return compared(*rows, missing=FROM_OUTSIDE), why


@pytest.fixture(scope="module")
def odd() -> Results:
    """Results in which every text is from outside."""
    rows = [row(text, failed(text), PASS, answer=text, trace_url=text) for text in FROM_OUTSIDE]
    return results(rows, source={"model": FROM_OUTSIDE[2], "agent": FROM_OUTSIDE[3]})


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, odd: Results) -> dict[str, Path]:
    cases = {"many": many(26, attempts=3), "few": many(3), "odd": odd, "none": results([row("a")])}
    made = {name: page_file(tmp_path_factory.mktemp(name), data) for name, data in cases.items()}
    return made | {"compared": page_file(tmp_path_factory.mktemp("compared"), many(3), *worse())}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["many", "few", "odd", "none", "compared"])
def test_a_page_is_quiet_alone_and_no_wider_than_its_window(
    page: Page, files: dict[str, Path], name: str, width: int, dark: bool
) -> None:
    page.show(files[name], width=width, dark=dark)
    assert page.value("document.documentElement.scrollWidth") == width
    assert page.events_of(*TOLD) == []
    asked = {event["request"]["url"] for event in page.events_of("Network.requestWillBeSent")}
    assert {url for url in asked if not url.startswith("data:")} == {files[name].as_uri()}
    assert page.value("[...document.images].filter(image => !image.naturalWidth).length") == 0


CONTRASTS = """(() => {
  const number = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = colour => {
    const [r, g, b] = number(colour).map(part => part / 255)
      .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = element => {
    for (let one = element; one; one = one.parentElement) {
      const colour = getComputedStyle(one).backgroundColor;
      if (number(colour)[3] !== 0) return colour;
    }
  };
  const contrasts = {};
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.textContent.trim()) continue;
    const [dim, bright] = [light(getComputedStyle(element).color), light(behind(element))].sort((a, b) => a - b);
    const contrast = (bright + 0.05) / (dim + 0.05);
    contrasts[element.localName] = Math.min(contrast, contrasts[element.localName] ?? 21);
  }
  return contrasts;
})()"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_of_a_page_stands_out_from_what_is_behind_it(page: Page, files: dict[str, Path], dark: bool) -> None:
    page.show(files["many"], width=1280, dark=dark)
    contrasts = page.value(CONTRASTS)
    assert {"h1", "a", "p", "td", "th", "figcaption"} <= contrasts.keys()
    assert {name: contrast for name, contrast in contrasts.items() if contrast < 4.5} == {}
    background = page.value("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(13, 17, 23)" if dark else "rgb(255, 255, 255)")


def test_a_page_can_be_used_by_keyboard(page: Page, files: dict[str, Path]) -> None:
    page.show(files["many"], width=360, dark=False)
    focused = "document.activeElement.outerHTML.slice(0, 60)"
    page.press("Tab")
    assert "skip" in page.value(focused)
    assert page.value("document.activeElement.getBoundingClientRect().left") >= 0
    page.press("Tab")
    page.press("Tab")
    assert "#numbers" in page.value(focused)
    page.press("Enter")
    assert page.value("location.hash") == "#numbers"
    seen = []
    for _ in range(6):
        page.press("Tab")
        seen.append(page.value("getComputedStyle(document.activeElement).outlineStyle"))
    assert set(seen) == {"solid"}
    wide = page.value("[...document.querySelectorAll('.wide')].every(one => one.tabIndex === 0 && one.ariaLabel)")
    assert wide is True


def test_what_does_not_fit_a_phone_can_be_moved_within_its_frame(page: Page, files: dict[str, Path]) -> None:
    page.show(files["many"], width=360, dark=False)
    frames = "[...document.querySelectorAll('.wide')].filter(one => one.scrollWidth > one.clientWidth).length"
    assert page.value(frames) > 3
    assert page.value("getComputedStyle(document.querySelector('.wide')).overflowX") == "auto"


class Elements(HTMLParser):
    """The elements of a page, with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_a_page_of_names_from_outside_holds_nothing_of_theirs(files: dict[str, Path]) -> None:
    found = Elements(files["odd"].read_text("utf-8")).found
    assert {tag for tag, _ in found} & {"script", "iframe", "object", "form", "input", "base"} == set()
    plain = {tag for tag, _ in Elements(files["many"].read_text("utf-8")).found}
    assert {tag for tag, _ in found} <= plain
    links = {attributes["href"] for tag, attributes in found if tag in ("a", "link")}
    assert {link for link in links if link and not link.startswith(("#", "data:,"))} == set()
    assert [name for _, attributes in found for name in attributes if name.startswith("on") or name == "style"] == []


def test_a_page_of_a_comparison_leads_nowhere_but_to_its_traces(files: dict[str, Path]) -> None:
    found = Elements(files["compared"].read_text("utf-8")).found
    links = {attributes["href"] for tag, attributes in found if tag == "a"}
    assert {link for link in links if link and not link.startswith("#")} == {"http://localhost:16686/trace/a...b"}


@pytest.mark.parametrize(("ci", "ends"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_without_a_browser_ci_fails_and_others_skip(
    monkeypatch: pytest.MonkeyPatch, ci: str, ends: type[BaseException]
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CI", ci)
    with pytest.raises(ends, match="apt-get install chromium"):
        chromium()


def test_html_in_a_report_is_text_on_the_page() -> None:
    section = Section(title="<b>", lines=["<script>alert(1)</script>", "", "<b>x</b>"])
    page = page_of(Document(title="<i>", head=["<u>x</u>"], sections=[section]))
    assert {tag for tag, _ in Elements(page).found} & {"script", "b", "i", "u"} == set()


def test_a_page_has_landmarks_and_every_table_a_name(files: dict[str, Path]) -> None:
    found = Elements(files["many"].read_text("utf-8")).found
    tags = [tag for tag, _ in found]
    assert [tags.count(tag) for tag in ("header", "nav", "main", "h1")] == [1, 1, 1, 1]
    assert tags.count("caption") == tags.count("table") > 3
    sections = {attributes["aria-labelledby"] for tag, attributes in found if tag == "section"}
    assert sections == {attributes["id"] for tag, attributes in found if tag == "h2"}
    ids = [attributes["id"] for _, attributes in found if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert all(attributes["alt"] for tag, attributes in found if tag == "img")


def test_a_page_says_what_the_report_says() -> None:
    data = replace(many(3), interrupted=True)
    files = files_of(data)
    assert "<strong>The run was interrupted: these are the goals that came to an end before.</strong>" in files[PAGE]
    assert "make no claim about any model's intelligence" in files[PAGE]
    rows = [line for line in files[REPORT].splitlines() if line.startswith("| ") and not line.startswith("| ---")]
    assert files[PAGE].count("<tr>") == len(rows)
    assert files[PAGE].count("<img") == files[REPORT].count("<img") == 2
