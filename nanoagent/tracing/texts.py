"""Texts and prompts, as spans carry them."""

import hashlib
from collections.abc import Iterable


def shortened(text: str, length: int) -> str:
    """The text, cut to `length` characters with an ellipsis as the last one where it is longer."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def hash_of(prompts: Iterable[str]) -> str:
    """The first 12 hex digits of a SHA-256 over the prompts."""
    return hashlib.sha256("\x00".join(prompts).encode(errors="replace")).hexdigest()[:12]
