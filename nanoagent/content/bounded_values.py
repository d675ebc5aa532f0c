"""What of a value is looked at before it is written as JSON: within bounds, redacted and clean."""

import dataclasses
import json
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from typing import Any, Final

from nanoagent.content.json_forms import Frame, JsonText, Messages, Parts
from nanoagent.content.shown import shown
from nanoagent.redaction.redactor import redacted_start
from nanoagent.texts import clean

MAX_TEXT_CHARACTERS: Final = 16_384
"""No more of a text is seen, however long it is."""
MAX_CHARACTERS: Final = 262_144
"""Of all texts of a value together; the rest is said to be left out, as what is beyond the next three."""
MAX_VALUES: Final = 2_000
MAX_ITEMS: Final = 1_000
MAX_DEPTH: Final = 16
MAX_KEY_CHARACTERS: Final = 256
MAX_LABEL_CHARACTERS: Final = 256
_SHORTENED_KEYS: Final = frozenset({"content", "arguments", "response", "uri"})
"""Entries of a frame whose texts get shorter; the others are labels, such as types, names and ids."""
_OPEN_REPR_MODULES: Final = ("dataclasses", "reprlib", "pydantic")
"""Where the `__repr__` of a class that shows its fields is written."""


@dataclass(frozen=True, slots=True)
class Text:
    """What is seen of a text."""

    seen: str
    covered: int
    """Characters that were seen, those included that `seen` leaves out because they were shown before."""
    is_whole: bool
    length: int
    """Of the whole text, in characters."""


@dataclass(frozen=True, slots=True)
class List:
    """The first items of a list."""

    items: list[Any]
    length: int
    are_parts: bool = False
    """Of a message."""


@dataclass(frozen=True, slots=True)
class Object:
    """The first entries of an object."""

    entries: dict[str, Any]
    length: int
    is_frame: bool = False
    """Whether no entry may be left out."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """The first and the last messages of a conversation."""

    first: list[Any]
    last: list[Any]
    length: int


class Reader:
    """Reads a value into what can be written, until it has seen enough of it."""

    def __init__(self, before: Callable[[str], str] | None) -> None:
        """Make a reader of one value; `before` makes of each redacted text what is written of it."""
        self._before = before
        self._values_left = MAX_VALUES
        self._characters_left = MAX_CHARACTERS

    def read(self, value: object, depth: int = 0) -> Any:
        """What stands for the value; one whose own code fails is named by its type."""
        self._values_left -= 1
        try:
            return self._scalar(value) if _is_scalar(value) else self._nested(value, depth)
        except KeyboardInterrupt:
            raise
        except BaseException:  # a SystemExit of the value's own code would end the application
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
        if isinstance(value, Frame):
            return self._frame(value, depth)
        if isinstance(value, Messages):
            return self._conversation(value, depth)
        if isinstance(value, list | tuple | set | frozenset | deque):
            items = [self.read(item, depth + 1) for item in self._affordable(value)]
            return List(items, _length(value, items), isinstance(value, Parts))
        entries = _entries_of(value)
        return self._text(str(value)) if entries is None else self._object(entries, depth)

    def _text(self, text: str) -> Text:
        affordable = max(0, min(MAX_TEXT_CHARACTERS, self._characters_left))
        self._characters_left -= min(len(text), MAX_TEXT_CHARACTERS)
        is_whole = len(text) <= affordable
        seen = redacted_start(text, affordable) if affordable else ""
        seen = clean(seen if is_whole else seen.removesuffix("…"))
        return Text(seen if self._before is None else self._before(seen), len(seen), is_whole, len(text))

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

    def _object(self, entries: Mapping[Any, Any], depth: int) -> Object:
        read: dict[str, Any] = {}
        for key in self._affordable(entries):
            name = shown(key if isinstance(key, str) else str(key), MAX_KEY_CHARACTERS)
            read[name] = self.read(entries[key], depth + 1)
        return Object(read, _length(entries, read))

    def _frame(self, frame: Frame, depth: int) -> Object:
        read = {
            key: shown(item, MAX_LABEL_CHARACTERS)
            if type(item) is str and key not in _SHORTENED_KEYS
            else self.read(item, depth + 1)
            for key, item in frame.items()
        }
        return Object(read, len(read), is_frame=True)

    def _conversation(self, messages: Messages, depth: int) -> Conversation:
        """The first message, then the last ones, as many as there is room for."""
        first = [self.read(message, depth + 1) for message in messages[:1]]
        later = reversed(messages[1:])
        last = [self.read(message, depth + 1) for message in self._affordable(later)]
        return Conversation(first, last[::-1], len(messages))

    def _affordable(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in islice(items, MAX_ITEMS):
            if self._values_left <= 0 or self._characters_left <= 0:
                return
            yield item


def _is_scalar(value: object) -> bool:
    kinds = bool | int | float | str | bytes | bytearray | memoryview
    return value is None or (isinstance(value, kinds) and not isinstance(value, Enum | JsonText))


def _length(value: Any, read: Sized) -> int:
    """How many items it has, by its own account, which may be wrong."""
    try:
        return max(len(value), len(read))
    except Exception:
        return len(read)


def _entries_of(value: Any) -> Mapping[Any, Any] | None:
    """What a mapping, a dataclass or a pydantic model holds, but for what it does not show of itself."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, type) or not _shows_fields(type(value)):
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


def _shows_fields(kind: type) -> bool:
    """Whether it is shown by its fields; a class with a `__repr__` of its own says itself what may be seen."""
    written_in = getattr(kind.__repr__, "__globals__", {}).get("__name__", "")
    return str(written_in).startswith(_OPEN_REPR_MODULES)
