"""Any value as JSON that is valid, no longer than allowed, redacted and clean."""

import json
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, Final

from nanoagent.content.bounded_values import MAX_ITEMS, MAX_TEXT_CHARACTERS, Conversation, List, Object, Reader, Text
from nanoagent.content.json_forms import Messages, Parts
from nanoagent.redaction.redactor import redacted
from nanoagent.texts import clean

_MARKER_CHARACTERS: Final = 64
"""About what a marker takes: a text that is longer by less is not worth shortening."""
_LEAST_CHARACTERS: Final = 32
_MOST_ITEMS: Final = 512
"""Where texts are as short as they get and lists are shortened: more items do not fit an attribute."""
_STEP: Final = 7 / 8
"""Each room as a part of the one before: so much of an attribute is used, where long texts can fill it."""


def bounded_json(
    value: object,
    limit_bytes: int,
    *,
    before: Callable[[str], str] | None = None,
    after: Callable[[str], object] | None = None,
) -> str | None:
    """The value as compact JSON of at most `limit_bytes`; `None` where no JSON of it is that short.

    Long texts are shortened and long lists lose items, each with a marker that says how much there was; messages and
    their parts keep every entry. The value is looked at within bounds, whatever its size, and each text passes the
    redactor before it is shortened; the JSON passes it once more, so that it sees the keys beside their values.

    Args:
        value: What to write.
        limit_bytes: Of UTF-8.
        before: Makes of each redacted text what is written of it.
        after: Told of each text that was written.
    """
    root, framed = Reader(before).read(value), isinstance(value, Messages | Parts)
    for room in _fitting_rooms(root, limit_bytes):
        written = _written(root, room)
        text = _dumped(written)
        seen = _redacted_json(text, framed=framed) if _fits(text, limit_bytes) else None
        if seen is not None and _fits(seen, limit_bytes):
            if after is not None:
                _tell(written if seen == text else json.loads(seen), after)
            return seen
    return None


@dataclass(frozen=True, slots=True)
class _Room:
    """How much of the texts and lists of a value is written."""

    characters: int
    items: int


@lru_cache(maxsize=16)
def _rooms(limit_bytes: int) -> tuple[_Room, ...]:
    """Ever less room: first the texts get shorter, then the lists."""
    rooms = []
    characters = min(limit_bytes, MAX_TEXT_CHARACTERS) * 15 // 16  # room for what stands around a single text
    while characters >= _LEAST_CHARACTERS:
        rooms.append(_Room(characters, MAX_ITEMS))
        characters = int(characters * _STEP)
    items = _MOST_ITEMS
    while items > 1:
        rooms.append(_Room(_LEAST_CHARACTERS, items))
        items = min(items - 1, int(items * _STEP))
    return (*rooms, _Room(_LEAST_CHARACTERS, 1), _Room(0, 1))


def _fitting_rooms(root: Any, limit_bytes: int) -> Iterator[_Room]:
    """The largest room, which most values fit, then those that this one fits: redaction may make the JSON longer."""
    rooms = _rooms(limit_bytes)
    yield rooms[0]

    def fits(room: _Room) -> bool:
        return _fits(_dumped(_written(root, room)), limit_bytes)

    start = bisect_left(rooms, 1, lo=1, key=fits)
    yield from (*rooms[start : start + 1], *rooms[start + 2 :: 8], rooms[-1])


def _written(node: Any, room: _Room) -> Any:
    """What was read as `json` can dump it, within the room."""
    if isinstance(node, Text):
        return _written_text(node, room.characters)
    if isinstance(node, List):
        items = [_written(item, room) for item in node.items[: room.items]]
        left_out = node.length - len(items)
        marker = f"…[left out: {left_out:,} of {node.length:,} {'parts' if node.are_parts else 'items'}]"
        return [*items, _marker_part(marker) if node.are_parts else marker] if left_out else items
    if isinstance(node, Object):
        count = len(node.entries) if node.is_frame else room.items
        entries = {key: _written(item, room) for key, item in islice(node.entries.items(), count)}
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
    marker = f"…[left out: {left_out:,} of {messages.length:,} messages]"
    return [*first, *([{"role": "system", "parts": [_marker_part(marker)]}] if left_out else []), *last]


def _marker_part(marker: str) -> dict[str, str]:
    return {"type": "text", "content": marker}


def _tell(written: Any, told: Callable[[str], object]) -> None:
    if isinstance(written, str):
        told(written)
    elif isinstance(written, list | dict):
        for item in written if isinstance(written, list) else written.values():
            _tell(item, told)


def _redacted_json(text: str, *, framed: bool) -> str | None:
    """The JSON as the redactor lets it be seen; what a hook made something else of becomes a JSON text.

    No reader knows such a text among messages, so it is `None` where these should stand.
    """
    seen = redacted(text)
    if seen == text:
        return text
    seen = clean(seen)
    try:
        value = json.loads(seen)
    except (ValueError, RecursionError):
        return None if framed else _dumped(seen)
    return seen if not framed or _is_framed(value) else None


def _is_framed(value: Any) -> bool:
    """Whether it is a list of messages, or of parts of one."""
    return isinstance(value, list) and all(
        isinstance(one, dict) and (isinstance(one.get("type"), str) or _is_framed(one.get("parts"))) for one in value
    )


def _dumped(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _fits(text: str, limit_bytes: int) -> bool:
    return len(text) <= limit_bytes and (text.isascii() or len(text.encode()) <= limit_bytes)
