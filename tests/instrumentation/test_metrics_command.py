"""`nanoagent metrics`: the numbers of a file are those of the live run; what is wrong is said, and in the exit code."""

import asyncio
import gzip
import io
import json
import os
import pty
import re
import resource
import shutil
import signal
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import pytest

from instrumentation.commands.output import as_json
from instrumentation.commands.speaking import Speaker
from tests.commands import ROOT, run_python
from tests.instrumentation.command_line import FOREIGN, a_run, exported, lines, nanoagent
from tests.instrumentation.reading.otlp import as_line, read_span
from tests.instrumentation.reading.web_server import answer, closed_port, serving
from tests.runs import Ran

COMMAND = ("-c", "from instrumentation.cli import main; main()")
DELEGATE = FOREIGN / "pydantic_ai_v5.plan_delegate_retry_parallel.jsonl"
UNKNOWN_MODEL = FOREIGN / "pydantic_ai_v5.no_usage_unknown_model.jsonl"


@pytest.fixture
def run() -> Ran:
    return asyncio.run(a_run())


@pytest.fixture
def file(run: Ran, tmp_path: Path) -> Path:
    return exported(tmp_path / "traces.jsonl", run.captured.spans)


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COLUMNS", "FORCE_COLOR", "NO_COLOR", "NANOAGENT_JAEGER_URL"):
        monkeypatch.delenv(name, raising=False)


def to_dicts(run: Ran) -> list[dict[str, Any]]:
    """What a reader can know of the run: all but its goal, which no span carries."""
    return [run.live.to_dict() | {"goal": None}]


def strict(text: str) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def buffering() -> dict[str, str]:
    """An environment in which stdout is buffered, as it is by default, and written when the process ends."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


def agents(number: int) -> bytes:
    """A line with as many runs of one call each, of another producer."""
    spans = []
    for each in range(number):
        ids = {"trace_id": f"{each + 1:032x}", "start_ns": 1_000 + each}
        agent = {"gen_ai.operation.name": "invoke_agent"}
        chat = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 3, "gen_ai.usage.output_tokens": 2}
        spans += [
            read_span(f"{2 * each + 2:016x}", parent_span_id=f"{2 * each + 1:016x}", attributes=chat, **ids),
            read_span(f"{2 * each + 1:016x}", attributes=agent, **ids),
        ]
    return as_line(*spans)


def test_the_json_of_a_file_is_the_live_run_and_nothing_else_is_on_stdout(file: Path, run: Ran) -> None:
    done = nanoagent("metrics", file, "--json")
    assert (done.code, done.err) == (0, "")
    assert strict(done.out) == to_dicts(run)
    assert run.live.iterations == 2


def test_standard_input_and_gzip_are_read_as_well(file: Path, run: Ran) -> None:
    packed = gzip.compress(file.read_bytes())
    assert strict(nanoagent("metrics", "-", "--json", stdin=packed).out) == to_dicts(run)
    assert strict(nanoagent("metrics", "-", "--json", stdin=file.read_bytes()).out) == to_dicts(run)


def test_what_stands_in_two_sources_counts_once(file: Path, run: Ran, tmp_path: Path) -> None:
    again = shutil.copy(file, tmp_path / "again.jsonl")
    assert strict(nanoagent("metrics", file, again, file, "--json").out) == to_dicts(run)


def test_one_run_is_shown_by_phase_and_iteration(file: Path) -> None:
    done = nanoagent("metrics", file)
    assert done.code == 0
    assert [line.split("  ")[0] for line in done.out.splitlines() if line[:1].isalpha()] == [
        "run",
        "trace",
        "status",
        "started",
        "models",
        "tasks",
        "complete",
        *["run", "plan", "execute", "reflect", "iteration 1", "iteration 2"] * 2,
        "note",
    ]
    assert max(map(len, done.out.splitlines())) <= 80
    assert "\x1b" not in done.out


def test_many_runs_are_a_line_each_and_a_total() -> None:
    done = nanoagent("metrics", DELEGATE, FOREIGN / "util_genai.workflow.jsonl", "--prices", "none")
    assert done.code == 0
    assert done.out.splitlines() == [
        "  run           status      calls  tools     in/out tokens        cost      time",
        "  5b650b81cb2d  completed       5      5            610/80    $0.00018   51.6 ms",
        "  66c47f1018eb  completed       5      2           550/230           -    1.5 ms",
        "  total of 2 runs              10      7         1,160/310   ≥$0.00018   53.0 ms",
        "note       1 model call failed, 1 model call cancelled, 2 tool calls failed",
        "note       3 of 8 calls unpriced; the others cost $0.00018",
    ]


def test_a_wide_terminal_shows_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "170")
    done = nanoagent("metrics", DELEGATE, FOREIGN / "util_genai.workflow.jsonl")
    assert "0c2bf1ac94e2d280fb1ea24f2dec867e" in done.out
    assert "5b650b81cb2d4672" in done.out


def test_colours_are_for_terminals_that_want_them(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = nanoagent("metrics", file).out
    monkeypatch.setenv("FORCE_COLOR", "1")
    coloured = nanoagent("metrics", file).out
    assert "\x1b[" in coloured
    assert re.sub("\x1b\\[[0-9;]*m", "", coloured) == plain
    monkeypatch.setenv("NO_COLOR", "1")
    assert nanoagent("metrics", file).out == plain


def test_a_model_without_a_price_is_unpriced_never_free() -> None:
    done = nanoagent("metrics", UNKNOWN_MODEL)
    assert "note       1 of 1 call unpriced" in done.out
    assert "$" not in done.out
    assert strict(nanoagent("metrics", UNKNOWN_MODEL, "--json").out)[0]["cost_usd"] is None


def test_who_priced_the_calls_of_others_is_said_beside_the_data() -> None:
    done = nanoagent("metrics", FOREIGN / "sdk_odd_values.twelve_parallel_calls.jsonl", "--json")
    assert re.fullmatch(r"12 calls priced by genai-prices \S+, prices of 2026-11-18\n", done.err)
    assert strict(done.out)[0]["cost_usd"] == 7.8e-05


def test_own_prices_price_the_models_that_nobody_else_knows(tmp_path: Path) -> None:
    chat = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "mine", "gen_ai.provider.name": "local"}
    usage = {"gen_ai.usage.input_tokens": 1_000_000, "gen_ai.usage.output_tokens": 1_000_000}
    source = lines(tmp_path / "own.jsonl", [as_line(read_span(attributes=chat | usage, start_ns=10**18))])
    prices = tmp_path / "prices.toml"
    prices.write_text("[models.mine]\ninput = 1.5\noutput = 2\n")
    done = nanoagent("metrics", source, "--json", "--prices", prices)
    assert (done.code, strict(done.out)[0]["cost_usd"]) == (0, 3.5)
    assert done.err == f"1 call priced by {prices}\n"
    without = nanoagent("metrics", source, "--json")
    assert (without.code, strict(without.out)[0]["cost_usd"]) == (0, None)
    assert without.err == "no price is known of mine (1 call): give your own with --prices FILE\n"
    assert nanoagent("metrics", source, "--prices", "none").err == ""


def test_spans_that_are_missing_are_named_and_the_others_counted(file: Path, run: Ran) -> None:
    [iteration] = [s for s in run.captured.spans if (s.attributes or {}).get("nanoagent.iteration") == 1
                   and s.name == "iteration"]  # fmt: skip
    kept = [span for span in run.captured.spans if span is not iteration]
    file.unlink()
    exported(file, kept)
    done = nanoagent("metrics", file, "--json")
    [numbers] = strict(done.out)
    assert (done.code, numbers["complete"], numbers["tokens_used"]) == (3, False, run.live.tokens_used)
    assert iteration.context is not None
    missing = f"{iteration.context.span_id:016x}"
    found, expected = len(kept), len(kept) + 1
    assert done.err == (f"run run-1 is not complete: {found} of {expected} spans found, missing parents: {missing}\n")
    assert (
        f"complete   no: {found} of {expected} spans found, missing parents: {missing}"
        in nanoagent("metrics", file).out
    )


def test_a_last_line_that_is_cut_off_is_said_and_the_rest_counted(file: Path, run: Ran) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole + whole[: len(whole) // 2])
    done = nanoagent("metrics", file, "--json")
    assert (done.code, strict(done.out)) == (3, to_dicts(run))
    assert done.err.count("\n") == 1
    assert done.err.startswith(f"{file}:2: ")


def test_problems_beyond_the_bound_are_counted(tmp_path: Path) -> None:
    source = lines(tmp_path / "bad.jsonl", [*(b"nonsense" for _ in range(150)), DELEGATE.read_bytes().strip()])
    done = nanoagent("metrics", source, "--json")
    assert (done.code, len(strict(done.out))) == (3, 1)
    assert len(done.err.splitlines()) == 21
    assert done.err.splitlines()[-1] == "… and 130 more problems"


def test_runs_that_are_not_complete_are_named_up_to_a_bound(tmp_path: Path) -> None:
    chat = {"gen_ai.operation.name": "chat"}
    orphans = [
        read_span(f"{number:016x}", trace_id=f"{number:032x}", parent_span_id="f" * 16, attributes=chat)
        for number in range(1, 31)
    ]
    done = nanoagent("metrics", lines(tmp_path / "orphans.jsonl", [as_line(*orphans)]))
    assert done.code == 3
    assert done.err.count("is not complete: 1 span found, missing parents: ffffffffffffffff") == 20
    assert done.err.splitlines()[20] == "… and 10 more runs that are not complete"
    assert "! 30 are not complete" in done.out


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty: it holds no traces"),
        (b"\n", "is empty"),
        (b'{"resourceSpans": []}\n', "no runs: none of the 0 spans of "),
        (as_line(read_span()) + b"\n", "no runs: none of the 1 spans of "),
    ],
)  # fmt: skip
def test_nothing_to_count_is_no_success(content: bytes, said: str, tmp_path: Path) -> None:
    source = tmp_path / "none.jsonl"
    source.write_bytes(content)
    done = nanoagent("metrics", source, "--json")
    assert (done.code, strict(done.out)) == (3, [])
    assert said in done.err
    assert nanoagent("metrics", source).out == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "a source is needed, got none"),
        (["nosuch.jsonl"], "a source is a file, - for standard input, or a trace id of 32 hex digits for Jaeger, got "
         "'nosuch.jsonl': there is no such file, and it is no such id"),
        (["abc123"], "there is no file 'abc123', and a trace id must have 32 hex digits"),
        (["0" * 32], "and a trace id must be 32 hex digits that are not all zeros"),
        (["x" * 5_000], "...: there is no such file"),
        (["a\0b"], r"got 'a\x00b'"),
        (["."], "a trace file must be a file, got the directory '.'"),
        (["-", "--prices", "nosuch.toml"], "a price file must be readable, got 'nosuch.toml'"),
        (["-", "--since", "1h"], "--since is for a search in Jaeger, which needs --service"),
        (["--service", "s", "--since", "yesterday"], "--since takes a time ago, such as 30s, 15m, 1h or 2d"),
        (["--service", "s", "--until", "2026-13-01"], "--until takes a time ago"),
        (["--service", "s", "--attribute", "a"], "--attribute takes KEY=VALUE, got 'a'"),
        (["--service", "s", "--limit", "0"], "1 to 1,500 traces, got a limit of 0"),
        (["--service", " "], "needs the name of a service, got ' '"),
        (["--service", "s", "--jaeger", "localhost:16686"], "--jaeger must start with http:// or https://"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_one_line_and_exit_code_4(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = nanoagent("metrics", *arguments)
    assert (done.code, done.out, done.err.count("\n")) == (4, "", 1)
    assert said in done.err


def test_a_file_named_like_a_trace_id_is_a_file(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file.rename(tmp_path / ("a" * 32))
    assert nanoagent("metrics", "a" * 32).code == 0


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["--help"], ["metrics", "--help"], ["tree", "--help"], ["verify", "--help"]])
def test_help_answers_on_any_terminal(arguments: list[str]) -> None:
    done = run_python(*COMMAND, *arguments, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    if len(arguments) > 1:
        assert f"nanoagent {arguments[0]} " in done.stdout.partition("Examples:")[2]
        assert "Exit code: 0 " in done.stdout


@pytest.mark.slow
def test_a_stream_that_is_not_unicode_gets_what_looks_alike() -> None:
    source = FOREIGN / "sdk_odd_values.usage_input_nan.jsonl"
    done = run_python(*COMMAND, "metrics", str(source), PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert ">=10" in done.stdout


def test_a_run_is_picked_by_its_id_or_how_it_begins() -> None:
    sources = [DELEGATE, FOREIGN / "util_genai.workflow.jsonl"]

    def picked(run_id: str) -> list[str]:
        return [run["run_id"] for run in strict(nanoagent("metrics", *sources, "--json", "--run", run_id).out)]

    assert picked("5b650b81cb2d4672") == ["5b650b81cb2d4672"]
    assert picked("66c4") == ["66c47f1018ebb301"]


def test_a_run_that_is_not_there_or_not_the_only_one_is_an_error(tmp_path: Path) -> None:
    source = lines(tmp_path / "many.jsonl", [agents(20)])
    done = nanoagent("metrics", source, "--run", "nosuch")
    assert (done.code, done.out) == (4, "")
    assert "--run must name a run of the sources, got 'nosuch'; there are 0000000000000001, " in done.err
    done = nanoagent("metrics", source, "--run", "0000")
    assert done.code == 4
    assert "--run must name one run, got '0000', with which several begin: 0000000000000001, " in done.err


def test_the_exit_code_of_one_run_is_about_that_run_alone(tmp_path: Path, file: Path) -> None:
    orphan = read_span("2" * 16, parent_span_id="1" * 16, attributes={"gen_ai.operation.name": "chat"})
    both = lines(tmp_path / "both.jsonl", [file.read_bytes().strip(), as_line(orphan)])
    assert nanoagent("metrics", both).code == 3
    assert nanoagent("metrics", both, "--run", "run-1").code == 0


def test_a_half_character_in_a_name_leaves_strict_json(tmp_path: Path) -> None:
    names = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m\ud83e"}
    source = lines(tmp_path / "half.jsonl", [as_line(read_span(attributes=names))])
    done = nanoagent("metrics", source, "--json")
    assert strict(done.out.encode("ascii").decode())[0]["models"] == ["m\ufffd"]


def test_a_trace_in_jaeger_is_read_by_its_id(file: Path, run: Ran) -> None:
    trace_id = str(run.live.trace_id)
    with serving(answer(json.dumps({"result": json.loads(file.read_bytes())}))) as server:
        done = nanoagent("metrics", trace_id.upper(), "--json", "--jaeger", server.url)
    assert (done.code, done.err, strict(done.out)) == (0, "", to_dicts(run))
    assert server.asked[0].startswith(f"GET /api/v3/traces/{trace_id}?")


def test_a_search_in_jaeger_reads_what_it_finds(file: Path, run: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(answer(json.dumps({"result": json.loads(file.read_bytes())}))) as server:
        monkeypatch.setenv("NANOAGENT_JAEGER_URL", server.url)
        asked = [
            "--since",
            "2026-11-25T08:00",
            "--until",
            "2026-11-25T10:00+01:00",
            "--attribute",
            "nanoagent.status=completed",
        ]
        done = nanoagent("metrics", "--service", "mine", *asked, "--json")
    assert (done.code, strict(done.out)) == (0, to_dicts(run))
    assert "query.service_name=mine&query.start_time_min=2026-11-25T08%3A00%3A00%2B00%3A00" in server.asked[0]
    assert "query.start_time_max=2026-11-25T09%3A00%3A00%2B00%3A00" in server.asked[0]


def test_a_trace_that_jaeger_does_not_have_is_said_and_the_rest_is_counted(file: Path, run: Ran) -> None:
    with serving(answer('{"error": {"message": "trace not found"}}', 404)) as server:
        done = nanoagent("metrics", file, "b" * 32, "--json", "--jaeger", server.url)
    assert (done.code, strict(done.out)) == (3, to_dicts(run))
    assert done.err.count("\n") == 1
    assert f"has no trace {'b' * 32}, or not yet" in done.err


def test_a_jaeger_that_is_down_is_one_line_and_exit_code_4() -> None:
    done = nanoagent("metrics", "b" * 32, "--jaeger", f"http://127.0.0.1:{closed_port()}")
    assert (done.code, done.out, done.err.count("\n")) == (4, "", 1)
    assert "nothing listens at" in done.err


def test_reading_a_file_asks_nobody_where_jaeger_is(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NANOAGENT_JAEGER_URL", "nonsense")
    assert nanoagent("metrics", file).code == 0
    assert nanoagent("metrics", "b" * 32).code == 4


def test_an_id_that_another_one_begins_with_is_itself(tmp_path: Path) -> None:
    runs = [
        read_span(
            digit * 16, trace_id=digit * 32, attributes={"nanoagent.run.id": run_id, "nanoagent.status": "failed"}
        )
        for digit, run_id in (("1", "run-10"), ("2", "run-1"), ("3", "run-11"))
    ]
    source = lines(tmp_path / "runs.jsonl", [as_line(*runs)])
    [picked] = strict(nanoagent("metrics", source, "--run", "run-1", "--json").out)
    assert picked["run_id"] == "run-1"


def test_rows_that_are_written_as_they_come_are_written_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    source = lines(tmp_path / "many.jsonl", [agents(50)])
    together = nanoagent("metrics", source).out
    monkeypatch.setattr("instrumentation.commands.metrics._TOGETHER_S", -1.0)
    assert nanoagent("metrics", source).out == together
    assert len(together.splitlines()) == 1 + 50 + 1 + 1


def test_what_json_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        as_json({"cost": float("nan")})


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_long_reading_shows_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Speaker(patience_s=0) as speaker:
        show = speaker.progress("a.jsonl")
        show(0, 2_000_000)
        speaker.say("a \x1bproblem [x]")
        show(1_000_000, 2_000_000)
        speaker.progress("b.jsonl")(5, None)
    text = terminal.getvalue()
    assert "reading a.jsonl" in text
    assert "reading b.jsonl" in text
    assert "a \ufffdproblem [x]\n" in text.replace("\r", "")
    assert text.endswith("\x1b[2K")


@pytest.mark.parametrize(("is_terminal", "patience_s"), [(False, 0.0), (True, 60.0)])
def test_short_reading_and_pipes_show_no_progress(
    is_terminal: bool, patience_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    stderr = Terminal() if is_terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    with Speaker(patience_s=patience_s) as speaker:
        speaker.progress("a.jsonl")(1, 2)
    assert stderr.getvalue() == ""


def test_what_is_piped_is_80_columns_wide_however_wide_the_terminal_is() -> None:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (50, 200))
    done = subprocess.run(
        [sys.executable, *COMMAND, "metrics", str(DELEGATE), str(FOREIGN / "util_genai.workflow.jsonl")],
        cwd=ROOT,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
        check=True,
    )
    os.close(ours)
    os.close(theirs)
    assert max(map(len, done.stdout.decode().splitlines())) <= 80


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["metrics", "-"], ["metrics", "-", "--json"], ["tree", "-"], ["verify", "-"]])
def test_when_nobody_reads_at_all_it_ends_quietly(arguments: list[str]) -> None:
    arguments += [str(DELEGATE)] if arguments[0] == "verify" else []
    process = subprocess.Popen(
        [sys.executable, *COMMAND, *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=buffering(),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stderr:
        process.stdout.close()
        process.stdin.write(DELEGATE.read_bytes())
        process.stdin.close()
        assert process.stderr.read() == b""
    assert process.wait(30) == 0


@pytest.mark.slow
def test_when_nobody_reads_on_it_ends_quietly(tmp_path: Path) -> None:
    source = lines(tmp_path / "many.jsonl", [agents(8_000)])
    for format_ in ([], ["--json"]):
        process = subprocess.Popen(
            [sys.executable, *COMMAND, "metrics", str(source), *format_],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=buffering(),
        )
        assert process.stdout is not None
        assert process.stderr is not None
        with process.stdout, process.stderr:
            assert process.stdout.read(1)
            process.stdout.close()
            assert process.stderr.read() == b""
        assert process.wait(30) == 0


@pytest.mark.slow
@pytest.mark.parametrize("format_", [[], ["--json"]], ids=["table", "json"])
def test_ctrl_c_is_one_line_and_leaves_no_json_that_looks_whole(format_: list[str], tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-X", "faulthandler", *COMMAND, "metrics", "-", *format_],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(agents(12_000) + b"\n")
    process.stdin.flush()
    first = process.stdout.read(1)
    process.send_signal(signal.SIGINT)
    try:
        out, err = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)
        pytest.fail(f"it went on: {process.communicate()[1].decode()}")
    assert (process.returncode, err) == (130, b"interrupted: what was written is not the whole\n")
    assert b"total of" not in out
    with pytest.raises(json.JSONDecodeError):
        json.loads(first + out)


def test_neither_the_sdk_nor_the_agents_are_loaded(file: Path) -> None:
    program = f"""
import sys
from instrumentation.cli import app
sys.argv = ["nanoagent", "metrics", {str(file)!r}]
try:
    app()
finally:
    heavy = ("opentelemetry.sdk", "pydantic_ai", "requests", "genai_prices", "rich.progress", "asyncio")
    print([name for name in heavy if name in sys.modules], file=sys.stderr)
"""
    done = run_python("-c", program)
    assert (done.returncode, done.stderr) == (0, "[]\n")


@pytest.mark.slow
@pytest.mark.parametrize(("arguments", "limit_s"), [(["--help"], 0.4), (["metrics", str(DELEGATE)], 0.6)])
def test_it_answers_soon(arguments: list[str], limit_s: float) -> None:
    def seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert run_python(*COMMAND, *arguments).returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(3)) < limit_s


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize(
    ("redirection", "told"),
    [
        (
            ">/dev/full",
            "stdout cannot be written (No space left on device): what was written is not the whole; make room",
        ),
        (">&-", "stdout must be open, got none: send it to a file, or to /dev/null"),
    ],
)
def test_an_output_that_cannot_be_written_is_said_in_one_line(redirection: str, told: str, file: Path) -> None:
    command = f'"$0" -c "$1" metrics "$2" {redirection}'
    done = subprocess.run(
        ["sh", "-c", command, sys.executable, COMMAND[1], str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (4, f"error: {told}\n")


def test_an_empty_source_is_no_file() -> None:
    done = nanoagent("metrics", "")
    assert (done.code, done.err) == (
        4,
        "error: a source is a file, - for standard input, or a trace id of 32 hex digits for Jaeger, got '': "
        "there is no such file, and it is no such id\n",
    )
