"""The view of runs is the project's own fold, in every field of every run, whatever spans the table holds."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from nanoagent.core.runs import CountedRun
from nanoagent.tracing import names
from tests.scale.engine import VIEW_SQL, Store, query_of, store
from tests.scale.proof import differences, folded
from tests.scale.rare import rare
from tests.scale.real import foreign_spans, real_spans, troubled_spans
from tests.scale.rows import Span, as_stored, record_of
from tests.scale.spans import DAY_NS, MIDNIGHT_NS, chunks, whole
from tests.scale.wild import wild

SPANS = 20_000
_MOST_FORESTS = 20
_CASES = ("as they arrive", "of goals", "troubled", "foreign", "wild", "rare", "unnamed")
_TELLING = ("as they arrive", "of goals", "troubled")
"""Those whose values the store can tell."""


@dataclass(frozen=True, kw_only=True)
class Proof:
    """Spans of many kinds in one table, which the engine is asked for once."""

    cases: dict[str, list[Span]]
    expected: dict[str, CountedRun]
    stored: Store
    found: dict[str, CountedRun]

    def of(self, case: str, runs: dict[str, CountedRun]) -> dict[str, CountedRun]:
        """Those of the runs that are of a case."""
        ids = {span.attributes.get(names.RUN_ID) for span in self.cases[case]}
        return {run_id: run for run_id, run in runs.items() if run_id in ids}


@pytest.fixture(scope="module")
def proof() -> Iterator[Proof]:
    rnd = random.Random(7)  # noqa: S311 - no secret
    cases = {
        "as they arrive": [span for chunk in chunks(1, SPANS) for span in chunk],
        "of goals": real_spans(),
        "troubled": troubled_spans(),
        "foreign": list(foreign_spans()),
        "wild": [span for number in range(10**6, 10**6 + 2_000) for span in wild(rnd.choice, number)],
        "rare": list(rare()),
        "unnamed": [Span("a" * 32, "b" * 16, None, 5, 9, "chat", _UNNAMED)],
    }
    told = [span if case in _TELLING else as_stored(span) for case, spans in cases.items() for span in spans]
    arrived = [span for spans in cases.values() for span in spans]
    rnd.shuffle(arrived)
    with store(arrived) as stored:
        yield Proof(cases=cases, expected=folded(told), stored=stored, found=stored.runs())


_UNNAMED = {names.RUN_ID: "", names.OPERATION_NAME: names.OP_CHAT, names.PHASE: "", names.INPUT_TOKENS: 7}


@pytest.fixture(scope="module")
def emptied() -> Iterator[Store]:
    with store() as made:
        yield made


@pytest.mark.parametrize("case", _CASES)
def test_the_view_is_the_fold(proof: Proof, case: str) -> None:
    expected = proof.of(case, proof.expected)
    assert len(expected) >= 1
    assert differences(proof.of(case, proof.found), expected) == []


def test_the_view_has_no_runs_besides(proof: Proof) -> None:
    assert set(proof.cases) == set(_CASES)
    assert set(proof.found) == set(proof.expected)


def test_each_kind_of_harm_leaves_something_behind(proof: Proof) -> None:
    runs = proof.of("as they arrive", proof.expected).values()
    completes = [run.metrics.complete for run in runs]
    assert {completes.count(kind) > 10 for kind in (True, False, None)} == {True}
    assert any(run.missing_parents for run in runs)
    assert any(run.metrics.untracked_tokens for run in runs)


def test_real_runs_are_whole_and_of_every_kind(proof: Proof) -> None:
    runs = [run for case in ("of goals", "troubled") for run in proof.of(case, proof.found).values()]
    assert {(run.metrics.complete, run.missing_parents) for run in runs} == {(True, ())}
    assert {run.metrics.status for run in runs} == {"completed", "incomplete", "failed", "cancelled"}
    assert any(run.metrics.parent_run_id for run in runs)
    assert any(run.metrics.first_chunk_ns for run in runs)
    assert any(span.attributes.get(names.DEFERRED) for span in proof.cases["troubled"])


def test_what_the_store_cannot_tell_of_values_is_nothing_that_these_spans_hold(proof: Proof) -> None:
    spans = [span for case in _TELLING for span in proof.cases[case]]
    assert [record_of(as_stored(span)) for span in spans] == [record_of(span) for span in spans]


@st.composite
def forests(draw: st.DrawFn) -> list[Span]:
    """Some small forests at once, since the engine takes its time for each question."""

    def pick(values: Sequence[Any]) -> Any:
        return draw(st.sampled_from(values))

    many = draw(st.integers(1, _MOST_FORESTS))
    return [span for number in range(many) for span in wild(pick, number)]


@settings(max_examples=6, deadline=None)
@given(forests(), st.randoms(use_true_random=False))
def test_whatever_spans_there_are_they_are_the_runs_of_the_fold(
    emptied: Store, drawn: list[Span], shuffle: random.Random
) -> None:
    arrived = [*drawn, *shuffle.sample(drawn, shuffle.randint(0, len(drawn)))]
    shuffle.shuffle(arrived)
    emptied.run("TRUNCATE TABLE otel_traces")
    emptied.load(arrived)
    found = differences(emptied.runs(query_of(VIEW_SQL.read_text())), folded(map(as_stored, drawn)))
    note("\n".join(map(str, drawn)))
    assert found == []


def test_an_empty_table_has_no_runs(emptied: Store) -> None:
    emptied.run("TRUNCATE TABLE otel_traces")
    assert emptied.runs() == {}


def test_a_readers_own_settings_change_nothing(emptied: Store) -> None:
    spans = [span for chunk in chunks(3, 1_000) for span in chunk]
    emptied.run("TRUNCATE TABLE otel_traces")
    emptied.load(spans)
    found = emptied.runs(join_use_nulls=1, aggregate_functions_null_for_empty=1, prefer_column_name_to_alias=1)
    assert differences(found, folded(spans)) == []


def test_the_statements_can_be_run_again(emptied: Store) -> None:
    before = emptied.run("SHOW CREATE VIEW nanoagent_runs_since")
    emptied.run(VIEW_SQL.read_text())
    assert emptied.run("SHOW CREATE VIEW nanoagent_runs_since") == before


@pytest.mark.parametrize("by_ns", [0, 1])
def test_runs_since_are_whole_and_those_that_started_no_earlier(proof: Proof, by_ns: int) -> None:
    """Also over midnight, where a table has its spans in two parts."""
    starts = sorted(run.metrics.start_time_unix_ns or 0 for run in proof.of("as they arrive", proof.expected).values())
    since_ns = [at for at in starts if at < MIDNIGHT_NS + DAY_NS][-5] + by_ns
    expected = {key: run for key, run in proof.expected.items() if (run.metrics.start_time_unix_ns or 0) >= since_ns}
    assert differences(proof.stored.runs(since(since_ns)), expected) == []


def test_slices_of_traces_add_up_to_the_whole(emptied: Store) -> None:
    """So the table may be sharded by `cityHash64(TraceId)`, as far as runs lie in one trace each."""
    made = whole(5)
    one_trace = [forest for forest in (next(made) for _ in range(200)) if len({span.trace_id for span in forest}) == 1]
    spans = [span for forest in one_trace for span in forest]
    emptied.run("TRUNCATE TABLE otel_traces")
    emptied.load(spans)
    found: dict[str, CountedRun] = {}
    for k in range(3):
        part = f"FROM (SELECT * FROM otel_traces WHERE cityHash64(TraceId) % 3 = {k})"  # noqa: S608 - our own
        runs = emptied.runs(query_of(VIEW_SQL.read_text()).replace("FROM otel_traces", part))
        assert not runs.keys() & found.keys()
        found |= runs
    assert differences(found, folded(spans)) == []


def since(at_ns: int) -> str:
    """The view of the runs that started no earlier."""
    return f"nanoagent_runs_since(since = fromUnixTimestamp64Nano(toInt64({at_ns}), 'UTC'))"
