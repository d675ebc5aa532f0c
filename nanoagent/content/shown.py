"""What spans show of a text that others made."""

from functools import lru_cache
from typing import Final

from nanoagent.redaction.redactor import Redactor, current_redactor, redacted_start
from nanoagent.texts import clean

MAX_NAME_LENGTH: Final = 256
"""Names, ids and descriptions are cut to this many characters."""
_MAX_REMEMBERED: Final = 512
_LONGEST_REMEMBERED: Final = 1_024


def shown(text: str, length: int = MAX_NAME_LENGTH) -> str:
    """At most `length` characters of the text, redacted first and clean; an ellipsis says that it was cut."""
    return clean(redacted_start(text, length))


def shown_name(name: str) -> str:
    """As `shown`, for what comes again and again, such as the name of a model or what a tool says of itself."""
    return _remembered(current_redactor(), name) if len(name) <= _LONGEST_REMEMBERED else shown(name)


@lru_cache(maxsize=_MAX_REMEMBERED)
def _remembered(_redactor: Redactor, name: str) -> str:
    """What the redactor in force makes of the name."""
    return shown(name)
