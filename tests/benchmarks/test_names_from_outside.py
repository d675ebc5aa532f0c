"""Names from outside: shown as text in a report, and never a way out of a directory."""

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from benchmarks.markdown import escaped, table
from benchmarks.store import RESULTS, Store

FROM_OUTSIDE = (
    "[here](http://evil.example)",
    "![picture](http://evil.example/x.png)",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "[x][ref]",
    "<http://evil.example>",
    "http://evil.example/a",
    "https://evil.example",
    "www.evil.example",
    "mail me@evil.example",
    "@everyone, see #1",
    "`code` and ``more``",
    "# heading",
    "a | b | c",
    "a\n\n# heading\n\n- item",
    "a\r\n| b |",
    "**bold** _it_ ~~gone~~",
    "&lt;b&gt; &#60;",
    "1. item",
    "1) item",
    "+ item",
    "> quote",
    "---",
    "===",
    "\\[x](http://evil.example)",
    "\x1b[31mred\x1b[0m \x1b]8;;http://evil.example\x07link\x1b]8;;\x07",
    "\x9b31m \u202egnp.exe\u202c \u2066x\u2069",
    "a\x00b \ud83e \x7f",
    "../x",
    "/etc/passwd",
    "CON",
    "a/b:c?*",
)
HARMLESS = {"inline", "text", "text_special", "softbreak"}
IN_A_TABLE = {f"{part}_{end}" for part in ("table", "thead", "tbody", "tr", "th", "td") for end in ("open", "close")}


def tokens(markdown: str) -> list[Any]:
    """What a Markdown reader with GitHub's additions makes of it, inside and out."""
    reader = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    return [inner for token in reader.parse(markdown) for inner in [token, *(token.children or [])]]


@pytest.mark.parametrize("text", FROM_OUTSIDE, ids=ascii)
def test_a_text_from_outside_is_nothing_but_text_in_a_cell(text: str) -> None:
    found = tokens("\n".join(table(["Goal"], [[escaped(text)]])))
    assert {token.type for token in found} <= HARMLESS | IN_A_TABLE
    assert sum(token.type == "tr_open" for token in found) == 2
    assert sum(token.type == "td_open" for token in found) == 1


@pytest.mark.parametrize("text", FROM_OUTSIDE, ids=ascii)
@pytest.mark.parametrize("before", ["", "- ", "It says "])
def test_a_text_from_outside_is_nothing_but_text_in_a_line(before: str, text: str) -> None:
    around = {token.type for token in tokens(f"{before}x")}
    assert {token.type for token in tokens(f"{before}{escaped(text)}")} <= HARMLESS | around


@pytest.mark.parametrize("text", FROM_OUTSIDE, ids=ascii)
def test_no_character_that_steers_a_reader_is_in_a_report(text: str) -> None:
    shown = escaped(text)
    assert [char for char in shown if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")] == []
    shown.encode()


def test_a_bare_address_becomes_no_link_on_sites_that_make_links_of_them() -> None:
    assert escaped("see http://evil.example or www.evil.example") == r"see http\://evil.example or www\.evil.example"


def test_half_a_character_costs_no_results(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.begin_attempts()
    store.add_attempt({"id": "a", "answer": "x\ud83e"})
    store.write_results({"goals": [{"id": "a", "answer": "x\ud83e"}]}, f"# {escaped(chr(0xD83E))}")
    assert json.loads((tmp_path / RESULTS).read_bytes()) == {"goals": [{"id": "a", "answer": "x\ufffd"}]}
