"""`--verify`, end to end: what the command says of traces that came back, and how it exits."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks.suite.goals import GOALS
from tests.commands import BENCHMARK, ROOT, results_in, run_benchmark, written_in
from tests.instrumentation.reading.web_server import WebServer, answer, closed_port, serving
from tests.jaeger.plugin import Jaeger

pytestmark = pytest.mark.slow

NOT_FOUND = answer('{"error":{"httpCode":404,"message":"No traces found"}}\n', 404)


def to_file(folder: Path) -> dict[str, str]:
    return {"OTEL_EXPORTER": "file", "OTEL_EXPORTER_FILE_PATH": str(folder / "traces.jsonl")}


def verification_in(output: Path) -> dict[str, Any]:
    found: dict[str, Any] = results_in(output)["verification"]
    return found


def tampering(folder: Path, change: str) -> str:
    """A program that runs the command, and changes the file of traces between the run and the reading back.

    `change` is a statement about `lines`, which are those of the file.
    """
    script = folder / "driver.py"
    script.write_text(
        "import os, pathlib\n"
        "import benchmarks.command as command\n"
        "from benchmarks.cli import main\n"
        "original = command.read_back\n"
        "def tampered(results, sources, telemetry, **options):\n"
        "    telemetry.shutdown()\n"
        "    path = pathlib.Path(os.environ['OTEL_EXPORTER_FILE_PATH'])\n"
        "    lines = path.read_text().splitlines(keepends=True)\n"
        f"    {change}\n"
        "    path.write_text(''.join(lines))\n"
        "    return original(results, sources, telemetry, **options)\n"
        "command.read_back = tampered\n"
        "main()\n"
    )
    return str(script)


@pytest.mark.jaeger
def test_every_goal_is_verified_from_file_and_jaeger(jaeger: Jaeger, tmp_path: Path) -> None:
    done = run_benchmark(
        tmp_path,
        "--verify",
        **to_file(tmp_path) | {"OTEL_EXPORTER": "jaeger,file"},
        OTEL_EXPORTER_OTLP_ENDPOINT=jaeger.otlp_http_endpoint,
        NANOAGENT_JAEGER_URL=jaeger.ui_url,
    )
    assert (done.returncode, done.stderr) == (0, "")
    count = len(GOALS)
    line = f"Verified: {count} of {count} runs give the same numbers from file and Jaeger"
    assert done.stdout.splitlines()[-1] == line
    assert f"\n{line}.\n" in (tmp_path / "RESULTS.md").read_text()
    expected = {"sources": ["file", "Jaeger"], "runs": count, "findings": [], "interrupted": False}
    assert verification_in(tmp_path) == expected


def test_a_number_that_was_changed_in_the_file_exits_with_1_and_is_named(tmp_path: Path) -> None:
    change = (
        "import re; lines[0] = re.sub("
        r'r"""("gen_ai.usage.output_tokens"[^{]*\{[^0-9]*)[0-9]+""", r"""\g<1>5000""", lines[0], count=1)'
    )
    done = run_benchmark(
        tmp_path,
        "--goal",
        "addition",
        "--goal",
        "weekday",
        "--verify",
        program=tampering(tmp_path, change),
        **to_file(tmp_path),
    )
    assert (done.returncode, done.stderr) == (1, "")
    summary, finding = done.stdout.splitlines()[-2:]
    assert summary == "Not verified: 1 of 2 runs give the same numbers from file"
    assert finding.startswith("  addition: file: output_tokens is 5")
    assert finding.endswith(", and was 86 in the run")
    assert [one["kind"] for one in verification_in(tmp_path)["findings"]] == ["different"]
    assert "2 of 2 goals passed." in done.stdout


def test_a_reader_that_misreads_exits_with_1(tmp_path: Path) -> None:
    script = tmp_path / "driver.py"
    script.write_text(
        "import benchmarks.results.sources as sources\n"
        "from benchmarks.cli import main\n"
        "original = sources.read_file\n"
        "sources.read_file = lambda *given: (\n"
        "    [span._replace(end_ns=span.end_ns + 1) for span in batch] for batch in original(*given)\n"
        ")\n"
        "main()\n"
    )
    done = run_benchmark(tmp_path, "--goal", "addition", "--verify", program=str(script), **to_file(tmp_path))
    assert done.returncode == 1
    assert "  addition: file: " in done.stdout


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("lines.clear()", "addition: file: not there ("),
        ("lines[0] = lines[0][: len(lines[0]) // 2]", "addition: file: incomplete, "),
    ],
)
def test_a_file_that_lost_spans_exits_with_3(tmp_path: Path, change: str, said: str) -> None:
    program = tampering(tmp_path, change)
    done = run_benchmark(tmp_path, "--goal", "addition", "--verify", program=program, **to_file(tmp_path))
    assert done.returncode == 3
    assert done.stdout.splitlines()[-2] == "Not verified: 0 of 1 run gives the same numbers from file"
    assert said in done.stdout.splitlines()[-1]
    assert done.stdout.splitlines()[-1].endswith("; all spans were sent")
    assert [one["kind"] for one in verification_in(tmp_path)["findings"]] == ["lacking"]


def impatient(folder: Path) -> str:
    """A program that runs the command, and waits for a Jaeger for a moment only."""
    script = folder / "driver.py"
    script.write_text(
        "import functools\n"
        "import benchmarks.results.sources as sources\n"
        "from benchmarks.cli import main\n"
        "sources.JaegerSource = functools.partial(sources.JaegerSource, limit_s=0.3)\n"
        "main()\n"
    )
    return str(script)


def verified_in_an_empty_jaeger(folder: Path, otlp_http_endpoint: str) -> subprocess.CompletedProcess[str]:
    with serving(answer('{"services":[]}'), NOT_FOUND) as ui:
        return run_benchmark(
            folder,
            "--goal",
            "addition",
            "--verify",
            program=impatient(folder),
            OTEL_EXPORTER="jaeger",
            OTEL_EXPORTER_OTLP_ENDPOINT=otlp_http_endpoint,
            NANOAGENT_JAEGER_URL=ui.url,
        )


@pytest.mark.jaeger
def test_a_trace_that_jaeger_lost_exits_with_3(jaeger: Jaeger, tmp_path: Path) -> None:
    done = verified_in_an_empty_jaeger(tmp_path, jaeger.otlp_http_endpoint)
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout.splitlines()[-1] == "  addition: Jaeger: not there after 0.3 s; all spans were sent"


def test_a_trace_that_was_never_sent_is_told_from_one_that_is_not_there_yet(tmp_path: Path) -> None:
    done = verified_in_an_empty_jaeger(tmp_path, f"http://127.0.0.1:{closed_port()}")
    assert done.returncode == 3
    line = "  addition: Jaeger: not there after 0.3 s; nothing was ever sent (nothing listens)"
    assert done.stdout.splitlines()[-1] == line


def test_ctrl_c_ends_the_waiting_and_keeps_the_results(tmp_path: Path) -> None:
    with serving(answer('{"services":[]}'), NOT_FOUND) as ui:
        process = subprocess.Popen(
            [sys.executable, BENCHMARK, "--output", str(tmp_path), "--goal", "addition", "--verify"],
            cwd=ROOT,
            env={
                **os.environ,
                "OTEL_EXPORTER": "jaeger",
                "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{closed_port()}",
                "NANOAGENT_JAEGER_URL": ui.url,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        _await_a_trace_asked_for(ui)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "Traceback" not in stderr
    assert stdout.splitlines()[-1] == "Not verified: interrupted while the traces were read back"
    assert "1 of 1 goal passed." in stdout
    assert verification_in(tmp_path)["interrupted"] is True


def _await_a_trace_asked_for(ui: WebServer) -> None:
    deadline_s = time.monotonic() + 30
    while not any("/api/v3/traces/" in asked for asked in ui.asked):
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({}, "--verify reads traces back from file or jaeger, got the exporters none: set OTEL_EXPORTER=file"),
        ({"OTEL_EXPORTER": "file", "OTEL_SDK_DISABLED": "true"}, "--verify needs traces, got OTEL_SDK_DISABLED=true"),
        ({"OTEL_EXPORTER": "jaeger", "NANOAGENT_JAEGER_URL": "http://127.0.0.1:1"}, "nothing listens at http://127.0.0.1:1:"),
    ],
)  # fmt: skip
def test_what_cannot_be_verified_is_said_before_any_goal_is_run(tmp_path: Path, env: dict[str, str], said: str) -> None:
    (tmp_path / "attempts.jsonl").write_text("good")
    with serving(answer("")) as otlp:
        done = run_benchmark(tmp_path, "--verify", OTEL_EXPORTER_OTLP_ENDPOINT=otlp.url, **env)
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.startswith("error: ")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert written_in(tmp_path) == ["attempts.jsonl"]
    assert (tmp_path / "attempts.jsonl").read_text() == "good"


@pytest.mark.jaeger
def test_the_port_that_spans_are_sent_to_is_told_from_the_one_that_is_read(jaeger: Jaeger, tmp_path: Path) -> None:
    done = run_benchmark(
        tmp_path,
        "--verify",
        OTEL_EXPORTER="jaeger",
        OTEL_EXPORTER_OTLP_ENDPOINT=jaeger.otlp_http_endpoint,
        NANOAGENT_JAEGER_URL=jaeger.otlp_http_endpoint,
    )
    assert (done.returncode, done.stdout) == (4, "")
    assert "4317 and 4318 take spans, and the UI's port, 16686 by default, gives them back" in done.stderr


def test_numbers_that_did_not_come_back_become_no_baseline(tmp_path: Path) -> None:
    script = Path(tampering(tmp_path, "lines.clear()"))
    script.write_text(
        "import benchmarks.results.store as store\n"
        "write = store.write_text\n"
        "def refuse(path, text):\n"
        "    assert path.name != 'baseline.json', 'the baseline was written'\n"
        "    write(path, text)\n"
        "store.write_text = refuse\n" + script.read_text()
    )
    done = run_benchmark(tmp_path, "--verify", "--save-baseline", program=str(script), **to_file(tmp_path))
    assert done.returncode == 4
    assert done.stderr == (
        "error: --save-baseline needs numbers that every trace bears out, got 'Not verified: 0 of "
        f"{len(GOALS)} runs give the same numbers from file'; the baseline is as it was\n"
    )
