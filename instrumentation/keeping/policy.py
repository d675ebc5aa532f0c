"""The policy: which runs are kept whole, whatever the sampler decided."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

from nanoagent.core.performance import NS_PER_S
from nanoagent.errors import ConfigurationError

KEEP_VARIABLE: Final = "NANOAGENT_KEEP"
"""Comma-separated: failed, incomplete, cancelled, slower=SECONDS, cost=USD."""
_STATUSES: Final = ("failed", "incomplete", "cancelled")
_THRESHOLDS: Final = {"slower": "slower_than_s", "cost": "cost_above_usd"}
_CHOICES: Final = f"{', '.join(_STATUSES)}, slower=SECONDS, cost=USD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """Which runs are kept: those for which any of this holds. A nested run is kept with the outermost one around it.

    Example:
        >>> Keep(failed=True, slower_than_s=30, cost_above_usd=0.5)
    """

    failed: bool = False
    """Runs of status failed: no plan could be made, the model could not be reached, or an error ended the run. A tool
    that failed, or a nested run, fails no run by itself."""
    incomplete: bool = False
    """Runs that ended at one of their limits, without progress, or with a question."""
    cancelled: bool = False
    """Runs that were cancelled while they went on."""
    slower_than_s: float | None = None
    """Runs that took longer, in seconds."""
    cost_above_usd: Decimal | float | None = None
    """Runs whose priced model calls cost more, in US dollars, those of nested runs included."""

    def __post_init__(self) -> None:
        """Check each part.

        Raises:
            ConfigurationError: A part is not what it must be, or there is none.
        """
        for name in _STATUSES:
            if type(getattr(self, name)) is not bool:
                raise ConfigurationError(f"{name} must be True or False, got {getattr(self, name)!r}")
        for name in _THRESHOLDS.values():
            value = getattr(self, name)
            if value is not None and not _is_amount(value):
                raise ConfigurationError(f"{name} must be a finite number >= 0, got {value!r}")
        if not any(getattr(self, name) for name in _STATUSES) and self.slower_than_s is self.cost_above_usd is None:
            raise ConfigurationError(
                f"Keep must say what to keep: {', '.join((*_STATUSES, 'slower_than_s'))} or cost_above_usd"
            )

    def wants(self, *, status: object, duration_ns: int, cost_usd: Callable[[], Decimal | None]) -> bool:
        """Whether a run is kept; of one that goes on, whether it will be, however it ends.

        Args:
            status: As its root says it at its end; anything else while it goes on.
            duration_ns: So far, while it goes on.
            cost_usd: Works out what the priced calls cost; asked only where the rest does not decide.
        """
        if any(status == name and getattr(self, name) for name in _STATUSES):
            return True
        if self.is_slow(duration_ns):
            return True
        return self.cost_above_usd is not None and _is_above(cost_usd(), self.cost_above_usd)

    def is_slow(self, duration_ns: int) -> bool:
        """Whether a run is kept for what it has taken so far."""
        return self.slower_than_s is not None and duration_ns > self.slower_than_s * NS_PER_S


def keep_in(env: Mapping[str, str]) -> Keep | None:
    """The policy that an environment asks for; `None` where it asks for none.

    Example:
        >>> keep_in({"NANOAGENT_KEEP": "Failed, slower=30"})
        Keep(failed=True, incomplete=False, cancelled=False, slower_than_s=30.0, cost_above_usd=None)

    Raises:
        ConfigurationError: A word is unknown, or its number is none.
    """
    given = env.get(KEEP_VARIABLE, "")
    words = [word.strip().lower() for word in given.split(",") if word.strip()]
    chosen: dict[str, bool | float | Decimal] = {}
    for word in words:
        name, is_threshold, number = (part.strip() for part in word.partition("="))
        if name in _STATUSES and not is_threshold:
            chosen[name] = True
        elif name in _THRESHOLDS and (amount := _amount_in(number)) is not None:
            field = _THRESHOLDS[name]
            chosen[field] = amount if name == "cost" else float(amount)
        else:
            raise ConfigurationError(
                f"{KEEP_VARIABLE} must name runs to keep out of {_CHOICES}, each number >= 0; got {word!r} in {given!r}"
            )
    return Keep(**chosen) if chosen else None  # type: ignore[arg-type]


def _amount_in(text: str) -> Decimal | None:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    return amount if _is_amount(amount) else None


def _is_amount(value: object) -> bool:
    # Compared, not converted: an integer or a decimal may be larger than any float.
    if isinstance(value, Decimal) and value.is_nan():
        return False
    return type(value) in (int, float, Decimal) and 0 <= value <= sys.float_info.max  # type: ignore[operator]


def _is_above(cost_usd: Decimal | None, threshold_usd: Decimal | float) -> bool:
    """As the threshold is written: the float of 0.3 is a little less than that."""
    return cost_usd is not None and cost_usd > Decimal(str(threshold_usd))
