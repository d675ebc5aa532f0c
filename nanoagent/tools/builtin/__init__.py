"""The tools that come with nanoagent: they work offline and are bounded in time and size."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from nanoagent.tools.builtin.arithmetic import calculate
from nanoagent.tools.builtin.dates import DateTools
from nanoagent.tools.builtin.numbers import is_prime, prime_factors, primes_between, statistics
from nanoagent.tools.builtin.text import find_text, text_statistics, transform_text
from nanoagent.tools.builtin.units import convert_units

if TYPE_CHECKING:
    from nanoagent.tools.registry import ToolRegistry

__all__ = ["register_builtin_tools"]


def _utc_now() -> datetime:
    return datetime.now(UTC)


def register_builtin_tools(registry: "ToolRegistry", *, now: Callable[[], datetime] = _utc_now) -> None:
    """Register every built-in tool under its function's name.

    Args:
        registry: Where to register them.
        now: The clock of the date tools; its time zone decides which day today is.

    Raises:
        ConfigurationError: A `ValueError`: `registry` has a tool of one of these names already.
    """
    dates = DateTools(now)
    for tool in (
        calculate,
        primes_between,
        is_prime,
        prime_factors,
        statistics,
        text_statistics,
        transform_text,
        find_text,
        dates.today,
        dates.days_between,
        dates.add_days,
        dates.weekday,
        convert_units,
    ):
        registry.register(tool.__name__, tool)
