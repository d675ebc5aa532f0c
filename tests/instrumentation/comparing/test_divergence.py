"""The first point where two runs part, in words: real runs with one thing changed in each."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.messages import TextPart

from instrumentation.comparing.divergence import Divergence, DivergenceKind
from instrumentation.comparing.recorded import RecordedRun
from instrumentation.comparing.walk import divergence, divergences
from instrumentation.reading.spans import ReadSpan
from nanoagent.tracing import names
from tests.instrumentation.comparing.recording import BASELINE, nested_spans, recorded, spans_of_run, with_changes
from tests.instrumentation.reading.otlp import read_span
from tests.models import Reply, call, executed, plan, reflected, response

NAMES = ("baseline", "this run")
CALLED = response(call("add", a=5, b=3))
FAILED = ModelHTTPError(500, "canned")
NONSENSE = response(TextPart("nonsense"))
Changes = Mapping[int, Sequence[Reply]]


@pytest.fixture(scope="module")
def baseline() -> RecordedRun:
    return recorded(spans_of_run())


def changed(changes: Changes) -> RecordedRun:
    return recorded(spans_of_run(with_changes(BASELINE, changes)))


def said(one: RecordedRun, other: RecordedRun) -> list[str]:
    return list(map(str, divergences(one, other, names=NAMES)))


@pytest.mark.parametrize(
    ("changes", "kind", "sentence"),
    [
        pytest.param(
            {1: [response(call("add", a=5, b=3), call("add", "c2", a=5, b=3))]},
            "tool_count",
            "iteration 1: baseline called `add` once, this run twice",
            id="twice at once",
        ),
        pytest.param(
            {1: [CALLED, CALLED]},
            "tool_count",
            "iteration 1: baseline called `add` once, this run twice; +100 input and +10 output tokens",
            id="twice one after the other",
        ),
        pytest.param(
            {1: [CALLED, CALLED, CALLED]},
            "tool_count",
            "iteration 1: baseline called `add` once, this run 3 times; +200 input and +20 output tokens",
            id="three times",
        ),
        pytest.param(
            {3: [response(call("add", a=1, b=2))]},
            "tool",
            "iteration 2: baseline called `broken`, this run `add`",
            id="another tool",
        ),
        pytest.param(
            {1: []},
            "tool",
            "iteration 1: baseline called `add`, this run did not; -100 input and -10 output tokens",
            id="no tool",
        ),
        pytest.param(
            {1: [response(call("broken", why="so"), call("nosuch", "c2"))]},
            "tool",
            "iteration 1: baseline called `add`, this run `broken` and `nosuch`",
            id="several others, one of them invented",
        ),
        pytest.param(
            {1: [response(call("add", a="five", b=3))]},
            "tool_error",
            "iteration 1: `add` failed in this run (ValidationError), not in baseline",
            id="a tool that fails",
        ),
        pytest.param(
            {3: [response(call("broken", whence="so"))]},
            "tool_error",
            "iteration 2: `broken` failed with ValueError in baseline and with ValidationError in this run",
            id="a tool that fails otherwise",
        ),
        pytest.param(
            {2: [NONSENSE, executed("8")]},
            "model_calls",
            "iteration 1: baseline made 2 model calls, this run 3: the answer was asked for again; "
            "+100 input and +10 output tokens",
            id="an answer that is refused",
        ),
        pytest.param(
            {2: [FAILED]},
            "model_error",
            "iteration 1: model call 2 failed in this run (ModelHTTPError), was answered in baseline; "
            "-100 input and -10 output tokens",
            id="a model that fails",
        ),
        pytest.param(
            {2: [executed("8", model="other-2026")]},
            "model",
            "iteration 1: baseline asked `canned-2026`, this run `other-2026`",
            id="another model",
        ),
        pytest.param(
            {0: [plan("Add", "Break it", input_tokens=140)]},
            "prompt",
            "plan: the model call has 100 input tokens in baseline, 140 in this run (+40): its prompt is longer, "
            "in what it shows of the goal or the tools",
            id="a longer prompt",
        ),
        pytest.param(
            {5: [reflected("8", input_tokens=60)]},
            "prompt",
            "iteration 2, reflection: the model call has 100 input tokens in baseline, 60 in this run (-40): its "
            "prompt is shorter, in what it shows of results or pending tasks",
            id="a shorter prompt",
        ),
        pytest.param(
            {4: [executed("it broke", input_tokens=1_300)]},
            "history",
            "iteration 2: model call 2 has 100 input tokens in baseline, 1,300 in this run (+1,200): the history "
            "before it is longer, by what `broken` returned",
            id="a longer history",
        ),
        pytest.param(
            {4: [executed("it broke", output_tokens=23)]},
            "answer_length",
            "iteration 2: the answer of model call 2 has 10 output tokens in baseline, 23 in this run (+13)",
            id="a longer answer",
        ),
        pytest.param(
            {4: [executed("it broke", success=False)]},
            "task",
            "iteration 2: its task is `done` in baseline, `failed` in this run",
            id="a task that fails",
        ),
        pytest.param(
            {5: [reflected(None, gaps=["more"], new_tasks=["More"]), executed("more"), reflected("8")]},
            "iterations",
            "iteration 3: baseline stopped after iteration 2 (goal_reached), this run went on, to 3 iterations; "
            "+200 input and +20 output tokens",
            id="one more iteration",
        ),
        pytest.param(
            {0: [plan(questions=["What?"])], 1: [], 2: [], 3: [], 4: [], 5: []},
            "iterations",
            "iteration 1: this run stopped before any iteration (needs_clarification), baseline went on, to 2 "
            "iterations; -500 input and -50 output tokens",
            id="no plan",
        ),
        pytest.param(
            {0: [plan("Add")], 2: [executed("8"), reflected(None, new_tasks=["Break it"])]},
            "step",
            "iteration 1: this run reflected, baseline did not; +100 input and +10 output tokens",
            id="one more reflection",
        ),
        pytest.param(
            {5: [reflected(None, gaps=["more"])]},
            "ending",
            "end: baseline stopped with goal_reached, this run with no_progress",
            id="another stop reason",
        ),
        pytest.param(
            {4: [NONSENSE, NONSENSE, NONSENSE]},
            "model_calls",
            "iteration 2: baseline made 2 model calls, this run 4: the answer was asked for again; "
            "+200 input and +20 output tokens",
            id="a model that never answers well",
        ),
    ],
)
def test_what_is_changed_in_a_run_is_where_it_parts(
    baseline: RecordedRun, changes: Changes, kind: str, sentence: str
) -> None:
    other = changed(changes)
    found, *further = divergences(baseline, other, names=NAMES)
    assert (found.kind, str(found)) == (kind, sentence)
    assert not (found.parts_ways and further)
    back = divergence(other, baseline, names=NAMES[::-1])
    assert back is not None
    assert (back.kind, back.where, back.input_tokens) == (found.kind, found.where, _negative(found.input_tokens))


def _negative(count: int | None) -> int | None:
    return None if count is None else -count


def test_the_same_run_with_other_ids_and_times_does_not_part(baseline: RecordedRun) -> None:
    later = [
        span._replace(
            trace_id="f" * 32,
            span_id=f"f{span.span_id[1:]}",
            parent_span_id=span.parent_span_id and f"f{span.parent_span_id[1:]}",
            start_ns=2 * span.start_ns,
            end_ns=2 * span.end_ns,
            attributes={**span.attributes, names.RUN_ID: "another"},
        )
        for span in spans_of_run()
    ]
    other = recorded(later)
    assert other.metrics.run_id != baseline.metrics.run_id
    assert said(baseline, other) == []


@pytest.mark.parametrize(
    "shuffled",
    [lambda spans: spans[::-1], lambda spans: spans[1::2] + spans[::2], lambda spans: sorted(spans, key=str)],
)
def test_the_order_in_which_spans_are_read_is_no_difference(
    baseline: RecordedRun, shuffled: Callable[[list[ReadSpan]], list[ReadSpan]]
) -> None:
    spans = spans_of_run(with_changes(BASELINE, {1: [CALLED, CALLED]}))
    expected = said(baseline, recorded(spans))
    assert expected
    assert said(baseline, recorded([*shuffled(spans), *spans[:5]])) == expected


@pytest.mark.parametrize(
    ("lost", "lack"),
    [
        ("execute_tool add", "incomplete, 15 of 17 spans"),
        ("chat canned", "incomplete, 10 of 17 spans"),
        ("invoke_workflow nanoagent", "incomplete, 16 spans without the run's root, which says how many there are"),
    ],
)
def test_a_run_that_lost_spans_is_said_to_be_incomplete_and_nothing_is_guessed(
    baseline: RecordedRun, lost: str, lack: str
) -> None:
    spans = spans_of_run(with_changes(BASELINE, {1: [CALLED, CALLED]}))
    part = recorded([span for span in spans if span.name != lost])
    for runs, name in (((baseline, part), "this run"), ((part, baseline), "baseline")):
        [found] = divergences(*runs, names=NAMES)
        assert found.kind is DivergenceKind.INCOMPLETE
        assert str(found) == f"run: {name} is {lack}: where the two part cannot be said"


def with_arguments(spans: list[ReadSpan], *arguments: str) -> list[ReadSpan]:
    """The spans, with what their tools were called with, in order of start."""
    left = list(arguments)
    return [
        span._replace(attributes={**span.attributes, names.TOOL_ARGUMENTS: left.pop(0)})
        if span.name.startswith("execute_tool") and left
        else span
        for span in sorted(spans, key=lambda one: one.start_ns)
    ]


@pytest.mark.parametrize(
    ("again", "ending"),
    [
        ('{"b": 3, "a": 5}', "this run twice with the same arguments"),
        ('{"a": 5, "b": 4}', "this run twice with other arguments"),
    ],
)
def test_a_repeated_call_is_told_from_one_with_other_arguments_where_they_are_known(again: str, ending: str) -> None:
    one = recorded(with_arguments(spans_of_run(), '{"a":5,"b":3}'))
    spans = spans_of_run(with_changes(BASELINE, {1: [CALLED, CALLED]}))
    other = recorded(with_arguments(spans, '{"a":5,"b":3}', again))
    [parting] = said(one, other)
    assert parting == f"iteration 1: baseline called `add` once, {ending}; +100 input and +10 output tokens"


def test_other_arguments_part_runs_where_both_show_them(baseline: RecordedRun) -> None:
    one, other = (recorded(with_arguments(spans_of_run(), text)) for text in ('{"a":5,"b":3}', '{"a":5,"b":4}'))
    assert said(one, other) == ["iteration 1: `add` was called with other arguments in baseline than in this run"]
    assert said(one, baseline) == said(baseline, other) == []


def test_other_instructions_are_named_as_the_reason_for_a_longer_prompt(baseline: RecordedRun) -> None:
    spans = [
        span._replace(attributes={**span.attributes, names.PROMPTS_HASH: "0123456789ab"})
        if names.PROMPTS_HASH in span.attributes
        else span
        for span in spans_of_run(with_changes(BASELINE, {3: [response(call("broken", why="so"), input_tokens=101)]}))
    ]
    assert said(baseline, recorded(spans)) == [
        "iteration 2: model call 1 has 100 input tokens in baseline, 101 in this run (+1): its prompt is longer, and "
        "the instructions are others"
    ]


def test_other_lengths_come_before_the_point_where_the_runs_part(baseline: RecordedRun) -> None:
    other = changed(
        {
            0: [plan("Add", "Break it", output_tokens=11)],
            2: [executed("8", output_tokens=12)],
            3: [response(call("add", a=1, b=1), output_tokens=13)],
        }
    )
    points = list(divergences(baseline, other, names=NAMES))
    assert [(point.kind.value, point.where, point.parts_ways) for point in points] == [
        ("answer_length", "plan", False),
        ("answer_length", "iteration 1", False),
        ("tool", "iteration 2", True),
    ]


def test_a_plan_of_other_length_says_how_many_tasks_came_of_it(baseline: RecordedRun) -> None:
    other = changed({0: [plan("Add", "Break it", "More", output_tokens=20)], 4: [executed("x"), executed("y")]})
    assert said(baseline, other) == [
        "plan: the answer of the model call has 10 output tokens in baseline, 20 in this run (+10); baseline has 2 "
        "tasks in the end, this run 3",
        "iteration 2: baseline reflected, this run did not; -100 input and -10 output tokens",
    ]


def test_tools_that_run_at_once_have_no_order(baseline: RecordedRun) -> None:
    calls = [call("add", "c1", a=5, b=3), call("broken", "c2", why="so")]
    one, other = (changed({1: [response(*order)]}) for order in (calls, calls[::-1]))
    assert said(one, other) == []


def test_a_point_where_the_runs_part_is_the_last_that_is_said(baseline: RecordedRun) -> None:
    other = changed({2: [FAILED]})
    assert [point.kind.value for point in divergences(baseline, other, names=NAMES)] == ["model_error"]


def test_one_of_several_calls_that_fails_is_counted_among_them() -> None:
    calls = [call("add", "c1", a=5, b=3), call("add", "c2", a=1, b=2)]
    broken = [calls[0], call("add", "c2", a="one", b=2)]
    assert said(*(changed({1: [response(*both)]}) for both in (calls, broken))) == [
        "iteration 1: one of 2 calls of `add` failed in this run (ValidationError), not in baseline"
    ]


def test_tools_that_come_in_another_order_are_told_by_what_comes_first() -> None:
    add, broken, nosuch = (response(call(name, a=1, b=2, why="so")) for name in ("add", "broken", "nosuch"))
    one, other = changed({1: [add, broken]}), changed({1: [broken, add, nosuch]})
    assert said(one, other)[0].startswith("iteration 1: baseline called `add`, this run called `broken`; ")


def test_a_tool_that_both_called_at_this_point_is_not_named_for_what_comes_later() -> None:
    both, again = call("add", "c1", a=5, b=3), response(call("add", a=5, b=3))
    one = changed({1: [response(both, call("broken", "c2", why="so"))]})
    other = changed({1: [response(both, call("nosuch", "c2")), again]})
    assert said(one, other)[0].startswith("iteration 1: baseline called `broken`, this run `nosuch`; ")


def test_many_tools_are_named_in_part() -> None:
    one, other = (changed({1: [response(*(call(f"{side}{n}") for n in range(6)))]}) for side in "ab")
    assert said(one, other) == [
        "iteration 1: baseline called `a0`, `a1`, `a2`, `a3` and 2 more, this run `b0`, `b1`, `b2`, `b3` and 2 more"
    ]


def test_another_model_is_said_once(baseline: RecordedRun) -> None:
    other = changed({1: [response(call("add", a=5, b=3), model="other")], 2: [executed("8", model="other")]})
    assert said(baseline, other) == ["iteration 1: baseline asked `canned-2026`, this run `other`"]


def with_attributes(spans: list[ReadSpan], name: str, **changes: Any) -> list[ReadSpan]:
    """The spans, those of this name with other attributes, by the names of their constants."""
    attributes = {getattr(names, key): value for key, value in changes.items()}
    return [
        span._replace(attributes={**span.attributes, **attributes}, failed="ERROR_TYPE" in changes)
        if span.name == name
        else span
        for span in spans
    ]


@pytest.mark.parametrize(
    ("name", "changes", "sentence"),
    [
        ("iteration", {"TASK_ID": "t9"}, "iteration 1: baseline worked on task `t1`, this run on `t9`"),
        (
            "invoke_agent reflector",
            {"ERROR_TYPE": "a.UnexpectedModelBehavior"},
            "iteration 2, reflection: `reflector` failed in this run (UnexpectedModelBehavior), not in baseline",
        ),
        ("iteration", {"ERROR_TYPE": "a.Stopped"}, "iteration 1: it failed in this run (Stopped), not in baseline"),
        (
            "invoke_workflow nanoagent",
            {"TASKS_COMPLETED": 1},
            "end: baseline has done 2 of 2 tasks, this run 1 of 2 tasks",
        ),
        (
            "invoke_workflow nanoagent",
            {"RUN_API_CALLS": 5},
            "run: this run is incomplete, the run's own counts are others than what was found: where the two part "
            "cannot be said",
        ),
    ],
)
def test_what_spans_say_beside_their_calls_parts_runs_as_well(
    baseline: RecordedRun, name: str, changes: dict[str, Any], sentence: str
) -> None:
    assert said(baseline, recorded(with_attributes(spans_of_run(), name, **changes))) == [sentence]


def test_nested_runs_are_compared_inside_the_tool_that_made_them() -> None:
    inner = [plan("Add"), CALLED, executed("8"), reflected("8")]
    found = divergence(recorded(nested_spans(inner)), recorded(nested_spans([*inner[:2], *inner[1:]])), names=NAMES)
    assert found is not None
    assert (found.iteration, str(found)) == (
        2,
        "iteration 2, in `delegate`, nested run, iteration 1: baseline called `add` once, this run twice; "
        "+100 input and +10 output tokens",
    )


def chat(span_id: str, start_ns: int, **fields: Any) -> ReadSpan:
    attributes: dict[str, Any] = {names.OPERATION_NAME: "chat", names.REQUEST_MODEL: "m"}
    attributes |= fields.pop("attributes", {})
    plain: dict[str, Any] = {"parent_span_id": "a" * 16, "start_ns": start_ns, "end_ns": start_ns + 5}
    return read_span(span_id * 16, attributes=attributes, **(plain | fields))


def agent(*spans: ReadSpan, name: str = "writer") -> RecordedRun:
    attributes = {names.OPERATION_NAME: "invoke_agent", names.AGENT_NAME: name}
    return recorded([read_span("a" * 16, start_ns=1, end_ns=90, attributes=attributes), *spans])


def test_calls_and_tools_of_others_are_compared_by_agent() -> None:
    finish = {names.RESPONSE_FINISH_REASONS: ("stop",)}
    cut = {names.RESPONSE_FINISH_REASONS: '["length"]'}
    one, other = agent(chat("1", 2, attributes=finish)), agent(chat("1", 2, attributes=cut))
    assert said(one, other) == [
        "agent `writer`: the answer of the model call ended with `stop` in baseline, with `length` in this run"
    ]
    more = agent(chat("1", 2, attributes=finish), chat("2", 20))
    assert said(one, more) == ["agent `writer`: baseline made 1 model call, this run 2"]


def test_what_is_not_known_of_one_side_is_no_difference() -> None:
    counted = {names.INPUT_TOKENS: 7, names.OUTPUT_TOKENS: 8, names.RESPONSE_FINISH_REASONS: ("stop",)}
    assert said(agent(chat("1", 2)), agent(chat("1", 2, attributes=counted))) == []


def test_calls_that_go_at_once_have_no_order_even_where_they_once_went_one_after_the_other() -> None:
    models = [{names.REQUEST_MODEL: name} for name in ("m1", "m2")]
    at_once = agent(chat("1", 2, attributes=models[0]), chat("2", 3, attributes=models[1]))
    turned = agent(chat("1", 2, attributes=models[1]), chat("2", 3, attributes=models[0]))
    in_turn = agent(chat("1", 2, attributes=models[0]), chat("2", 20, attributes=models[1]))
    assert said(at_once, turned) == said(at_once, in_turn) == said(in_turn, at_once) == []


def test_a_call_that_failed_and_was_made_again_is_told_from_one_that_was_given_up() -> None:
    failing = {"failed": True, "attributes": {names.ERROR_TYPE: "a.Busy"}}
    answered, failed, again = agent(chat("1", 2)), agent(chat("1", 2, **failing)), chat("2", 20)
    assert said(answered, failed) == [
        "agent `writer`: the model call failed in this run (Busy), was answered in baseline"
    ]
    failing["attributes"] = {names.ERROR_TYPE: "a.Busy"}
    assert said(answered, agent(chat("1", 2, **failing), again)) == [
        "agent `writer`: model call 1 failed in this run (Busy), was answered in baseline, and was made again"
    ]


def test_agents_at_once_are_paired_with_those_that_did_the_same() -> None:
    def tool(span_id: str, name: str, above: str, start_ns: int) -> ReadSpan:
        attributes = {names.OPERATION_NAME: "execute_tool", names.TOOL_NAME: name}
        plain: dict[str, Any] = {"parent_span_id": above * 16, "start_ns": start_ns, "end_ns": start_ns + 20}
        return read_span(span_id * 16, attributes=attributes, **plain)

    def delegating(*inner: str) -> RecordedRun:
        outer = [tool(place, "delegate", "a", 10 + number) for number, place in enumerate("bc")]
        return agent(*outer, *(tool(own, name, above, 15) for own, name, above in zip("de", inner, "bc", strict=True)))

    one, other = delegating("x", "y"), delegating("y", "z")
    assert said(one, other) == ["agent `writer`, in `delegate`: baseline called `x`, this run `z`"]


def test_names_from_outside_are_kept_short_and_on_one_line() -> None:
    name = "evil`\n\n" + "x" * 5_000
    one, other = (agent(chat("1", 2, attributes={names.REQUEST_MODEL: model})) for model in ("m", name))
    assert said(one, other) == [f"agent `writer`: baseline asked `m`, this run `evil' {'x' * 41}…`"]


def test_a_divergence_is_json_ready() -> None:
    found = Divergence(kind=DivergenceKind.TOOL, where="plan", what="A called `x`, B `y`", phase="plan", input_tokens=5)
    assert found.to_dict() == {
        "kind": "tool",
        "parts_ways": True,
        "sentence": "plan: A called `x`, B `y`; +5 input tokens",
        "where": "plan",
        "what": "A called `x`, B `y`",
        "iteration": None,
        "phase": "plan",
        "input_tokens": 5,
        "output_tokens": None,
    }
