"""What hardly comes by chance: runs in runs in runs, one id in many traces, odd texts, each word of each producer."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from nanoagent.core import producers
from nanoagent.tracing import names
from tests.scale.rows import COUNT_KEYS, NUMBER_KEYS, Event, Span
from tests.scale.spans import MIDNIGHT_NS

_ROOT: Final = {names.OPERATION_NAME: names.OP_WORKFLOW, names.STATUS: "completed"}
_CALL: Final = {names.OPERATION_NAME: names.OP_CHAT, names.INPUT_TOKENS: 5, names.OUTPUT_TOKENS: 7}
_TEXTS: Final = (
    *("", " 5", "5 ", "5\n", "5\0", "\0", "٣", "\uff11", "00", "01", "+1", "1_0", "0x1", "1.", ".5", "1e", "-", "--5"),
    *("-5", "-0", "-0.0", "1.0", "0.10", "1e+08", "1e-12", "5e-13", "1.5e-12", "2.5e-12", "0.0000000025", "1e+99999"),
    *("9223372036854775807", "9223372036854775808", "18446744073709551616", "9" * 25, "0." + "1" * 17, "7" * 20_000),
    *("999999999", "1000000000", "999999999.9999999", "999999", "1000000", "NaN", "Infinity", "null", "true", "[1]"),
    *("é", "e\u0301", "\u2028", "模型 🙂", "'\"\\", "a" * 20_000),
)
_KEYS: Final = (
    *sorted(COUNT_KEYS | NUMBER_KEYS),
    *(names.PHASE, names.STATUS, names.STOP_REASON, names.ERROR_TYPE, names.PARENT_RUN_ID, names.OPERATION_NAME),
    *(names.REQUEST_MODEL, names.RESPONSE_MODEL, names.DEFERRED),
)


def span(
    run: str, number: int, attributes: Mapping[str, Any], *, parent: int | None = 1, trace: str = "", ns: int = 9
) -> Span:
    """A span of a run, by default in the run's own trace and below its root, which is number 1."""
    trace_id = hashlib.sha256((trace or run).encode()).hexdigest()[:32]
    above = None if number == 1 or parent is None else f"{parent:016x}"
    own = {names.RUN_ID: run, **attributes}
    return Span(trace_id, f"{number:016x}", above, MIDNIGHT_NS, MIDNIGHT_NS + ns, "span", own)


def rare() -> Iterator[Span]:
    """All of it."""
    for levels in (1, 2, 63, 64, 65, 66):
        for end in ("none", "gone", "first", "last", "middle"):
            yield from chain(levels, end)
    yield from _wide()
    yield from _many_traces()
    for levels in (1, 31, 32, 63):
        yield from _below(levels)
    yield from each_producer()
    yield from _odd_texts()
    yield from few()


def few() -> list[Span]:
    """A cost of many digits, two exceptions, and a call of others inside a nested run."""
    said = {
        names.RUN_API_CALLS: 2,
        names.RUN_TOOL_CALLS: 0,
        names.RUN_ITERATIONS: 0,
        names.RUN_COST_USD: 9000.123456789013,
    }
    prices = {2: 9000.000000000001, 3: 0.123456789012}
    calls = [span("large", n, {names.OPERATION_NAME: names.OP_CHAT, names.OPERATION_COST: prices[n]}) for n in prices]
    exceptions = [Event(names.EXCEPTION_EVENT, {names.EXCEPTION_TYPE: kind}) for kind in ("KeyError", "OSError")]
    failed = span("failed", 1, _ROOT)._replace(failed=True, events=exceptions)
    nested = span("inner", 1, _ROOT | {names.PARENT_RUN_ID: "outer"})
    untracked = _of_others(span("inner", 2, _CALL))
    return [failed, span("large", 1, _ROOT | said), *calls, span("outer", 1, _ROOT), nested, untracked]


def chain(levels: int, end: str) -> Iterator[Span]:
    """Runs in runs, each with a call; the outermost one is in none, or in one that is gone, or in one of them."""
    runs = [f"{levels} {end} {level}" for level in range(levels)]
    last = {"none": None, "gone": "gone", "first": runs[0], "last": runs[-1], "middle": runs[levels // 2]}[end]
    for level, (run, outer) in enumerate(zip(runs, [*runs[1:], last], strict=True)):
        place = {names.ITERATION: level % 3, names.PHASE: ("plan", "execute", "review")[level % 3]}
        yield span(run, 1, _ROOT | place | ({} if outer is None else {names.PARENT_RUN_ID: outer}), ns=100)
        yield span(run, 2, _CALL | {names.INPUT_TOKENS: level}, ns=level)


def _wide() -> Iterator[Span]:
    """A run with many in it, every other one in the same trace."""
    yield span("wide", 1, _ROOT, ns=1_000)
    for n in range(300):
        place = {names.PARENT_RUN_ID: "wide", names.ITERATION: n % 5, names.PHASE: "execute"}
        trace = "wide" if n % 2 else f"wide {n}"
        yield span(f"wide {n}", 10 * n + 10, _ROOT | place, parent=1 if n % 2 else None, trace=trace)
        yield span(f"wide {n}", 10 * n + 11, _CALL | {names.OPERATION_COST: 1e-12 * n}, parent=10 * n + 10, trace=trace)


def _many_traces() -> Iterator[Span]:
    """A run in many traces, all of whose spans have one id; and roots that start together, there and elsewhere."""
    for n in range(60):
        yield span("spread", 2, _CALL, parent=1 if n % 3 else None, trace=f"spread {n}")
        if n % 10 == 0:
            yield span("spread", 1, _ROOT | {names.STATUS: f"status {n}"}, trace=f"spread {n}", ns=n)
    for n in range(10):
        for number in (1, 2, 3):
            operation = (names.OP_WORKFLOW, names.OP_AGENT, names.OP_TOOL)[n * number % 3]
            told = {names.OPERATION_NAME: operation, names.STATUS: f"status {number}"}
            yield span(f"tie {n}", number, told, parent=None, trace=f"tie {n} {n * number % 4}", ns=number)


def _below(levels: int) -> Iterator[Span]:
    """A call of others below so many spans, the last one below a run's."""
    run = f"below {levels}"
    yield span(run, 1, _ROOT)
    for n in range(2, levels + 1):
        yield _of_others(span(run, n, _CALL if n % 2 else {}, parent=n - 1))
    yield _of_others(span(run, levels + 1, _CALL, parent=levels))


def each_producer() -> Iterator[Span]:
    """A run around a span of others, for each word of the table of producers, alone and with what may change it."""
    call: dict[str, Any] = {names.OPERATION_NAME: names.OP_CHAT}
    words = [{key: word, names.INPUT_TOKENS: 3} for key, meanings in producers.OPERATIONS.items() for word in meanings]
    last = {"gen_ai.system": "gcp.vertex.agent"}  # decides where nothing else does
    usage = [call | {key: 50} for keys in (producers.INPUT_TOKENS, producers.OUTPUT_TOKENS) for key in keys]
    no_usage = {names.INPUT_TOKENS: "many", names.OUTPUT_TOKENS: -1}
    said = [*words, *(last | one for one in words), *usage, *(no_usage | one for one in usage)]
    log, attempt = {"logfire.span_type": "log"}, {"pydantic_ai.model_request.attempt": 1}
    for n, (attributes, mark) in enumerate((one, mark) for one in said for mark in ({}, log, attempt)):
        yield span(f"around {n}", 1, _ROOT)
        yield _of_others(span(f"around {n}", 2, attributes | mark))
        yield _of_others(span(f"around {n}", 3, mark))._replace(failed=True)


def _odd_texts() -> Iterator[Span]:
    """Each text under each key, on a root and on a call."""
    for key in _KEYS:
        for n, text in enumerate(_TEXTS):
            yield span(f"{key} {n}", 1, _ROOT | {names.RUN_API_CALLS: 1, key: text})
            yield span(f"{key} {n}", 2, _CALL | {names.PHASE: "plan", key: text})


def _of_others(one: Span) -> Span:
    return one._replace(attributes={key: value for key, value in one.attributes.items() if key != names.RUN_ID})
