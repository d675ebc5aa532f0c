"""Sizes of spans: what a batch will weigh, and a span cut down to what a receiver takes."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import Link, Status
from opentelemetry.util.types import Attributes

SPAN_BYTES: Final = 256
"""Ids, times, scope and flags of a span; more than they take."""
NO_SIZE: Final = 2**62
"""Of a span that is made of something else than the API allows, so that it is alone in its batch."""
ITEM_BYTES: Final = 32
"""What stands around each attribute, event and link."""
HELD_BYTES: Final = 2_048
"""About what a span of the SDK takes in memory without its texts."""
_SCALARS: Final = frozenset({bool, int, float})
LONG_TEXT_CHARACTERS: Final = 8_192
"""A longer text is cut to this in a span that is too large; in a receiver's index it would be trouble anyway."""


def bytes_of(span: ReadableSpan) -> int:
    """About what the span takes as OTLP, seldom less than it does; `NO_SIZE` for one that nothing can encode."""
    try:
        return _bytes_of(span)
    except (AttributeError, TypeError):
        return NO_SIZE


def _bytes_of(span: ReadableSpan) -> int:
    size = SPAN_BYTES + _bytes_of_text(span.name) + _bytes_of_all(span.attributes)
    for event in span.events:
        size += ITEM_BYTES + _bytes_of_text(event.name) + _bytes_of_all(event.attributes)
    for link in span.links:
        size += ITEM_BYTES + 24 + _bytes_of_all(link.attributes)
    return size + (_bytes_of_text(span.status.description) if span.status.description else 0)


def held_bytes_of(span: ReadableSpan) -> int:
    """About what the span holds in memory: rough, as whoever ends a span waits for it, a microsecond."""
    size = HELD_BYTES
    try:
        holders: tuple[Any, ...] = (span, *span.events, *span.links)
        for holder in holders:
            # Of the SDK's attributes the copy is a dict, which is iterated over much faster; asking for their length
            # would take as long as the rest.
            if (attributes := holder.attributes) is not None:
                size += _held_bytes_of(attributes.copy().values())
    except (AttributeError, TypeError):
        pass  # it is made of something else than the API allows
    return size


def _held_bytes_of(values: Iterable[Any]) -> int:
    size = 0
    for value in values:
        kind = value.__class__
        if kind is str:
            size += len(value)
        elif kind is tuple:
            size += _held_bytes_of(value)
        elif kind not in _SCALARS:
            size += _bytes_of_value(value)
    return size


def parts_of(spans: Sequence[ReadableSpan], max_bytes: int) -> Iterator[list[ReadableSpan]]:
    """The spans in batches of at most so many bytes; a larger span is alone in its batch."""
    part: list[ReadableSpan] = []
    size = 0
    for span in spans:
        added = bytes_of(span)
        if part and size + added > max_bytes:
            yield part
            part, size = [], 0
        part.append(span)
        size += added
    if part:
        yield part


class EditedSpan(ReadableSpan):
    """A finished span with other texts; what the SDK dropped of it is still said."""

    def __init__(self, span: ReadableSpan, edit: Callable[[Any], Any]) -> None:
        """Copy the span, every name, key and value of its own replaced by what `edit` gives for it."""
        super().__init__(
            name=edit(span.name),
            context=span.context,
            parent=span.parent,
            resource=span.resource,
            attributes=_edited(span.attributes, edit),
            events=[Event(edit(one.name), _edited(one.attributes, edit), one.timestamp) for one in span.events],
            links=[Link(one.context, _edited(one.attributes, edit)) for one in span.links],
            kind=span.kind,
            status=_edited_status(span.status, edit),
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
        )
        self._dropped = span.dropped_attributes, span.dropped_events, span.dropped_links

    @property
    def dropped_attributes(self) -> int:
        """As of the span that was copied; as the next two."""
        return self._dropped[0]

    @property
    def dropped_events(self) -> int:
        """See above."""
        return self._dropped[1]

    @property
    def dropped_links(self) -> int:
        """See above."""
        return self._dropped[2]


def shortened(span: ReadableSpan) -> ReadableSpan:
    """The span with every long text cut, and marked as cut with its length."""
    return EditedSpan(span, _cut)


def _cut(value: Any) -> Any:
    return edited_value(value, _cut_text)


def _cut_text(text: str) -> str:
    if len(text) <= LONG_TEXT_CHARACTERS:
        return text
    return f"{text[:LONG_TEXT_CHARACTERS]}…[shortened: {LONG_TEXT_CHARACTERS:,} of {len(text):,} characters]"


def edited_value(
    value: Any, edit: Callable[[str], str], items_of: Callable[[Sequence[Any]], Iterable[Any]] = iter
) -> Any:
    """The value of an attribute, or attributes, with every text replaced by what `edit` gives for it.

    Of a list, `items_of` says first what its items are.
    """
    if isinstance(value, str):
        return edit(value)
    if isinstance(value, Mapping):
        return {edit(str(key)): edited_value(item, edit, items_of) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return tuple(edited_value(item, edit, items_of) for item in items_of(value))
    return value


def _edited(attributes: Attributes, edit: Callable[[Any], Any]) -> dict[str, Any]:
    return {edit(key): edit(value) for key, value in (attributes or {}).items()}


def _edited_status(status: Status, edit: Callable[[Any], Any]) -> Status:
    return Status(status.status_code, edit(status.description)) if status.description else status


def _bytes_of_all(attributes: Attributes) -> int:
    if not attributes:
        return 0
    return sum(ITEM_BYTES + _bytes_of_text(key) + _bytes_of_value(value) for key, value in attributes.items())


def _bytes_of_value(value: Any) -> int:
    if isinstance(value, str):
        return _bytes_of_text(value)
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, Mapping):
        return _bytes_of_all(value)
    return _bytes_of_items(value) if isinstance(value, Sequence) else 8


def _bytes_of_items(items: Iterable[Any]) -> int:
    return sum(ITEM_BYTES + _bytes_of_value(item) for item in items)


def _bytes_of_text(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))
