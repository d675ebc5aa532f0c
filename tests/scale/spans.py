"""Spans of a million runs: made like those of real ones, and with everything that happens to spans on their way.

The same seed gives the same spans. Values are such that the store can tell their types: what it cannot tell is in
`wild`.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from nanoagent.tracing import names
from tests.scale.damage import damaged
from tests.scale.parts import Said, call_attributes, ending, tool_attributes, untracked_attributes
from tests.scale.rows import Event, Span

MIDNIGHT_NS: Final = 1_764_115_200_000_000_000
"""2025-11-26T00:00:00Z."""
DAY_NS: Final = 86_400_000_000_000
_MS: Final = 1_000_000
_DAYS: Final = 3
_MAX_LEVELS: Final = 4
_AGENTS: Final = {"plan": "task_planner", "execute": "executor", "reflect": "reflector"}
_VERDICT: Final = (Event(names.EVALUATION_EVENT, {names.EVALUATION_NAME: "goal_reached", names.EVALUATION_VALUE: 1.0}),)


@dataclass(slots=True, kw_only=True)
class _Run:
    """A run in the making."""

    id: str
    trace_id: str
    level: int
    """How many runs it is nested in."""
    now_ns: int
    said: Said = field(default_factory=Said)


class Maker:
    """Makes runs of which no two share an id."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self._ids = seed << 40
        self._spans: list[Span] = []

    def forest(self) -> list[Span]:
        """All the spans of a run, of those in it and of what lies around them, in the order of their ends."""
        spans: list[Span] = []
        self._spans, rnd = spans, self._random
        trace_id, start_ns = self._id(32), MIDNIGHT_NS + rnd.randrange(_DAYS * DAY_NS)
        if rnd.random() < 0.05:
            start_ns = MIDNIGHT_NS + DAY_NS - rnd.randrange(9_000 * _MS)  # over midnight
        parent = self._id(16) if rnd.random() < 0.3 else None
        run = self._add_run(trace_id, parent, start_ns, level=0, place={})
        if parent is not None and rnd.random() < 0.6:  # else it lies in another process, whose spans are elsewhere
            self._add_around(trace_id, parent, start_ns, run.now_ns)
        return spans

    def _id(self, digits: int) -> str:
        self._ids += 1
        spread = (self._ids * 0x9E3779B97F4A7C15) % 2**64
        return f"{spread:016x}" if digits == 16 else f"{self._ids:016x}{spread:016x}"

    def _add(
        self, run: _Run, parent: str | None, start_ns: int, name: str, attributes: dict[str, Any], **options: Any
    ) -> None:
        """A span of the run that ends now."""
        run.said.spans += 1
        span_id, end_ns = options.get("span_id") or self._id(16), options.get("end_ns", run.now_ns)
        failed, events = options.get("failed", False), options.get("events", ())
        self._spans.append(Span(run.trace_id, span_id, parent, start_ns, end_ns, name, attributes, failed, events))

    def _add_run(self, trace_id: str, parent: str | None, start_ns: int, *, level: int, place: dict[str, Any]) -> _Run:
        rnd, root_id = self._random, self._id(16)
        run = _Run(id=self._id(32), trace_id=trace_id, level=level, now_ns=start_ns + rnd.randrange(_MS))
        status, error = ending(rnd)
        attributes = {names.RUN_ID: run.id, names.STATUS: status, **place}
        if rnd.random() < 0.1:
            attributes |= {names.OPERATION_NAME: names.OP_AGENT, names.AGENT_NAME: "helper"}
            self._add_steps(run, root_id, {names.RUN_ID: run.id, names.AGENT_NAME: "helper"})
        else:
            self._add_phases(run, root_id)
            attributes |= {
                names.OPERATION_NAME: names.OP_WORKFLOW,
                names.WORKFLOW_NAME: "nanoagent",
                names.MAX_ITERATIONS: 20,
                names.TIMEOUT_S: 300.0,
                names.PROMPTS_HASH: "9def4e88141b",
                names.STOP_REASON: "goal_reached" if error is None else "error",
                names.TASKS_COMPLETED: run.said.iterations,
                names.TASKS_TOTAL: run.said.iterations + 1,
                names.RUN_ITERATIONS: run.said.iterations,
            }
        attributes |= {} if error is None else {names.ERROR_TYPE: error}
        attributes |= run.said.attributes()
        run.now_ns += rnd.randrange(_MS)
        self._add(run, parent, start_ns, names.ROOT_SPAN, attributes, failed=error is not None, span_id=root_id)
        return run

    def _add_phases(self, run: _Run, root_id: str) -> None:
        rnd, own = self._random, {names.RUN_ID: run.id}
        self._add_agent(run, root_id, "plan", own)
        for number in range(1, min(12, 2 + int(rnd.expovariate(0.3))) if run.level == 0 else 2):
            iteration_id, start_ns = self._id(16), run.now_ns
            api_calls, tool_calls = run.said.api_calls, run.said.tool_calls
            inside = {**own, names.ITERATION: number}
            self._add_agent(run, iteration_id, "execute", inside)
            if number % 3 == 0 or rnd.random() < 0.4:
                self._add_agent(run, iteration_id, "reflect", inside)
            rollup = {
                names.RUN_API_CALLS: run.said.api_calls - api_calls,
                names.RUN_TOOL_CALLS: run.said.tool_calls - tool_calls,
                names.RUN_INPUT_TOKENS: 1_000,
                names.RUN_OUTPUT_TOKENS: 100,
                names.TASK_ID: f"t{number}",
                names.TASK_OUTCOME: "done",
            }
            run.said.iterations += 1
            self._add(run, root_id, start_ns, names.ITERATION_SPAN, inside | rollup, span_id=iteration_id)

    def _add_agent(self, run: _Run, parent: str, phase: str, inside: dict[str, Any]) -> None:
        attributes = {**inside, names.PHASE: phase, names.AGENT_NAME: _AGENTS[phase]}
        agent_id, start_ns = self._id(16), run.now_ns
        run.now_ns += self._random.randrange(_MS)
        self._add_steps(run, agent_id, attributes, tools=phase == "execute")
        operation = names.OP_PLAN if phase == "plan" else names.OP_AGENT
        attributes = {names.OPERATION_NAME: operation, **attributes}
        events = _VERDICT if phase == "reflect" else ()
        self._add(run, parent, start_ns, f"{operation} {_AGENTS[phase]}", attributes, span_id=agent_id, events=events)

    def _add_steps(self, run: _Run, agent_id: str, inside: dict[str, Any], *, tools: bool = True) -> None:
        """Calls with tools between them."""
        rnd = self._random
        self._add_call(run, agent_id, inside)
        for _ in range(rnd.choice((0, 1, 1, 2)) if tools else 0):
            # Parallel tools start together.
            many = 1 if rnd.random() < 0.85 else 3
            run.now_ns = max([self._add_tool(run, agent_id, inside) for _ in range(many)])
            self._add_call(run, agent_id, inside)

    def _add_call(self, run: _Run, parent: str, inside: dict[str, Any]) -> None:
        rnd, start_ns = self._random, run.now_ns
        attributes, failed = call_attributes(rnd, inside)
        length_ns = rnd.randrange(50 * _MS, 3_000 * _MS)
        name = f"chat {attributes[names.REQUEST_MODEL]}"
        self._add(run, parent, start_ns, name, attributes, end_ns=start_ns + length_ns, failed=failed)
        run.said.add_call(attributes, answered=not failed)
        # Sometimes the next one starts before this one has ended.
        run.now_ns += length_ns if rnd.random() < 0.95 else length_ns // 3

    def _add_tool(self, run: _Run, parent: str, inside: dict[str, Any]) -> int:
        """Make a tool call and what lies in it; tells when it ended."""
        rnd, start_ns, tool_id = self._random, run.now_ns, self._id(16)
        attributes, failed, events = tool_attributes(rnd, inside)
        end_ns, chance = start_ns + rnd.randrange(_MS, 800 * _MS), rnd.random()
        if chance < 0.04 and run.level < _MAX_LEVELS:
            end_ns = self._add_nested(run, tool_id, attributes, start_ns)
        elif chance < 0.06:
            self._add_untracked(run, tool_id, start_ns)
        options = {"end_ns": end_ns, "failed": failed, "events": events, "span_id": tool_id}
        self._add(run, parent, start_ns, "execute_tool add", attributes, **options)
        run.said.tool_calls += names.DEFERRED not in attributes
        return end_ns

    def _add_nested(self, run: _Run, tool_id: str, tool: dict[str, Any], start_ns: int) -> int:
        place: dict[str, Any] = {key: tool[key] for key in (names.PHASE, names.ITERATION) if key in tool}
        place[names.PARENT_RUN_ID] = run.id
        # Some are in a trace of their own.
        trace_id, parent = (run.trace_id, tool_id) if self._random.random() < 0.8 else (self._id(32), None)
        inner = self._add_run(trace_id, parent, start_ns + 1_000, level=run.level + 1, place=place)
        run.said.add(inner.said)
        return inner.now_ns + 1_000

    def _add_untracked(self, run: _Run, parent: str, start_ns: int) -> None:
        """A request to a model, with the call that another instrumentation traced."""
        post, request = self._id(16), {"http.request.method": "POST"}
        call = untracked_attributes(self._random)
        self._spans += [
            Span(run.trace_id, post, parent, start_ns, start_ns + 9, "POST", request),
            Span(run.trace_id, self._id(16), post, start_ns, start_ns + 8, "llm", call),
        ]

    def _add_around(self, trace_id: str, span_id: str, start_ns: int, end_ns: int) -> None:
        """What a run lies in: the request of a service, or an attempt of a benchmark, which has a status too."""
        times = start_ns - 9, end_ns + 9
        if self._random.random() < 0.5:
            call = {names.OPERATION_NAME: "chat", names.INPUT_TOKENS: 5, names.OUTPUT_TOKENS: 5}
            self._spans += [
                Span(trace_id, span_id, None, *times, "GET /ask", {"http.route": "/ask"}, service="shop"),
                Span(trace_id, self._id(16), span_id, *times, "chat m", call, service="shop"),
            ]
        else:
            attributes = {names.BENCHMARK_GOAL_ID: "primes-sum", names.STATUS: "completed", names.RUN_ITERATIONS: 2}
            self._spans.append(Span(trace_id, span_id, None, *times, "benchmark goal", attributes))


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
