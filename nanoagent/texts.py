"""Texts and prompts, as spans carry them."""

import hashlib
import re
from collections.abc import Iterable

_UNSENDABLE = re.compile("[\x00\ud800-\udfff]")


def shortened(text: str, length: int) -> str:
    """The text, cut to `length` characters with an ellipsis as the last one where it is longer."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def clean(text: str) -> str:
    """The text with U+FFFD in the place of what an exporter or a reader breaks on: lone surrogates and NUL.

    Other control characters and marks of direction stay: who prints them deals with them.
    """
    if text.isascii():
        return text.replace("\x00", "\ufffd") if "\x00" in text else text
    return _UNSENDABLE.sub("\ufffd", text)


def plural(count: int, what: str) -> str:
    """So many of something: `1 call`, `2 calls`, `1,000 calls`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def hash_of(prompts: Iterable[str]) -> str:
    """The first 12 hex digits of a SHA-256 over the prompts."""
    return hashlib.sha256("\x00".join(prompts).encode(errors="replace")).hexdigest()[:12]
