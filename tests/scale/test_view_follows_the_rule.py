"""A rule that is changed on one side alone is noticed: in the fold, or in the view."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nanoagent.core.runs import CountedRun
from tests.scale.changes import OF_THE_FOLD, OF_THE_VIEW, mutant, replaced
from tests.scale.engine import VIEW_SQL, Store, by_id, query_of, store
from tests.scale.proof import differences, folded
from tests.scale.rare import chain, each_producer, few
from tests.scale.rows import Span, as_stored
from tests.scale.spans import chunks
from tests.scale.wild import wild


@pytest.fixture(scope="module")
def spans() -> list[Span]:
    """As many as it takes for each rule to show."""
    rnd = random.Random(11)  # noqa: S311 - no secret
    wild_spans = [as_stored(span) for number in range(800) for span in wild(rnd.choice, number)]
    as_they_arrive = (span for chunk in chunks(2, 3_000) for span in chunk)
    return [*wild_spans, *as_they_arrive, *chain(70, "none"), *each_producer(), *few()]


@pytest.fixture(scope="module")
def stored(spans: list[Span]) -> Iterator[Store]:
    with store(spans) as made:
        yield made


QUERY = query_of(VIEW_SQL.read_text())


def rows_of(stored: Store, query: str) -> list[dict[str, Any]]:
    return stored.rows(f"SELECT * FROM {query} ORDER BY run_id")  # noqa: S608 - our own


@pytest.fixture(scope="module")
def rows(stored: Store) -> list[dict[str, Any]]:
    """Of the view as it is."""
    return rows_of(stored, QUERY)


@pytest.fixture(scope="module")
def runs(rows: list[dict[str, Any]]) -> dict[str, CountedRun]:
    return by_id(rows)


def test_the_view_is_the_fold_and_the_same_each_time(
    stored: Store, spans: list[Span], rows: list[dict[str, Any]], runs: dict[str, CountedRun]
) -> None:
    assert differences(runs, folded(spans)) == []
    assert rows_of(stored, QUERY) == rows


def test_a_copy_of_the_fold_that_counts_alike_is_the_view(
    spans: list[Span], runs: dict[str, CountedRun], tmp_path: Path
) -> None:
    with mutant(tmp_path, "counting", "MAX_NEW: Final = 64", "MAX_NEW: Final = 32") as modules:
        assert differences(runs, folded(spans, *modules)) == []


@pytest.mark.parametrize("change", OF_THE_FOLD)
def test_a_fold_that_counts_otherwise_is_not_the_view(
    spans: list[Span], runs: dict[str, CountedRun], tmp_path: Path, change: str
) -> None:
    with mutant(tmp_path, *OF_THE_FOLD[change]) as modules:
        assert differences(runs, folded(spans, *modules))


@pytest.mark.parametrize("change", OF_THE_VIEW)
def test_a_view_that_counts_otherwise_is_not_the_fold(stored: Store, rows: list[dict[str, Any]], change: str) -> None:
    assert rows_of(stored, replaced(QUERY, *OF_THE_VIEW[change])) != rows
