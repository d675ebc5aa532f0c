"""Prices of the model calls of other producers that carry none: a user's own ones, and the public list of genai-prices.

Which list priced how many calls, and which models have no price, is counted, to be told with the numbers.
"""

import importlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from instrumentation.reading.price_file import PriceFile
from nanoagent.core import producers
from nanoagent.core.records import NS_PER_S, ModelCall, SpanRecord, as_cost_usd
from nanoagent.texts import plural

GENAI_PRICES: Final = "genai-prices"
"""The public price list, and the package that carries it."""
MAX_MODELS: Final = 1_000
"""Models without a price that are remembered by name."""
MAX_SEEN: Final = 100_000
"""Calls that are known to have been priced; beyond, one that comes twice is counted twice."""
_PROVIDERS: Final = {
    "azure.ai.inference": "azure",
    "gcp.gen_ai": "google",
    "moonshot_ai": "moonshotai",
    "x_ai": "x-ai",
}
"""The conventions' names of providers that genai-prices does not know, with those that it does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Provenance:
    """Where the prices of some calls come from."""

    source: str
    """The name of the list, or of the file."""
    version: str | None
    """The list's; `None` for a file."""
    prices_of: str | None
    """The days whose prices were taken, as `2026-11-01` or `2026-11-01 to 2026-11-25`, in UTC: those of the calls. Of a
    file what it says of itself, `None` where it says nothing."""
    calls: int

    def __str__(self) -> str:
        """As a sentence."""
        calls = plural(self.calls, "call")
        version = f" {self.version}" if self.version else ""
        return f"{calls} priced by {self.source}{version}" + (f", prices of {self.prices_of}" if self.prices_of else "")


class Prices:
    """Prices calls: by the user's own file where it has the model, else by genai-prices, loaded when needed."""

    def __init__(self, own: PriceFile | None = None, *, public: bool = True) -> None:
        """Start with nothing priced.

        Args:
            own: The user's own prices.
            public: Whether genai-prices is asked for the models that they do not have.
        """
        self._own = own
        self._public = _GenaiPrices() if public else None
        self._own_calls = 0
        self._days: Counter[date] = Counter()
        """The calls that genai-prices priced, by their day."""
        self._seen: set[int] = set()
        self.unpriced: Counter[str] = Counter()
        """Calls whose tokens are known, by the model that has no price."""

    def __call__(self, attributes: Mapping[str, Any], record: SpanRecord) -> Decimal | None:
        """What a call cost in USD; `None` where its model, tokens or time are not known, or its model has no price.

        Args:
            attributes: Of the call's span.
            record: Of the call's span.
        """
        call = record.call
        if call is None or call.model is None or not _is_measured(call) or record.start_ns <= 0:
            return None
        try:
            started = datetime.fromtimestamp(record.start_ns // NS_PER_S, tz=UTC)
        except (ValueError, OverflowError, OSError):
            return None
        rates = self._own.rates_of(call.model) if self._own else None
        if rates is not None:
            price = as_cost_usd(rates.price(call))
        else:
            price = self._public.price(_provider(attributes), call.model, call, started) if self._public else None
        key = hash((record.trace_id, record.span_id))
        if key not in self._seen:
            if len(self._seen) < MAX_SEEN:
                self._seen.add(key)
            self._note(call.model, price, started.date(), is_own=rates is not None)
        return price

    def provenance(self) -> list[Provenance]:
        """Where the prices so far come from."""
        found = []
        if self._own and self._own_calls:
            found.append(
                Provenance(source=self._own.path, version=None, prices_of=self._own.as_of, calls=self._own_calls)
            )
        if self._public and self._days:
            first, last = min(self._days), max(self._days)
            days = f"{first}" if first == last else f"{first} to {last}"
            calls = self._days.total()
            found.append(Provenance(source=GENAI_PRICES, version=self._public.version, prices_of=days, calls=calls))
        return found

    def _note(self, model: str, price: Decimal | None, day: date, *, is_own: bool) -> None:
        if price is None:
            if model in self.unpriced or len(self.unpriced) < MAX_MODELS:
                self.unpriced[model] += 1
        elif is_own:
            self._own_calls += 1
        else:
            self._days[day] += 1


class _GenaiPrices:
    """The public list."""

    def __init__(self) -> None:
        self._package: Any = None
        self._unknown: set[tuple[str | None, str]] = set()

    @property
    def version(self) -> str:
        return str(self._package.__version__)

    def price(self, provider: str | None, model: str, call: ModelCall, started: datetime) -> Decimal | None:
        """What a call at this time cost."""
        if self._package is None:
            self._package = importlib.import_module("genai_prices")
        if (provider, model) in self._unknown:
            return None
        usage = self._package.Usage(
            input_tokens=call.input_tokens,
            output_tokens=call.output_tokens,
            cache_read_tokens=call.cached_input_tokens or 0,
            cache_write_tokens=call.cache_creation_input_tokens or 0,
        )
        try:
            found = self._package.calc_price(usage, model, provider_id=provider, genai_request_timestamp=started)
        except LookupError:
            if len(self._unknown) < MAX_MODELS:
                self._unknown.add((provider, model))
            return None
        except (ValueError, ArithmeticError):
            return None  # what the call says of itself cannot be priced
        return as_cost_usd(found.total_price)


def _is_measured(call: ModelCall) -> bool:
    if call.input_tokens is None or call.output_tokens is None:
        return False
    return (call.cached_input_tokens or 0) + (call.cache_creation_input_tokens or 0) <= call.input_tokens


def _provider(attributes: Mapping[str, Any]) -> str | None:
    named = (attributes.get(key) for key in producers.PROVIDER)
    provider = next((name for name in named if isinstance(name, str) and name), None)
    return None if provider is None else _PROVIDERS.get(provider, provider)
