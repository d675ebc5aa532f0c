"""What is public is documented, and is what it was."""

import inspect
import subprocess
import sys

import pytest

from instrumentation import testing
from tests.commands import ROOT

NAMES = [
    "AWAY",
    "BROKEN",
    "BUSY",
    "FORBIDDEN",
    "INVALID",
    "NOT_FOUND",
    "PROTOCOLS",
    "TOO_LARGE",
    "Behaviour",
    "Capture",
    "Collector",
    "CountingIds",
    "Exchange",
    "Exemplar",
    "ExponentialBuckets",
    "HttpExchange",
    "MetricPoint",
    "Protocol",
    "ReceivedSpan",
    "Refusal",
    "Series",
    "TickingClock",
    "by_series",
    "closed_port",
    "collecting",
    "healthy",
    "never_answers",
    "refuses",
    "refuses_more_than",
    "resets_before_answering",
    "series",
    "slow",
    "span_dicts",
    "takes_all_but",
    "tree_text",
]


def test_these_names_are_public() -> None:
    assert testing.__all__ == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_documented(name: str) -> None:
    document = (ROOT / "docs/testing.md").read_text(encoding="utf-8")
    assert f"`{name}`" in document.partition("## All of it")[2]
    value = getattr(testing, name)
    if inspect.isclass(value) or inspect.isfunction(value):
        doc = inspect.getdoc(value)
        assert doc
        assert not doc.startswith(f"{name}(")  # what Python says of data classes by itself


@pytest.mark.parametrize("kind", [one for one in vars(testing).values() if inspect.isclass(one)])
def test_what_can_be_done_with_it_is_documented(kind: type) -> None:
    members = [value for name, value in vars(kind).items() if not name.startswith("_")]
    done = [member for member in members if inspect.isfunction(member) or isinstance(member, property)]
    assert [member for member in done if not inspect.getdoc(member)] == []


def test_it_loads_neither_grpc_nor_an_agent() -> None:
    program = "import sys, instrumentation.testing; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "instrumentation" in loaded
    assert loaded & {"grpc", "pydantic_ai", "pytest", "rich", "typer"} == set()
