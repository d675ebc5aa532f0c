"""Small forests of spans in which everything goes: what no producer would do, next to what all of them do.

The caller picks, so that the same forests come out of a seeded random and of hypothesis, which shrinks them.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from nanoagent.core.records import CANCELLED_ERROR_TYPE, is_root
from nanoagent.core.runs import CountedRun
from nanoagent.tracing import names
from tests.scale.proof import folded
from tests.scale.rows import Event, Span, as_stored
from tests.scale.spans import MIDNIGHT_NS

_Pick = Callable[[Sequence[Any]], Any]

_FIRST_NS: Final = MIDNIGHT_NS - 6
_RUNS: Final = ("a", "a", "a", "a", "b", "b", "c", None)
_PARENT_RUNS: Final = (None, None, "a", "b", "c", "gone", "")
_OPERATIONS: Final = (
    names.OP_CHAT, names.OP_CHAT, names.OP_CHAT, names.OP_TOOL, names.OP_TOOL, names.OP_AGENT, names.OP_PLAN,
    names.OP_WORKFLOW, names.OP_WORKFLOW, names.ITERATION_SPAN, "generate_content", "text_completion", "", "bogus", 7,
)  # fmt: skip
_PHASES: Final = (None, "plan", "execute", "execute", "reflect", "review", "", "É", 'o\'hara \\ "x"', 3)
_ITERATIONS: Final = (None, 1, 1, 2, 3, 0, -1, "x", 2**63 - 1, 1.5, "1", 2.0, True, "007", "")
_TOKENS: Final = (
    None,
    0,
    1,
    20,
    300,
    10**9 - 1,
    10**9,
    -5,
    1.5,
    12.0,
    True,
    "7",
    "007",
    "+7",
    "7 ",
    "many",
    "",
    (1, 2),
    2**63 - 1,
)
_PRICES: Final = (
    None, 0.1, 0.2, 1, 0, 1e-12, 5e-13, 1.5e-12, 2.5e-12, 1e-05, 1e-100, 999999999.9999999, 1e9, 1e21, 1e300, -1.0,
    -0.0, float("nan"), float("inf"), "0.1", ".1", "1_0", "0x1", "0.1 USD", "", True, 9000.000000000001, 12345.67,
)  # fmt: skip
_SECONDS: Final = (
    None,
    None,
    None,
    0.25,
    0.0,
    1,
    0.0000000005,
    0.0000000015,
    0.0000000025,
    1e6,
    999999.9999,
    -0.5,
    float("nan"),
    "1",
    "x",
    "",
)
_MODELS: Final = (None, "m", "n", "", "é", 5, "a'b")
_ERRORS: Final = ("ValueError", CANCELLED_ERROR_TYPE, "", None, 5)
_EXCEPTIONS: Final = ((), (), (None,), ("KeyError",), ("KeyError", "OSError"), ("KeyError", None), ("",), (5,))
_STATUSES: Final = (None, "completed", "running", "", "cancelled", 4)
_KINDS: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"openinference.span.kind": "LLM"},
    {"openinference.span.kind": "TOOL"},
    {"openinference.span.kind": "AGENT", "llm.request.type": "chat"},
    {"traceloop.span.kind": "workflow"},
    {"llm.request.type": "completion"},
    {"ai.operationId": "ai.generateText"},
    {"ai.operationId": "ai.streamObject.doStream"},
    {"logfire.msg_template": "Responses API with {gen_ai.request.model!r}"},
    {"gen_ai.system": "gcp.vertex.agent"},
    {"gen_ai.system": "openai"},
    {"pydantic_ai.model_request.attempt": 1},
    {"logfire.span_type": "log"},
    {names.OPERATION_NAME: "bogus", "traceloop.span.kind": "bogus", "ai.operationId": "ai.toolCall"},
    {names.OPERATION_NAME: "bogus", "llm.request.type": "chat", "logfire.span_type": "log"},
)
_USAGE: Final = (
    names.INPUT_TOKENS,
    names.OUTPUT_TOKENS,
    "gen_ai.usage.prompt_tokens",
    "llm.token_count.completion",
    "ai.usage.inputTokens",
)
_SUMMARY: Final = (names.RUN_ITERATIONS, names.RUN_API_CALLS, names.RUN_TOOL_CALLS, names.RUN_INPUT_TOKENS,
                   names.RUN_OUTPUT_TOKENS, names.RUN_SPANS, names.TASKS_COMPLETED, names.TASKS_TOTAL)  # fmt: skip
_COUNTS: Final = (None, 0, 1, 2, -1, 1.5, "x", "", "3", 2**63 - 1, True)


def wild(pick: _Pick, number: int) -> list[Span]:
    """A forest of a few spans, none of whose ids is in one of another number.

    Args:
        pick: Picks one of some values.
        number: Which forest it is.
    """
    spans: list[Span] = []
    for place in range(pick((1, 2, 3, 4, 5, 6, 8))):
        spans.append(_span(pick, number, place, [span.span_id for span in spans]))
    return _tell_apart([_with_right_summary(pick, span, spans) for span in spans])


def _span(pick: _Pick, number: int, place: int, before: list[str]) -> Span:
    run, start_ns = pick(_RUNS), _FIRST_NS + pick(range(12))
    name = "span"
    attributes: dict[str, Any] = {}
    if run is None:
        attributes |= _of_others(pick)
    else:
        attributes[names.RUN_ID] = f"{number}{run}"
        attributes |= _of_ours(pick, number)
    if attributes.get(names.OPERATION_NAME) == names.ITERATION_SPAN and pick((True, True, False)):
        del attributes[names.OPERATION_NAME]
        name = names.ITERATION_SPAN
    error, events = pick((None, None, None, *_ERRORS)), _exceptions(pick(_EXCEPTIONS))
    failed = pick((False, error is not None, True)) if error is not None else pick((False, False, False, True))
    attributes |= {} if error is None else {names.ERROR_TYPE: error}
    span_id = pick(before) if before and pick(range(8)) == 0 else f"{place + 1:016x}"
    parent = pick((None, None, *before, *before, *before, f"{place + 1:016x}", f"{place + 2:016x}", "f" * 16))
    trace_id = f"{number:031x}{pick((1, 1, 1, 2))}"
    return Span(trace_id, span_id, parent, start_ns, start_ns + pick(range(-4, 12)), name, attributes, failed, events)


def _exceptions(types: Sequence[Any]) -> tuple[Event, ...]:
    """Exception events, each with a type unless that is `None`, and an event of another kind."""
    events = [Event(names.EXCEPTION_EVENT, _given({names.EXCEPTION_TYPE: kind})) for kind in types]
    return (*events, Event("log", {names.EXCEPTION_TYPE: "none"})) if events else ()


def _of_ours(pick: _Pick, number: int) -> dict[str, Any]:
    operation = pick(_OPERATIONS)
    attributes = _given(
        {names.OPERATION_NAME: operation, names.PHASE: pick(_PHASES), names.ITERATION: pick(_ITERATIONS)}
    )
    if operation in names.INFERENCE_OPERATIONS:
        attributes |= _call(pick)
    elif operation == names.OP_TOOL:
        attributes |= _given({names.DEFERRED: pick((None, None, None, True, False))})
    is_call = operation in (*names.INFERENCE_OPERATIONS, names.OP_TOOL)
    if operation == names.OP_WORKFLOW or pick((False,) * 9 + (True,) if is_call else (False, False, True)):
        outer = pick(_PARENT_RUNS)
        attributes |= _given({
            names.STATUS: pick(_STATUSES) if operation == names.OP_WORKFLOW else pick(_STATUSES[1:]),
            names.STOP_REASON: pick((None, "goal_reached", "", 5)),
            names.PARENT_RUN_ID: outer and f"{number}{outer}",
            names.RUN_COST_USD: pick(_PRICES),
        })  # fmt: skip
        attributes |= _given({key: pick(_COUNTS) for key in _SUMMARY} if pick((False, False, True)) else {})
    return attributes


def _call(pick: _Pick) -> dict[str, Any]:
    return _given({
        names.INPUT_TOKENS: pick(_TOKENS),
        names.OUTPUT_TOKENS: pick(_TOKENS),
        pick((names.CACHE_READ_TOKENS, names.CACHE_CREATION_TOKENS, names.REASONING_TOKENS)): pick(_TOKENS),
        names.OPERATION_COST: pick(_PRICES),
        names.TIME_TO_FIRST_CHUNK: pick(_SECONDS),
        names.REQUEST_MODEL: pick(_MODELS),
        names.RESPONSE_MODEL: pick(_MODELS),
    })  # fmt: skip


def _of_others(pick: _Pick) -> dict[str, Any]:
    operation = pick((None, None, names.OP_CHAT, names.OP_TOOL, names.OP_AGENT, "generate_content", 5))
    usage = {pick(_USAGE): pick(_TOKENS), pick(_USAGE): pick(_TOKENS)}
    status = {names.STATUS: pick((None, None, "completed"))}
    kind: dict[str, Any] = pick(_KINDS)
    return _given({names.OPERATION_NAME: operation} | usage | status) | kind


def _given(attributes: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in attributes.items() if value is not None}


def _with_right_summary(pick: _Pick, span: Span, spans: list[Span]) -> Span:
    """Half of the roots tell what there is, one in four of those with a single field that is otherwise."""
    attributes = span.attributes
    if not is_root(attributes) or names.RUN_ID not in attributes or pick((False, True)):
        return span
    run = folded(map(as_stored, spans)).get(attributes[names.RUN_ID])
    if run is None:  # all of its spans have copies that are of another
        return span
    right = _told(run)
    wrong = pick((None, None, None, *right))
    if wrong is not None:
        right[wrong] = pick((None, 0, 5, "x", 0.25))
    kept = {key: value for key, value in attributes.items() if key not in right}
    return span._replace(attributes=kept | _given(right))


def _told(run: CountedRun) -> dict[str, Any]:
    metrics = run.metrics
    return {
        names.RUN_ITERATIONS: metrics.iterations,
        names.RUN_API_CALLS: metrics.api_calls,
        names.RUN_TOOL_CALLS: metrics.tool_calls,
        names.RUN_INPUT_TOKENS: metrics.input_tokens,
        names.RUN_OUTPUT_TOKENS: metrics.output_tokens,
        names.RUN_COST_USD: None if metrics.cost_usd is None else float(metrics.cost_usd),
        names.RUN_SPANS: run.spans,
    }


def _tell_apart(spans: list[Span]) -> list[Span]:
    """The spans, but of copies with equal times only the first: which of those counts is nobody's rule."""
    apart: dict[Any, Span] = {}
    for span in spans:
        apart.setdefault((span.trace_id, span.span_id, span.start_ns, span.end_ns), span)
    return list(apart.values())
