"""How many values labels may have, whatever models, tools and versions come."""

from typing import Any

import pytest

from instrumentation.metrics.labels import (
    MAX_AGENTS,
    MAX_BUDGETS,
    MAX_ERROR_TYPES,
    MAX_MODELS,
    MAX_TOOLS,
    MAX_VERSIONS,
    LabelMaker,
)
from instrumentation.observing import Filed

NOWHERE = Filed()


def numbered(labels: LabelMaker, kind: str, number: int) -> dict[str, Any]:
    """The labels of something that has a name of its own."""
    name = f"{kind}-{number}"
    makers: dict[str, Any] = {
        "model": lambda: labels.of_call({"gen_ai.request.model": name, "gen_ai.provider.name": "p"}, NOWHERE, "chat"),
        "tool": lambda: labels.of_tool({"gen_ai.tool.name": name}, NOWHERE, is_known=True),
        "agent": lambda: labels.of_agent({"gen_ai.agent.name": name}, NOWHERE),
        "version": lambda: labels.of_run({"gen_ai.workflow.name": "w", "gen_ai.agent.version": name}),
        "error": lambda: labels.of_error(name),
        "budget": lambda: labels.of_budget(name, "warn"),
    }
    made: dict[str, Any] = makers[kind]()
    return made


@pytest.mark.parametrize(
    ("kind", "most"),
    [
        ("model", MAX_MODELS),
        ("tool", MAX_TOOLS),
        ("agent", MAX_AGENTS),
        ("version", MAX_VERSIONS),
        ("error", MAX_ERROR_TYPES),
        ("budget", MAX_BUDGETS),
    ],
)
def test_the_first_values_are_kept_and_every_further_one_is_other(kind: str, most: int) -> None:
    labels = LabelMaker()
    made = [numbered(labels, kind, number) for number in range(2 * most)]
    assert len({tuple(sorted(one.items())) for one in made[:most]}) == most
    [further] = {tuple(sorted(one.items())) for one in made[most:]}
    assert "other" in dict(further).values()
    assert numbered(labels, kind, 0) == made[0]


def test_a_tool_that_a_model_invented_is_unknown_and_takes_no_room() -> None:
    labels = LabelMaker()
    invented = [labels.of_tool({"gen_ai.tool.name": f"invented-{n}"}, NOWHERE, is_known=False) for n in range(10_000)]
    assert invented == [{"gen_ai.tool.name": "unknown"}] * 10_000
    assert numbered(labels, "tool", 1) == {"gen_ai.tool.name": "tool-1"}


def test_a_model_is_told_apart_by_all_that_is_said_of_it() -> None:
    labels = LabelMaker()
    span = {
        "gen_ai.provider.name": "p",
        "gen_ai.request.model": "m",
        "gen_ai.response.model": "m-1",
        "server.address": "a",
        "server.port": 1,
    }
    assert labels.of_call(span, Filed(phase="plan", version="2"), "chat") == span | {
        "gen_ai.operation.name": "chat",
        "nanoagent.phase": "plan",
        "gen_ai.agent.version": "2",
    }


def test_a_model_past_the_cap_keeps_nothing_of_itself() -> None:
    labels = LabelMaker()
    for number in range(MAX_MODELS):
        numbered(labels, "model", number)
    span = {"gen_ai.request.model": "m", "gen_ai.response.model": "m-1", "server.address": "a", "server.port": 1}
    assert labels.of_call(span, NOWHERE, "chat") == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "other",
        "gen_ai.request.model": "other",
    }
