"""The headers that go with spans, which are often credentials: no value is ever logged or quoted."""

import logging
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from opentelemetry.util.re import parse_env_headers

from nanoagent.errors import ConfigurationError


class _Sendable(NamedTuple):
    """What can be sent, each with what a message says of it; names are in lower case."""

    name: re.Pattern[str]
    letters: str
    value: re.Pattern[str]
    characters: str


_HTTP: Final = _Sendable(
    re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+"),
    "letters, digits and !#$%&'*+-.^_`|~",
    re.compile(r"[\t\x20-\x7e\x80-\xff]*"),
    "Latin-1 without control characters",
)
"""https://www.rfc-editor.org/rfc/rfc9110#name-tokens"""
_METADATA: Final = _Sendable(
    re.compile(r"[0-9a-z_.-]+(?<!-bin)"),
    "letters, digits and _.-, and not end with -bin",
    re.compile(r"[\x20-\x7e]*"),
    "printable ASCII",
)
"""https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md; what ends with -bin has bytes as its value."""


def headers_in(variable: str, value: str, *, as_metadata: bool) -> Mapping[str, str]:
    """The headers that the value of a variable stands for, names in lower case; all of them can be sent.

    Args:
        variable: Its name, for the message of an error.
        value: As the OTLP specification has it: name=value, comma-separated, URL-encoded.
        as_metadata: Whether gRPC sends them, which takes less than HTTP.

    Raises:
        ConfigurationError: Some cannot be read, or not be sent.
    """
    headers, unread = parsed_headers(value)
    if unread:
        raise ConfigurationError(
            f"{variable} must be name=value, further ones after commas, and what is not ASCII URL-encoded; "
            f"{unread} of its headers cannot be read"
        )
    sendable = _METADATA if as_metadata else _HTTP
    for name, content in headers.items():
        if not sendable.name.fullmatch(name):
            raise ConfigurationError(f"{variable} must have names of {sendable.letters}, got {name!r}")
        if not sendable.value.fullmatch(content):
            raise ConfigurationError(
                f"{variable} must have values of {sendable.characters}, once URL-decoded; that of {name!r} has others: "
                "check how it was copied"
            )
    return headers


def parsed_headers(value: str) -> tuple[Mapping[str, str], int]:
    """The headers, and how many cannot be read: the parser quotes those in its log, and they are often credentials."""
    logger = logging.getLogger("opentelemetry.util.re")
    refused: list[logging.LogRecord] = []

    def refuse(record: logging.LogRecord) -> bool:
        refused.append(record)
        return False

    logger.addFilter(refuse)
    try:
        return parse_env_headers(value, liberal=True), len(refused)
    finally:
        logger.removeFilter(refuse)
