"""Processes that count and push or serve metrics: how they end, and what becomes of those that they fork."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from instrumentation.metrics.scraping import PORTS
from instrumentation.testing import (
    PROTOCOLS,
    Collector,
    Protocol,
    by_series,
    closed_port,
    collecting,
    healthy,
    never_answers,
    series,
    slow,
)
from tests.collectors import accepting_only
from tests.instrumentation.metrics.test_scraping import PORT, free_ports
from tests.processes import Ended, Job, Run, nursery

OTLP = "OTEL_EXPORTER_OTLP_"
BEGIN = """
import os, sys, threading, time, urllib.request
from opentelemetry.sdk.resources import Resource
from instrumentation.metrics.provider import Meters

said = []
def notify(line):
    said.append(line)
    print(line, file=sys.stderr, flush=True)

def text():
    return urllib.request.urlopen(meters.endpoints[0], timeout=20).read().decode()

def value():
    return next((line.split()[-1] for line in text().splitlines() if line.startswith("shop_orders_total")), None)

exporters = os.environ["OTEL_METRICS_EXPORTER"].split(",")
meters = Meters(exporters, resource=Resource.create(), env=os.environ, notify=notify)
meter = meters.provider.get_meter("shop")
counter = meter.create_counter("shop.orders")
"""


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    imported = (
        "instrumentation.configuration",  # whose hooks are the first ones, as in an application
        "instrumentation.metrics.provider",
        "instrumentation.otlp.grpc_exporter",
        "opentelemetry.exporter.otlp.proto.http.metric_exporter",
        "urllib.request",
    )
    with nursery(imported) as running:
        yield running


def ended(run: Run, program: str, **env: str) -> Ended:
    [found] = run([Job(program=BEGIN + program, env=env)])
    return found


def pushing_to(url: str, protocol: Protocol = "http/protobuf") -> Mapping[str, str]:
    return {"OTEL_METRICS_EXPORTER": "otlp", f"{OTLP}ENDPOINT": url, f"{OTLP}PROTOCOL": protocol}


def orders(collector: Collector) -> Any:
    return by_series(collector.metrics)[series("shop.orders")].value


# -- the end ----------------------------------------------------------------------------------------------------------

END = """
counter.add(3)
print(time.monotonic(), flush=True)
print(meters.shutdown(2.0))
"""


def test_a_process_ends_within_the_deadline_whatever_the_receiver_does(run: Run) -> None:
    late = "otlp at {} does not take metrics: no answer in time\n"
    nobody = (
        "nothing listens at {}: metrics will not arrive. Start a collector that takes metrics; "
        "Jaeger takes traces only\n"
    )
    with ExitStack() as stack:
        cases: list[tuple[Protocol, str, str, Collector | None]] = []
        for protocol in PROTOCOLS:
            for behaviour in (healthy, slow(0.3)):
                taking = stack.enter_context(collecting(protocol, behaviour))
                cases.append((protocol, taking.url, "", taking))
            hanging = stack.enter_context(collecting(protocol, never_answers))
            cases.append((protocol, hanging.url, late, None))
            cases.append((protocol, stack.enter_context(accepting_only()), late, None))
            cases.append((protocol, stack.enter_context(closed_port()), nobody, None))
        found = run([Job(program=BEGIN + END, env=pushing_to(url, protocol)) for protocol, url, _, _ in cases])
        for one, (_, url, said, collector) in zip(found, cases, strict=True):
            start_s, arrived = one.stdout.split()
            assert (one.exit_code, one.stderr, arrived) == (0, said.format(url), str(collector is not None))
            # Left to itself, an export takes 10 s.
            assert one.end_s - float(start_s) < 7
            assert collector is None or orders(collector) == 3


def test_a_client_that_hangs_and_one_that_is_answered_do_not_keep_a_process_from_ending(run: Run) -> None:
    program = """
import socket
from urllib.parse import urlsplit
place = urlsplit(meters.endpoints[0])
mute = socket.create_connection((place.hostname, place.port))
begun = threading.Event()
def waits(options):
    begun.set()
    time.sleep(1)
    return []
meter.create_observable_gauge("shop.slow", [waits])
threading.Thread(target=lambda: urllib.request.urlopen(meters.endpoints[0], timeout=20), daemon=True).start()
begun.wait(20)
print(meters.shutdown(2.0))
os._exit(0)
"""
    found = ended(run, program, **{"OTEL_METRICS_EXPORTER": "prometheus", PORT: "0"})
    assert (found.exit_code, found.stdout) == (0, "True\n")


def test_a_process_that_can_open_no_more_files_has_no_less_time_for_its_work(run: Run) -> None:
    program = """
import resource, socket
from urllib.parse import urlsplit
counter.add(1)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
place = urlsplit(meters.endpoints[0])
client, held = socket.socket(), []
try:
    while True:
        held.append(os.dup(1))
except OSError:
    client.connect((place.hostname, place.port))
client.sendall(b"GET /metrics HTTP/1.0\\r\\n\\r\\n")
before_s = time.process_time()
time.sleep(0.3)
print(time.process_time() - before_s < 0.15)
for one in held:
    os.close(one)
print(client.recv(15))
meters.shutdown(2.0)
"""
    found = ended(run, program, **{"OTEL_METRICS_EXPORTER": "prometheus", PORT: "0"})
    assert (found.exit_code, found.stdout, found.stderr) == (0, "True\nb'HTTP/1.0 200 OK'\n", "")


def test_a_process_that_can_open_no_more_files_leaves_its_port_all_the_same(run: Run) -> None:
    program = """
import resource, socket
from urllib.parse import urlsplit
place = urlsplit(meters.endpoints[0])
client, held = socket.socket(), []
resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
try:
    while True:
        held.append(os.dup(1))
except OSError:
    print(meters.shutdown(2.0))
until_s = time.monotonic() + 10
while threading.active_count() > 1 and time.monotonic() < until_s:
    time.sleep(0.01)
try:
    client.connect((place.hostname, place.port))
except OSError as error:
    print(error.strerror)
"""
    found = ended(run, program, **{"OTEL_METRICS_EXPORTER": "prometheus", PORT: "0"})
    assert (found.exit_code, found.stdout, found.stderr) == (0, "True\nConnection refused\n", "")


def test_a_signal_handler_may_flush_and_shut_down_whatever_it_interrupts(run: Run) -> None:
    program = """
import signal
waits = []
def flush(signum, frame):
    waits.append(meters.begin_flush())
    signal.setitimer(signal.ITIMER_REAL, 0.001)
signal.signal(signal.SIGALRM, flush)
counter.add(1)
flush(None, None)
while len(waits) < 50:
    meters.begin_flush()
signal.signal(signal.SIGALRM, lambda signum, frame: meters.shutdown(20))
signal.setitimer(signal.ITIMER_REAL, 0.001)
while meters.endpoints:
    meters.begin_flush()
signal.setitimer(signal.ITIMER_REAL, 0)
print(all(wait(20) for wait in waits), meters.shutdown(20))
"""
    with collecting() as collector:
        env = {**pushing_to(collector.url), "OTEL_METRICS_EXPORTER": "otlp,prometheus", PORT: "0"}
        found = ended(run, program, **env)
        assert (found.exit_code, found.stdout, found.stderr) == (0, "True True\n", "")


# -- several processes ------------------------------------------------------------------------------------------------


def test_several_processes_of_one_machine_are_scraped_each_at_a_port_of_its_own(run: Run, tmp_path: Path) -> None:
    first = free_ports(PORTS)
    program = """
from pathlib import Path
counter.add(int(sys.argv[1]))
here = Path(sys.argv[2])
(here / f"{sys.argv[1]}.new").write_text(meters.endpoints[0])
(here / f"{sys.argv[1]}.new").rename(here / sys.argv[1])
until_s = time.monotonic() + 20
while len([path for path in here.iterdir() if path.suffix != ".new"]) < 3 and time.monotonic() < until_s:
    time.sleep(0.01)
print(value())
(here / f"done-{sys.argv[1]}.new").touch()
while len(list(here.glob("done-*"))) < 3 and time.monotonic() < until_s:
    time.sleep(0.01)
"""
    env = {"OTEL_METRICS_EXPORTER": "prometheus", PORT: str(first)}
    found = run([Job(program=BEGIN + program, env=env, arguments=(str(number), str(tmp_path))) for number in (1, 2, 3)])
    assert [one.stdout for one in found] == ["1.0\n", "2.0\n", "3.0\n"]
    endpoints = sorted((tmp_path / str(number)).read_text() for number in (1, 2, 3))
    assert endpoints == [f"http://127.0.0.1:{port}/metrics" for port in range(first, first + 3)]


# -- forks ------------------------------------------------------------------------------------------------------------

FORK = """
def in_child(work):
    child = os.fork()
    if not child:
        try:
            work()
        except BaseException as error:
            notify(repr(error))
        os._exit(0)
    os.waitpid(child, 0)
"""


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_forked_child_counts_from_zero_as_a_process_of_its_own(run: Run, protocol: Protocol) -> None:
    program = """
counter.add(1)
if sys.argv[1:]:
    meters.flush(20)
def work():
    counter.add(10)
    meter.create_counter("shop.visits").add(5)
    in_child(deeper)
    notify(meters.shutdown(20))
def deeper():
    counter.add(100)
    # As an application does that knows nothing of us.
    notify(meters.provider.force_flush())
in_child(work)
counter.add(1_000)
notify(meters.shutdown(20))
"""
    with collecting(protocol) as collector:
        env = pushing_to(collector.url, protocol)
        found = run([Job(program=BEGIN + FORK + program, env=env, arguments=("flushed",))])[0]
        assert (found.exit_code, found.stderr) == (0, "True\nTrue\nTrue\n")
        by_process = {
            point.resource["service.instance.id"]: point.value
            for point in collector.metrics
            if point.name == "shop.orders"
        }
        assert (len(by_process), set(by_process.values())) == (3, {10, 100, 1_001})
        assert by_series(collector.metrics)[series("shop.visits")].value == 5


def test_what_was_said_before_a_fork_is_not_said_again_by_each_child(run: Run) -> None:
    program = """
counter.add(1)
meters.flush(20)
def work():
    counter.add(1)
    print(meters.flush(20), meters.shutdown(2), flush=True)
for _ in range(3):
    in_child(work)
"""
    with closed_port() as url:
        found = ended(run, FORK + program, **pushing_to(url))
        assert (found.exit_code, found.stdout, len(found.stderr.splitlines())) == (0, "False False\n" * 3, 1)


def test_a_child_leaves_open_nothing_of_whoever_was_being_answered(run: Run) -> None:
    program = """
import socket
from urllib.parse import urlsplit
def open_files():
    return len(os.listdir("/dev/fd"))
def work():
    meters.shutdown(2)
    notify(open_files() - before)
place = urlsplit(meters.endpoints[0])
clients = [socket.create_connection((place.hostname, place.port)) for _ in range(3)]
until_s = time.monotonic() + 20
while threading.active_count() < 2 + len(clients) and time.monotonic() < until_s:
    time.sleep(0.01)
before = open_files() - len(clients) - 1
in_child(work)
"""
    found = ended(run, FORK + program, **{"OTEL_METRICS_EXPORTER": "prometheus", PORT: "0"})
    assert (found.exit_code, found.stderr) == (0, "0\n")


def test_a_forked_child_has_a_port_of_its_own_and_leaves_the_parents_alone(run: Run) -> None:
    first = free_ports(PORTS)
    program = """
counter.add(1)
read, write = os.pipe()
child = os.fork()
if not child:
    counter.add(10)
    print(meters.endpoints, value(), flush=True)
    os.read(read, 1)
    os._exit(0)
until_s = time.monotonic() + 20
def is_served():
    try:
        return urllib.request.urlopen(meters.endpoints[0].replace(str(FIRST), str(FIRST + 1)), timeout=20).status == 200
    except OSError:
        return False
while not is_served() and time.monotonic() < until_s:
    time.sleep(0.01)
[url] = meters.endpoints
print(meters.endpoints, value(), flush=True)
meters.shutdown(20)
# Were it open in the child, a client would be let in, and wait.
try:
    urllib.request.urlopen(url, timeout=20)
except OSError as error:
    print(error.reason.strerror)
os.write(write, b"x")
os.waitpid(child, 0)
"""
    env = {"OTEL_METRICS_EXPORTER": "prometheus", PORT: str(first)}
    found = ended(run, f"FIRST = {first}\n{program}", **env)
    assert found.exit_code == 0
    assert set(found.stdout.splitlines()) == {
        f"('http://127.0.0.1:{first + 1}/metrics',) 10.0",
        f"('http://127.0.0.1:{first}/metrics',) 1.0",
        "Connection refused",
    }
    assert found.stderr == (
        f"metrics are served at http://127.0.0.1:{first + 1}/metrics: others listen at 127.0.0.1:{first}\n"
    )


def test_a_child_that_is_forked_while_others_count_can_count(run: Run) -> None:
    program = """
counting, go = threading.Event(), threading.Event()
class Who(str):
    # The SDK asks it with a lock in its hand.
    def __hash__(self):
        return 1
    def __eq__(self, other):
        counting.set()
        go.wait(20)
        return False
def count():
    for who in "ab":
        counter.add(1, {"who": Who(who)})
thread = threading.Thread(target=count)
thread.start()
counting.wait(20)
def work():
    counter.add(1)
    notify("counted")
in_child(work)
go.set()
thread.join()
"""
    with collecting() as collector:
        env = {**pushing_to(collector.url), f"{OTLP}METRICS_TEMPORALITY_PREFERENCE": "delta"}
        found = ended(run, FORK + program, **env)
        assert (found.exit_code, found.stderr) == (0, "counted\n")


def test_a_process_that_is_shut_down_forks_children_that_send_and_serve_nothing(run: Run) -> None:
    with collecting() as collector:
        program = """
meters.shutdown(20)
def work():
    counter.add(1)
    notify((meters.endpoints, meters.flush(1), meters.shutdown(1)))
in_child(work)
notify(meters.endpoints)
"""
        env = {**pushing_to(collector.url), "OTEL_METRICS_EXPORTER": "otlp,prometheus", PORT: "0"}
        found = ended(run, FORK + program, **env)
        assert (found.exit_code, found.stderr) == (0, "((), True, True)\n()\n")
        assert collector.requests == 0


def test_a_fork_waits_until_what_is_being_collected_is(run: Run) -> None:
    program = """
begun = threading.Event()
def waits(options):
    if not forked:
        begun.set()
        time.sleep(0.3)
    return []
forked = False
meter.create_observable_gauge("shop.slow", [waits])
counter.add(1)
flushed = meters.begin_flush()
begun.wait(20)
def work():
    global forked
    forked = True
    counter.add(10)
    notify(meters.flush(10))
    meters.shutdown(1)
in_child(work)
notify(flushed(20))
"""
    with collecting() as collector:
        found = ended(run, FORK + program, **pushing_to(collector.url))
        assert (found.exit_code, found.stderr) == (0, "True\nTrue\n")
        assert orders(collector) == 11


def test_a_child_that_collects_before_all_hooks_of_the_fork_have_run_is_not_left_waiting(run: Run) -> None:
    program = """
from instrumentation.life_cycle import in_forked_child
class Slow:
    def hook(self):
        time.sleep(0.1)
slow = Slow()
in_forked_child(slow.hook)
counter.add(1)
meters.flush(20)
def work():
    counter.add(10)
    notify(meters.flush(5))
in_child(work)
"""
    with collecting() as collector:
        env = {**pushing_to(collector.url), "OTEL_METRIC_EXPORT_INTERVAL": "1"}
        found = ended(run, FORK + program, **env)
        assert (found.exit_code, found.stderr) == (0, "True\n")


CALL = """
from instrumentation.otlp import grpc_calls
counter.add(1)
flushed = meters.begin_flush()
while not grpc_calls._CALLS._under_way:
    time.sleep(0.001)
def work():
    counter.add(10)
    notify(meters.flush(20))
"""


def test_a_fork_waits_until_a_call_of_grpc_is_answered(run: Run) -> None:
    with collecting("grpc", slow(0.3)) as collector:
        program = f"{FORK}{CALL}grpc_calls.MOST_WAIT_S = 20\nin_child(work)\nnotify(flushed(20))"
        found = ended(run, program, **pushing_to(collector.url, "grpc"))
        assert (found.exit_code, found.stderr) == (0, "True\nTrue\n")
        assert orders(collector) == 11


def test_a_child_that_is_forked_during_a_call_of_grpc_makes_none_and_says_so(run: Run) -> None:
    with collecting("grpc", never_answers) as collector:
        program = f"{FORK}{CALL}grpc_calls.MOST_WAIT_S = 0.05\nin_child(work)\nin_child(lambda: in_child(work))"
        found = ended(run, program, **pushing_to(collector.url, "grpc"))
        line = f"otlp at {collector.url} does not take metrics: this process was forked during a call of gRPC, "
        # gRPC, which the process had loaded before it could be told to be quiet, says something itself.
        said = [line for line in found.stderr.splitlines() if "fork_posix" not in line]
        assert (found.exit_code, said) == (0, [f"{line}and can make none", "False"] * 2)
        assert collector.requests == 1


def test_a_fork_does_not_wait_for_ever_and_the_child_says_that_it_sends_nothing(run: Run) -> None:
    program = """
from instrumentation.metrics import quiet
quiet.MOST_WAIT_S = 0.05
begun, go = threading.Event(), threading.Event()
def waits(options):
    begun.set()
    go.wait(20)
    return []
meter.create_observable_gauge("shop.slow", [waits])
counter.add(1)
flushed = meters.begin_flush()
begun.wait(20)
def work():
    print(meters.endpoints, meters.flush(10), meters.shutdown(10), flush=True)
    while not said:
        time.sleep(0.01)
in_child(work)
go.set()
print(flushed(20))
# The next one is forked as ever.
def later():
    counter.add(10)
    print(meters.shutdown(20), flush=True)
in_child(later)
"""
    with collecting() as collector:
        env = {**pushing_to(collector.url), "OTEL_METRICS_EXPORTER": "otlp,prometheus", PORT: "0"}
        found = ended(run, FORK + program, **env)
        assert (found.exit_code, found.stdout) == (0, "() True True\nTrue\nTrue\n")
        assert found.stderr == "this process sends no metrics: it was forked while they were collected\n"
        assert orders(collector) == 11
