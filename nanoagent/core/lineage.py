"""Who lies below whom among the spans of some traces, however deep, with parents that are missing or go in circles."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from nanoagent.core.records import SpanRecord

Key = tuple[str | None, str]
"""Trace id and span id."""


def key_of(record: SpanRecord) -> Key:
    """The span's own ids."""
    return record.trace_id, record.span_id


def parent_of(record: SpanRecord) -> Key | None:
    """The ids of the span's parent."""
    return None if record.parent_span_id is None else (record.trace_id, record.parent_span_id)


def each_once(records: Iterable[SpanRecord]) -> dict[Key, SpanRecord]:
    """The records by their ids; of several that differ, the one that ended last."""
    records = list(records)
    spans: dict[Key, SpanRecord] = {(record[0], record[1]): record for record in records}
    if len(spans) == len(records):
        return spans
    for record in records:
        key = record.trace_id, record.span_id
        known = spans.setdefault(key, record)
        if known is not record and known != record:
            spans[key] = max(known, record, key=lambda one: (one.end_ns, one.start_ns, repr(one)))
    return spans


def runs_around(spans: Mapping[Key, SpanRecord]) -> dict[Key, str | None]:
    """For each span the run that it carries the id of, or else that of the nearest span above it that carries one."""
    found: dict[Key, str | None] = {}
    for key in spans:
        way: list[Key] = []
        at: Key | None = key
        run_id: str | None = None
        while at is not None and at in spans and at not in found:
            found[at] = None  # a way that comes by here again goes in circles
            way.append(at)
            run_id = spans[at].run_id
            at = parent_of(spans[at]) if run_id is None else None
        if at is not None:
            run_id = found.get(at)
        found.update(dict.fromkeys(way, run_id))
    return found


class Forest(NamedTuple):
    """The spans of some traces as trees."""

    roots: list[SpanRecord]
    """Spans without a parent."""
    orphans: dict[str | None, list[SpanRecord]]
    """By trace, the spans whose parent is missing, and the oldest of those whose parents go in a circle."""
    children: dict[Key, list[SpanRecord]]
    """What lies right below a span. Parents that are missing have none."""


def forest(spans: Mapping[Key, SpanRecord]) -> Forest:
    """Plant the trees of these spans; each of them is in exactly one, and no way down is endless."""
    children: defaultdict[Key, list[SpanRecord]] = defaultdict(list)
    roots: list[SpanRecord] = []
    orphans: defaultdict[str | None, list[SpanRecord]] = defaultdict(list)
    ordered = sorted(spans.values(), key=lambda one: (one.start_ns, one.span_id))
    for record in ordered:
        parent = parent_of(record)
        if parent is None:
            roots.append(record)
        elif parent in spans:
            children[parent].append(record)
        else:
            orphans[record.trace_id].append(record)
    reached = _below([*roots, *(one for lost in orphans.values() for one in lost)], children)
    for record in ordered:
        if key_of(record) not in reached:
            children[record.trace_id, str(record.parent_span_id)].remove(record)
            orphans[record.trace_id].append(record)
            reached |= _below([record], children)
    return Forest(roots, orphans, children)


def _below(tops: Iterable[SpanRecord], children: Mapping[Key, list[SpanRecord]]) -> set[Key]:
    """The ids of these spans and of all that lie below them."""
    reached, ahead = set(), list(tops)
    while ahead:
        key = key_of(ahead.pop())
        if key not in reached:
            reached.add(key)
            ahead.extend(children.get(key, ()))
    return reached
