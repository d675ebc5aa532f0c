"""What may leave the process of a span: no secrets that others put there, and no text that cannot be written."""

import re
from collections.abc import Iterator
from typing import Final

from opentelemetry.sdk.trace import ReadableSpan

from instrumentation.otlp.sizes import EditedSpan, texts_in, texts_of
from nanoagent.redaction.redactor import redacted
from nanoagent.tracing import names


def cleaned(span: ReadableSpan) -> ReadableSpan:
    """The span as it may leave: itself where there is nothing to hide, else a copy.

    What we have put on a span of ours never held what may not be seen; others can have added to it.
    """
    if isinstance(span, EditedSpan):
        return span
    scope = span.instrumentation_scope
    is_ours = scope is not None and scope.name == names.SCOPE_NAME
    try:
        texts = _texts_of_others(span) if is_ours else texts_of(span)
        return span if all(_seen(text) == text for text in texts) else EditedSpan(span, _seen)
    except Exception:
        # A span that is made of something else than the API allows: no exporter will encode it.
        return span


def _texts_of_others(span: ReadableSpan) -> Iterator[str]:
    for key, value in (span.attributes or {}).items():
        if key not in _OUR_KEYS:
            yield key
            yield from texts_in(value)
    for event in span.events:
        yield from texts_in(event.attributes)
    if span.status.description:
        yield span.status.description


def _seen(text: str) -> str:
    return redacted(text if text.isascii() else _SURROGATES.sub("\ufffd", text))


_OUR_KEYS: Final = frozenset(value for name, value in vars(names).items() if name.isupper())
_SURROGATES: Final = re.compile("[\ud800-\udfff]")
