"""A tool's result as a model can be shown it."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from pydantic_ai.messages import ToolReturn, UserPromptPart, is_multi_modal_content
from pydantic_core import to_json, to_jsonable_python

_SURROGATES = re.compile("[\ud800-\udfff]")
_MESSAGE_LEVELS: Final = 16
"""Room for the levels that a message history puts around a result: serializers stop at a fixed depth."""


def fit_result(result: Any, max_chars: int) -> Any:
    """Return `result` unchanged when a model can be shown it, else the nearest thing that it can be shown.

    A value that is not JSON becomes its `repr`; one whose JSON text is longer than `max_chars` becomes the first part
    of that text with a marker. Files pass unchanged; the texts beside them are treated one by one.

    Args:
        result: What a tool returned, pydantic-ai's `ToolReturn` and files included.
        max_chars: Characters of text that are shown, the marker not counted.

    Raises:
        ValueError: The extra content of a `ToolReturn` is nothing that a prompt may hold.
    """
    if isinstance(result, ToolReturn):
        # Built for its checks alone: the agent builds it too late for the error to be the tool's.
        UserPromptPart(content=result.content or "")
        content = _fit_item(result.content, max_chars) if isinstance(result.content, str) else result.content
        return replace(result, return_value=_fit_value(result.return_value, max_chars), content=content)
    return _fit_value(result, max_chars)


def shorten(text: str, max_chars: int) -> str:
    """Return `text`, or its first `max_chars` characters and a marker that says so."""
    if len(text) <= max_chars:
        return text
    return f"{text[:max_chars]} [shortened: {max_chars} of {len(text)} characters shown]"


def clean(text: str) -> str:
    """Return `text` with every lone surrogate, which no encoding accepts, replaced by U+FFFD."""
    return _SURROGATES.sub("\ufffd", text)


def _fit_value(value: Any, max_chars: int) -> Any:
    if isinstance(value, list) and any(is_multi_modal_content(item) for item in value):
        return [_fit_item(item, max_chars) for item in value]
    return _fit_item(value, max_chars)


def _fit_item(value: Any, max_chars: int) -> Any:
    if is_multi_modal_content(value):
        return value
    shown, text = _shown(value)
    return shown if len(text) <= max_chars else shorten(text, max_chars)


def _shown(value: Any) -> tuple[Any, str]:
    """Return what stands for `value`, and its text."""
    if isinstance(value, str):
        text = clean(value)
        return (value if text == value else text), text
    try:
        return _json(value)
    except Exception:
        # Serializers run the value's own code, which may raise anything.
        text = clean(_safe_repr(value))
        return text, text


def _json(value: Any) -> tuple[Any, str]:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain)
    if _SURROGATES.search(text):
        text = clean(text)
        value = json.loads(text)
    nested = value
    for _ in range(_MESSAGE_LEVELS):
        nested = [nested]
    to_json(nested)
    return value, text


def _plain(value: Any) -> Any:
    """Turn a value that JSON lacks, such as a date or a model, into one that it has."""
    if isinstance(value, Iterator | ToolReturn):
        # An iterator may have no end; pydantic-ai refuses a ToolReturn that is not the whole result.
        raise TypeError(f"{type(value).__name__} is not a value to show")
    return to_jsonable_python(value)


def _safe_repr(value: Any) -> str:
    try:
        return repr(value)
    except Exception:
        return f"<{type(value).__name__} that cannot be shown>"
