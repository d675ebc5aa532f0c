"""`nanoagent run`: one goal, its events as they happen, its answer and its numbers."""

import asyncio
import os
import sys
from collections.abc import Callable
from typing import Any, Final

import typer
from rich.console import Console
from rich.markup import escape

from instrumentation.exits import Ended, ExitCode
from instrumentation.rendering.visible import visible, visible_lines
from nanoagent.redaction.redactor import redacted

_EXIT_CODES: Final = {
    "completed": ExitCode.OK,
    "incomplete": ExitCode.INCONCLUSIVE,
    "cancelled": ExitCode.INTERRUPTED,
}


def run_goal(
    goal: str, *, model: str | None, max_iterations: int, max_tokens: int | None, timeout_s: float | None
) -> None:
    """Run a goal with the built-in tools: the answer on stdout, all else on stderr.

    Args:
        goal: What to reach, in words.
        model: As `Orchestrator` takes it, as the next three.
        max_iterations: See there.
        max_tokens: See there.
        timeout_s: See there.

    Raises:
        Ended: With the exit code of how the run ended.
        ConfigurationError: A setting cannot be used.
    """
    os.environ.setdefault("PYDANTIC_AI_NO_BANNER", "1")
    from instrumentation.configuration import configure
    from nanoagent import Orchestrator, register_builtin_tools

    orchestrator = Orchestrator(goal, max_iterations, model=model, max_tokens=max_tokens, timeout_s=timeout_s)
    register_builtin_tools(orchestrator.registry)
    console = Console(stderr=True, highlight=False)
    telemetry = configure(notify=lambda line: console.print(f"[yellow]{escape(visible(line))}[/]"))
    orchestrator.stream.subscribe(_event_printer(console))
    try:
        result = asyncio.run(orchestrator.run())
    finally:
        telemetry.shutdown()
    typer.echo(visible_lines(result.output) if sys.stdout.isatty() else result.output)
    _print_numbers(console, result)
    raise Ended(_EXIT_CODES.get(result.status, ExitCode.FAILED))


def _event_printer(console: Console) -> Callable[[Any], None]:
    def print_event(event: Any) -> None:
        lines = _EVENT_LINES.get(event.type)
        for line in lines(event.data) if lines else ():
            console.print(visible_lines(line), soft_wrap=True)

    return print_event


_EVENT_LINES: dict[str, Callable[[Any], list[str]]] = {
    "plan": lambda data: (
        [f"[bold]plan[/] {len(data['tasks'])} tasks"]
        + [f"  {task.id} {escape(task.description)}" for task in data["tasks"]]
    ),
    "task": lambda data: [
        f"[{'green' if data['task'].status == 'done' else 'red'}]{data['task'].status}[/] "
        f"{data['task'].id} {escape(data['task'].result or '')}"
    ],
    "reflection": lambda data: (
        ["[bold]reflection[/] " + ("the goal is reached" if data["reflection"].done else "the goal is not reached yet")]
        + [f"  missing: {escape(gap)}" for gap in data["reflection"].gaps]
        + [f"  new {task.id} {escape(task.description)}" for task in data["new_tasks"]]
    ),
}


def _print_numbers(console: Console, result: Any) -> None:
    metrics = result.metrics
    tokens = "-" if metrics.tokens_used is None else f"{metrics.tokens_used:,}"
    cost = "-" if metrics.cost_usd is None else f"${metrics.cost_usd:.6f}"
    console.print(f"[bold]{result.status}[/] {result.stop_reason}")
    if result.error:
        console.print(f"[red]{escape(visible_lines(redacted(result.error)))}[/]", soft_wrap=True)
    console.print(
        f"{metrics.iterations} iterations, {metrics.api_calls} model calls, {metrics.tool_calls} tool calls, "
        f"{tokens} tokens, cost {cost}, {metrics.duration_seconds():.2f} s",
        soft_wrap=True,
    )
    if metrics.trace_id:
        console.print(f"trace {metrics.trace_id}")
