"""What happens to spans on their way: lost, sent twice, with clocks that went back, with roots that tell otherwise."""

import random
from collections.abc import Callable
from typing import Any, Final

from nanoagent.tracing import names
from tests.scale.rows import Span

_SUMMARY: Final = (
    names.RUN_ITERATIONS,
    names.RUN_API_CALLS,
    names.RUN_TOOL_CALLS,
    names.RUN_INPUT_TOKENS,
    names.RUN_OUTPUT_TOKENS,
    names.RUN_COST_USD,
    names.RUN_SPANS,
    names.TASKS_COMPLETED,
    names.STATUS,
    names.STOP_REASON,
)
_NO_COUNTS: Final = (-1, 1.5, "many", True, "")
_PHASES: Final = ("review", "", "plan", 'o\'hara \\ "é"')


def damaged(spans: list[Span], rnd: random.Random) -> list[Span]:
    """The spans as they arrive, with each kind of harm now and then."""
    for chance, harm in _HARMS:
        if rnd.random() < chance:
            spans = harm(spans, rnd)
    return spans + [span for span in spans if rnd.random() < 0.012]


def _is_root(span: Span) -> bool:
    return names.STATUS in span.attributes and names.RUN_ID in span.attributes


def _changed(
    spans: list[Span], rnd: random.Random, which: Callable[[Span], bool], change: Callable[[Span], Span]
) -> Any:
    """The spans with one of those for which `which` holds changed."""
    places = [n for n, span in enumerate(spans) if which(span)]
    if not places:
        return spans
    place = rnd.choice(places)
    return [*spans[:place], change(spans[place]), *spans[place + 1 :]]


def _with(span: Span, **attributes: Any) -> Span:
    return span._replace(attributes={**span.attributes, **attributes})


def _ours(span: Span) -> bool:
    return names.RUN_ID in span.attributes


def _lost(spans: list[Span], rnd: random.Random) -> list[Span]:
    gone = {rnd.randrange(len(spans)) for _ in range(rnd.choice((1, 1, 3)))}
    return [span for n, span in enumerate(spans) if n not in gone]


def _lost_root(spans: list[Span], rnd: random.Random) -> list[Span]:
    roots = [span for span in spans if _is_root(span)]
    gone = rnd.choice(roots)
    return [span for span in spans if span is not gone]


def _other_copy(spans: list[Span], rnd: random.Random) -> list[Span]:
    """A copy that was sent before its span had ended, or one that ended later."""
    span = rnd.choice([one for one in spans if _ours(one)])
    tokens = {names.INPUT_TOKENS: 1, names.RUN_API_CALLS: 77}
    by_ns = rnd.choice((-1_000, -1, 1, 500_000_000))
    return [*spans, _with(span, **tokens)._replace(end_ns=span.end_ns + by_ns)]


def _later_copy(spans: list[Span], rnd: random.Random) -> list[Span]:
    """A copy that ended at the same time and started later."""
    span = rnd.choice([one for one in spans if _ours(one) and one.end_ns > one.start_ns])
    return [*spans, _with(span, **{names.OUTPUT_TOKENS: 3})._replace(start_ns=span.start_ns + 1)]


def _second_root(spans: list[Span], rnd: random.Random) -> list[Span]:
    root = rnd.choice([span for span in spans if _is_root(span)])
    by_ns = rnd.choice((-1, 0, 1_000))
    other = f"{rnd.getrandbits(64) | 1:016x}"
    return [*spans, _with(root, **{names.STATUS: "incomplete"})._replace(span_id=other, start_ns=root.start_ns + by_ns)]


def _backwards(spans: list[Span], rnd: random.Random) -> list[Span]:
    by_ns = rnd.choice((1, 10**6, 10**12))
    return list(_changed(spans, rnd, _ours, lambda span: span._replace(end_ns=span.start_ns - by_ns)))


def _shifted(spans: list[Span], rnd: random.Random) -> list[Span]:
    """A span that lies outside of what it is part of."""
    by_ns = rnd.choice((-(10**11), -(10**9), 10**9, 10**11))
    return list(
        _changed(
            spans, rnd, _ours, lambda span: span._replace(start_ns=span.start_ns + by_ns, end_ns=span.end_ns + by_ns)
        )
    )


def _other_summary(spans: list[Span], rnd: random.Random) -> list[Span]:
    key = rnd.choice(_SUMMARY)

    def change(span: Span) -> Span:
        attributes = dict(span.attributes)
        value = attributes.pop(key)
        if type(value) is int:
            attributes |= rnd.choice(({}, {key: value + 1}, {key: rnd.choice(_NO_COUNTS)}))
        elif type(value) is float:
            attributes |= rnd.choice(({}, {key: value + 1e-12}, {key: value + 1e-9}, {key: float("nan")}))
        elif key == names.STATUS or rnd.random() < 0.5:
            attributes[key] = ""
        return span._replace(attributes=attributes)

    return list(_changed(spans, rnd, lambda span: _is_root(span) and key in span.attributes, change))


def _no_summary(spans: list[Span], rnd: random.Random) -> list[Span]:
    def change(span: Span) -> Span:
        return span._replace(
            attributes={key: span.attributes[key] for key in span.attributes if key not in _SUMMARY[:8]}
        )

    return list(_changed(spans, rnd, _is_root, change))


def _other_parent_run(spans: list[Span], rnd: random.Random) -> list[Span]:
    """A run that is nested in itself, in one of those in it, or in none that is here."""
    ids = [str(span.attributes[names.RUN_ID]) for span in spans if _is_root(span)]
    parent = rnd.choice([*ids, *ids, f"gone {rnd.getrandbits(64)}", ""])
    return list(_changed(spans, rnd, _is_root, lambda span: _with(span, **{names.PARENT_RUN_ID: parent})))


def _other_place(spans: list[Span], rnd: random.Random) -> list[Span]:
    place = rnd.choice(({names.PHASE: rnd.choice(_PHASES)}, {names.ITERATION: rnd.choice((0, 99, 2**63 - 1, -1, "x"))}))
    return list(_changed(spans, rnd, _ours, lambda span: _with(span, **place)))


def _elsewhere(spans: list[Span], rnd: random.Random) -> list[Span]:
    """A span that says it is of another trace."""
    trace_id = f"{rnd.getrandbits(128) | 1:032x}"
    return list(_changed(spans, rnd, _ours, lambda span: span._replace(trace_id=trace_id)))


_HARMS: Final[tuple[tuple[float, Callable[[list[Span], random.Random], list[Span]]], ...]] = (
    (0.01, _backwards),
    (0.02, _shifted),
    (0.03, _other_summary),
    (0.01, _no_summary),
    (0.01, _other_parent_run),
    (0.01, _other_place),
    (0.005, _elsewhere),
    (0.005, _second_root),
    (0.01, _lost_root),
    (0.02, _lost),
    (0.01, _other_copy),
    (0.005, _later_copy),
)
"""How often a run and all that belongs to it is harmed, and how."""
