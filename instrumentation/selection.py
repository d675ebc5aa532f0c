"""The choice of exporters, as the environment or a caller makes it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from nanoagent.errors import ConfigurationError

NONE: Final = "none"
CONSOLE: Final = "console"
FILE: Final = "file"
JAEGER: Final = "jaeger"
OTLP: Final = "otlp"

CHOICES: Final = (NONE, CONSOLE, FILE, JAEGER, OTLP)
"""Every name that may be chosen."""
EXPORTER_VARIABLE: Final = "OTEL_EXPORTER"
"""Comma-separated names out of `CHOICES`."""
STANDARD_VARIABLE: Final = "OTEL_TRACES_EXPORTER"
"""The standard one, with the same values; read where `OTEL_EXPORTER` is unset or empty."""


def exporters_in(env: Mapping[str, str], *, standard: bool = True) -> tuple[str, ...]:
    """The exporters that an environment asks for, in its order, each once.

    Example:
        >>> exporters_in({"OTEL_EXPORTER": "Jaeger, file"})
        ('jaeger', 'file')

    Args:
        env: The environment variables; an empty one counts as unset.
        standard: Whether `OTEL_TRACES_EXPORTER` is read too.

    Returns:
        Names out of `CHOICES`; empty for `none` and where nothing is asked for.

    Raises:
        ConfigurationError: A name is unknown, or `none` stands with another.
    """
    for variable in (EXPORTER_VARIABLE, STANDARD_VARIABLE) if standard else (EXPORTER_VARIABLE,):
        value = env.get(variable, "")
        if value.strip():
            return exporters_named(value.split(","), source=variable, given=value)
    return ()


def exporters_named(names: object, *, source: str, given: object, choices: Sequence[str] = CHOICES) -> tuple[str, ...]:
    """The exporters of a list of names, case and blanks forgiven, each once.

    Args:
        names: As somebody wrote them.
        source: The variable or argument they come from, for the message of an error.
        given: What stands there, for the same message.
        choices: Every name that may be chosen, `none` first.

    Raises:
        ConfigurationError: It is no list of names, a name is unknown, or `none` stands with another.
    """
    listed = None if isinstance(names, str) or not isinstance(names, Iterable) else list(names)
    if listed is None or not all(isinstance(name, str) for name in listed):
        raise ConfigurationError(f"{source} must be a list of names out of {', '.join(choices)}; got {given!r}")
    chosen = tuple(dict.fromkeys(name.strip().lower() for name in listed if name.strip()))
    unknown = [name for name in chosen if name not in choices]
    if unknown:
        raise ConfigurationError(
            f"{source} must name exporters out of {', '.join(choices)}; got {unknown[0]!r} in {given!r}"
        )
    if NONE in chosen and len(chosen) > 1:
        raise ConfigurationError(
            f"{source} must be none alone, or exporters out of {', '.join(choices[1:])}; got {given!r}"
        )
    return tuple(name for name in chosen if name != NONE)
