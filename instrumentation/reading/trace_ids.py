"""Trace ids, as people paste them."""

import re
from typing import Final

from nanoagent.errors import ConfigurationError

_DIGITS: Final = 32
_LOWER_HALF: Final = 16
_HEX: Final = re.compile(r"[0-9a-f]+")
_LONGEST_QUOTE: Final = 80


def trace_id_of(text: str) -> str:
    """The trace id that a text names: 32 lower-case hex digits.

    Blanks around it and capitals are forgiven. 16 to 31 digits are filled up with zeros on the left, since Jaeger and
    older tracers leave the zeros of the upper half away; fewer are no id that anybody shows, but a part of one.

    Example:
        >>> trace_id_of("5BD66EF5095369C7")
        '00000000000000005bd66ef5095369c7'

    Raises:
        ConfigurationError: The text is no trace id.
    """
    digits = text.strip().lower()
    if not _HEX.fullmatch(digits) or len(digits) > _DIGITS or not digits.strip("0"):
        raise ConfigurationError(
            f"a trace id must be {_DIGITS} hex digits that are not all zeros, got {_quoted(text)}: "
            "copy it from the run's output or from the address of its page in Jaeger"
        )
    if len(digits) < _LOWER_HALF:
        raise ConfigurationError(
            f"a trace id must have {_DIGITS} hex digits ({_LOWER_HALF} where its upper half is zero), "
            f"got the {len(digits)} of {_quoted(text)}: copy the whole id"
        )
    return digits.zfill(_DIGITS)


def _quoted(text: str) -> str:
    return ascii(text) if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]!a}..."
