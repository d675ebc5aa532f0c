"""What a test needs of the machine: without it the test is skipped, but in CI it fails."""

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn, TypeVar

import pytest

_T = TypeVar("_T")


class UnavailableError(Exception):
    """Something cannot be had on this machine; the message says why and what would help."""


def required(find: Callable[[], _T]) -> _T:
    """What `find` finds; where it raises `UnavailableError` the test ends."""
    try:
        return find()
    except UnavailableError as error:
        unavailable(str(error), os.environ)


def unavailable(reason: str, env: Mapping[str, str]) -> NoReturn:
    """Skip, or fail where a skipped test would go unseen."""
    if env.get("CI", "").lower() in ("1", "true"):
        pytest.fail(f"CI has to have what tests need. {reason}")
    pytest.skip(reason)


def installed(name: str, wanted: str) -> Path:
    """Where a program is.

    Args:
        name: What it is called.
        wanted: How whoever lacks it gets it.

    Raises:
        UnavailableError: It is not on the PATH.
    """
    found = shutil.which(name)
    if found is None:
        raise UnavailableError(f"{name} is not installed; {wanted}")
    return Path(found)
