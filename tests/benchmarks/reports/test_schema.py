"""The published JSON schema of results.json: that of the code, of what is committed, and strict."""

import json
from collections.abc import Callable
from typing import Any, Final

import jsonschema
import pytest

from benchmarks.results.forms import json_schema
from benchmarks.results.results import SCHEMA_VERSION
from tests.benchmarks.reports.data import PASS, UNREACHABLE, failed, many, results, row
from tests.benchmarks.results_made import results_text
from tests.commands import ROOT

PUBLISHED: Final = json.loads((ROOT / "benchmarks/results.schema.json").read_text("utf-8"))
VALIDATOR: Final = jsonschema.Draft202012Validator(PUBLISHED)


def written(data: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(results_text(data.to_dict()))
    return found


def test_the_published_schema_is_that_of_the_code() -> None:
    assert json_schema() == PUBLISHED
    jsonschema.Draft202012Validator.check_schema(PUBLISHED)


@pytest.mark.parametrize(
    "data",
    [many(7, attempts=2), results([]), results([row("a", PASS, failed(), UNREACHABLE), row("b")], interrupted=True)],
    ids=["many", "none", "interrupted"],
)
def test_results_follow_the_schema(data: Any) -> None:
    assert list(VALIDATOR.iter_errors(written(data))) == []


def test_the_committed_results_follow_the_schema() -> None:
    committed = json.loads((ROOT / "benchmarks/baseline.json").read_text("utf-8"))
    assert [error.message for error in VALIDATOR.iter_errors(committed)] == []


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.update(schema_version=SCHEMA_VERSION + 1),
        lambda data: data.update(note="x"),
        lambda data: data.pop("provenance"),
        lambda data: data["provenance"].update(repeat="2"),
        lambda data: data["goals"][0].update(verdict="passed"),
        lambda data: data["goals"][0]["attempts"][0].update(attempt=0),
        lambda data: data["goals"][0]["attempts"][0].update(trace_id="../x"),
        lambda data: data["goals"][0]["budget"].pop("tokens"),
    ],
    ids=["version", "more", "less", "kind", "word", "number", "trace", "inside"],
)
def test_what_is_no_file_of_results_is_refused(change: Callable[[dict[str, Any]], object]) -> None:
    data = written(many(2))
    change(data)
    assert list(VALIDATOR.iter_errors(data)) != []
