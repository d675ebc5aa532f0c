"""Large runs: what counting them takes grows with their size, and no faster."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from nanoagent.core.counting import Fold
from nanoagent.core.records import SpanRecord
from nanoagent.core.runs import runs_in
from nanoagent.tracing import names
from tests.span_records import RUN, chat, record, root


@contextmanager
def within(limit_s: float) -> Iterator[None]:
    """Fail what takes more CPU time."""
    began_s = time.process_time()
    yield
    assert time.process_time() - began_s < limit_s


def of_others(span_id: str, start: int, end: int, operation: str = "chat", **attributes: object) -> SpanRecord:
    given = {names.OPERATION_NAME: operation} | attributes
    parent = None if span_id == "top" else "top"
    return SpanRecord.of("e" * 32, span_id, parent, start, end, operation, given, False)


def test_forty_thousand_untracked_calls() -> None:
    calls = [of_others(f"c{n}", n, n + 1)._replace(trace_id="t" * 32, parent_span_id="root") for n in range(40_000)]
    with within(3.0):
        (run,) = runs_in([root(0, 9), *calls])
    assert run.metrics.untracked_api_calls == 40_000


def test_a_run_that_sixty_thousand_others_are_nested_in() -> None:
    fold = Fold(RUN)
    with within(2.0):
        for n in range(60_000):
            fold.nest(f"run {n}", "execute", 1)
    fold.add(chat("c1", 0, 1)._replace(run_id="run 59999"))
    assert [phase.api_calls for phase in fold.metrics().by_phase] == [1]


def test_twelve_thousand_streams_whose_usage_stands_beside_them() -> None:
    spans = [of_others("top", 0, 10**6, names.OP_AGENT)]
    log = {"logfire.span_type": "log", names.INPUT_TOKENS: 3, names.OUTPUT_TOKENS: 1}
    for n in range(12_000):
        spans.append(of_others(f"c{n}", 10 * n, 10 * n + 5))
        spans.append(of_others(f"l{n}", 10 * n + 6, 10 * n + 6, "chat", **log))
    with within(2.0):
        (run,) = runs_in(spans)
    assert (run.metrics.api_calls, run.metrics.unmeasured_api_calls, run.metrics.tokens_used) == (12_000, 0, 48_000)


def test_two_thousand_agents_of_a_phase_with_calls_that_span_them_all() -> None:
    spans = [root(0, 10**6)]
    for n in range(2_000):
        spans.append(record(names.OP_AGENT, f"a{n}", n * 30, n * 30 + 20, phase="execute"))
        spans.append(chat(f"c{n}", 0, 60_000, phase="execute", parent=f"a{n}"))
    with within(1.0):
        (run,) = runs_in(spans)
    (phase,) = run.metrics.by_phase
    assert (phase.llm_ns, phase.other_ns, phase.parallel_ns) == (40_000, 0, 1_999 * 40_000)
