"""The shipped recording replays to the numbers that docs/models.md shows, on every machine."""

from benchmarks.results.results import Attempt
from benchmarks.subjects.models import subject_named
from benchmarks.subjects.replay import SHIPPED
from benchmarks.suite.goals import GOALS, Tier
from tests.benchmarks.subjects.recorded import attempts_at
from tests.commands import ROOT
from tests.documents import assert_links_lead_somewhere

DOCUMENT = "docs/models.md"
SIMPLE = [goal for goal in GOALS if goal.tier is Tier.SIMPLE]
HEAD = [
    "| Goal | Verdict | Answer | Iterations | Model calls | Input tokens | Output tokens | Tool calls (failed) |",
    "|---|---|---|---|---|---|---|---|",
]


def row(attempt: Attempt) -> str:
    numbers = attempt.metrics
    counts = (numbers.iterations, numbers.api_calls, numbers.input_tokens, numbers.output_tokens)
    tools = f"{numbers.tool_calls} ({numbers.failed_tool_calls})"
    cells = (attempt.goal_id, attempt.verdict.word.value, attempt.answer, *counts, tools)
    return f"| {' | '.join(map(str, cells))} |"


async def test_the_shipped_recording_replays_to_the_numbers_of_the_document() -> None:
    attempts = await attempts_at(subject_named("replay", SIMPLE), *SIMPLE, concurrency=3)
    table = [*HEAD, *map(row, attempts)]
    shown = [line for line in (ROOT / DOCUMENT).read_text().splitlines() if line in HEAD or line.startswith(ROWS)]
    assert "\n".join(shown) == "\n".join(table)
    assert [attempt.verdict.cause for attempt in attempts] == [None] * len(SIMPLE)


ROWS = tuple(f"| {goal.id} |" for goal in SIMPLE)


def test_the_shipped_recording_is_small_and_says_what_it_is() -> None:
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 50_000
    name = subject_named("replay", SIMPLE).name
    assert name.startswith("replay of local:smollm2-135m-instruct, recorded ")
    assert name.rpartition(" ")[2] in (ROOT / DOCUMENT).read_text()


def test_links_of_the_document_lead_somewhere() -> None:
    assert_links_lead_somewhere([DOCUMENT])
