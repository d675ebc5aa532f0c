"""The runs in a stream of spans, counted as they are over, in memory that does not grow with the stream."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from instrumentation.reading.bad_counts import BadCounts
from instrumentation.reading.grouping import Group, Grouping
from instrumentation.reading.problems import Problems
from instrumentation.reading.spans import Batch, ReadSpan
from nanoagent.core.records import SpanRecord
from nanoagent.core.runs import CountedRun, runs_in

Price = Callable[[Mapping[str, Any], SpanRecord], Decimal | None]
"""What a model call cost in USD, from its span's attributes and its record; `None` where it is not known."""
Met = Callable[[ReadSpan, SpanRecord], object]
"""Told of each span, with its record, before it is in a group."""


def counted_runs(
    batches: Iterable[Batch], problems: Problems, *, price: Price | None = None, grouping: Grouping | None = None
) -> Iterator[CountedRun]:
    """The runs in these spans: each as soon as it is over, the rest at the end, the oldest first.

    What hangs together is counted together: the spans of a trace, and all the traces of a run. It is over when its root
    was seen and 10,000 further spans were of others. What comes later still is left out and told.

    Args:
        batches: Spans, in any order, with any of them more than once.
        problems: Hears of counts that are none, and of spans that were left out.
        price: Asked for answered model calls of other producers that carry no price.
        grouping: What hangs together; by default with the bounds above.
    """
    for group in groups_in(batches, problems, price=price, grouping=grouping):
        yield from runs_in(group.records)


def groups_in(
    batches: Iterable[Batch],
    problems: Problems,
    *,
    price: Price | None = None,
    grouping: Grouping | None = None,
    met: Met | None = None,
) -> Iterator[Group]:
    """What hangs together in these spans, for whoever needs the spans of the runs as well; see `counted_runs`."""
    counting = _Counting(problems, grouping or Grouping(), price, met)
    for batch in batches:
        counting.add(batch)
        for group in counting.groups.over():
            counting.look(group)
            yield group
    for group in counting.groups.rest():
        counting.look(group)
        yield group
    counting.tell()


class _Counting:
    """Spans become records in groups, and groups become runs."""

    def __init__(self, problems: Problems, groups: Grouping, price: Price | None, met: Met | None) -> None:
        self.groups = groups
        self._problems = problems
        self._price = price
        self._met = met
        self._bad = BadCounts()

    def add(self, batch: Batch) -> None:
        """Put spans into their groups."""
        record_of, price, met, records = SpanRecord.of, self._price, self._met, []
        for span in batch:
            record = record_of(*span)
            if met is not None:
                met(span, record)
            if record.call is not None:
                self._bad.look(span.attributes, record)
                if price is not None:
                    record = _priced(record, span.attributes, price)
            records.append(record)
        self.groups.add(records)

    def look(self, group: Group) -> None:
        """Tell of what was left out of a group that is over."""
        if group.left_out:
            what = f"has {group.left_out:,} spans more than the {len(group.records):,} that are kept: left out"
            self._problems.add(f"trace {min(map(str, group.traces))}", what)

    def tell(self) -> None:
        """Tell what goes for all of them together."""
        self.groups.late.tell(self._problems)
        self._bad.tell(self._problems)


def _priced(record: SpanRecord, attributes: Mapping[str, Any], price: Price) -> SpanRecord:
    call = record.call
    if call is None or call.cost_usd is not None or record.run_id is not None or record.error_type is not None:
        return record
    return record._replace(call=call._replace(cost_usd=price(attributes, record)))
