"""What a run's root says of the run, counted while the run is made."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from nanoagent.core.records import as_cost_usd, as_tokens
from nanoagent.tracing import names


@dataclass(slots=True)
class Said:
    """Counts in the making; those of nested runs are added."""

    iterations: int = 0
    api_calls: int = 0
    tool_calls: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: Decimal = Decimal(0)
    answered: int = 0
    unpriced: int = 0
    spans: int = 0

    def add_call(self, attributes: dict[str, Any], *, answered: bool) -> None:
        """Count a model call."""
        self.api_calls += 1
        self.input_tokens = _sum(self.input_tokens, as_tokens(attributes.get(names.INPUT_TOKENS)))
        self.output_tokens = _sum(self.output_tokens, as_tokens(attributes.get(names.OUTPUT_TOKENS)))
        price = as_cost_usd(attributes.get(names.OPERATION_COST))
        self.cost_usd += price or 0
        self.answered += answered
        self.unpriced += answered and price is None

    def add(self, inner: "Said") -> None:
        """Count what a nested run counted."""
        self.api_calls += inner.api_calls
        self.tool_calls += inner.tool_calls
        self.input_tokens = _sum(self.input_tokens, inner.input_tokens)
        self.output_tokens = _sum(self.output_tokens, inner.output_tokens)
        self.cost_usd += inner.cost_usd
        self.answered += inner.answered
        self.unpriced += inner.unpriced
        self.spans += inner.spans

    def attributes(self) -> dict[str, Any]:
        """What the root carries, which is counted with the rest."""
        none_known = None if self.api_calls else 0
        said = {
            names.RUN_API_CALLS: self.api_calls,
            names.RUN_TOOL_CALLS: self.tool_calls,
            names.RUN_INPUT_TOKENS: none_known if self.input_tokens is None else self.input_tokens,
            names.RUN_OUTPUT_TOKENS: none_known if self.output_tokens is None else self.output_tokens,
            names.RUN_COST_USD: float(self.cost_usd) if self.answered and not self.unpriced else None,
            names.RUN_SPANS: self.spans + 1,
        }
        return {key: value for key, value in said.items() if value is not None}


def _sum(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else one + other
