"""What may leave the process of a span that others made: no secrets, and no text that cannot be written."""

import re
from typing import Final

from opentelemetry.sdk.trace import ReadableSpan

from instrumentation.delivery.sizes import EditedSpan, texts_of
from nanoagent.redaction.redactor import redacted
from nanoagent.tracing import names


def cleaned(span: ReadableSpan) -> ReadableSpan:
    """The span as it may leave: itself where there is nothing to hide, else a copy.

    Spans of ours are left alone: they never held what may not be seen.
    """
    scope = span.instrumentation_scope
    if (scope is not None and scope.name == names.SCOPE_NAME) or isinstance(span, EditedSpan):
        return span
    try:
        return span if all(_seen(text) == text for text in texts_of(span)) else EditedSpan(span, _seen)
    except Exception:
        # A span that is made of something else than the API allows: no exporter will encode it.
        return span


def _seen(text: str) -> str:
    return redacted(text if text.isascii() else _SURROGATES.sub("\ufffd", text))


_SURROGATES: Final = re.compile("[\ud800-\udfff]")
