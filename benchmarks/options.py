"""The values of options, checked."""

from decimal import Decimal, InvalidOperation

from benchmarks.formats import quoted
from benchmarks.request import ENGINES
from nanoagent.errors import ConfigurationError


def positive(option: str, value: str, most: int) -> int:
    """A whole number of 1 or more.

    Raises:
        ConfigurationError: It is none, or more than the most.
    """
    text = value.strip()
    if len(text) > len(str(most)) or not text.isdecimal() or not 1 <= int(text) <= most:
        raise ConfigurationError(
            f"{option} must be a whole number from 1 to {most:,}, got {quoted(value)}; leave it out for 1"
        )
    return int(text)


def engine_named(value: str) -> str:
    """The name of what makes attempts.

    Raises:
        ConfigurationError: There is nothing of this name.
    """
    name = value.strip().lower()
    if name not in ENGINES:
        raise ConfigurationError(
            f"--engine must be {' or '.join(ENGINES)}, got {quoted(value)}; leave it out for this process"
        )
    return name


def amount(option: str, value: str) -> Decimal:
    """An amount of money above 0.

    Raises:
        ConfigurationError: It is none.
    """
    try:
        found = Decimal(value.strip())
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or found <= 0:
        raise ConfigurationError(
            f"{option} must be an amount of US dollars above 0, such as 0.50, got {quoted(value)}; "
            "leave it out for no limit"
        )
    return found
