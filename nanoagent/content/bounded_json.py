"""Any value as JSON that is valid, no longer than allowed, redacted and clean."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from nanoagent.content.bounded_values import MAX_ITEMS, MAX_TEXT_CHARACTERS, Conversation, List, Object, Reader, Text
from nanoagent.redaction.redactor import redacted
from nanoagent.texts import clean

_MARKER_CHARACTERS: Final = 64
"""About what a marker takes: a text that is longer by less is not worth shortening."""
_LEAST_CHARACTERS: Final = 32
_FEWER_ITEMS: Final = (256, 64, 16, 4, 2)


def bounded_json(
    value: object,
    limit_bytes: int,
    *,
    before: Callable[[str], str] | None = None,
    after: Callable[[str], object] | None = None,
) -> str | None:
    """The value as compact JSON of at most `limit_bytes`; `None` where no JSON of it is that short.

    Long texts are shortened and long lists lose items, each with a marker that says how much there was. The value is
    looked at within bounds, whatever its size, and each text passes the redactor before it is shortened; the JSON
    passes it once more, so that it sees the keys beside their values.

    Args:
        value: What to write.
        limit_bytes: Of UTF-8.
        before: Makes of each redacted text what is written of it.
        after: Told of each text that was written.
    """
    root = Reader(before).read(value)
    for room in _rooms(limit_bytes):
        written = _written(root, room)
        text = _dumped(written)
        seen = _redacted_json(text) if _fits(text, limit_bytes) else text
        if _fits(seen, limit_bytes):
            if after is not None:
                _tell(written, after)
            return seen
    return None


@dataclass(frozen=True, slots=True)
class _Room:
    """How much of the texts and lists of a value is written."""

    characters: int
    items: int


def _rooms(limit_bytes: int) -> Iterator[_Room]:
    """Ever less room: first the texts get shorter, then the lists."""
    characters = min(limit_bytes, MAX_TEXT_CHARACTERS) * 15 // 16  # room for what stands around a single text
    while characters >= _LEAST_CHARACTERS:
        yield _Room(characters, MAX_ITEMS)
        characters //= 2
    for items in _FEWER_ITEMS:
        yield _Room(_LEAST_CHARACTERS, items)
    yield _Room(0, 1)


def _written(node: Any, room: _Room) -> Any:
    """What was read as `json` can dump it, within the room."""
    if isinstance(node, Text):
        return _written_text(node, room.characters)
    if isinstance(node, List):
        items = [_written(item, room) for item in node.items[: room.items]]
        left_out = node.length - len(items)
        return [*items, f"…[left out: {left_out:,} of {node.length:,} items]"] if left_out else items
    if isinstance(node, Object):
        entries = {key: _written(item, room) for key, item in islice(node.entries.items(), room.items)}
        left_out = node.length - len(entries)
        return entries | {"…": f"[left out: {left_out:,} of {node.length:,} entries]"} if left_out else entries
    return _written_messages(node, room) if isinstance(node, Conversation) else node


def _written_text(text: Text, characters: int) -> str:
    fits = len(text.seen) <= characters + _MARKER_CHARACTERS
    if fits and text.is_whole:
        return text.seen
    kept = text.seen if fits else text.seen[:characters]
    covered = text.covered if fits else len(kept)
    return f"{kept}…[shortened: {covered:,} of {text.length:,} characters]"


def _written_messages(messages: Conversation, room: _Room) -> list[Any]:
    first = [_written(message, room) for message in messages.first]
    last = [_written(message, room) for message in messages.last[max(0, len(messages.last) + 1 - room.items) :]]
    left_out = messages.length - len(first) - len(last)
    return [*first, *_marker_message(left_out, messages.length), *last]


def _marker_message(left_out: int, length: int) -> list[Any]:
    text = f"…[left out: {left_out:,} of {length:,} messages]"
    return [{"role": "system", "parts": [{"type": "text", "content": text}]}] if left_out else []


def _tell(written: Any, told: Callable[[str], object]) -> None:
    if isinstance(written, str):
        told(written)
    elif isinstance(written, list | dict):
        for item in written if isinstance(written, list) else written.values():
            _tell(item, told)


def _redacted_json(text: str) -> str:
    """The JSON as the redactor lets it be seen; what a hook made something else of becomes a JSON text."""
    seen = redacted(text)
    if seen == text:
        return text
    try:
        json.loads(seen)
    except ValueError:
        return _dumped(clean(seen))
    return clean(seen)


def _dumped(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _fits(text: str, limit_bytes: int) -> bool:
    return len(text) <= limit_bytes and (text.isascii() or len(text.encode()) <= limit_bytes)
