"""The redactor: masks secrets in texts, then asks the application."""

import logging
import re
import threading
from collections.abc import Callable, Iterable
from functools import cache
from typing import Final

from nanoagent.errors import ConfigurationError
from nanoagent.redaction.card_numbers import with_cards_masked
from nanoagent.redaction.literals import pattern_of, with_literals_masked
from nanoagent.redaction.secret_names import with_named_masked
from nanoagent.redaction.secret_pairs import with_pairs_masked
from nanoagent.redaction.secret_shapes import may_hold_key, with_credentials_masked, with_keys_masked
from nanoagent.texts import shortened

_logger = logging.getLogger(__name__)

FAILED: Final = "[redaction failed]"
"""What stands in place of a text that could not be redacted."""
LONGEST_SECRET: Final = 1_024
"""Characters of a secret that is known only whole; longer ones are known by how they begin."""

Hook = Callable[[str], str]
"""Takes a text and gives back what may be seen of it."""


class Redactor:
    """Masks secrets in texts, then asks a hook of the application. Safe under threads; it never raises."""

    def __init__(self, *, hook: Hook | None = None, secrets: Iterable[str] = ()) -> None:
        """Make a redactor.

        Args:
            hook: Called with each text after the known shapes of secrets were masked in it.
            secrets: Texts that are masked wherever they stand, as the credentials of an endpoint: as they are, escaped
                for JSON or a URL, and in base64. Those of less than 4 characters are not: they are in every other word.

        Raises:
            ConfigurationError: The hook cannot be called.
        """
        if hook is not None and not callable(hook):
            raise ConfigurationError(
                f"hook must be a function that takes a text and returns one, got {hook!r}; leave it out for none"
            )
        self.failed_texts = 0
        """Texts that were dropped whole because the hook raised on them or returned no text."""
        self._hook = hook
        self._secrets: tuple[str, ...] = ()
        self._literals: re.Pattern[str] | None = None
        self.hide(secrets)
        # A finalizer may redact, and fail, wherever Python collects garbage.
        self._lock = threading.RLock()

    def hide(self, secrets: Iterable[str]) -> None:
        """Mask these wherever they stand, too, from now on."""
        self._secrets = tuple(dict.fromkeys((*self._secrets, *secrets)))
        self._literals = pattern_of(self._secrets)

    def redacted(self, text: str) -> str:
        """The text as it may be seen."""
        try:
            if self._literals is not None:
                text = with_literals_masked(text, self._literals)
            seen = with_secrets_masked(text)
            if self._hook is not None:
                seen = self._hook(seen)
            if isinstance(seen, str):
                return seen
            problem = f"returned {type(seen).__name__}"
        except Exception as error:
            problem = f"raised {type(error).__name__}"
        self._failed(problem)
        return FAILED

    def _failed(self, problem: str) -> None:
        with self._lock:
            self.failed_texts += 1
            is_first = self.failed_texts == 1
        if is_first:
            _logger.warning("the redaction of a text %s: texts on which it fails are dropped", problem)


def with_secrets_masked(text: str) -> str:
    """The text without what looks like a secret: see the other modules."""
    if may_hold_key(text):
        text = with_keys_masked(text)
    if _separator().search(text) and _word().search(text.lower()):
        text = with_pairs_masked(with_named_masked(with_credentials_masked(text)))
    return with_cards_masked(text)


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
    start = text[: length + 2 * LONGEST_SECRET]
    seen = _CURRENT[0].redacted(start)
    if len(start) < len(text):
        seen = f"{seen[:-LONGEST_SECRET]}…"
    return shortened(seen, length)


@cache
def _separator() -> re.Pattern[str]:
    """What stands between a name or a scheme and its secret."""
    return re.compile(r"[\s=:@\"'%]")


@cache
def _word() -> re.Pattern[str]:
    """What is in every name and every scheme that has a secret."""
    words = "@|auth|basic|bearer|code=|cookie|credential|key|pass|pwd|sas=|secret|sig=|signature=|token"
    return re.compile(words)


_CURRENT = [Redactor()]
