"""Forms that content has beside JSON's own."""

from typing import Any


class JsonText(str):
    """A text that holds JSON, as models write arguments; shown as the value it holds."""

    __slots__ = ()


class Frame(dict[str, Any]):
    """A message, or a part of one: however short it must be, no entry of it is left out."""

    __slots__ = ()


class Parts(list[Any]):
    """The parts of a message: of too many, the first ones are shown, and a part that says how many are not."""

    __slots__ = ()


class Messages(list[Any]):
    """The messages of a conversation: of too many, the first one and the last ones are shown."""

    __slots__ = ()
