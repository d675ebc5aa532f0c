"""What spans show of a text that others made."""

from nanoagent.tracing.redaction import redacted_start
from nanoagent.tracing.texts import clean


def shown(text: str, length: int) -> str:
    """At most `length` characters of the text, redacted first and clean; an ellipsis says that it was cut."""
    return clean(redacted_start(text, length))
