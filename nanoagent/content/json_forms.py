"""Forms that content has beside JSON's own."""

from typing import Any


class JsonText(str):
    """A text that holds JSON, as models write arguments; shown as the value it holds."""

    __slots__ = ()


class Messages(list[Any]):
    """The messages of a conversation: of too many, the first one and the last ones are shown."""

    __slots__ = ()
