"""What a test needs of the machine: without it the test is skipped, but in CI it fails."""

from collections.abc import Mapping
from typing import NoReturn

import pytest


def unavailable(reason: str, env: Mapping[str, str]) -> NoReturn:
    """Skip, or fail where a skipped test would go unseen."""
    if env.get("CI", "").lower() in ("1", "true"):
        pytest.fail(f"CI has to have what tests need. {reason}")
    pytest.skip(reason)
