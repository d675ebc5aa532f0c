"""Any value as JSON that is valid, no longer than allowed, redacted and clean."""

import dataclasses
import json
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from typing import Any, Final

from nanoagent.tracing.redaction import redacted, redacted_start
from nanoagent.tracing.shown import shown
from nanoagent.tracing.texts import clean

MAX_TEXT_CHARACTERS: Final = 16_384
"""No more of a text is looked at, but for what a secret at the cut needs."""
MAX_CHARACTERS: Final = 262_144
"""Of all texts of a value together; the rest is said to be left out, as what is beyond the next three."""
MAX_VALUES: Final = 2_000
MAX_ITEMS: Final = 1_000
MAX_DEPTH: Final = 16
MAX_KEY_CHARACTERS: Final = 256
_MARKER_CHARACTERS: Final = 64
"""About what a marker takes: a text that is longer by less is not worth shortening."""
_LEAST_CHARACTERS: Final = 32
_FEWER_ITEMS: Final = (256, 64, 16, 4, 2)


class JsonText(str):
    """A text that holds JSON, as models write arguments; shown as the value it holds."""

    __slots__ = ()


class Messages(list[Any]):
    """The messages of a conversation: of too many, the first one and the last ones are shown."""

    __slots__ = ()


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
    root = _Reader(before).read(value)
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


@dataclass(frozen=True, slots=True)
class _Text:
    seen: str
    is_whole: bool
    length: int
    """Of the whole text, in characters."""


@dataclass(frozen=True, slots=True)
class _List:
    items: list[Any]
    length: int


@dataclass(frozen=True, slots=True)
class _Object:
    entries: dict[str, Any]
    length: int


@dataclass(frozen=True, slots=True)
class _Conversation:
    first: list[Any]
    last: list[Any]
    length: int


class _Reader:
    """Reads a value into what can be written, until it has seen enough of it."""

    def __init__(self, before: Callable[[str], str] | None) -> None:
        self._before = before
        self._values_left = MAX_VALUES
        self._characters_left = MAX_CHARACTERS

    def read(self, value: object, depth: int = 0) -> Any:
        """What stands for the value; one whose own code fails is named by its type."""
        self._values_left -= 1
        try:
            return self._scalar(value) if _is_scalar(value) else self._nested(value, depth)
        except Exception:
            return f"[{clean(type(value).__name__)} that cannot be shown]"

    def _scalar(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(str.__str__(value))
        if isinstance(value, bytes | bytearray | memoryview):
            return f"[{memoryview(value).nbytes:,} bytes]"
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else repr(float(value))
        if isinstance(value, int) and not isinstance(value, bool):
            bits = int.bit_length(value)
            return int(value) if bits <= MAX_DEPTH * 64 else f"[integer of {bits:,} bits]"
        return value

    def _nested(self, value: Any, depth: int) -> Any:
        if isinstance(value, Enum):
            return self.read(value.value, depth)
        if isinstance(value, JsonText):
            return self._json(value, depth)
        if depth >= MAX_DEPTH:
            return "[deeper levels are left out]"
        if isinstance(value, Messages):
            return self._conversation(value, depth)
        if isinstance(value, list | tuple | set | frozenset | deque):
            items = [self.read(item, depth + 1) for item in self._affordable(value)]
            return _List(items, len(value))
        entries = _entries_of(value)
        return self._text(str(value)) if entries is None else self._object(entries, depth)

    def _text(self, text: str) -> _Text:
        affordable = max(0, min(MAX_TEXT_CHARACTERS, self._characters_left))
        self._characters_left -= min(len(text), MAX_TEXT_CHARACTERS)
        is_whole = len(text) <= affordable
        seen = redacted_start(text, affordable) if affordable else ""
        seen = clean(seen if is_whole else seen.removesuffix("…"))
        return _Text(seen if self._before is None else self._before(seen), is_whole, len(text))

    def _json(self, text: JsonText, depth: int) -> Any:
        """The object or list that the text holds; a text that holds none, or a long one, is a text."""
        plain = str.__str__(text)
        if len(plain) <= MAX_TEXT_CHARACTERS:
            try:
                value = json.loads(plain)
            except (ValueError, RecursionError):
                pass
            else:
                return self.read(value, depth)
        return self._text(plain)

    def _object(self, entries: Mapping[Any, Any], depth: int) -> _Object:
        read: dict[str, Any] = {}
        for key in self._affordable(entries):
            name = shown(key if isinstance(key, str) else str(key), MAX_KEY_CHARACTERS)
            read[name] = self.read(entries[key], depth + 1)
        return _Object(read, len(entries))

    def _conversation(self, messages: Messages, depth: int) -> _Conversation:
        """The first message, then the last ones, as many as there is room for."""
        first = [self.read(message, depth + 1) for message in messages[:1]]
        later = reversed(messages[1:])
        last = [self.read(message, depth + 1) for message in self._affordable(later)]
        return _Conversation(first, last[::-1], len(messages))

    def _affordable(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in islice(items, MAX_ITEMS):
            if self._values_left <= 0 or self._characters_left <= 0:
                return
            yield item


def _is_scalar(value: object) -> bool:
    kinds = bool | int | float | str | bytes | bytearray | memoryview
    return value is None or (isinstance(value, kinds) and not isinstance(value, Enum | JsonText))


def _entries_of(value: Any) -> Mapping[Any, Any] | None:
    """What a mapping, a dataclass or a pydantic model holds, but for what it does not show of itself."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, type):
        return None
    if dataclasses.is_dataclass(value):
        fields = [field.name for field in dataclasses.fields(value) if field.repr]
        return {name: getattr(value, name) for name in fields if hasattr(value, name)}
    model_fields = getattr(type(value), "model_fields", None)
    if not isinstance(model_fields, Mapping):
        return None
    hidden = {name for name, field in model_fields.items() if field.exclude or not field.repr}
    held = {**vars(value), **(getattr(value, "model_extra", None) or {})}
    return {name: item for name, item in held.items() if name not in hidden}


def _rooms(limit_bytes: int) -> Iterator[_Room]:
    """Ever less room: first the texts get shorter, then the lists."""
    characters = min(limit_bytes, MAX_TEXT_CHARACTERS)
    while characters >= _LEAST_CHARACTERS:
        yield _Room(characters, MAX_ITEMS)
        characters //= 2
    for items in _FEWER_ITEMS:
        yield _Room(_LEAST_CHARACTERS, items)
    yield _Room(0, 1)


def _written(node: Any, room: _Room) -> Any:
    """What was read as `json` can dump it, within the room."""
    if isinstance(node, _Text):
        return _written_text(node, room.characters)
    if isinstance(node, _List):
        items = [_written(item, room) for item in node.items[: room.items]]
        left_out = node.length - len(items)
        return [*items, f"…[left out: {left_out:,} of {node.length:,} items]"] if left_out else items
    if isinstance(node, _Object):
        entries = {key: _written(item, room) for key, item in islice(node.entries.items(), room.items)}
        left_out = node.length - len(entries)
        return entries | {"…": f"[left out: {left_out:,} of {node.length:,} entries]"} if left_out else entries
    return _written_messages(node, room) if isinstance(node, _Conversation) else node


def _written_text(text: _Text, characters: int) -> str:
    fits = len(text.seen) <= characters + _MARKER_CHARACTERS
    if fits and text.is_whole:
        return text.seen
    kept = text.seen if fits else text.seen[:characters]
    return f"{kept}…[shortened: {len(kept):,} of {text.length:,} characters]"


def _written_messages(messages: _Conversation, room: _Room) -> list[Any]:
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
