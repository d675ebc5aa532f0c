"""A rule that is changed on one side alone is noticed: in the fold, or in the view."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nanoagent.tracing import names
from tests.scale.changes import OF_THE_FOLD, OF_THE_VIEW
from tests.scale.engine import VIEW_SQL, Store, counted, store
from tests.scale.mutants import mutant, replaced
from tests.scale.proof import differences, folded
from tests.scale.rows import Event, Span, as_stored
from tests.scale.spans import MIDNIGHT_NS, chunks
from tests.scale.wild import wild


@pytest.fixture(scope="module")
def spans() -> list[Span]:
    """As many as it takes for each rule to show."""
    rnd = random.Random(11)  # noqa: S311 - no secret
    wild_spans = [as_stored(span) for number in range(800) for span in wild(rnd.choice, number)]
    return [*wild_spans, *(span for chunk in chunks(2, 3_000) for span in chunk), *_deep(70), *_rare()]


def _deep(levels: int) -> list[Span]:
    """Runs in runs, each with a call."""
    found = []
    for level in range(levels):
        place = {names.PARENT_RUN_ID: f"deep {level - 1}", names.ITERATION: 3}
        call = {names.OPERATION_NAME: names.OP_CHAT, names.INPUT_TOKENS: level}
        found += [_span(f"deep {level}", "1", _ROOT | place), _span(f"deep {level}", "2", call)]
    return found


def _rare() -> list[Span]:
    """What hardly comes by chance: a cost of many digits, two exceptions, a call of others inside a nested run."""
    said = {names.RUN_API_CALLS: 2, names.RUN_TOOL_CALLS: 0, names.RUN_ITERATIONS: 0}
    root = _ROOT | said | {names.RUN_COST_USD: 9000.123456789013}
    prices = {"2": 9000.000000000001, "3": 0.123456789012}
    calls = [
        _span("large", span_id, {names.OPERATION_NAME: names.OP_CHAT, names.OPERATION_COST: price})
        for span_id, price in prices.items()
    ]
    exceptions = [Event(names.EXCEPTION_EVENT, {names.EXCEPTION_TYPE: kind}) for kind in ("KeyError", "OSError")]
    failed = _span("failed", "1", _ROOT)._replace(failed=True, events=exceptions)
    nested = _span("inner", "1", _ROOT | {names.PARENT_RUN_ID: "outer"})
    call_of_others = {names.OPERATION_NAME: names.OP_CHAT, names.INPUT_TOKENS: 7}
    untracked = _span("inner", "2", {})._replace(attributes=call_of_others)
    return [failed, _span("large", "1", root), *calls, _span("outer", "1", _ROOT), nested, untracked]


_ROWS = "SELECT * FROM nanoagent_runs ORDER BY run_id"
_ROOT = {names.OPERATION_NAME: names.OP_WORKFLOW}


def _span(run: str, span_id: str, attributes: dict[str, Any]) -> Span:
    """A span below the root of a run, or the root."""
    parent = None if span_id == "1" else "1" * 16
    own = attributes | {names.RUN_ID: run}
    return Span(run.encode().hex().rjust(32, "0"), span_id * 16, parent, MIDNIGHT_NS, MIDNIGHT_NS + 9, "span", own)


@pytest.fixture(scope="module")
def stored(spans: list[Span]) -> Iterator[Store]:
    with store(spans) as made:
        yield made


@pytest.fixture(scope="module")
def rows(stored: Store) -> list[dict[str, Any]]:
    """Of the view as it is."""
    return stored.rows(_ROWS)


def test_the_view_is_the_fold(spans: list[Span], rows: list[dict[str, Any]]) -> None:
    assert differences({row["run_id"]: counted(row) for row in rows}, folded(spans)) == []


@pytest.mark.parametrize("change", OF_THE_FOLD)
def test_a_fold_that_counts_otherwise_is_not_the_view(
    spans: list[Span], rows: list[dict[str, Any]], tmp_path: Path, change: str
) -> None:
    with mutant(tmp_path, *OF_THE_FOLD[change]) as modules:
        assert differences({row["run_id"]: counted(row) for row in rows}, folded(spans, *modules))


@pytest.mark.parametrize("change", OF_THE_VIEW)
def test_a_view_that_counts_otherwise_is_not_the_fold(stored: Store, rows: list[dict[str, Any]], change: str) -> None:
    stored.run(replaced(VIEW_SQL.read_text(), *OF_THE_VIEW[change]))
    assert stored.rows(_ROWS) != rows
