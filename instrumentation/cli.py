"""The `nanoagent` command. What its subcommands need loads when they are used."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from instrumentation.exits import run_command

if TYPE_CHECKING:
    from instrumentation.commands.sources import Source
    from instrumentation.commands.stored import StoredRuns

app = typer.Typer(
    name="nanoagent",
    help="Run goals and read their numbers. Data goes to stdout, everything else to stderr.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _commands() -> None:
    """Run goals and read their numbers. Data goes to stdout, everything else to stderr."""


@app.command()
def run(
    goal: Annotated[str, typer.Argument(help="What to reach, in words.")],
    model: Annotated[
        str | None, typer.Option(help="A pydantic-ai model, such as openai:gpt-5-mini. Default: NANOAGENT_MODEL.")
    ] = None,
    max_iterations: Annotated[int, typer.Option(help="Iterations, each of which executes one task.")] = 10,
    max_tokens: Annotated[int | None, typer.Option(help="Input plus output tokens that may be spent.")] = None,
    timeout: Annotated[float | None, typer.Option(help="Seconds that the run may take.")] = None,
) -> None:
    """Run a goal with the built-in tools: events as they happen, then the answer, then the numbers.

    OTEL_EXPORTER says where traces go: none, console, file, jaeger, otlp; OTEL_METRICS_EXPORTER where metrics do: none,
    console, otlp, prometheus.
    Exit code: 0 completed, 1 failed, 3 incomplete, 4 bad input, 130 interrupted.
    """
    from instrumentation.commands.run import run_goal

    run_goal(goal, model=model, max_iterations=max_iterations, max_tokens=max_tokens, timeout_s=timeout)


def _examples(*commands: str) -> str:
    """They stand below a command's options, a line each."""
    return "\n\n".join(("Examples:", *(f"  {command}" for command in commands)))


_Sources = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SOURCE",
        show_default=False,
        help="A file of OTLP JSON (gzip, too), - for stdin, or the id of a trace in Jaeger.",
    ),
]
_JaegerUrl = Annotated[
    str | None,
    typer.Option("--jaeger", metavar="URL", help="Jaeger's UI. Default: NANOAGENT_JAEGER_URL, else localhost:16686."),
]
_Service = Annotated[str | None, typer.Option(metavar="NAME", help="Search Jaeger for the traces of this service.")]
_Since = Annotated[
    str | None, typer.Option(metavar="TIME", help="They begin no earlier: 30m, 2h, 1d ago, or a date. Default: 1h.")
]
_Until = Annotated[str | None, typer.Option(metavar="TIME", help="They begin no later. Default: now.")]
_Attribute = Annotated[
    list[str] | None,
    typer.Option(metavar="KEY=VALUE", show_default=False, help="One span of each has this; may be given again."),
]
_ClickHouse = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Runs that a ClickHouse counts, by its HTTP interface, such as http://localhost:8123/otel; with --run, of "
        "all times. CLICKHOUSE_USER and CLICKHOUSE_PASSWORD say who asks.",
    ),
]
_Limit = Annotated[int | None, typer.Option(metavar="N", help="The most traces, up to 1,500. Default: 100.")]


def _named(
    sources: list[str] | None,
    service: str | None,
    since: str | None,
    until: str | None,
    attribute: list[str] | None,
    limit: int | None,
) -> "list[Source]":
    """The sources that the arguments and the search options name."""
    from instrumentation.commands.search import search_of
    from instrumentation.commands.sources import sources_of

    return sources_of(sources or (), search_of(service, since, until, attribute or (), limit, now=datetime.now(UTC)))


@app.command(
    epilog=_examples(
        "nanoagent metrics nanoagent-traces.jsonl",
        "nanoagent metrics 0af7651916cd43dd8448eb211c80319c --json",
        "nanoagent metrics --service my-service --since 2h",
        "nanoagent metrics --clickhouse http://localhost:8123/otel --since 1d",
        "zcat traces/*.gz | nanoagent metrics - --prices prices.toml",
    )
)
def metrics(
    sources: _Sources = None,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON list with the numbers of each run.")] = False,
    run_id: Annotated[
        str | None, typer.Option("--run", metavar="RUN_ID", help="One run alone, by its id or how it begins.")
    ] = None,
    prices: Annotated[
        str,
        typer.Option(
            metavar="genai|none|FILE", help="What prices calls that carry no price: genai-prices, or your own file."
        ),
    ] = "genai",
    service: _Service = None,
    since: _Since = None,
    until: _Until = None,
    attribute: _Attribute = None,
    limit: _Limit = None,
    jaeger: _JaegerUrl = None,
    clickhouse: _ClickHouse = None,
) -> None:
    """Show the numbers of runs, of any producer: calls, tokens, cost, time.

    One run by phase and iteration, many with a line each and a total.

    A dash stands for what is unknown.
    Exit code: 0 ok, 3 something is not complete, 4 bad input, 130 interrupted.
    """
    from instrumentation.commands.metrics import show_metrics
    from instrumentation.commands.output import ending_well
    from instrumentation.commands.stored import stored_runs_of

    with ending_well():
        found: list[Source] | StoredRuns
        if clickhouse is None:
            found = _named(sources, service, since, until, attribute, limit)
        else:
            beside = {"a source": sources, "--service": service, "--attribute": attribute, "--limit": limit}
            beside |= {"--jaeger": jaeger}
            found = stored_runs_of(clickhouse, since, until, run_id=run_id, beside=beside, now=datetime.now(UTC))
        show_metrics(found, run_id=run_id, as_json=as_json, prices=prices, jaeger=jaeger)


@app.command(
    epilog=_examples(
        "nanoagent tree nanoagent-traces.jsonl | less",
        "nanoagent tree 0af7651916cd43dd8448eb211c80319c",
        "nanoagent tree --service my-service --since 10m --limit 3",
    )
)
def tree(
    sources: _Sources = None,
    max_spans: Annotated[
        int, typer.Option(metavar="N", min=1, help="The most spans of one trace that are drawn.")
    ] = 10_000,
    service: _Service = None,
    since: _Since = None,
    until: _Until = None,
    attribute: _Attribute = None,
    limit: _Limit = None,
    jaeger: _JaegerUrl = None,
) -> None:
    """Draw traces, of any producer, as trees, with how the time of their runs was spent.

    A span whose parent is missing hangs below the root of its trace, behind a ?.
    Exit code: 0 ok, 3 something is not complete, 4 bad input, 130 interrupted.
    """
    from instrumentation.commands.output import ending_well
    from instrumentation.commands.tree import show_trees

    with ending_well():
        found = _named(sources, service, since, until, attribute, limit)
        show_trees(found, max_spans=max_spans, jaeger=jaeger)


@app.command(
    epilog=_examples(
        "nanoagent verify nanoagent-traces.jsonl 0af7651916cd43dd8448eb211c80319c",
        "nanoagent verify mine.jsonl from-the-collector.jsonl.gz",
    )
)
def verify(
    sources: _Sources = None,
    wait: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="How long traces are waited for that are not all in Jaeger.")
    ] = 15,
    jaeger: _JaegerUrl = None,
) -> None:
    """Compare what several sources say of the same runs, number by number.

    Each file is a source, and all traces in Jaeger together are one; with trace ids, only their runs are compared.
    A line a run: the same, the first number that differs, or what is missing.
    Exit code: 0 the same, 1 a number differs, 3 a run is missing or not complete, 4 bad input, 130 interrupted.
    """
    from instrumentation.commands.output import ending_well
    from instrumentation.commands.sources import sources_of
    from instrumentation.commands.verify import verify_sources

    with ending_well():
        verify_sources(sources_of(sources or ()), jaeger=jaeger, wait_s=wait)


@app.command(
    epilog=_examples(
        "nanoagent diff before.jsonl after.jsonl",
        "nanoagent diff before.jsonl after.jsonl --run simple-add",
        "nanoagent diff traces.jsonl traces.jsonl --run 7334cca0 --run d82ddd4a",
        "nanoagent diff 0af7651916cd43dd8448eb211c80319c 5bd66ef5095369c7a1b2c3d4e5f60718",
    )
)
def diff(
    a: Annotated[str, typer.Argument(metavar="A", show_default=False, help="A file, -, or the id of a trace.")],
    b: Annotated[str, typer.Argument(metavar="B", show_default=False, help="The same, compared with A.")],
    run: Annotated[
        list[str] | None,
        typer.Option(
            "--run",
            metavar="ID",
            show_default=False,
            help="The run: its id, how it begins, or its goal. Twice: A's, B's.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON list with a comparison for each pair.")] = False,
    jaeger: _JaegerUrl = None,
) -> None:
    """Say where two runs part: another tool, one more call, a longer prompt, another ending.

    Times and ids are no difference. Several runs are paired by their goals, a line each.

    Beside it: iterations, calls, tokens by phase, cost, time, and how prompts grew.
    Exit code: 0 the same, 1 they differ, 3 it cannot be said, 4 bad input, 130 interrupted.
    """
    from instrumentation.commands.diff import show_difference
    from instrumentation.commands.output import ending_well
    from instrumentation.commands.sources import source_of

    with ending_well():
        show_difference(source_of(a), source_of(b), choices=run or (), as_json=as_json, jaeger=jaeger)


@app.command(
    epilog=_examples(
        "nanoagent resend",
        "OTEL_EXPORTER_OTLP_ENDPOINT=https://collector:4318 nanoagent resend",
        "nanoagent resend nanoagent-traces.jsonl",
    )
)
def resend(
    spools: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="SPOOL",
            show_default=False,
            help="A file of OTLP JSON lines, or a directory of spools. Default: NANOAGENT_SPOOL_DIR, else the user's.",
        ),
    ] = None,
) -> None:
    """Send the spans that could not be delivered, and wait on disk.

    OTEL_EXPORTER and the standard OTEL_EXPORTER_OTLP_* variables say where to, by default Jaeger on this machine.

    What was accepted is removed from its spool. Other files are sent, and stay as they are.
    Exit code: 0 all arrived, 3 something is left, 4 bad input, 130 interrupted.
    """
    from instrumentation.commands.output import ending_well
    from instrumentation.commands.resend import resend_spools

    with ending_well():
        resend_spools(spools or ())


@app.command(
    epilog=_examples(
        "OTEL_EXPORTER=jaeger nanoagent score 7334cca09277f2e7b57f4471741cfd08 --value 1 --label good",
        "nanoagent score RUN_ID --label bad --explanation 'the sum is wrong' --in nanoagent-traces.jsonl",
        "nanoagent score RUN_ID --name accuracy --value 0.8 --trace 0af7651916cd43dd8448eb211c80319c",
    )
)
def score(
    run_id: Annotated[str, typer.Argument(metavar="RUN_ID", help="The run, by the id that nanoagent metrics shows.")],
    value: Annotated[float | None, typer.Option(help="The verdict as a number, such as 1 for good, 0 for bad.")] = None,
    label: Annotated[str | None, typer.Option(metavar="WORD", help="The verdict as a word, such as good.")] = None,
    name: Annotated[str, typer.Option(metavar="WORD", help="What is judged, or who judges.")] = "user",
    explanation: Annotated[str | None, typer.Option(metavar="TEXT", help="Why, in words.")] = None,
    trace: Annotated[
        str | None, typer.Option(metavar="TRACE_ID", help="The run's trace. By default it is looked for in Jaeger.")
    ] = None,
    file: Annotated[
        str | None, typer.Option("--in", metavar="FILE", help="Look for the run in this file of OTLP JSON instead.")
    ] = None,
    jaeger: _JaegerUrl = None,
) -> None:
    """Attach a verdict to a run that is over: a score, which is linked to the run's trace and changes no number of it.

    OTEL_EXPORTER and the standard OTEL_EXPORTER_OTLP_* variables say where to, as they do for the run.

    Exit code: 0 it has arrived, 3 it has not, 4 bad input or no such run, 130 interrupted.
    """
    from instrumentation.commands.output import ending_well
    from instrumentation.commands.score import score_run
    from instrumentation.scoring import Verdict

    with ending_well():
        verdict = Verdict(name=name, value=value, label=label, explanation=explanation)
        score_run(run_id, verdict, trace=trace, file=file, jaeger=jaeger)


def main() -> None:
    """Run the command and exit."""
    run_command(app)
