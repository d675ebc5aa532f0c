"""The caller's own attributes: checked when they are given, so that nothing about them can go wrong later."""

import inspect
import math
from collections.abc import Mapping, Sequence
from typing import Final

from opentelemetry.util.types import AttributeValue

from nanoagent.content.shown import shown
from nanoagent.errors import ConfigurationError
from nanoagent.redaction.secret_pairs import items_masked
from nanoagent.texts import clean, shortened
from nanoagent.tracing import names

MAX_ATTRIBUTES: Final = 32
"""More would push others off the span: the SDK keeps 128 and drops the oldest."""
MAX_KEY_CHARACTERS: Final = 128
MAX_TEXT_CHARACTERS: Final = 1_024
"""A longer text is shortened, with an ellipsis as its last character."""
MAX_ITEMS: Final = 64
"""Items of a list."""

_OURS: Final = ("nanoagent.", "gen_ai.usage.")
_SET_BY_US: Final = (
    names.OPERATION_NAME,
    names.WORKFLOW_NAME,
    names.AGENT_NAME,
    names.AGENT_VERSION,
    names.ERROR_TYPE,
    "error",
)
_WAY_OUT = (
    "attributes map keys such as 'gen_ai.conversation.id' or 'user.id' to a text, bool, int, float or a list of one"
)


def checked_attributes(attributes: object) -> dict[str, AttributeValue]:
    """The attributes as a span can carry them; texts that are too long are shortened.

    Raises:
        ConfigurationError: They are no mapping, too many, or one is nothing that a span can carry.
    """
    if attributes is None:
        return {}
    if not isinstance(attributes, Mapping):
        raise ConfigurationError(f"attributes must be a mapping, got {attributes!r}; {_WAY_OUT}")
    if len(attributes) > MAX_ATTRIBUTES:
        raise ConfigurationError(f"attributes must be at most {MAX_ATTRIBUTES}, got {len(attributes)}; leave some out")
    return {_checked_key(key): _checked_value(key, value) for key, value in attributes.items()}


def checked_version(agent_version: object) -> str | None:
    """The version of an agent as a span can carry it; `None` stays `None`.

    Raises:
        ConfigurationError: It is no text.
    """
    if agent_version is None:
        return None
    if not isinstance(agent_version, str) or not agent_version:
        raise ConfigurationError(f"agent_version must be a text such as '1.4.0', got {_shown(agent_version)}")
    return str(_checked_scalar("agent_version", agent_version))


def checked_callback(on_complete: object) -> None:
    """Refuse what cannot be called when a run has ended.

    Raises:
        ConfigurationError: It is no function, or one that would have to be awaited.
    """
    if on_complete is not None and (not callable(on_complete) or inspect.iscoroutinefunction(on_complete)):
        raise ConfigurationError(
            f"on_complete must be a function that is called and not awaited, got {_shown(on_complete)}; "
            "start a task in it"
        )


def _checked_key(key: object) -> str:
    if not isinstance(key, str) or not 0 < len(key) <= MAX_KEY_CHARACTERS or clean(key) != key:
        raise ConfigurationError(
            f"an attribute's key must be a text of 1 to {MAX_KEY_CHARACTERS} characters, got {_shown(key)}; {_WAY_OUT}"
        )
    if key.startswith(_OURS) or key in _SET_BY_US:
        raise ConfigurationError(f"the attribute {key!r} is set by nanoagent itself; choose another key")
    return key


def _checked_value(key: str, value: object) -> AttributeValue:
    if isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray):
        items = [_checked_scalar(key, item) for item in items_masked(value)]
        if len(items) > MAX_ITEMS:
            raise ConfigurationError(f"the attribute {key!r} must have at most {MAX_ITEMS} items, got {len(items)}")
        if len({type(item) for item in items}) > 1:
            raise ConfigurationError(f"the attribute {key!r} must hold items of one type, got {_shown(value)}")
        return items
    return _checked_scalar(key, value)


def _checked_scalar(key: str, value: object) -> str | bool | int | float:
    if isinstance(value, str):
        return shown(str.__str__(value), MAX_TEXT_CHARACTERS)
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    raise ConfigurationError(
        f"the attribute {key!r} must be a text, bool, 64-bit int, finite float or a list of one, got {_shown(value)}"
    )


def _shown(value: object) -> str:
    return shortened(repr(value), 80)
