"""The command line of the benchmarks."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from benchmarks.arguments import completed
from benchmarks.options import amount, check_together, engine_named, positive
from benchmarks.request import COMMITTED, Request
from benchmarks.sharding import shard_named
from benchmarks.suite.goals import GOALS, Goal
from benchmarks.suite.selection import select
from instrumentation.exits import Ended, run_command
from instrumentation.rendering.visible import visible
from nanoagent.errors import ConfigurationError

OUTPUT: Final = Path(__file__).parent / "out"
"""Where results go by default."""
_MOST: Final = 10**9 - 1
MOST_REPEATS: Final = 100_000
"""Of a goal: what is to be done is a list in memory."""
_Output = Annotated[Path, typer.Option(metavar="DIR", help="Where results go.", show_default="benchmarks/out")]
_Baseline = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Compare with these results.",
        show_default="benchmarks/baseline.json, where it is of the same",
    ),
]

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def benchmark(
    context: typer.Context,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="M",
            help="scripted, local, replay or replay:DIR, or a pydantic-ai model, such as openai:gpt-5-mini: see "
            "docs/models.md.",
            show_default="scripted",
        ),
    ] = None,
    agent: Annotated[
        str | None,
        typer.Option(
            metavar="MODULE:OBJECT",
            help="Benchmark your own pydantic-ai Agent, or a function that makes Orchestrators, instead of a model.",
        ),
    ] = None,
    goals_file: Annotated[
        str | None, typer.Option("--goals", metavar="FILE", help="Your own goals: see docs/benchmarks.md.")
    ] = None,
    goal: Annotated[list[str] | None, typer.Option(metavar="ID", help="Only this goal; may be repeated.")] = None,
    tier: Annotated[list[str] | None, typer.Option(metavar="T", help="Only this tier; may be repeated.")] = None,
    repeat: Annotated[str, typer.Option(metavar="N", help="How often each goal is attempted.")] = "1",
    concurrency: Annotated[str, typer.Option(metavar="N", help="How many attempts run at a time.")] = "1",
    shard: Annotated[
        str | None,
        typer.Option(metavar="K/N", help="Make the K-th of N shares of the attempts, to be merged: see merge."),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            metavar="E",
            help="Who makes the attempts: ray, in other processes, on other machines with --ray-address.",
            show_default="this process",
        ),
    ] = None,
    ray_address: Annotated[
        str | None,
        typer.Option(
            metavar="A",
            help="Of the Ray cluster: HOST:PORT, or auto.",
            show_default="one on this machine, for this run",
        ),
    ] = None,
    record: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep what the model answers, for --model replay:DIR.")
    ] = None,
    max_cost: Annotated[
        str | None,
        typer.Option(metavar="USD", help="Make no model call that might pass this cost; each shard has its own."),
    ] = None,
    allow_unpriced: Annotated[
        bool, typer.Option("--allow-unpriced", help="With --max-cost: call a model whose price is not known, too.")
    ] = False,
    output: _Output = OUTPUT,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run that was interrupted: make what is missing.")
    ] = False,
    retry_errors: Annotated[
        bool, typer.Option("--retry-errors", help="With --resume: make attempts again that say nothing of their goal.")
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read every trace back from file and Jaeger, and compare the numbers.")
    ] = False,
    baseline: _Baseline = None,
    save_baseline: Annotated[
        Path | None,
        typer.Option(
            "--save-baseline",
            metavar="[FILE]",
            help="Keep these results, with their traces, to compare with. Without a FILE: benchmarks/baseline.json, "
            "and the report beside it.",
        ),
    ] = None,
    list_goals: Annotated[bool, typer.Option("--list", help="List the goals and end.")] = False,
    goals_schema: Annotated[
        bool, typer.Option("--goals-schema", help="Print the JSON schema of a goals file and end.")
    ] = False,
) -> None:
    """Run goals and judge them: iterations, tokens and answers against each goal's budget.

    The default model answers by rules. It measures the framework and makes no claim about any model's intelligence.

    OTEL_EXPORTER says where traces go: none, console, file, jaeger, otlp.

    Exit code: 0 all passed and nothing is worse, 1 a criterion failed or a
    number read back differs, 2 something is worse than in the baseline, 3 a
    verdict is error, a comparison is inconclusive, or attempts or traces are
    not all there, 4 bad input or crash, 130 interrupted.
    """
    os.environ.setdefault("PYDANTIC_AI_NO_BANNER", "1")
    if context.invoked_subcommand is not None:
        _refuse_options_before(context)
        return
    if goals_schema:
        _print_schema()
        return
    goals: Sequence[Goal] = _goals(goals_file, context.obj)
    chosen = select(goals, ids=goal or (), tiers=tier or ())
    if list_goals:
        _print_goals(chosen)
        return
    slots, times = positive("--concurrency", concurrency, _MOST), positive("--repeat", repeat, MOST_REPEATS)
    limit_usd = None if max_cost is None else amount("--max-cost", max_cost)
    if save_baseline == COMMITTED:
        from benchmarks.baseline import check_committed

        check_committed(agent=agent, goals_file=goals_file, all_goals=len(chosen) == len(goals))

    from benchmarks.command import execute

    request = Request(
        goals=chosen,
        own_goals=goals is GOALS,
        model=model,
        agent=agent,
        goals_file=goals_file,
        concurrency=slots,
        repeat=times,
        resume=resume,
        retry_errors=retry_errors,
        record=record,
        max_cost_usd=limit_usd,
        allow_unpriced=allow_unpriced,
        output=output,
        verify=verify,
        baseline=baseline,
        save_baseline=save_baseline,
        settings={"goal": list(goal or ()), "tier": list(tier or ())},
        shard=None if shard is None else shard_named(shard),
        engine=None if engine is None else engine_named(engine),
        ray_address=None if ray_address is None else ray_address.strip(),
    )
    check_together(request)
    raise Ended(execute(request))


@app.command()
def merge(
    context: typer.Context,
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE...",
            show_default=False,
            help="Files of shards, attempts.K-of-N.jsonl, or directories with such files.",
        ),
    ] = None,
    output: _Output = OUTPUT,
    baseline: _Baseline = None,
    save_baseline: Annotated[
        Path | None,
        typer.Option(
            "--save-baseline",
            metavar="[FILE]",
            help="Keep the merged results, with their traces, to compare with. Without a FILE, last of all: "
            "benchmarks/baseline.json, and the report beside it.",
        ),
    ] = None,
) -> None:
    """Put the shards of a benchmark together: results and reports as if one process had made all attempts.

    Every number is counted anew from the attempts. What is missing can be made
    by a run with --resume and the same --output.

    Exit code: as of a run; 3 also where a shard is missing or came to no end,
    4 where files are of different benchmarks or disagree on an attempt, or one
    is given twice: then nothing is written.
    """
    from benchmarks.merging.command import execute

    usual = context.obj is None
    raise Ended(execute(files or (), output, baseline=baseline, save_baseline=save_baseline, own_goals=usual))


def main(goals: Sequence[Goal] | None = None) -> None:
    """Run the command and exit.

    Args:
        goals: Other goals than those of the benchmark.
    """
    run_command(lambda: app(args=completed(sys.argv[1:], baseline=str(COMMITTED)), obj=goals))


def _goals(path: str | None, given: Sequence[Goal] | None) -> Sequence[Goal]:
    if path is None:
        return GOALS if given is None else given

    from benchmarks.suite.goals_file import read

    return read(path)


def _print_goals(goals: Sequence[Goal]) -> None:
    width = max(18, *(len(one.id) for one in goals))
    for one in goals:
        typer.echo(visible(f"{one.id:{width}} {one.tier:10} {' '.join(one.text.split())}"))


def _print_schema() -> None:
    from benchmarks.suite.goal_forms import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))


def _refuse_options_before(context: typer.Context) -> None:
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name) if parameter.name else None
        if source is not None and source.name == "COMMANDLINE":
            raise ConfigurationError(
                f"{context.invoked_subcommand} takes its options after its name, got {parameter.opts[0]} before it; "
                f"see {context.invoked_subcommand} --help"
            )
