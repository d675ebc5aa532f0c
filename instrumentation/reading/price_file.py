"""A user's own price file: what the models that they host, or have a contract for, cost.

    as_of = "2026-11-01"          # optional: shown with the prices

    [models."llama-3.3-*"]        # a model's name; * stands for anything, ? for one character
    input = 0.20                  # USD per million tokens
    output = 0.60
    cached_input = 0.02           # optional, as the next one: by default the same as input
    cache_creation_input = 0.25

The same in JSON: `{"models": {"llama-3.3-*": {"input": 0.2, "output": 0.6}}}`.
"""

import json
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final, NamedTuple

from nanoagent.core.records import MONEY, ModelCall
from nanoagent.errors import ConfigurationError

MAX_USD_PER_MILLION: Final = 1_000_000
"""No price is higher."""
_MILLION: Final = Decimal(1_000_000)
_REQUIRED: Final = ("input", "output")
_FIELDS: Final = (*_REQUIRED, "cached_input", "cache_creation_input")


class Rates(NamedTuple):
    """What a model costs, in USD per million tokens."""

    input: Decimal
    output: Decimal
    cached_input: Decimal
    """Of the input tokens that were read from a cache."""
    cache_creation_input: Decimal
    """Of the input tokens that were written to a cache."""

    def price(self, call: ModelCall) -> Decimal:
        """What a call cost in USD; its input and output tokens are known, and no part is larger than its whole."""
        cached, created = call.cached_input_tokens or 0, call.cache_creation_input_tokens or 0
        rest, output = (call.input_tokens or 0) - cached - created, call.output_tokens or 0
        amounts = (rest, output, cached, created)
        parts = (MONEY.multiply(amount, rate) for amount, rate in zip(amounts, self, strict=True))
        total = Decimal(0)
        for part in parts:
            total = MONEY.add(total, part)
        return MONEY.divide(total, _MILLION)


class PriceFile(NamedTuple):
    """The prices of a file."""

    path: str
    as_of: str | None
    """From when they are, in the file's own words."""
    models: Mapping[str, Rates]
    """By name or pattern, in the file's order."""

    def rates_of(self, model: str) -> Rates | None:
        """The rates under the model's own name, else those of the first pattern that fits it."""
        if model in self.models:
            return self.models[model]
        return next((rates for pattern, rates in self.models.items() if fnmatchcase(model, pattern)), None)


def read_price_file(path: str) -> PriceFile:
    """Read a file of prices: TOML where its name ends in `.toml`, else JSON.

    Raises:
        ConfigurationError: It cannot be read, or an entry is no price; the message names file, entry and value.
    """
    data: Any
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        if path.lower().endswith(".toml"):
            data = tomllib.loads(text, parse_float=Decimal)
        else:
            data = json.loads(text, parse_float=Decimal, parse_constant=Decimal)
    except OSError as error:
        reason = error.strerror or error
        raise ConfigurationError(f"a price file must be readable, got {path!r} ({reason}): check the path") from error
    except (ValueError, RecursionError) as error:
        kind = "TOML" if path.lower().endswith(".toml") else "JSON"
        raise ConfigurationError(f"{path}: a price file must be {kind}, but {error}") from error
    entries = data.get("models") if isinstance(data, dict) else None
    if not isinstance(entries, dict) or not entries:
        raise ConfigurationError(
            f'{path}: a price file must have models, each with its prices, such as [models."llama-*"] in TOML; '
            f"got {_shown(entries if isinstance(data, dict) else data)}"
        )
    if unknown := sorted(data.keys() - {"as_of", "models"}):
        raise ConfigurationError(f"{path}: a price file holds as_of and models, got {unknown[0]!r}")
    as_of = data.get("as_of")
    return PriceFile(
        path, None if as_of is None else str(as_of), {name: _rates(path, name, one) for name, one in entries.items()}
    )


def _rates(path: str, model: str, entry: Any) -> Rates:
    where = f"{path}: models.{model!r}"
    if not isinstance(entry, dict):
        raise ConfigurationError(f"{where} must hold prices, got {_shown(entry)}; for example input = 0.2")
    if unknown := sorted(entry.keys() - set(_FIELDS)):
        raise ConfigurationError(f"{where} takes {', '.join(_FIELDS)}; got {unknown[0]!r}")
    if missing := [field for field in _REQUIRED if field not in entry]:
        raise ConfigurationError(f"{where} must have {missing[0]}: USD per million tokens, 0 where they are free")
    rates = {field: _rate(f"{where}.{field}", value) for field, value in entry.items()}
    return Rates(
        rates["input"],
        rates["output"],
        rates.get("cached_input", rates["input"]),
        rates.get("cache_creation_input", rates["input"]),
    )


def _rate(where: str, value: Any) -> Decimal:
    rate = Decimal(value) if type(value) in (int, Decimal) else Decimal("nan")
    if rate.is_nan() or not 0 <= rate <= MAX_USD_PER_MILLION:
        raise ConfigurationError(
            f"{where} must be USD per million tokens, a number from 0 to {MAX_USD_PER_MILLION:,}, got {_shown(value)}"
        )
    return rate


def _shown(value: Any) -> str:
    text = str(value) if isinstance(value, Decimal) else repr(value)
    return text if len(text) <= 60 else text[:59] + "…"
