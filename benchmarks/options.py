"""The values of options, checked."""

from decimal import Decimal, InvalidOperation

from benchmarks.formats import quoted
from benchmarks.request import ENGINES, Request
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


def check_together(request: Request) -> None:
    """Refuse options that say nothing, or do harm, beside each other.

    Raises:
        ConfigurationError: There are such options.
    """
    if request.allow_unpriced and request.max_cost_usd is None:
        raise ConfigurationError("--allow-unpriced is for a run with a limit; use it with --max-cost")
    if request.retry_errors and not request.resume:
        raise ConfigurationError("--retry-errors is for a run that goes on; use it with --resume")
    if request.ray_address is not None and request.engine is None:
        raise ConfigurationError("--ray-address is for attempts that Ray makes; use it with --engine ray")
    if request.shard is not None:
        _check_with_shard(request)


def _check_with_shard(request: Request) -> None:
    for option, value in (("--baseline", request.baseline), ("--save-baseline", request.save_baseline)):
        if value is not None:
            raise ConfigurationError(
                f"{option} is for whole results, got it with --shard; leave it out, and say it to merge, which puts "
                "the shards together"
            )
    if request.record is not None and request.repeat > 1:
        raise ConfigurationError(
            f"--record keeps all attempts at a goal in one file, got it with --shard and --repeat {request.repeat:,}: "
            "several shards would write it; record each goal once, or without --shard"
        )
