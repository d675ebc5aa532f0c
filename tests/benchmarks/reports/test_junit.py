"""JUnit XML: what CI systems have in common, with texts from outside in it."""

from typing import Any, Final
from xml.etree.ElementTree import Element, fromstring

import pytest

from benchmarks.comparing.comparison import Word
from benchmarks.reports.junit import junit_xml
from benchmarks.suite.goals import Tier
from tests.benchmarks.reports.data import (
    PASS,
    UNREACHABLE,
    compared,
    compared_row,
    failed,
    many,
    numbers,
    results,
    row,
)
from tests.benchmarks.results_made import facts
from tests.benchmarks.test_names_from_outside import FROM_OUTSIDE, ODD

ATTRIBUTES: Final = {
    "testsuites": {"name", "tests", "failures", "errors"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "time", "timestamp"},
    "properties": set(),
    "property": {"name", "value"},
    "testcase": {"name", "classname", "time"},
    "failure": {"type", "message"},
    "error": {"type", "message"},
    "skipped": {"message"},
    "system-out": set(),
}
"""As far as the schema of Jenkins' xUnit plugin, which most readers keep to, knows them."""
CHILDREN: Final = {
    "testsuites": {"testsuite"},
    "testsuite": {"properties", "testcase"},
    "properties": {"property"},
    "testcase": {"failure", "error", "skipped", "system-out"},
}


def read(xml: str) -> Element:
    """The root, as a strict parser reads it."""
    return fromstring(xml.encode())  # noqa: S314 - our own file


def as_data(element: Element) -> dict[str, Any]:
    return {"tag": element.tag, **element.attrib, "text": (element.text or "").strip()}


@pytest.mark.parametrize("data", [many(26), many(7, attempts=3), results([]), results([row("a")])], ids=repr)
def test_the_file_keeps_to_the_schema(data: Any) -> None:
    for element in read(junit_xml(data)).iter():
        assert element.keys() == list(element.attrib)
        assert set(element.attrib) == ATTRIBUTES[element.tag]
        assert {child.tag for child in element} <= CHILDREN.get(element.tag, set())


def test_a_goal_is_a_case_with_its_numbers_in_the_suite_of_its_tier() -> None:
    data = results([row("a", (PASS, numbers(3, 6_000)), trace_url="http://localhost:16686/trace/1"), row("b")])
    (suite,) = read(junit_xml(data))
    assert [as_data(case) for case in suite.iter("testcase")] == [
        {"tag": "testcase", "name": "a", "classname": "nanoagent-bench.simple", "time": "0.008", "text": ""},
        {"tag": "testcase", "name": "b", "classname": "nanoagent-bench.simple", "time": "0.000", "text": ""},
    ]
    assert [as_data(skipped)["message"] for skipped in suite.iter("skipped")] == ["not judged"]
    assert [out.text for out in suite.iter("system-out")] == [
        "iterations: 3\ntokens: 6,000\nmodel calls: 4\ntool calls: 0, failed: 0\ntime: 8 ms\n"
        "trace: http://localhost:16686/trace/1\nanswer: 8"
    ]
    properties = {one.attrib["name"]: one.attrib["value"] for one in suite.iter("property")}
    assert (properties["Model"], properties["Commit"]) == ("scripted (rules)", "-")


def test_a_fail_is_a_failure_with_its_reasons_and_an_error_one_with_its_cause() -> None:
    rows = [
        row("a", failed("answer does not hold 8")),
        row(facts("b", tier=Tier.COMPLEX), UNREACHABLE, error_type="TimeoutError"),
    ]
    root = read(junit_xml(results(rows)))
    assert [as_data(one) for one in root.iter() if one.tag in ("failure", "error")] == [
        {"tag": "failure", "type": "fail", "message": "answer does not hold 8", "text": "answer does not hold 8"},
        {
            "tag": "error",
            "type": "model_error",
            "message": "cause model_error; TimeoutError",
            "text": "cause model_error\nTimeoutError",
        },
    ]
    assert [root.attrib, *(suite.attrib for suite in root)] == [
        {"name": "nanoagent-bench", "tests": "2", "failures": "1", "errors": "1"},
        suite("simple", tests=1, failures=1),
        suite("complex", tests=1, errors=1),
    ]


def suite(tier: str, *, tests: int = 0, failures: int = 0, errors: int = 0, skipped: int = 0) -> dict[str, str]:
    return {
        "name": f"nanoagent-bench.{tier}",
        "tests": f"{tests}",
        "failures": f"{failures}",
        "errors": f"{errors}",
        "skipped": f"{skipped}",
        "time": "0.008",
        "timestamp": "2026-11-25T10:00:00+00:00",
    }


def test_each_attempt_is_a_case_of_its_own() -> None:
    root = read(junit_xml(results([row("a", PASS, failed(), PASS)])))
    assert [case.attrib["name"] for case in root.iter("testcase")] == ["a [1 of 3]", "a [2 of 3]", "a [3 of 3]"]
    assert (root.attrib["tests"], root.attrib["failures"]) == ("3", "1")


def test_a_comparison_is_a_suite_in_which_what_is_worse_or_missing_fails() -> None:
    rows = [
        compared_row("a", "tokens_used", Word.WORSE, 4_000, 4_400),
        compared_row("a", "iterations", Word.SAME, 2, 2),
        compared_row("b", "tokens_used", Word.BETTER, 4_000, 3_000),
        compared_row("c", "tokens_used", Word.NOT_COMPARABLE, None, 3_000, reason="the goal's text differs"),
    ]
    root = read(junit_xml(results([row("a", PASS)]), compared(*rows, missing=["d"])))
    assert root.attrib == {"name": "nanoagent-bench", "tests": "5", "failures": "2", "errors": "0"}
    suite = root[1]
    assert suite.attrib == {
        "name": "nanoagent-bench.comparison",
        "tests": "4",
        "failures": "2",
        "errors": "0",
        "skipped": "1",
    }
    found = [(case.attrib["name"], [(one.tag, one.attrib["message"]) for one in case]) for case in suite]
    assert found == [
        ("a", [("failure", "tokens +400, +10 %: any difference counts")]),
        ("b", []),
        ("c", [("skipped", "the goal's text differs")]),
        ("d", [("failure", "the baseline has this goal, and this run has not")]),
    ]
    for element in suite.iter():
        assert set(element.attrib) <= ATTRIBUTES[element.tag]


@pytest.mark.parametrize(
    "text", [*FROM_OUTSIDE, ODD, "a\0b", "]]>", "\ufffe\uffff", "\x0b\x85", "<!--", "&x;"], ids=ascii
)
def test_a_text_from_outside_is_nothing_but_text(text: str) -> None:
    xml = junit_xml(results([row(text, failed(text), answer=text, trace_url=text)], source={"model": text}))
    assert [char for char in xml if char != "\n" and (ord(char) < 32 or 0x7F <= ord(char) < 0xA0)] == []
    assert not {"\ufffe", "\uffff"} & set(xml)
    root = read(xml)
    assert [element.tag for element in root.iter() if element.tag not in ATTRIBUTES] == []
    assert (len(list(root.iter("testcase"))), len(list(root.iter("failure")))) == (1, 1)
