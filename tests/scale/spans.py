"""Spans of a million runs: like those of real ones, with everything that happens to spans on their way.

The same seed gives the same spans. Values are such that the store can tell their types: what it cannot tell is in
`wild`.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from nanoagent.core.records import CANCELLED_ERROR_TYPE, as_cost_usd, as_tokens
from nanoagent.tracing import names
from tests.scale.damage import damaged
from tests.scale.rows import Event, Span

MIDNIGHT_NS: Final = 1_764_115_200_000_000_000
"""2025-11-26T00:00:00Z."""
_DAY_NS: Final = 86_400_000_000_000
_MS: Final = 1_000_000
_MAX_LEVELS: Final = 4

_MODELS: Final = ("gpt-5", "claude-4", 'o\'hara \\ "quoted"', "模型-1")
_PRICES: Final = (
    0.00123,
    0.0000125,
    1e-05,
    1e-12,
    1.5e-12,
    2.5e-12,
    4e-13,
    1,
    0.1,
    0.2,
    9000.000000000001,
    999999999.5,
)
_NO_PRICES: Final = (-1.0, 1e9, float("nan"), float("inf"), "0.1 USD", True)
_NO_TOKENS: Final = (-5, 1.5, True, "many", 10**9, 2**63 - 1, "")
_CHUNKS: Final = (0.25, 0.123456789, 0.0000000005, 1.0000000015, 1, 0.0, 999999.9)
_NO_CHUNKS: Final = (-0.5, 1e6, float("nan"), "soon")


@dataclass(slots=True)
class _Said:
    """What a run's root says of it."""

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
        self.api_calls += 1
        self.input_tokens = _sum(self.input_tokens, as_tokens(attributes.get(names.INPUT_TOKENS)))
        self.output_tokens = _sum(self.output_tokens, as_tokens(attributes.get(names.OUTPUT_TOKENS)))
        price = as_cost_usd(attributes.get(names.OPERATION_COST))
        self.cost_usd += price or 0
        self.answered += answered
        self.unpriced += answered and price is None

    def add(self, inner: "_Said") -> None:
        self.api_calls += inner.api_calls
        self.tool_calls += inner.tool_calls
        self.input_tokens = _sum(self.input_tokens, inner.input_tokens)
        self.output_tokens = _sum(self.output_tokens, inner.output_tokens)
        self.cost_usd += inner.cost_usd
        self.answered += inner.answered
        self.unpriced += inner.unpriced
        self.spans += inner.spans

    def attributes(self) -> dict[str, Any]:
        none_known = None if self.api_calls else 0
        said = {
            names.RUN_API_CALLS: self.api_calls,
            names.RUN_TOOL_CALLS: self.tool_calls,
            names.RUN_INPUT_TOKENS: none_known if self.input_tokens is None else self.input_tokens,
            names.RUN_OUTPUT_TOKENS: none_known if self.output_tokens is None else self.output_tokens,
            names.RUN_COST_USD: float(self.cost_usd) if self.answered and not self.unpriced else None,
            names.RUN_SPANS: self.spans + 1,  # the root
        }
        return {key: value for key, value in said.items() if value is not None}


def _sum(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else one + other


@dataclass(slots=True)
class _Run:
    """A run in the making."""

    id: str
    trace_id: str
    level: int
    said: _Said = field(default_factory=_Said)
    now_ns: int = 0


class Maker:
    """Makes runs of which no two share an id."""

    def __init__(self, seed: int, *, start_ns: int = MIDNIGHT_NS, days: int = 3) -> None:
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self._first_ns, self._days = start_ns, days
        self._ids = seed << 40
        self._spans: list[Span] = []

    def forest(self) -> list[Span]:
        """All the spans of a run, of those in it and of what lies around them, in the order of their ends."""
        spans: list[Span] = []
        self._spans = spans
        rnd = self._random
        trace_id = self._id(32)
        start_ns = self._first_ns + rnd.randrange(self._days) * _DAY_NS + rnd.randrange(_DAY_NS)
        if rnd.random() < 0.05:
            start_ns = self._first_ns + _DAY_NS - rnd.randrange(9_000 * _MS)  # over midnight
        parent = None
        if around := rnd.random() < 0.3:
            parent = self._id(16)
        run = self._run(trace_id, parent, start_ns, level=0)
        if around and rnd.random() < 0.6:  # else it lies in another process, whose spans are elsewhere
            self._add_around(trace_id, str(parent), start_ns, run.now_ns)
        return spans

    def _id(self, digits: int) -> str:
        self._ids += 1
        spread = (self._ids * 0x9E3779B97F4A7C15) % 2**64
        return f"{spread:016x}" if digits == 16 else f"{self._ids:016x}{spread:016x}"

    def _add(self, run: _Run, parent: str | None, start_ns: int, end_ns: int, name: str, attributes: dict[str, Any],
             failed: bool = False, events: tuple[Event, ...] = (), span_id: str | None = None) -> str:  # fmt: skip
        run.said.spans += 1
        span_id = span_id or self._id(16)
        self._spans.append(Span(run.trace_id, span_id, parent, start_ns, end_ns, name, attributes, failed, events))
        return span_id

    def _run(self, trace_id: str, parent: str | None, start_ns: int, *, level: int,
             place: dict[str, Any] | None = None) -> _Run:  # fmt: skip
        rnd = self._random
        run = _Run(self._id(32), trace_id, level, now_ns=start_ns + rnd.randrange(_MS))
        root_id, is_agents = self._id(16), rnd.random() < 0.1
        attributes: dict[str, Any] = {
            names.OPERATION_NAME: names.OP_AGENT if is_agents else names.OP_WORKFLOW,
            names.RUN_ID: run.id,
            **(place or {}),
        }
        if is_agents:
            attributes[names.AGENT_NAME] = "helper"
            self._add_steps(run, root_id, {names.RUN_ID: run.id, names.AGENT_NAME: "helper"})
        else:
            attributes |= {names.WORKFLOW_NAME: "nanoagent", names.MAX_ITERATIONS: 20, names.PROMPTS_HASH: "9def4e88"}
            self._add_phases(run, root_id)
            attributes[names.RUN_ITERATIONS] = run.said.iterations
            attributes |= {names.TASKS_COMPLETED: run.said.iterations, names.TASKS_TOTAL: run.said.iterations + 1}
        chance = rnd.random()
        status, error = "completed", None
        if chance < 0.05:
            status, error = "failed", "builtins.ValueError"
        elif chance < 0.08:
            status, error = "cancelled", CANCELLED_ERROR_TYPE
        attributes[names.STATUS] = status
        if not is_agents:
            attributes[names.STOP_REASON] = "goal_reached" if error is None else "error"
        if error:
            attributes[names.ERROR_TYPE] = error
        if chance < 0.98:
            attributes |= run.said.attributes()
        run.now_ns += rnd.randrange(_MS)
        self._add(run, parent, start_ns, run.now_ns, names.ROOT_SPAN, attributes, error is not None, span_id=root_id)
        return run

    def _add_phases(self, run: _Run, root_id: str) -> None:
        rnd, own = self._random, {names.RUN_ID: run.id}
        self._add_agent(run, root_id, names.OP_PLAN, "plan", own)
        for number in range(1, 1 + min(12, int(rnd.expovariate(0.3)) + 1) if run.level == 0 else 2):
            iteration_id, start_ns = self._id(16), run.now_ns
            before = run.said.api_calls, run.said.tool_calls
            inside = {**own, names.ITERATION: number}
            self._add_agent(run, iteration_id, names.OP_AGENT, "execute", inside)
            if number % 3 == 0 or rnd.random() < 0.4:
                self._add_agent(run, iteration_id, names.OP_AGENT, "reflect", inside)
            rollup = {
                names.RUN_API_CALLS: run.said.api_calls - before[0],
                names.RUN_TOOL_CALLS: run.said.tool_calls - before[1],
                names.TASK_ID: f"t{number}",
                names.TASK_OUTCOME: "done",
            }
            run.said.iterations += 1
            self._add(run, root_id, start_ns, run.now_ns, names.ITERATION_SPAN, inside | rollup, span_id=iteration_id)

    def _add_agent(self, run: _Run, parent: str, operation: str, phase: str, inside: dict[str, Any]) -> None:
        agent = {"plan": "task_planner", "execute": "executor", "reflect": "reflector"}[phase]
        attributes = {**inside, names.PHASE: phase, names.AGENT_NAME: agent}
        agent_id, start_ns = self._id(16), run.now_ns
        run.now_ns += self._random.randrange(_MS)
        self._add_steps(run, agent_id, attributes, tools=phase == "execute")
        attributes = {names.OPERATION_NAME: operation, **attributes}
        self._add(run, parent, start_ns, run.now_ns, f"{operation} {agent}", attributes, span_id=agent_id)

    def _add_steps(self, run: _Run, agent_id: str, inside: dict[str, Any], *, tools: bool = True) -> None:
        """Calls with tools between them."""
        rnd = self._random
        self._add_call(run, agent_id, inside)
        for _ in range(rnd.choice((0, 1, 1, 2)) if tools else 0):
            chance, longest_ns = rnd.random(), run.now_ns
            for _ in range(1 if chance < 0.85 else 3):  # parallel ones start together
                longest_ns = max(longest_ns, self._add_tool(run, agent_id, inside))
            run.now_ns = longest_ns
            self._add_call(run, agent_id, inside)

    def _add_call(self, run: _Run, parent: str, inside: dict[str, Any]) -> None:
        rnd = self._random
        model = _MODELS[0] if (chance := rnd.random()) < 0.8 else rnd.choice(_MODELS)
        attributes: dict[str, Any] = {
            names.OPERATION_NAME: names.OP_CHAT,
            names.PROVIDER_NAME: "openai",
            names.REQUEST_MODEL: model,
            **inside,
        }
        start_ns, end_ns = run.now_ns, run.now_ns + rnd.randrange(50, 3_000) * _MS + rnd.randrange(_MS)
        run.now_ns = end_ns if rnd.random() < 0.95 else start_ns + (end_ns - start_ns) // 3  # the next one overlaps
        failed = chance < 0.03
        if failed:
            attributes[names.ERROR_TYPE] = CANCELLED_ERROR_TYPE if chance < 0.01 else "openai.RateLimitError"
            attributes |= {names.INPUT_TOKENS: rnd.randrange(5_000)} if chance > 0.025 else {}
        else:
            attributes[names.RESPONSE_MODEL] = f"{model}-2025"
            attributes[names.RESPONSE_FINISH_REASONS] = ("tool_call",)
            if chance < 0.97:
                self._add_usage(attributes, chance)
        self._add(run, parent, start_ns, end_ns, f"chat {model}", attributes, failed)
        run.said.add_call(attributes, answered=not failed)

    def _add_usage(self, attributes: dict[str, Any], chance: float) -> None:
        rnd = self._random
        attributes[names.INPUT_TOKENS] = rnd.randrange(20_000)
        attributes[names.OUTPUT_TOKENS] = rnd.randrange(2_000)
        if chance > 0.3:
            attributes[names.CACHE_READ_TOKENS] = 0
            attributes[names.REASONING_TOKENS] = rnd.randrange(100)
        if chance > 0.5:
            attributes[names.OPERATION_COST] = rnd.randrange(10**6) / 10**8
        elif chance > 0.45:
            attributes[names.OPERATION_COST] = rnd.choice(_PRICES)
        if chance > 0.9:
            attributes[names.TIME_TO_FIRST_CHUNK] = rnd.choice(_CHUNKS)
        elif chance < 0.05:
            odd = rnd.choice((
                (names.INPUT_TOKENS, _NO_TOKENS), (names.OUTPUT_TOKENS, _NO_TOKENS),
                (names.CACHE_CREATION_TOKENS, (7,)), (names.OPERATION_COST, _NO_PRICES),
                (names.TIME_TO_FIRST_CHUNK, _NO_CHUNKS), (names.RESPONSE_MODEL, ("",)),
            ))  # fmt: skip
            attributes[odd[0]] = rnd.choice(odd[1])

    def _add_tool(self, run: _Run, parent: str, inside: dict[str, Any]) -> int:
        """Make a tool call and what lies in it; tells when it ended."""
        rnd = self._random
        tool_id, start_ns, chance = self._id(16), run.now_ns, rnd.random()
        end_ns = start_ns + rnd.randrange(1, 800) * _MS
        attributes: dict[str, Any] = {
            names.OPERATION_NAME: names.OP_TOOL,
            names.TOOL_NAME: "add",
            names.TOOL_TYPE: "function",
            names.TOOL_CALL_ID: "call_0_0",
            **inside,
        }
        del attributes[names.AGENT_NAME]
        events: tuple[Event, ...] = ()
        if chance < 0.04 and run.level < _MAX_LEVELS:
            end_ns = self._nested(run, tool_id, attributes, start_ns)
        elif chance < 0.06:
            self._add_untracked(run, tool_id, start_ns)
        elif chance < 0.08:
            attributes[names.ERROR_TYPE] = "builtins.ValueError"
        elif chance < 0.09:
            events = (
                Event("exception", {names.EXCEPTION_TYPE: "KeyError"}),
                Event("exception", {"exception.message": "x"}),
            )
        elif chance < 0.10:
            attributes[names.DEFERRED] = True
        failed = 0.06 <= chance < 0.09
        self._add(run, parent, start_ns, end_ns, "execute_tool add", attributes, failed, events, span_id=tool_id)
        run.said.tool_calls += names.DEFERRED not in attributes
        return end_ns

    def _nested(self, run: _Run, tool_id: str, tool: dict[str, Any], start_ns: int) -> int:
        place: dict[str, Any] = {key: tool[key] for key in (names.PHASE, names.ITERATION) if key in tool}
        place[names.PARENT_RUN_ID] = run.id
        trace_id, parent = (run.trace_id, tool_id) if self._random.random() < 0.8 else (self._id(32), None)
        inner = self._run(trace_id, parent, start_ns + 1_000, level=run.level + 1, place=place)
        run.said.add(inner.said)
        return inner.now_ns + 1_000

    def _add_untracked(self, run: _Run, parent: str, start_ns: int) -> None:
        """A request to a model that another instrumentation traced."""
        rnd, post = self._random, self._id(16)
        self._spans.append(
            Span(run.trace_id, post, parent, start_ns, start_ns + 9, "POST", {"http.request.method": "POST"})
        )
        usage = {"gen_ai.usage.prompt_tokens": rnd.randrange(900), "llm.usage.completion_tokens": rnd.randrange(90)}
        kinds: tuple[dict[str, Any], ...] = (
            {names.OPERATION_NAME: "chat"},
            {"openinference.span.kind": "LLM"},
            {"llm.request.type": "completion"},
            {"ai.operationId": "ai.generateText.doGenerate", "ai.usage.inputTokens": "12 tokens"},
            {names.OPERATION_NAME: "chat", "logfire.span_type": "log"},
        )
        call = Span(run.trace_id, self._id(16), post, start_ns, start_ns + 8, "llm", rnd.choice(kinds) | usage)
        self._spans.append(call)

    def _add_around(self, trace_id: str, span_id: str, start_ns: int, end_ns: int) -> None:
        """What a run lies in: the request of a service, or an attempt of a benchmark, which has a status too."""
        if self._random.random() < 0.5:
            request = Span(
                trace_id, span_id, None, start_ns - 9, end_ns + 9, "GET /ask", {"http.route": "/ask"}, service="shop"
            )
            call = {names.OPERATION_NAME: "chat", names.INPUT_TOKENS: 5, names.OUTPUT_TOKENS: 5}
            beside = Span(trace_id, self._id(16), span_id, start_ns, end_ns, "chat m", call, service="shop")
            self._spans += [request, beside]
        else:
            attributes = {names.BENCHMARK_GOAL_ID: "primes-sum", names.STATUS: "completed", names.RUN_ITERATIONS: 2}
            self._spans.append(Span(trace_id, span_id, None, start_ns - 9, end_ns + 9, "benchmark goal", attributes))


def whole(seed: int) -> Iterator[list[Span]]:
    """Runs without end, each with all that belongs to it, as they were made."""
    maker = Maker(seed)
    while True:
        yield maker.forest()


def chunks(seed: int, spans: int, *, size: int = 50_000) -> Iterator[list[Span]]:
    """So many spans at least, as they arrive: shuffled, damaged on the way. No run is in two chunks."""
    rnd, left = random.Random(seed), spans  # noqa: S311 - no secret
    forests = whole(seed)
    while left > 0:
        chunk: list[Span] = []
        while len(chunk) < min(size, left):
            chunk += damaged(next(forests), rnd)
        rnd.shuffle(chunk)
        left -= len(chunk)
        yield chunk
