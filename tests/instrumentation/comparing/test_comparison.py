"""Two runs beside each other: tokens by phase, and how prompts grew."""

from instrumentation.comparing.comparison import PhaseTokens, PromptGrowth, compared
from instrumentation.reading.files import read_file
from instrumentation.reading.problems import Problems
from tests.instrumentation.command_line import FOREIGN
from tests.instrumentation.comparing.recording import BASELINE, recorded, spans_of_run, with_changes
from tests.instrumentation.reading.otlp import read_span
from tests.models import call, executed, plan, reflected, response

CALLED = response(call("add", a=5, b=3))


def test_tokens_by_phase_and_prompt_growth_stand_side_by_side() -> None:
    one, other = (
        recorded(spans_of_run()),
        recorded(
            spans_of_run(
                with_changes(
                    BASELINE,
                    {1: [CALLED, CALLED], 2: [executed("8", input_tokens=412)], 5: [reflected("8", input_tokens=300)]},
                )
            )
        ),
    )
    comparison = compared(one, other, names=("A", "B"))
    assert comparison.tokens_by_phase == [
        PhaseTokens("plan", (100, 100), (10, 10)),
        PhaseTokens("execute", (400, 812), (40, 50)),
        PhaseTokens("reflect", (100, 300), (10, 10)),
    ]
    assert comparison.prompt_growth == [
        PromptGrowth("iteration 1", (100, 100), (100, 412)),
        PromptGrowth("iteration 2", (100, 100), (100, 100)),
    ]
    assert str(comparison.first) == "iteration 1: A called `add` once, B twice; +412 input and +10 output tokens"
    assert comparison.parting == comparison.first


def test_what_one_side_alone_has_stands_beside_nothing() -> None:
    one = recorded(spans_of_run([plan(questions=["What?"])]))
    other = recorded(spans_of_run([plan("Add"), executed("8"), reflected("8")]))
    comparison = compared(one, other, names=("A", "B"))
    assert comparison.tokens_by_phase[1] == PhaseTokens("execute", (0, 100), (0, 10))
    assert comparison.prompt_growth == [PromptGrowth("iteration 1", (None, 100), (None, 100))]


def test_agents_of_others_stand_for_iterations() -> None:
    batches = read_file(str(FOREIGN / "util_genai.workflow.jsonl"), Problems())
    run = recorded(span for batch in batches for span in batch)
    comparison = compared(run, run, names=("A", "B"))
    assert comparison.tokens_by_phase == []
    assert [row.where for row in comparison.prompt_growth] == ["agent planner", "agent writer"]


def test_agents_of_one_name_stand_each_for_itself() -> None:
    workflow, agent = ({"gen_ai.operation.name": name} for name in ("invoke_workflow", "invoke_agent"))
    chat = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 7}
    spans = [read_span("a" * 16, attributes=workflow, end_ns=99)]
    for number, (own, inner) in enumerate([("b", "c"), ("d", "e")]):
        times = {"start_ns": 10 * number + 2, "end_ns": 10 * number + 9}
        spans.append(read_span(own * 16, parent_span_id="a" * 16, name="writer", attributes=agent, **times))
        spans.append(read_span(inner * 16, parent_span_id=own * 16, attributes=chat, **times))
    run = recorded(spans)
    growth = compared(run, run, names=("A", "B")).prompt_growth
    assert [row.where for row in growth] == ["agent writer", "agent writer (2)"]


def test_a_comparison_is_json_ready() -> None:
    run = recorded(spans_of_run())
    comparison = compared(run, run, names=("A", "B"))
    told = comparison.to_dict()
    assert (told["same"], told["first"], told["parting"]) == (True, None, None)
    assert told["tokens_by_phase"][0] == {"phase": "plan", "input_tokens": (100, 100), "output_tokens": (10, 10)}
    assert told["prompt_growth"][1] == {"where": "iteration 2", "first": (100, 100), "last": (100, 100)}
    assert [one["metrics"]["run_id"] for one in told["runs"]] == ["run-1", "run-1"]
