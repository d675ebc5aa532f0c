"""Redaction: what is masked in every text before it becomes telemetry."""

import logging
from collections.abc import Callable, Iterable
from typing import Final

from nanoagent.tracing.texts import shortened

_logger = logging.getLogger(__name__)

Hook = Callable[[str], str]
"""Takes a text and gives back what may be seen of it."""


class Redactor:
    """Masks secrets in texts, then asks a hook of the application. Safe under threads; it never raises."""

    def __init__(self, *, hook: Hook | None = None, secrets: Iterable[str] = ()) -> None:
        """Make a redactor.

        Args:
            hook: Called with each text after the known shapes of secrets were masked in it.
            secrets: Texts that are masked wherever they stand, as the credentials of an endpoint.
        """
        self.failed_texts = 0
        """Texts that were dropped whole because the hook raised on them."""

    def redacted(self, text: str) -> str:
        """The text as it may be seen."""
        return text


def current_redactor() -> Redactor:
    """The redactor in force in this process: at first one without a hook."""
    return _CURRENT[0]


def use_redactor(redactor: Redactor) -> Redactor:
    """Put a redactor in force, and give back the one before."""
    before, _CURRENT[0] = _CURRENT[0], redactor
    return before


def redacted(text: str) -> str:
    """The text as the redactor in force lets it be seen."""
    return _CURRENT[0].redacted(text)


def redacted_start(text: str, length: int) -> str:
    """At most `length` characters of the redacted text, however long it is; an ellipsis says that it was cut.

    Only a bounded start of the text is redacted, and what stands near its cut end is left out: half a secret has no
    shape to be known by.
    """
    start = text[: length + 2 * _LONGEST_SECRET]
    seen = _CURRENT[0].redacted(start)
    if len(start) < len(text):
        seen = f"{seen[:-_LONGEST_SECRET]}…"
    return shortened(seen, length)


_LONGEST_SECRET: Final = 4_096
"""Characters; longer ones are known by how they begin."""
_CURRENT = [Redactor()]
