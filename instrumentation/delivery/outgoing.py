"""What may leave the process of a span that others made: no secrets, and no text that cannot be written."""

import re
from typing import Final

from opentelemetry.sdk.trace import ReadableSpan

from instrumentation.delivery.sizes import EditedSpan
from nanoagent.tracing import names
from nanoagent.tracing.redaction import redacted


def cleaned(span: ReadableSpan) -> ReadableSpan:
    """The span as it may leave: itself where there is nothing to hide, else a copy.

    Spans of ours are left alone: they never held what may not be seen.
    """
    scope = span.instrumentation_scope
    if (scope is not None and scope.name == names.SCOPE_NAME) or isinstance(span, EditedSpan):
        return span
    changed = False

    def clean(text: str) -> str:
        nonlocal changed
        seen = redacted(text if text.isascii() else _SURROGATES.sub("\ufffd", text))
        changed = changed or seen != text
        return seen

    edited = EditedSpan(span, clean)
    return edited if changed else span


_SURROGATES: Final = re.compile("[\ud800-\udfff]")
