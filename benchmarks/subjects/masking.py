"""Masking: JSON values without the secrets in them, by the redactor in force.

Masking a value twice gives what masking it once gives. So what is recorded without a secret and what is replayed from
that are known for the same.
"""

import json
from contextlib import suppress
from typing import Any

from nanoagent.redaction.redactor import redacted


def masked(value: Any, name: str | None = None) -> Any:
    """The value as it may be kept.

    Args:
        value: JSON-ready.
        name: The key that it stands under: it tells a password from a word.
    """
    if isinstance(value, str):
        return _text(value, name)
    if isinstance(value, dict):
        return {key: masked(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(item, name) for item in value]
    if value is None or isinstance(value, bool) or name is None:
        return value
    seen = _text(str(value), name)
    return value if seen == str(value) else seen


def _text(text: str, name: str | None) -> str:
    seen = redacted(text)
    if name is None:
        return seen
    pair = redacted(json.dumps({name: seen}, ensure_ascii=False))
    with suppress(ValueError, AttributeError):
        (under_name,) = json.loads(pair).values()
        return str(under_name)
    return seen
