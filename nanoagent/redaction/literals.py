"""Secrets that are known as such: literal texts, masked wherever they stand and however they are written."""

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote, quote_plus

from nanoagent.redaction.masks import mask_of

SHORTEST: Final = 4
"""Characters: a shorter text is part of harmless words."""
SHORTEST_IN_BASE64: Final = 8
"""Characters of base64 that are alike wherever the secret stands in what was encoded."""

_MASK: Final = r"\[redacted: [a-z ]{3,30}\]"


def pattern_of(secrets: Iterable[str]) -> re.Pattern[str] | None:
    """What finds the secrets, and the masks that are in a text already; `None` where there are no secrets."""
    forms = {form for secret in secrets if len(secret) >= SHORTEST for form in _forms(secret)}
    longest_first = sorted(forms, key=lambda form: (-len(form), form))
    return re.compile("|".join([_MASK, *map(re.escape, longest_first)])) if forms else None


def with_literals_masked(text: str, pattern: re.Pattern[str]) -> str:
    """The text without the secrets that the pattern finds."""
    return pattern.sub(lambda found: found[0] if found[0].startswith("[redacted: ") else mask_of("secret"), text)


def _forms(secret: str) -> Iterator[str]:
    """The secret as it is, in JSON, in a URL, in a form, and inside of base64."""
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    data = secret.encode(errors="surrogatepass")
    yield quote(data, safe="")
    yield quote_plus(data)
    for before in range(3):
        first, last = -(-before * 8 // 6), (before + len(data)) * 8 // 6
        for encode in (b64encode, urlsafe_b64encode):
            encoded = encode(bytes(before) + data).decode()[first:last]
            if len(encoded) >= SHORTEST_IN_BASE64:
                yield encoded
