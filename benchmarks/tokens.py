"""The token counter of models that have no provider to count for them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

TokenSource = Literal["counted", "approximate", "provider"]
"""Counted by a real tokenizer, approximated by a rule, or told by the model's provider."""

ENCODING: Final = "o200k_base"
_PIECE = re.compile(r"\w+|[^\w\s]")
_CHARACTERS_A_TOKEN: Final = 6
"""A word of up to so many letters is one token, more often than not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCounter:
    """Counts the tokens of a text."""

    source: TokenSource
    count: Callable[[str], int]


@cache
def token_counter() -> TokenCounter:
    """The real tokenizer where it is installed, else the rule."""
    try:
        from bpe_openai import get_encoding
    except ImportError:
        return TokenCounter(source="approximate", count=approximate_tokens)
    encoding = get_encoding(ENCODING)
    return TokenCounter(source="counted", count=lambda text: len(encoding.encode_ordinary(text)))


def approximate_tokens(text: str) -> int:
    """One token for each punctuation mark, and one for every six letters or digits of a word."""
    return sum(-(-len(piece) // _CHARACTERS_A_TOKEN) for piece in _PIECE.findall(text))
