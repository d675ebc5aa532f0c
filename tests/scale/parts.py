"""The parts that generated runs are made of: attributes of calls and tools, spans of others, what a root says."""

import random
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from nanoagent.core.records import CANCELLED_ERROR_TYPE, as_cost_usd, as_tokens
from nanoagent.tracing import names
from tests.scale.rows import Event

MODELS: Final = ("gpt-5", "claude-4", 'o\'hara \\ "quoted"', "模型-1")
PRICES: Final = (0.00123, 1e-05, 1e-12, 1.5e-12, 2.5e-12, 4e-13, 1, 0.1, 0.2, 9000.000000000001, 999999999.5)
"""Some that are all known, down to the step that is kept and below."""
_CHUNKS: Final = (0.25, 0.123456789, 0.0000000005, 1.0000000015, 1, 0.0, 999999.9)
_ODD: Final[tuple[tuple[str, tuple[Any, ...]], ...]] = (
    (names.INPUT_TOKENS, (-5, 1.5, True, "many", 10**9, 2**63 - 1, "")),
    (names.OUTPUT_TOKENS, (-5, 1.5, False, "many", 10**9, 2**63 - 1, "")),
    (names.OPERATION_COST, (-1.0, 1e9, float("nan"), float("inf"), "0.1 USD", True)),
    (names.TIME_TO_FIRST_CHUNK, (-0.5, 1e6, float("nan"), "soon")),
    (names.RESPONSE_MODEL, ("",)),
)
"""What no producer should write. Its type can be told from its text."""
_OTHERS_CALLS: Final[tuple[dict[str, Any], ...]] = (
    {names.OPERATION_NAME: "chat"},
    {"openinference.span.kind": "LLM"},
    {"llm.request.type": "completion"},
    {"ai.operationId": "ai.generateText.doGenerate", "ai.usage.inputTokens": "12 tokens"},
    {names.OPERATION_NAME: "chat", "logfire.span_type": "log"},
)


def call_attributes(rnd: random.Random, inside: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """What a chat span carries, and whether the call failed."""
    chance = rnd.random()
    model = MODELS[0] if chance < 0.8 else rnd.choice(MODELS)
    attributes: dict[str, Any] = {
        names.OPERATION_NAME: names.OP_CHAT,
        names.PROVIDER_NAME: "openai",
        names.REQUEST_MODEL: model,
        **inside,
    }
    if chance < 0.03:
        attributes[names.ERROR_TYPE] = CANCELLED_ERROR_TYPE if chance < 0.01 else "openai.RateLimitError"
        attributes |= {names.INPUT_TOKENS: rnd.randrange(5_000)} if chance > 0.025 else {}
        return attributes, True
    attributes[names.RESPONSE_MODEL] = f"{model}-2025"
    attributes[names.RESPONSE_FINISH_REASONS] = ("tool_call",)
    if chance < 0.97:
        _add_usage(attributes, rnd)
    return attributes, False


def _add_usage(attributes: dict[str, Any], rnd: random.Random) -> None:
    chance = rnd.random()
    attributes[names.INPUT_TOKENS] = rnd.randrange(20_000)
    attributes[names.OUTPUT_TOKENS] = rnd.randrange(2_000)
    if chance > 0.3:
        attributes[names.CACHE_READ_TOKENS] = attributes[names.CACHE_CREATION_TOKENS] = 0
        attributes[names.REASONING_TOKENS] = rnd.randrange(100)
    if chance > 0.5:
        attributes[names.OPERATION_COST] = rnd.randrange(10**6) / 10**8
    elif chance > 0.45:
        attributes[names.OPERATION_COST] = rnd.choice(PRICES)
    if chance > 0.9:
        attributes[names.TIME_TO_FIRST_CHUNK] = rnd.choice(_CHUNKS)
    elif chance < 0.04:
        key, values = rnd.choice(_ODD)
        attributes[key] = rnd.choice(values)


def tool_attributes(rnd: random.Random, inside: dict[str, Any]) -> tuple[dict[str, Any], bool, tuple[Event, ...]]:
    """What an execute_tool span carries, whether it failed, and with which events."""
    attributes: dict[str, Any] = {
        names.OPERATION_NAME: names.OP_TOOL,
        names.TOOL_NAME: "add",
        names.TOOL_TYPE: "function",
        names.TOOL_CALL_ID: "call_0_0",
        names.TOOL_DESCRIPTION: "Add two integers.",
        **inside,
    }
    attributes.pop(names.AGENT_NAME)
    chance = rnd.random()
    if chance < 0.01:
        attributes[names.DEFERRED] = True
    elif chance < 0.03:
        attributes[names.ERROR_TYPE] = "builtins.ValueError"
        return attributes, True, (Event(names.EXCEPTION_EVENT, {names.EXCEPTION_TYPE: "ValueError"}),)
    elif chance < 0.04:  # as others' exporters leave it
        exceptions = ({names.EXCEPTION_TYPE: "KeyError"}, {names.EXCEPTION_MESSAGE: "x"})
        return attributes, True, tuple(Event(names.EXCEPTION_EVENT, one) for one in exceptions)
    return attributes, False, ()


def untracked_attributes(rnd: random.Random) -> dict[str, Any]:
    """What a model call carries that another instrumentation traced."""
    usage = {"gen_ai.usage.prompt_tokens": rnd.randrange(900), "llm.usage.completion_tokens": rnd.randrange(90)}
    return rnd.choice(_OTHERS_CALLS) | usage


def ending(rnd: random.Random) -> tuple[str, str | None]:
    """The status of a run and what it failed with."""
    chance = rnd.random()
    if chance < 0.05:
        return "failed", "builtins.ValueError"
    return ("cancelled", CANCELLED_ERROR_TYPE) if chance < 0.08 else ("completed", None)


@dataclass(slots=True)
class Said:
    """What a run's root says of the run, counted while the run is made; what nested runs say is added."""

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
