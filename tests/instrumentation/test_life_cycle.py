"""Each way that a process can begin, split and end: its spans get out, once, and it ends as without us."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import which

import pytest

from instrumentation.reading.files import read_file
from instrumentation.reading.problems import Problems
from instrumentation.reading.spans import ReadSpan
from instrumentation.testing import Collector, Protocol, collecting
from tests.collectors import accepting_only
from tests.commands import ROOT, run_python
from tests.processes import Ended, Job, Run, nursery

pytestmark = pytest.mark.slow

PRELUDE = """
import asyncio, io, itertools, logging, os, signal, sys, threading, time
from opentelemetry import trace
from instrumentation import configure

tracer = trace.get_tracer("application")

def spans(*names):
    for name in names:
        tracer.start_span(name).end()

def signals_itself(number, after_s=0.1):
    timer = threading.Timer(after_s, os.kill, (os.getpid(), number))
    timer.daemon = True  # Python 3.13 can overlook a signal while it waits for the thread that sends it
    timer.start()

def waits_for(child):
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

"""
"""What every program begins with."""


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    with nursery() as run:
        yield run


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


Ends = Callable[..., Ended]


@pytest.fixture
def ends(run: Run, collector: Collector, tmp_path: Path) -> Ends:
    """Runs a program that sends to the collector, to its end."""

    def end(program: str, **env: str) -> Ended:
        settings = {
            "OTEL_EXPORTER": "otlp,file",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_EXPORTER_FILE_PATH": str(tmp_path / "own.jsonl"),
            "NANOAGENT_SPOOL_DIR": str(tmp_path / "spool"),
        }
        return run([Job(program=PRELUDE + program, env={**settings, **env})])[0]

    return end


def read(file: Path) -> list[ReadSpan]:
    """The spans of a file that is in good order."""
    problems = Problems()
    spans = [span for batch in read_file(str(file), problems) for span in batch]
    assert problems.count == 0, problems.kept
    return spans


def spooled(directory: Path) -> list[str]:
    return sorted(span.name for file in (directory / "spool").glob("*") for span in read(file))


# -- ends by itself ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("end", "exit_code", "last_line"),
    [
        ("", 0, ""),
        ("raise LookupError('of the application')", 1, "LookupError: of the application"),
        ("sys.exit(3)", 3, ""),
        ("sys.exit('why')", 1, "why"),
        ("threading.Thread(target=spans, args=('late',)).start(); time.sleep(0.1)", 0, ""),
        ("trace.get_tracer_provider().shutdown()", 0, ""),
        ("threading.Thread(target=lambda: (time.sleep(0.2), spans('late'))).start()", 0, ""),
    ],
)
def test_a_process_that_ends_has_sent_everything(
    end: str, exit_code: int, last_line: str, ends: Ends, collector: Collector
) -> None:
    ended = ends(f"configure(); spans('a', 'b'); {end}")
    assert (ended.exit_code, ended.stderr.rstrip().rpartition("\n")[2]) == (exit_code, last_line)
    assert collector.names == ["a", "b", "late"] if "late" in end else ["a", "b"]
    assert len(collector.received) == len(collector.names)


def test_a_process_that_ends_by_os_exit_has_sent_what_it_flushed(ends: Ends, collector: Collector) -> None:
    ended = ends("telemetry = configure(); spans('a'); assert telemetry.flush(); spans('b'); os._exit(5)")
    assert (ended.exit_code, ended.stderr, collector.names) == (5, "", ["a"])


def test_threads_send_their_spans(ends: Ends, collector: Collector) -> None:
    ended = ends(
        "configure()\n"
        "threads = [threading.Thread(target=spans, args=[f's{n}-{i}' for i in range(50)]) for n in range(8)]\n"
        "for thread in threads: thread.start()\n"
        "for thread in threads: thread.join()\n"
    )
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert len(collector.received) == len(collector.names) == 400


def test_configure_twice_sends_each_span_once_and_after_a_shutdown_again(ends: Ends, collector: Collector) -> None:
    ended = ends(
        "first = configure(); assert configure() is first; spans('a')\n"
        "assert first.shutdown(); assert configure() is not first\n"
        "tracer = trace.get_tracer('application'); spans('b')\n"
    )
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert [span.name for span in collector.received] == ["a", "b"]


def test_a_provider_of_the_application_that_ends_with_it_loses_nothing(ends: Ends, collector: Collector) -> None:
    ended = ends(
        "from opentelemetry.sdk.trace import TracerProvider\n"
        "trace.set_tracer_provider(TracerProvider())\n"
        "configure(); spans('a', 'b')\n"
    )
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert sorted(span.name for span in collector.received) == ["a", "b"]


# -- ends by a signal --------------------------------------------------------------------------------------------------

CANCELLED_RUN = """
from nanoagent import Orchestrator
from tests.models import CannedModel

async def application():
    task = asyncio.current_task()

    async def never():
        {end}
        await asyncio.Event().wait()

    await Orchestrator("Wait.", model=CannedModel([never])).run()

configure()
asyncio.run(application())
"""


@pytest.mark.parametrize(
    ("end", "exit_code", "last_line"),
    [
        ("signals_itself(signal.SIGINT)", -2, "KeyboardInterrupt"),
        ("asyncio.get_running_loop().call_later(0.1, task.cancel)", 1, "asyncio.exceptions.CancelledError"),
    ],
)
def test_a_run_that_is_cancelled_is_whole_and_says_so(
    end: str, exit_code: int, last_line: str, ends: Ends, collector: Collector, tmp_path: Path
) -> None:
    ended = ends(CANCELLED_RUN.format(end=end))
    assert (ended.exit_code, ended.stderr.rstrip().rpartition("\n")[2]) == (exit_code, last_line)
    own = read(tmp_path / "own.jsonl")
    assert [span.name for span in own] == ["chat canned", "plan task_planner", "invoke_workflow nanoagent"]
    assert all(span.failed for span in own)
    assert own[-1].attributes["nanoagent.status"] == "cancelled"
    assert {span.span_id for span in own} == {span.span_id for span in collector.received}


@pytest.mark.parametrize(
    "end",
    [
        "time.sleep(10)",
        "threading.Event().wait(10)",
        "asyncio.run(asyncio.sleep(10))",
        "lock = threading.Lock(); lock.acquire(); lock.acquire(timeout=10)",
        "logging.lastResort.acquire(); time.sleep(10)",
        "signals_itself(signal.SIGTERM, 0.11); time.sleep(10)",
        "trace.get_tracer_provider()._active_span_processor._lock.acquire(); time.sleep(10)",
        "threading._active_limbo_lock.acquire(); time.sleep(10)",
        "threading.Thread(target=time.sleep, args=(3,)).start()",
    ],
)
def test_a_sigterm_ends_the_process_as_ever_but_its_spans_are_out(end: str, ends: Ends, collector: Collector) -> None:
    start_s = time.monotonic()
    ended = ends(f"configure(); spans('a'); signals_itself(signal.SIGTERM); {end}")
    assert (ended.exit_code, ended.stderr, collector.names) == (-15, "", ["a"])
    assert ended.end_s - start_s < 5


def test_a_child_whose_main_thread_has_ended_is_ended_by_a_sigterm(ends: Ends, collector: Collector) -> None:
    ended = ends(
        "configure()\n"
        "child = os.fork()\n"
        "if child:\n"
        "    time.sleep(0.4); os.kill(child, signal.SIGTERM)\n"
        "    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
        "else:\n"
        "    spans('child'); threading.Thread(target=time.sleep, args=(5,)).start()\n"
    )
    assert (ended.exit_code, ended.stdout, ended.stderr, collector.names) == (0, "-15\n", "", ["child"])


BLOCKS_OUTSIDE_OF_PYTHON = """
import ctypes
mutex, lock = ctypes.create_string_buffer(64), ctypes.CDLL(None).pthread_mutex_lock
lock(mutex)
configure(); spans('a')
os.kill(os.getpid(), signal.SIGTERM)
lock(mutex)
"""


def test_a_main_thread_that_does_not_return_to_python_does_not_keep_the_process(
    ends: Ends, collector: Collector
) -> None:
    ended = ends(BLOCKS_OUTSIDE_OF_PYTHON)
    assert (ended.exit_code, ended.stderr, collector.names) == (143, "", ["a"])


AS_FIRST_PROCESS = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child")


def can_be_first_process() -> bool:
    return which("unshare") is not None and subprocess.run([*AS_FIRST_PROCESS, "true"], check=False).returncode == 0


@pytest.mark.skipif(not can_be_first_process(), reason="needs namespaces of processes, as containers have")
def test_the_first_process_of_a_container_ends_at_a_sigterm(collector: Collector) -> None:
    program = "configure(); spans('a'); assert os.getpid() == 1; signals_itself(signal.SIGTERM); time.sleep(10)"
    done = subprocess.run(
        [*AS_FIRST_PROCESS, sys.executable, "-c", PRELUDE + program],
        env={**os.environ, "OTEL_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url},
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.returncode, done.stderr, collector.names) == (143, "", ["a"])


def test_a_handler_that_the_application_sets_meanwhile_has_the_time_that_it_needs(ends: Ends) -> None:
    ended = ends(
        "class Late:\n"
        "    def shutdown(self): late.set(); time.sleep(0.5)\n"
        "    def __getattr__(self, name): return lambda *_: None\n"
        "late = threading.Event()\n"
        "configure(span_processors=[Late()]); os.kill(os.getpid(), signal.SIGTERM); late.wait()\n"
        "signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.5), sys.exit(7))); time.sleep(10)\n"
    )
    assert (ended.exit_code, ended.stderr) == (7, "")


@pytest.mark.parametrize("again", ["", "signals_itself(signal.SIGTERM, 0.5);"])
def test_a_sigterm_waits_for_no_collector_longer_than_the_deadline(again: str, ends: Ends, tmp_path: Path) -> None:
    with accepting_only() as url:
        ended = ends(
            f"configure(); spans('a', 'b'); print(time.monotonic(), flush=True); {again}"
            "os.kill(os.getpid(), signal.SIGTERM); time.sleep(10)",
            OTEL_EXPORTER_OTLP_ENDPOINT=url,
        )
    assert ended.exit_code == -15
    assert ended.end_s - float(ended.stdout) <= 2.3
    assert spooled(tmp_path) == ["a", "b"]
    assert ended.stderr.startswith(f"traces did not arrive: 2 of 2 spans for otlp at {url} (no answer in time)")


def test_nobody_who_blocks_the_log_keeps_a_process_from_ending_at_sigterm(ends: Ends, tmp_path: Path) -> None:
    with accepting_only() as url:
        ended = ends(
            "configure(); spans('a'); print(time.monotonic(), flush=True); signals_itself(signal.SIGTERM)\n"
            "logging.lastResort.acquire(); time.sleep(20)",
            OTEL_EXPORTER_OTLP_ENDPOINT=url,
        )
    assert (ended.exit_code, spooled(tmp_path)) == (-15, ["a"])
    assert ended.end_s - float(ended.stdout) <= 3


@pytest.mark.parametrize("is_first", [True, False])
def test_a_handler_of_the_application_is_called_and_nobody_else(
    is_first: bool, ends: Ends, collector: Collector
) -> None:
    handle = "signal.signal(signal.SIGTERM, lambda *_: (print('handled', flush=True), sys.exit(7)))"
    begin = f"{handle}; configure()" if is_first else f"configure(); {handle}"
    ended = ends(f"{begin}; spans('a'); signals_itself(signal.SIGTERM); time.sleep(10)")
    assert (ended.exit_code, ended.stdout, ended.stderr, collector.names) == (7, "handled\n", "", ["a"])


def test_a_sigterm_that_is_ignored_stays_ignored(ends: Ends, collector: Collector) -> None:
    ended = ends(
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); configure(); spans('a')\n"
        "os.kill(os.getpid(), signal.SIGTERM); time.sleep(0.2); spans('b')"
    )
    assert (ended.exit_code, ended.stderr, collector.names) == (0, "", ["a", "b"])


def test_after_a_shutdown_sigterm_is_as_it_was(ends: Ends) -> None:
    ended = ends("configure().shutdown(); assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL")
    assert (ended.exit_code, ended.stderr) == (0, "")


def test_what_a_killed_process_has_written_stays_readable(ends: Ends, tmp_path: Path) -> None:
    with accepting_only() as url:
        ended = ends(
            "configure(); signals_itself(signal.SIGKILL, 0.5)\nwhile True: spans('a'); time.sleep(0.0001)",
            OTEL_EXPORTER_OTLP_ENDPOINT=url,
            OTEL_BSP_MAX_QUEUE_SIZE="200",
        )
    assert ended.exit_code == -9
    assert len(read(tmp_path / "own.jsonl")) > 64
    assert len(spooled(tmp_path)) > 64


# -- commands ----------------------------------------------------------------------------------------------------------

NEVER_ANSWERED = """
from pydantic_ai.models.test import TestModel

async def never(self, *_):
    signals_itself(signal.{number})
    await asyncio.Event().wait()

TestModel.request = never
from {module} import main
sys.argv = {command!r}
main()
"""


@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT"])
@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("instrumentation.cli", ["run", "Wait.", "--model", "test"]),
        ("benchmarks.cli", ["--model", "test", "--goal", "addition", "--output"]),
    ],
)
def test_a_command_that_is_told_to_end_cancels_its_run_and_has_sent_it(
    number: str, module: str, arguments: list[str], ends: Ends, collector: Collector, tmp_path: Path
) -> None:
    command = ["command", *arguments, *([str(tmp_path / "out")] if "--output" in arguments else [])]
    ended = ends(NEVER_ANSWERED.format(number=number, module=module, command=command))
    assert ended.exit_code == 130, ended.stderr
    assert "nterrupted" in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    own = read(tmp_path / "own.jsonl")
    [root] = [span for span in own if span.name == "invoke_workflow nanoagent"]
    assert root.attributes["nanoagent.status"] == "cancelled"
    assert {span.span_id for span in own} == {span.span_id for span in collector.received}


# -- forks -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
@pytest.mark.parametrize("end", ["sys.exit(0)", "assert telemetry.flush(); os._exit(0)"])
def test_parent_and_child_each_send_their_own_spans_once(
    end: str, protocol: Protocol, ends: Ends, tmp_path: Path
) -> None:
    with collecting(protocol) as collector:
        ended = ends(
            "telemetry = configure(); spans('before')\n"
            "child = os.fork()\n"
            f"if not child: spans('child'); {end}\n"
            "spans('parent'); waits_for(child)\n",
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
            OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
        )
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert sorted(span.name for span in collector.received) == ["before", "child", "parent"]
    assert sorted(span.name for span in read(tmp_path / "own.jsonl")) == ["before", "child", "parent"]


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_a_connection_that_is_open_is_not_shared_with_a_child(protocol: Protocol, ends: Ends) -> None:
    with collecting(protocol) as collector:
        ended = ends(
            "telemetry = configure(); spans('before'); assert telemetry.flush()\n"
            "child = os.fork()\n"
            "spans('child' if not child else 'parent'); assert telemetry.flush()\n"
            "if child: waits_for(child); spans('after')\n",
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
            OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
        )
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert sorted(span.name for span in collector.received) == ["after", "before", "child", "parent"]


def test_a_child_that_configures_by_itself_sends_its_spans(ends: Ends, collector: Collector) -> None:
    ended = ends("child = os.fork(); configure(); spans('parent' if child else 'child')\nif child: waits_for(child)")
    assert (ended.exit_code, ended.stderr, collector.names) == (0, "", ["child", "parent"])


def test_forks_amid_threads_that_end_spans_neither_hang_nor_lose(ends: Ends, collector: Collector) -> None:
    ended = ends("""
telemetry = configure()
ended = threading.Event()
counts = [0] * 4
def work(number):
    while not ended.is_set():
        spans('parent')
        counts[number] += 1
        time.sleep(0.0002)
threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(4)]
for thread in threads: thread.start()
children = []
for number in range(20):
    child = os.fork()
    if not child:
        spans(f'child')
        os._exit(0 if telemetry.flush(10) and telemetry.shutdown(10) else 1)
    children.append(child)
    time.sleep(0.01)
for child in children: waits_for(child)
ended.set()
for thread in threads: thread.join()
print(sum(counts))
""")
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert len({span.span_id for span in collector.received}) == len(collector.received)
    names = [span.name for span in collector.received]
    assert (names.count("child"), names.count("parent")) == (20, int(ended.stdout))


RUNS = """
from rich.console import Console
from instrumentation import ConsoleTreeProcessor, PerformanceAggregator
from nanoagent.tracing import names

def one_run(number):
    # Not by an agent: pydantic-ai has locks of its own.
    attributes = {names.RUN_ID: str(number), names.OPERATION_NAME: "invoke_workflow"}
    tracer.start_span("invoke_workflow nanoagent", attributes=attributes).end()

told = []
nowhere = io.StringIO()
aggregator = PerformanceAggregator(on_complete=told.append)
console = ConsoleTreeProcessor(console=lambda: Console(file=nowhere))
telemetry = configure(span_processors=[aggregator, console])

def child_runs():
    signal.alarm(10)
    del told[:]
    one_run("child")
    in_time = telemetry.flush(5)
    os._exit(0 if in_time and [run.run_id for run in told] == ["child"] and aggregator.get("child") else 1)

"""


def test_forks_amid_threads_that_run_leave_children_that_can_run(ends: Ends) -> None:
    ended = ends(
        RUNS
        + """
ended = threading.Event()
def work():
    for number in itertools.count():
        if ended.is_set(): break
        one_run(f"{threading.get_ident()}-{number}")
        time.sleep(0.0002)
threads = [threading.Thread(target=work, daemon=True) for _ in range(3)]
for thread in threads: thread.start()
time.sleep(0.05)
for _ in range(20):
    child = os.fork()
    if not child: child_runs()
    waits_for(child)
ended.set()
for thread in threads: thread.join()
"""
    )
    assert (ended.exit_code, ended.stderr) == (0, "")


@pytest.mark.parametrize(
    "lock",
    [
        "telemetry.aggregator._turns._lock",
        "console._turns._lock",
        "telemetry._lock",
        "telemetry._destinations[0]._outbox.changed",
    ],
)
def test_a_lock_that_another_thread_holds_at_a_fork_does_not_hold_the_child(lock: str, ends: Ends) -> None:
    ended = ends(
        RUNS
        + f"""
lock = {lock}
holder = threading.Thread(target=lambda: (lock.acquire(), time.sleep(0.5), lock.release()))
holder.start()
time.sleep(0.05)
child = os.fork()
if not child: child_runs()
waits_for(child)
holder.join()
"""
    )
    assert ended.exit_code == 0, ended.stderr


# -- multiprocessing ---------------------------------------------------------------------------------------------------

POOLS = {
    "pool": "with context.Pool(2, maxtasksperchild=1) as pool:\n        print(pool.map(work, range({count}), 1))",
    "pool that is closed": (
        "pool = context.Pool(2, maxtasksperchild=1)\n    print(pool.map(work, range({count}), 1))\n"
        "    pool.close(); pool.join()"
    ),
    "executor": (
        "with ProcessPoolExecutor(2, mp_context=context) as pool:\n        print(list(pool.map(work, range({count}))))"
    ),
}
POOL_PROGRAM = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from opentelemetry import trace
from instrumentation import configure

def work(number):
    configure()
    trace.get_tracer("application").start_span(f"s{{number}}").end()
    return number

if __name__ == "__main__":
    configure()
    context = multiprocessing.get_context({method!r})
    {pool}
"""


@pytest.mark.parametrize("pool", POOLS)
def test_forked_workers_send_their_spans_before_they_are_recycled(pool: str, ends: Ends, collector: Collector) -> None:
    ended = ends(POOL_PROGRAM.format(method="fork", pool=POOLS[pool].format(count=10)))
    assert (ended.exit_code, ended.stdout, ended.stderr) == (0, f"{list(range(10))}\n", "")
    assert sorted(span.name for span in collector.received) == sorted(f"s{number}" for number in range(10))


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_workers_that_begin_anew_send_their_spans_before_they_are_recycled(
    method: str, collector: Collector, tmp_path: Path
) -> None:
    script = tmp_path / "application.py"
    script.write_text(POOL_PROGRAM.format(method=method, pool=POOLS["pool"].format(count=3)))
    env = {"OTEL_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    done = run_python(str(script), **env)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[0, 1, 2]\n", "")
    assert sorted(span.name for span in collector.received) == ["s0", "s1", "s2"]


def test_ten_runs_in_workers_that_live_for_one_are_ten_traces(ends: Ends, collector: Collector) -> None:
    ended = ends(
        "import multiprocessing\n"
        "from tests.delivered import ran\n"
        "def work(_): return ran().status\n"
        "configure()\n"
        "with multiprocessing.get_context('fork').Pool(2, maxtasksperchild=1) as pool:\n"
        "    print(*pool.map(work, range(10), 1))\n"
    )
    assert (ended.exit_code, ended.stdout, ended.stderr) == (0, "completed " * 9 + "completed\n", "")
    assert len(collector.received) == 150
    assert len({span.trace_id for span in collector.received}) == 10


# -- the deadline ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("said", "deadline_s"), [("0", 0.0), ("0.5", 0.5), (" 1 ", 1.0), ("", 2.0)])
def test_the_deadline_is_what_is_set(said: str, deadline_s: float, ends: Ends, tmp_path: Path) -> None:
    with accepting_only() as url:
        ended = ends(
            "configure(); spans('a'); print(time.monotonic(), flush=True)",
            OTEL_EXPORTER_OTLP_ENDPOINT=url,
            NANOAGENT_EXPORT_DEADLINE=said,
        )
    took_s = ended.end_s - float(ended.stdout)
    assert 0.5 * deadline_s <= took_s <= deadline_s + 1
    # Where there is no time at all, what was for the file can be there, too.
    assert (ended.exit_code, set(spooled(tmp_path))) == (0, {"a"})


@pytest.mark.parametrize("said", ["-1", "soon", "nan", "inf"])
def test_a_deadline_that_is_none_is_an_error_at_once(said: str, ends: Ends) -> None:
    ended = ends("configure()", NANOAGENT_EXPORT_DEADLINE=said)
    assert ended.exit_code == 1
    assert ended.stderr.splitlines()[-1] == (
        f"nanoagent.errors.ConfigurationError: NANOAGENT_EXPORT_DEADLINE must be a number of seconds >= 0, got {said!r}"
    )
