"""Streams of others whose usage stands on a span of its own, beside the call's."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping

from nanoagent.core import producers
from nanoagent.core.lineage import Key, key_of, parent_of
from nanoagent.core.records import SpanRecord


def with_stream_usage(spans: Mapping[Key, SpanRecord]) -> Mapping[Key, SpanRecord]:
    """The spans, with what was told of a stream's usage on the call that it belongs to.

    That is the call under the same parent that ended last before it was told, of those that were answered and say
    nothing of usage. Without such a call, what was told stays where it is, and counts as a call.
    """
    told = [span for span in spans.values() if span.operation == producers.STREAM_USAGE]
    if not told:
        return spans
    joined = dict(spans)
    silent: defaultdict[Key | None, list[SpanRecord]] = defaultdict(list)
    for span in spans.values():
        if _is_silent(span):
            silent[parent_of(span)].append(span)
    for calls in silent.values():
        calls.sort(key=lambda span: (span.end_ns, span.span_id))
    for usage in sorted(told, key=lambda span: (span.start_ns, span.span_id)):
        beside = silent[parent_of(usage)]
        ended = bisect_right(beside, usage.end_ns, key=lambda span: span.end_ns)
        if ended:
            call = beside.pop(ended - 1)
            joined[key_of(call)] = call._replace(end_ns=usage.end_ns, call=usage.call)
            joined[key_of(usage)] = usage._replace(operation=None, call=None)
    return joined


def _is_silent(span: SpanRecord) -> bool:
    """Whether it is an answered model call that says nothing of usage."""
    call = span.call
    if call is None or span.error_type is not None or span.operation == producers.STREAM_USAGE:
        return False
    return call.input_tokens is None and call.output_tokens is None
