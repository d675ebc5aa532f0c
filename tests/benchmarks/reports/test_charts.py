"""Charts: true of the data, readable with few rows and with many, in light and in dark, whoever sees them."""

from collections.abc import Sequence
from itertools import combinations, pairwise
from typing import Final
from xml.etree.ElementTree import Element, fromstring

import pytest

from benchmarks.reports import palette
from benchmarks.reports.charts import MOST_ROWS, Chart, charts_of
from benchmarks.reports.document import Document, Section, file_name, markdown_of
from benchmarks.reports.drawing import Drawn
from benchmarks.reports.files import REPORT, files_of
from benchmarks.results.results import Results
from nanoagent.core.performance import PhaseCounts
from tests.benchmarks.reports.data import PASS, UNREACHABLE, failed, many, numbers, results, row
from tests.benchmarks.results_made import facts
from tests.benchmarks.test_names_from_outside import FROM_OUTSIDE, steering, tokens

SVG: Final = "{http://www.w3.org/2000/svg}"


def chart(data: Results, name: str) -> Chart:
    (found,) = [one for one in charts_of(data) if one.name == name]
    return found


def read(svg: str) -> Element:
    return fromstring(svg.encode())  # noqa: S314 - our own file


def texts(of: Chart) -> list[str]:
    """The texts of a picture, in the order in which they are drawn."""
    return [(element.text or "") for element in read(of.drawn.light).iter(f"{SVG}text")]


def test_the_headroom_of_each_goal_is_its_mean_share_of_the_budget() -> None:
    rows = [
        row("a", (PASS, numbers(1, 1_000)), (PASS, numbers(2, 3_000))),
        row("b", (PASS, numbers(4, 9_500))),
        row("c", (failed(), numbers(20, 400_000))),
    ]
    shown = chart(results(rows), "headroom")
    assert [text for text in texts(shown) if "%" in text and text not in ("0 %", "50 %", "100 %")] == [
        *("30 %", "80 %", "400 %"),
        *("20 %", "95 %", "4,000 %"),
    ]
    assert shown.alt == (
        "Of the budget of iterations, most is used in c: 400 %. Of the budget of tokens, most is used in c: 4,000 %."
    )


def test_the_tokens_of_each_goal_are_split_by_phase() -> None:
    shown = chart(results([row(name, (PASS, numbers(1, 4_100 + n))) for n, name in enumerate("abc")]), "phases")
    assert [text for text in texts(shown) if text in ("plan", "execute", "reflect", "4,100", "4,101", "4,102")] == [
        *("4,100", "4,101", "4,102"),
        *("plan", "execute", "reflect"),
    ]
    assert shown.alt == (
        "Tokens by phase, of all that is shown: plan 25 %, execute 75 %, reflect 0 %. Most are used in c: 4,102."
    )


def test_how_often_goals_passed_leaves_out_what_could_not_be_judged() -> None:
    rows = [row("a", PASS, PASS, PASS), row("b", PASS, failed(), failed()), row("c", PASS, UNREACHABLE, PASS)]
    shown = chart(results(rows), "pass-rate")
    assert [text for text in texts(shown) if " of " in text] == ["3 of 3", "1 of 3", "2 of 2"]
    assert shown.alt == "2 of 3 goals passed every time. Least often passed is b: 1 of 3."


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (many(3), ["headroom", "phases"]),
        (many(3, attempts=2), ["pass-rate", "headroom", "phases"]),
        (many(2, attempts=2), []),
        (results([]), []),
        (results([row(name, UNREACHABLE) for name in "abcd"]), []),
        (results([row(name, (PASS, numbers(None, 4_000, by_phase=()))) for name in "abc"]), ["headroom"]),
        (results([row(name, (PASS, numbers(2, None))) for name in "abc"]), ["headroom"]),
    ],
    ids=["few", "repeated", "too few", "none", "nothing judged", "an agent", "unknown tokens"],
)
def test_a_chart_is_drawn_where_there_is_enough_to_show(data: Results, names: Sequence[str]) -> None:
    assert [one.name for one in charts_of(data)] == names


def test_what_is_not_known_is_a_dash_in_a_chart_too() -> None:
    rows = [row("a", (PASS, numbers(1, None))), *(row(name, (PASS, numbers(2, 1_000))) for name in "bcd")]
    shown = chart(results(rows), "headroom")
    assert [text for text in texts(shown) if text in ("-", "10 %")] == ["-", "10 %", "10 %", "10 %"]


def test_a_goal_of_which_a_phase_is_not_known_is_left_out_of_its_phases() -> None:
    known = [row(name, (PASS, numbers(2, 4_100))) for name in "abc"]
    half = (
        PhaseCounts(phase="plan", input_tokens=100),
        PhaseCounts(phase="execute", input_tokens=None, output_tokens=None),
    )
    shown = chart(results([*known, row("d", (PASS, numbers(2, 4_100, by_phase=half)))]), "phases")
    assert [text for text in texts(shown) if text in "abcd"] == ["a", "b", "c"]


def test_numbers_beyond_all_measure_are_drawn_to_the_end_and_written_out() -> None:
    shown = chart(results([row(name, (PASS, numbers(2, 10**30))) for name in "abc"]), "headroom")
    assert texts(shown).count("100 %") == 2
    assert max(len(text) for text in texts(shown)) > 35
    assert [one.name for one in charts_of(results([row(name, (PASS, numbers(0, 0))) for name in "abc"]))] == [
        "headroom"
    ]


def test_of_many_goals_those_that_say_most_are_shown_in_their_order() -> None:
    rows = [row(f"g{n}", (PASS, numbers(1, 9_000 if n % 3 == 0 else 100))) for n in range(3 * MOST_ROWS)]
    shown = chart(results(rows), "headroom")
    assert [text for text in texts(shown) if text.startswith("g")] == [f"g{3 * n}" for n in range(MOST_ROWS)]
    assert shown.title.endswith(f"({MOST_ROWS} of {3 * MOST_ROWS} goals)")


@pytest.mark.parametrize("data", [many(26, attempts=2), many(3)], ids=["many", "few"])
def test_no_row_lies_over_another_and_every_name_has_room(data: Results) -> None:
    for one in charts_of(data):
        root = read(one.drawn.light)
        width, height = (float(root.attrib[side].removesuffix("pt")) for side in ("width", "height"))
        names = [text for text in root.iter(f"{SVG}text") if (text.text or "").startswith("goal-")]
        assert len(names) == len(data.goals)
        places = [(float(name.attrib["x"]), float(name.attrib["y"])) for name in names]
        assert all(len(name.text or "") * 5.5 < x < width for name, (x, _) in zip(names, places, strict=True))
        lines = [y for _, y in places]
        assert min((b - a for a, b in pairwise(lines)), default=99) > 12
        assert max(lines) < height


def test_the_same_data_gives_the_same_bytes() -> None:
    assert files_of(many(4, attempts=2)) == files_of(many(4, attempts=2))


ODD_NAMES: Final = (*FROM_OUTSIDE, "$x^2$", "$$", r"\frac{1}{2}$", "\u9577\u3044" * 20, "x" * 300)
ELEMENTS: Final = {f"{SVG}{name}" for name in ("svg", "g", "defs", "style", "path", "text", "use", "clipPath", "rect")}


def test_names_from_outside_are_nothing_but_text_in_a_chart() -> None:
    data = results([row(facts(name), PASS, failed()) for name in ODD_NAMES])
    for one in charts_of(data):
        for svg in one.drawn:
            assert steering(svg) == []
            assert {element.tag for element in read(svg).iter()} <= ELEMENTS
        assert {"$x^2$", "$$", r"\frac{1}{2}$"} <= set(texts(one))


@pytest.mark.parametrize("text", ODD_NAMES, ids=ascii)
def test_a_name_from_outside_is_nothing_but_text_in_what_a_chart_says(text: str) -> None:
    section = Section(title="x", lines=[], charts=[Chart(name="c", title=text, alt=text, drawn=Drawn("", ""))])
    report = markdown_of(Document(title="x", head=[], sections=[section]))
    assert steering(report) == []
    (html,) = [token.content for token in tokens(report) if token.type.startswith("html")]
    start = (
        '<picture>\n<source media="(prefers-color-scheme: dark)" srcset="charts/c-dark.svg">\n'
        '<img src="charts/c-light.svg" alt="'
    )
    assert html.startswith(start)
    assert html.endswith('">\n</picture>\n')
    assert not set(html[len(start) : -len('">\n</picture>\n')]) & set('<>"\n')


def test_the_files_that_a_report_shows_are_those_that_are_written() -> None:
    files = files_of(many(3, attempts=2))
    pictures = {name for name in files if name.endswith(".svg")}
    assert len(pictures) == 6
    assert {name for name in pictures if files[REPORT].count(f'"{name}"') == 1} == pictures
    assert files[file_name(chart(many(3), "headroom"), "dark")].count(palette.TEXT.dark) > 10


# -- colours ----------------------------------------------------------------------------------------------------------

SEEN_BY: Final = {
    "all": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopes": ((0.152, 1.053, -0.205), (0.115, 0.786, 0.099), (-0.004, -0.048, 1.052)),
    "deuteranopes": ((0.367, 0.861, -0.228), (0.280, 0.673, 0.047), (-0.012, 0.043, 0.969)),
    "tritanopes": ((1.256, -0.077, -0.179), (-0.078, 0.931, 0.148), (0.005, 0.691, 0.304)),
}
"""What becomes of linear red, green and blue: Machado, Oliveira and Fernandes 2009, at full severity."""
TELLING: Final = (palette.FIRST, palette.SECOND, palette.THIRD, palette.BAD)


def linear(code: str) -> list[float]:
    parts = [int(code[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def contrast(one: str, other: str) -> float:
    weights = (0.2126, 0.7152, 0.0722)
    dim, bright = sorted(sum(w * part for w, part in zip(weights, linear(code), strict=True)) for code in (one, other))
    return (bright + 0.05) / (dim + 0.05)


def lab(rgb: Sequence[float]) -> tuple[float, float, float]:
    """CIE L*a*b*, in which a distance of 2 can just be seen."""
    rows = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
    white = (0.9505, 1.0, 1.089)
    xyz = [max(0.0, sum(a * b for a, b in zip(row, rgb, strict=True))) / w for row, w in zip(rows, white, strict=True)]
    x, y, z = (part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116 for part in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@pytest.mark.parametrize("place", [0, 1], ids=["light", "dark"])
def test_colours_stand_out_from_their_background(place: int) -> None:
    background = palette.BACKGROUND[place]
    assert min(contrast(colour[place], background) for colour in (palette.TEXT, palette.QUIET)) >= 4.5
    assert min(contrast(colour[place], background) for colour in TELLING) >= 3


@pytest.mark.parametrize("people", SEEN_BY)
@pytest.mark.parametrize("place", [0, 1], ids=["light", "dark"])
def test_colours_can_be_told_apart_by_all_people(people: str, place: int) -> None:
    seen = [
        lab([sum(a * b for a, b in zip(row, linear(colour[place]), strict=True)) for row in SEEN_BY[people]])
        for colour in TELLING
    ]
    assert min(sum((a - b) ** 2 for a, b in zip(*pair, strict=True)) ** 0.5 for pair in combinations(seen, 2)) > 20
