"""The view of runs is the project's own fold, in every field of every run, whatever spans the table holds."""

import random
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from nanoagent.core.runs import CountedRun
from nanoagent.tracing import names
from tests.scale.engine import VIEW_SQL, Store, store
from tests.scale.proof import differences, folded
from tests.scale.real import real_spans
from tests.scale.rows import Span, as_stored, record_of
from tests.scale.spans import DAY_NS, MIDNIGHT_NS, chunks, whole
from tests.scale.wild import wild

SPANS = 20_000
_MOST_FORESTS = 20


@pytest.fixture(scope="module")
def spans() -> list[Span]:
    return [span for chunk in chunks(1, SPANS) for span in chunk]


@pytest.fixture(scope="module")
def stored(spans: list[Span]) -> Iterator[Store]:
    with store(spans) as made:
        yield made


@pytest.fixture(scope="module")
def emptied() -> Iterator[Store]:
    with store() as made:
        yield made


def test_twenty_thousand_spans_as_they_arrive_are_the_runs_of_the_fold(stored: Store, spans: list[Span]) -> None:
    expected = folded(spans)
    assert differences(stored.runs(), expected) == []
    # Each kind of harm left something behind.
    completes = [run.metrics.complete for run in expected.values()]
    assert {completes.count(kind) > 10 for kind in (True, False, None)} == {True}
    assert any(run.missing_parents for run in expected.values())
    assert any(run.metrics.untracked_tokens for run in expected.values())


def test_what_the_store_cannot_tell_of_values_is_nothing_that_these_spans_hold(spans: list[Span]) -> None:
    assert [record_of(as_stored(span)) for span in spans] == [record_of(span) for span in spans]


def test_real_runs_are_the_runs_of_the_fold_and_whole(emptied: Store) -> None:
    spans = real_spans()
    emptied.run("TRUNCATE TABLE otel_traces")
    emptied.load(spans)
    found = emptied.runs()
    assert differences(found, folded(spans)) == []
    assert {(run.metrics.complete, run.missing_parents) for run in found.values()} == {(True, ())}


@st.composite
def forests(draw: st.DrawFn) -> list[Span]:
    """Some small forests at once, since the engine takes its time for each question."""

    def pick(values: Sequence[Any]) -> Any:
        return draw(st.sampled_from(values))

    many = draw(st.integers(1, _MOST_FORESTS))
    return [span for number in range(many) for span in wild(pick, number)]


@settings(max_examples=15, deadline=None)
@given(forests(), st.randoms(use_true_random=False))
def test_whatever_spans_there_are_they_are_the_runs_of_the_fold(
    emptied: Store, drawn: list[Span], shuffle: random.Random
) -> None:
    arrived = [*drawn, *shuffle.sample(drawn, shuffle.randint(0, len(drawn)))]
    shuffle.shuffle(arrived)
    emptied.run("TRUNCATE TABLE otel_traces")
    emptied.load(arrived)
    found = differences(emptied.runs(), folded(map(as_stored, drawn)))
    note("\n".join(map(str, drawn)))
    assert found == []


def test_two_thousand_wild_forests_are_the_runs_of_the_fold(emptied: Store) -> None:
    rnd = random.Random(7)  # noqa: S311 - no secret
    wild_spans = [span for number in range(2_000) for span in wild(rnd.choice, number)]
    emptied.run("TRUNCATE TABLE otel_traces")
    emptied.load(rnd.sample(wild_spans, len(wild_spans)))
    assert differences(emptied.runs(), folded(map(as_stored, wild_spans))) == []


def test_a_run_without_a_name_is_a_run(emptied: Store) -> None:
    unnamed = {names.RUN_ID: "", names.OPERATION_NAME: names.OP_CHAT, names.PHASE: "", names.INPUT_TOKENS: 7}
    emptied.run("TRUNCATE TABLE otel_traces")
    emptied.load([Span("a" * 32, "b" * 16, None, 5, 9, "chat", unnamed)])
    expected = folded([Span("a" * 32, "b" * 16, None, 5, 9, "chat", unnamed)])
    assert (list(expected), differences(emptied.runs(), expected)) == ([""], [])


def test_an_empty_table_has_no_runs(emptied: Store) -> None:
    emptied.run("TRUNCATE TABLE otel_traces")
    assert emptied.runs() == {}


def test_the_statements_can_be_run_again(stored: Store) -> None:
    before = stored.runs()
    stored.run(VIEW_SQL.read_text())
    assert stored.runs() == before


@pytest.mark.parametrize("by_ns", [0, 1])
def test_runs_since_are_whole_and_those_that_started_no_earlier(stored: Store, spans: list[Span], by_ns: int) -> None:
    """Also over midnight, where a table has its spans in two parts."""
    runs = folded(spans)
    starts = sorted(run.metrics.start_time_unix_ns or 0 for run in runs.values())
    over_midnight = [at for at in starts if at < MIDNIGHT_NS + DAY_NS][-5]
    for since_ns in (over_midnight + by_ns, starts[len(starts) // 2] + by_ns, starts[0] + by_ns, starts[-1] + by_ns):
        expected = {key: run for key, run in runs.items() if (run.metrics.start_time_unix_ns or 0) >= since_ns}
        assert differences(stored.runs(since(since_ns)), expected) == []


def test_slices_of_traces_add_up_to_the_whole() -> None:
    """So the table may be sharded by `cityHash64(TraceId)`, as far as runs lie in one trace each."""
    made = whole(5)
    one_trace = [forest for forest in (next(made) for _ in range(200)) if len({span.trace_id for span in forest}) == 1]
    spans = [span for forest in one_trace for span in forest]
    found: dict[str, CountedRun] = {}
    with store(spans) as all_in_one:
        for k in range(4):
            is_here = f"cityHash64(TraceId) % 4 = {k}"
            rows = all_in_one.rows(f"SELECT DISTINCT TraceId FROM otel_traces WHERE {is_here}")  # noqa: S608 - our own
            here = {row["TraceId"] for row in rows}
            with store(span for span in spans if span.trace_id in here) as part:
                found |= part.runs()
        assert found == all_in_one.runs() == folded(spans)


def since(at_ns: int) -> str:
    """The view of the runs that started no earlier."""
    return f"nanoagent_runs_since(since = fromUnixTimestamp64Nano(toInt64({at_ns}), 'UTC'))"
