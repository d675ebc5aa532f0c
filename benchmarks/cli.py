"""The command line of the benchmarks."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from benchmarks.goals import GOALS, Goal
from benchmarks.selection import select
from instrumentation.exits import Ended, run_command
from nanoagent.errors import ConfigurationError

OUTPUT: Final = Path(__file__).parent / "out"
"""Where results go by default."""

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command()
def benchmark(
    context: typer.Context,
    model: Annotated[
        str, typer.Option(metavar="M", help="scripted, or a pydantic-ai model, such as openai:gpt-5-mini.")
    ] = "scripted",
    goal: Annotated[list[str] | None, typer.Option(metavar="ID", help="Only this goal; may be repeated.")] = None,
    tier: Annotated[list[str] | None, typer.Option(metavar="T", help="Only this tier; may be repeated.")] = None,
    concurrency: Annotated[str, typer.Option(metavar="N", help="How many goals run at a time.")] = "1",
    output: Annotated[
        Path, typer.Option(metavar="DIR", help="Where results go.", show_default="benchmarks/out")
    ] = OUTPUT,
    save_baseline: Annotated[
        bool, typer.Option("--save-baseline", help="Also write benchmarks/baseline.json and benchmarks/RESULTS.md.")
    ] = False,
    list_goals: Annotated[bool, typer.Option("--list", help="List the goals and end.")] = False,
) -> None:
    """Run goals and judge them: iterations, tokens and answers against each goal's budget.

    The default model answers by rules. It measures the framework and makes no claim about any model's intelligence.

    OTEL_EXPORTER says where traces go: none, console, file, jaeger, otlp.

    Exit code: 0 all passed, 1 a criterion failed, 3 a verdict is error, 4 bad input or crash, 130 interrupted.
    """
    os.environ.setdefault("PYDANTIC_AI_NO_BANNER", "1")
    goals: Sequence[Goal] = GOALS if context.obj is None else context.obj
    chosen = select(goals, ids=goal or (), tiers=tier or ())
    if list_goals:
        for one in chosen:
            typer.echo(f"{one.id:18} {one.tier:10} {one.text}")
        return
    slots = _positive(concurrency)
    if save_baseline and len(chosen) < len(goals):
        raise ConfigurationError("--save-baseline needs all goals; leave out --goal and --tier")

    from benchmarks.command import Request, execute

    settings = {"goal": list(goal or ()), "tier": list(tier or ())}
    request = Request(
        goals=chosen,
        model=model,
        concurrency=slots,
        output=output,
        save_baseline=save_baseline,
        settings=settings,
    )
    raise Ended(execute(request))


def main(goals: Sequence[Goal] | None = None) -> None:
    """Run the command and exit.

    Args:
        goals: Other goals than those of the benchmark.
    """
    run_command(lambda: app(obj=goals))


def _positive(value: str) -> int:
    if not value.strip().isdecimal() or int(value) < 1:
        raise ConfigurationError(
            f"--concurrency must be a whole number of 1 or more, got {value!r}; leave it out for 1"
        )
    return int(value)
