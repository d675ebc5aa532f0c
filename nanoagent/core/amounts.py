"""Amounts that callers give as limits, checked where they are given."""

import sys

from nanoagent.errors import ConfigurationError


def positive_integer(name: str, value: object) -> None:
    """Refuse what is no positive integer.

    Raises:
        ConfigurationError: It is none.
    """
    if type(value) is not int or value < 1:
        raise ConfigurationError(f"{name} must be a positive integer, got {value!r}; leave it out for the default")


def positive_number(name: str, value: object, unit: str) -> None:
    """Refuse what is no positive, finite number of a unit.

    Raises:
        ConfigurationError: It is none.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    # Compared, not converted: an integer may be larger than any float.
    if not number or not 0 < value <= sys.float_info.max:  # type: ignore[operator]
        raise ConfigurationError(f"{name} must be a positive number of {unit}, got {value!r}; leave it out for none")
