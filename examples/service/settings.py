"""What may be set, in the environment."""

import logging
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from nanoagent import ConfigurationError


@dataclass(frozen=True, kw_only=True)
class ServiceSettings:
    """What a goal may use, and how many there may be: `NANOAGENT_SERVICE_`, and the name in capitals."""

    max_goals: int = 8
    """Goals that one process works on at the same time; one more is answered with 429."""
    max_iterations: int = 10
    """Of one goal, as the next three; when one is used up, the answer is what there is by then."""
    max_tokens: int = 50_000
    max_cost_usd: float = 0.5
    """As far as the price of the model is known."""
    timeout_s: float = 120.0
    """Seconds, waiting for a provider that asks for patience included. The first call that ends after half of it is
    a warning of the log."""
    grace_s: float = 10.0
    """Seconds for the goals that are worked on when the process is asked to end."""
    agent_version: str | None = None
    """Stands on every run, and is a label of its numbers."""
    log_level: str = "INFO"

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Self:
        """The settings that the environment holds; an empty variable counts as unset.

        Raises:
            ConfigurationError: What should be a positive number is none, or there is no such level.
        """
        found: dict[str, Any] = {}
        for field in fields(cls):
            variable = f"NANOAGENT_SERVICE_{field.name.upper()}"
            value = env.get(variable, "").strip()
            if value:
                found[field.name] = value if field.type not in (int, float) else _positive(field.type, variable, value)
        level = found.get("log_level", cls.log_level)
        if level.upper() not in logging.getLevelNamesMapping():
            raise ConfigurationError(f"NANOAGENT_SERVICE_LOG_LEVEL must be a level such as INFO, got {level!r}")
        return cls(**found)


def _positive(kind: Any, variable: str, value: str) -> float:
    try:
        number: float = kind(value)
    except ValueError:
        number = 0
    if not 0 < number < math.inf:
        wanted = "integer" if kind is int else "number"
        raise ConfigurationError(f"{variable} must be a positive {wanted}, got {value!r}")
    return number
