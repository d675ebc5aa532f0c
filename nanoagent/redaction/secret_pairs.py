"""Secrets whose name does not stand right before them: after it in a pair, at a list, in the item before.

Of a list under a name such as `passwords` or `apiKeys` all passwords are masked, and of the others what looks like no
word. What an object under such a name holds is known by the names inside of it.
"""

import re
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, Final

from nanoagent.redaction.masks import mask_of
from nanoagent.redaction.secret_names import finder, is_placeholder, kind_of_name, looks_like_no_word

_QUOTE: Final = r"""(?P<quote> \\*["'] )"""
_TEXT: Final = r"(?: (?! (?P=quote) ) (?: \\. | [^\n] ) ){0,1024}+"
_NAMED_AFTER: Final = rf"""
    (?P<before> {_QUOTE} value (?P=quote) \s{{0,8}} : \s{{0,8}} (?P=quote) ) (?P<value> {_TEXT} )
    (?= (?P=quote) \s{{0,80}} , \s{{0,80}} (?P=quote) (?: name | key ) (?P=quote) \s{{0,8}} : \s{{0,8}}
        (?P=quote) (?P<name> [\w.-]{{1,128}} ) (?P=quote) )
"""
_LIST: Final = rf"""
    (?P<before> (?P<name> password | secret | token | credential | (?: api | access | private | auth ) [_-]? key ) s
      {_QUOTE} \s{{0,8}} : \s{{0,8}} \[ \s{{0,200}} )
    (?P<items> (?: (?P=quote) {_TEXT} (?P=quote) \s{{0,200}} ,? \s{{0,200}} ){{1,200}}+ )
"""
_MAY_BE_NAMED_AFTER: Final = r"""value \\*["']"""
_MAY_BE_LIST: Final = r"""
    s (?: (?<=passwords) | (?<=secrets) | (?<=tokens) | (?<=credentials) | (?<=keys) )
    \\*["'] \s{0,8} : \s{0,8} \[
"""
"""Begins with the one letter that all have: quickly looked for."""


def with_pairs_masked(text: str) -> str:
    """The text without secrets that are named after them or at the list they are in."""
    lowered = text.lower()
    if finder(_MAY_BE_NAMED_AFTER).search(lowered):
        text = finder(_NAMED_AFTER).sub(_masked_value, text)
    return finder(_LIST).sub(_masked_list, text) if finder(_MAY_BE_LIST).search(lowered) else text


def items_masked(items: Iterable[Any]) -> Iterator[Any]:
    """The items of a command line, without what follows an option of a secret's name."""
    kind = None
    for item in items:
        yield mask_of(kind) if kind is not None and _is_given(item) else item
        kind = kind_of_name(item) if isinstance(item, str) and item.startswith("-") else None


def _is_given(item: Any) -> bool:
    """Whether it is given to the option before it: no other option, and no placeholder."""
    if isinstance(item, str):
        return not item.startswith("-") and not is_placeholder(item)
    return item is not None and not isinstance(item, bool)


def _masked_value(found: re.Match[str]) -> str:
    kind = kind_of_name(found["name"])
    if kind is None or not found["value"] or is_placeholder(found["value"]):
        return found[0]
    return found["before"] + mask_of(kind)


def _masked_list(found: re.Match[str]) -> str:
    kind = kind_of_name(found["name"])
    item = rf"(?P<quote> {re.escape(found['quote'])} ) (?P<value> {_TEXT} ) (?P=quote)"
    return found["before"] + re.sub(
        item, partial(_masked_item, kind=kind or "secret"), found["items"], flags=re.VERBOSE
    )


def _masked_item(found: re.Match[str], *, kind: str) -> str:
    value = found["value"]
    if not value or is_placeholder(value) or not (kind == "password" or looks_like_no_word(value)):
        return found[0]
    return found["quote"] + mask_of(kind) + found["quote"]
