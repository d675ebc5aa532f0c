"""The cost of looking, as paired ratios of CPU time in one process: `uv run python benchmarks/overhead.py`.

It prints each number with its confidence interval beside its bound, and exits with 1 only when all of an interval is on
the wrong side of the bound, which is the most (`<`) or the least (`>`) that the number may be.

What is measured. An agent step of four spans: a pydantic-ai agent, a chat that asks for a tool, the tool, a chat that
answers. The model answers at once and has no price, the tool adds two numbers; nothing waits, so that all there is to
see is CPU time. The step is made in these ways:

    bare          the agent alone
    by hand       four spans with the SDK's `start_as_current_span`, around the agent, the model and the tool
    wrappers      `traced(model)` and `traced_toolset(toolset)` inside `traced_run`, as the orchestrator traces
    aggregator    the same, with `PerformanceAggregator` as the SDK's processor
    tracing       `Agent(..., capabilities=[Tracing()])`
    pydantic-ai   `Agent(..., capabilities=[Instrumentation()])`, pydantic-ai's own, as it is by default
    off           `wrappers` with the API's no-op provider: the run still counts for its own metrics
    outside       the wrapped model and toolset outside of any run, where they only forward

By hand, wrappers and tracing set the same attributes on the same spans. Each of the providers is an SDK at its defaults
with one processor that does nothing.

How. All ways take turns in one process: a round runs each of them five times, in an order that is drawn for the round,
and takes the process's CPU time, not the clock on the wall. Garbage is collected before each turn, outside of the time
that counts, and never within. What is compared is always of the same round, so that a machine that gets slower or
busier is no difference; of the rounds it is the median, so that a single disturbed one is none either.

- over spans by hand: (way - bare) / (by hand - bare)
- over the bare agent: way / bare
- the aggregator: the spans of 50 real runs are recorded once; in each round a new aggregator and a new processor that
  does nothing are fed with them. It adds up a run's numbers only when somebody asks for them, so that has a number of
  its own: fed, and then asked once for each run. In situ: aggregator - wrappers, over four spans; caches are colder.
- the import: the CPU time of processes that do nothing else, in turns
- reading: the file that the `file` exporter writes of all the benchmark's goals is copied with fresh ids until it has
  30,000 spans. A process that does nothing else reads it to the metrics of its runs, and parses it with `json.loads`,
  in turns: once so that all of it is in hand, as one needs it to count anything, and once so that each line is dropped
  before the next one is parsed, which is the least that a parser can take. The number is how many times as many spans
  a second come out as metrics. For `json.loads` the garbage collector is on, as it is by default; reading has it off,
  as the `nanoagent` command has it, since it makes nothing that only the collector could free.
- attempts: every goal of the benchmark is attempted four times in a turn, up to 100 attempts at a time, as the command
  makes them with the scripted model: traced, counted, judged, the traces kept and a row written for each. The bare
  calls are those that they make: what each attempt asks its agents is noted once, and asked of agents as one makes
  them by hand, once for all, with the same model, instructions, prompts, tools and output types, in the same order and
  as many at a time; but without orchestrator, spans, numbers, verdicts and files. The number is how many attempts are
  made in the CPU time in which the bare calls of one are. The garbage collector is on in both, as it is by
  default. All turns are one run of the benchmark, of more than 1,000 attempts when there is time for all rounds.
  Beside it the same by the clock on the wall, which sees the disk too, and whatever else the machine does.
- memory: the most that a process takes which reads a file of 20,000 spans to its metrics, and one ten times larger

The interval is a bootstrap (95 %, percentiles, 1,000 times, seeded) over whole rounds. It tells how sure the number is
on this machine and says nothing of another one: ratios carry over, microseconds do not.

The rounds end when there are enough of them or when the time is up, so that a busy machine makes fewer of them and the
whole takes about three minutes.
"""

import json
import sys
from pathlib import Path
from typing import Annotated

if __name__ == "__main__":
    # Python puts this file's directory first on the path; the packages are one level up.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import typer

from instrumentation.exits import Ended, ExitCode, run_command

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command()
def overhead(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Few rounds: a try, with wide intervals.")] = False,
) -> None:
    """Measure the cost of looking: what tracing adds to an agent step and what reading takes, as paired ratios.

    How it measures is in the docstring of benchmarks/overhead.py. It takes about three minutes.

    Exit code: 0 within bounds, 1 all of a number's 95 % interval is past its bound, 4 bad input or crash, 130
    interrupted.
    """
    from benchmarks.measuring.measured import measured
    from benchmarks.measuring.report import as_data, table

    report = measured(quick=quick, say=lambda text: typer.echo(text, err=True))
    typer.echo(json.dumps(as_data(report), indent=2) if as_json else table(report))
    raise Ended(ExitCode.OK if report.ok else ExitCode.FAILED)


if __name__ == "__main__":
    run_command(app)
