"""What may leave the process of a span: no secrets that others put there, and no text that cannot be written."""

import re
from collections.abc import Iterator
from typing import Any, Final
from weakref import WeakKeyDictionary

from opentelemetry.sdk.trace import ReadableSpan

from instrumentation.otlp.sizes import EditedSpan, edited_value
from nanoagent.redaction.redactor import Redactor, current_redactor
from nanoagent.redaction.secret_pairs import items_masked
from nanoagent.tracing import names


def cleaned(span: ReadableSpan) -> ReadableSpan:
    """The span as it may leave: itself where there is nothing to hide, else a copy.

    What we have put on a span of ours never held what may not be seen; others can have added to it.
    """
    redactor = current_redactor()
    if isinstance(span, EditedSpan) or _CLEAN.get(span) is redactor:
        return span
    scope = span.instrumentation_scope
    is_ours = scope is not None and scope.name == names.SCOPE_NAME
    try:
        said = _said_in(span, ours=_OUR_KEYS if is_ours else frozenset())
        if not all(seen(one) == one for one in said):
            return EditedSpan(span, seen)
    except Exception:  # it is made of something else than the API allows: no exporter will encode it
        return span
    _CLEAN[span] = redactor
    return span


def seen(value: Any) -> Any:
    """What may be seen of the value of an attribute, or of attributes: what follows `--password` in a list is not."""
    return edited_value(value, _seen_text, items_masked)


def _said_in(span: ReadableSpan, *, ours: frozenset[str]) -> Iterator[Any]:
    """All that is said in the span, but for what it has under these keys."""
    yield span.name
    yield span.status.description
    for key, value in (span.attributes or {}).items():
        if key not in ours:
            yield key
            yield value
    for event in span.events:
        yield event.name
        yield event.attributes
    for link in span.links:
        yield link.attributes


def _seen_text(text: str) -> str:
    return current_redactor().redacted(text if text.isascii() else _SURROGATES.sub("\ufffd", text))


_CLEAN: Final[WeakKeyDictionary[ReadableSpan, Redactor]] = WeakKeyDictionary()
"""Spans in which this redactor has found nothing to hide: what did not arrive is on its way more than once."""
_OUR_KEYS: Final = frozenset(value for name, value in vars(names).items() if name.isupper())
_SURROGATES: Final = re.compile("[\ud800-\udfff]")
