import gc
import os
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import SpanContext, TraceFlags

from instrumentation.courier import Courier, outcome_of
from instrumentation.delivery import destination as destination_module
from instrumentation.delivery.account import DeliveryReport
from instrumentation.delivery.backlog import MAX_PAUSE_S, STUCK_S, Backlog
from instrumentation.delivery.destination import FIRST_PAUSE_S, PATIENCE_S, Destination
from instrumentation.delivery.destinations import destinations_of
from instrumentation.delivery.notices import Explainer
from instrumentation.delivery.outbox import Outbox
from instrumentation.otlp.answers import Answer
from instrumentation.otlp.exporters import Outlet, outlet_of
from instrumentation.spooling.resending import Resender, files_in
from instrumentation.spooling.spool import Spool
from tests.instrumentation.delivery.doubles import (
    AWAY,
    TAKEN,
    WRONG,
    Blocking,
    Picky,
    Scripted,
    dead_endpoint,
    receiving,
    spans,
    spooled_in,
)


class Hands:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


@pytest.fixture
def there(spool: Spool) -> Callable[..., Destination]:
    def make(
        exporter: SpanExporter,
        *,
        endpoint: str | None = None,
        queue: int = 100,
        batch: int = 64,
        max_batch_bytes: int = 10**6,
        clock: Callable[[], float] = time.monotonic,
    ) -> Destination:
        outlet = Outlet(name="there", build=lambda: exporter, endpoint=endpoint, max_batch_bytes=max_batch_bytes)
        # The delay is so long that nothing is sent by itself.
        return Destination(outlet, spool, max_queue_spans=queue, max_batch_spans=batch, delay_s=60, monotonic_s=clock)

    return make


Make = Callable[..., Destination]


def report(**counts: int | str | None) -> DeliveryReport:
    return DeliveryReport(destination="there", **counts)  # type: ignore[arg-type]


def open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def adds_up(found: DeliveryReport) -> bool:
    parts = found.exported_spans + found.spooled_spans + found.dropped_spans + found.sampled_out_spans
    return found.ended_spans == parts + found.pending_spans


def end(destination: Destination, ended: list[ReadableSpan]) -> None:
    for span in ended:
        destination.on_end(span)


def until(done: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 5
    while not done():
        assert time.monotonic() < deadline_s
        time.sleep(0.002)


# -- the ordinary way ---------------------------------------------------------------------------------------------


def test_a_flush_sends_everything_in_the_order_of_its_end(there: Make) -> None:
    exporter = Scripted(TAKEN)
    destination = there(exporter, batch=2)
    end(destination, spans(1))
    assert destination.report() == report(ended_spans=1, pending_spans=1)
    end(destination, spans(4))
    assert destination.flush(5) is True
    assert exporter.batches == [["s0", "s0"], ["s1", "s2"], ["s3"]]
    assert destination.report() == report(ended_spans=5, exported_spans=5)
    assert destination.finish_close(5) is True


def test_a_full_batch_is_sent_at_once(there: Make) -> None:
    exporter = Scripted(TAKEN)
    destination = there(exporter, batch=3)
    end(destination, spans(3))
    until(lambda: destination.report().exported_spans == 3)
    destination.finish_close(5)


def test_a_span_that_is_not_sampled_is_counted_and_not_sent(there: Make) -> None:
    exporter = Scripted(TAKEN)
    destination = there(exporter)
    destination.on_end(ReadableSpan("x", context=SpanContext(1, 1, is_remote=False, trace_flags=TraceFlags(0))))
    assert destination.flush(5) is True
    assert exporter.batches == []
    assert destination.report() == report(ended_spans=1, sampled_out_spans=1)
    destination.finish_close(5)


def test_what_ends_after_the_shutdown_is_lost_and_counted(there: Make) -> None:
    destination = there(Scripted(TAKEN))
    assert destination.finish_close(5) is True
    end(destination, spans(2))
    assert destination.report() == report(ended_spans=2, dropped_spans=2, last_reason="ended after the shutdown")
    assert destination.flush(5) is False


def test_a_provider_shuts_down_what_is_closed_at_once(there: Make) -> None:
    exporter = Scripted(TAKEN)
    destination = there(exporter)
    end(destination, spans(1))
    destination.shutdown()
    destination.shutdown()
    assert (exporter.batches, exporter.shutdowns) == ([["s0"]], 1)
    assert destination.force_flush(5_000) is True


def test_a_closed_destination_has_let_go_of_its_exporter(spool: Spool) -> None:
    built = [Scripted(TAKEN)]
    held = weakref.ref(built[0])
    destination = Destination(Outlet(name="there", build=built.pop), spool)
    assert destination.finish_close(5) is True
    assert held() is None


# -- what does not arrive -----------------------------------------------------------------------------------------


def test_a_receiver_that_is_away_is_tried_again_with_the_same_spans_first(there: Make) -> None:
    clock = Hands()
    exporter = Scripted(AWAY, TAKEN)
    destination = there(exporter, clock=clock, batch=2)
    end(destination, spans(2))
    until(lambda: destination.report().last_reason == "answered 503")
    end(destination, spans(3)[2:])
    assert destination.report() == report(ended_spans=3, pending_spans=3, last_reason="answered 503")
    clock.now_s += FIRST_PAUSE_S
    assert destination.flush(5) is True
    assert exporter.batches == [["s0", "s1"], ["s0", "s1"], ["s2"]]
    assert destination.report() == report(ended_spans=3, exported_spans=3, last_reason="answered 503")
    destination.finish_close(5)


def test_spans_wait_so_long_for_a_receiver_and_then_are_spooled(there: Make, spool: Spool, tmp_path: Path) -> None:
    clock = Hands()
    exporter = Scripted(AWAY)
    destination = there(exporter, clock=clock, batch=2)
    end(destination, spans(2))
    until(lambda: len(exporter.batches) == 1)
    clock.now_s += PATIENCE_S
    end(destination, spans(2))
    destination.flush(0.0)
    until(lambda: destination.report().spooled_spans == 4)
    found = destination.report()
    assert found == report(ended_spans=4, spooled_spans=4, last_reason="answered 503", spool=str(spool.path))
    assert destination.flush(0.1) is False
    destination.finish_close(5)
    assert spooled_in(tmp_path / "spool") == ["s0", "s1", "s0", "s1"]


def test_where_credentials_are_wrong_nothing_waits(there: Make, tmp_path: Path) -> None:
    destination = there(Scripted(WRONG), batch=2)
    end(destination, spans(2))
    until(lambda: destination.report().spooled_spans == 2)
    assert destination.report().last_reason == "answered 401"
    destination.finish_close(5)
    assert spooled_in(tmp_path / "spool") == ["s0", "s1"]


def test_an_exporter_that_raises_is_a_receiver_that_is_away(there: Make, tmp_path: Path) -> None:
    destination = there(Scripted(OSError("http://me:secret@host")))
    end(destination, spans(1))
    assert destination.finish_close(0.5) is False
    found = destination.report()
    assert (found.spooled_spans, found.last_reason) == (1, "OSError")
    assert spooled_in(tmp_path / "spool") == ["s0"]


@pytest.mark.parametrize("count", [1, 2, 3, 64])
def test_a_span_that_is_not_taken_does_not_take_the_others_with_it(there: Make, tmp_path: Path, count: int) -> None:
    exporter = Picky(poison=f"s{count - 1}")
    destination = there(exporter)
    end(destination, spans(count))
    assert destination.flush(5) is False
    assert sorted(span.name for span in exporter.taken) == sorted(f"s{number}" for number in range(count - 1))
    assert exporter.attempts <= 14
    destination.finish_close(5)
    assert spooled_in(tmp_path / "spool") == [f"s{count - 1}"]
    assert destination.report().last_reason == "answered 400"
    assert adds_up(destination.report())


def test_a_span_that_nothing_can_encode_takes_no_other_with_it(tmp_path: Path) -> None:
    odd: Any = 7
    with receiving() as receiver:
        outlet = outlet_of("otlp", {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint})
        destination = Destination(outlet, Spool(tmp_path / "spool"), delay_s=60)
        tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
        span = tracer.start_span(odd)
        span.end()
        assert isinstance(span, ReadableSpan)
        end(destination, [*spans(3), span, *spans(3)])
        destination.finish_close(5)
    assert receiver.spans == ["s0", "s1", "s2", "s0", "s1", "s2"]
    found = destination.report()
    assert (found.exported_spans, found.spooled_spans + found.dropped_spans) == (6, 1)
    assert found.last_reason == "cannot be encoded"


@pytest.mark.parametrize(
    ("text", "left"), [("x" * 200_000, "shortened: 8,192 of 200,000"), ("\u00e9" * 9_000, "shortened: 8,192 of 9,000")]
)
def test_a_shortened_text_says_so_and_how_long_it_was(there: Make, text: str, left: str) -> None:
    exporter = Picky()
    destination = there(exporter, max_batch_bytes=17_000)
    end(destination, spans(1, result=text))
    assert destination.flush(5) is True
    assert left in str((exporter.taken[0].attributes or {})["result"])
    destination.finish_close(5)


def test_a_receiver_that_takes_nothing_is_not_asked_for_ever(there: Make, tmp_path: Path) -> None:
    exporter = Picky(most=0)
    destination = there(exporter)
    end(destination, spans(64))
    assert destination.flush(5) is False
    assert exporter.attempts == 40
    destination.finish_close(5)
    assert len(spooled_in(tmp_path / "spool")) == 64


def test_a_batch_that_is_too_large_is_halved_and_later_ones_are_smaller(there: Make) -> None:
    exporter = Picky(most=20)
    destination = there(exporter)
    end(destination, spans(64))
    assert destination.flush(5) is True
    first = exporter.attempts
    end(destination, spans(64))
    assert destination.flush(5) is True
    assert exporter.attempts - first <= 5
    assert destination.report() == report(ended_spans=128, exported_spans=128)
    destination.finish_close(5)


def test_a_huge_span_arrives_without_its_long_texts_and_the_others_whole(there: Make) -> None:
    exporter = Picky()
    destination = there(exporter, max_batch_bytes=100_000)
    end(destination, [*spans(2), *spans(1, result="x" * 5_000_000), *spans(2)])
    assert destination.flush(5) is True
    assert [len(str((span.attributes or {}).get("result", ""))) for span in exporter.taken] == [0, 0, 8_235, 0, 0]
    assert destination.report() == report(ended_spans=5, exported_spans=5, shortened_spans=1)
    destination.finish_close(5)


def test_of_spans_that_the_receiver_rejects_a_copy_is_kept(there: Make, tmp_path: Path) -> None:
    destination = there(Scripted(Answer(accepted=True, rejected=1)))
    end(destination, spans(3))
    assert destination.finish_close(5) is False
    found = destination.report()
    assert (found.exported_spans, found.spooled_spans, found.last_reason) == (2, 1, "rejected by the receiver")
    assert spooled_in(tmp_path / "spool") == ["s0", "s1", "s2"]
    assert adds_up(found)


# -- an exporter that hangs ---------------------------------------------------------------------------------------


def test_a_flush_of_a_hanging_exporter_returns_by_its_deadline(there: Make) -> None:
    blocking = Blocking()
    destination = there(blocking)
    end(destination, spans(1))
    start_s = time.monotonic()
    assert destination.flush(0.05) is False
    assert time.monotonic() - start_s < 0.5
    assert destination.report() == report(ended_spans=1, pending_spans=1)
    blocking.free.set()
    assert destination.flush(5) is True
    destination.finish_close(5)


def test_of_a_full_queue_the_older_half_is_spooled(there: Make, tmp_path: Path) -> None:
    blocking = Blocking()
    destination = there(blocking, queue=4, batch=1)
    first, *others = spans(7)
    destination.on_end(first)
    assert blocking.entered.wait(5)
    end(destination, others)
    until(lambda: destination.report().spooled_spans == 2)
    blocking.free.set()
    assert destination.flush(5) is False
    found = destination.report()
    assert (found.exported_spans, found.last_reason) == (5, "more spans waited than the queue holds")
    destination.finish_close(5)
    assert spooled_in(tmp_path / "spool") == ["s1", "s2"]


def test_closing_spools_what_is_under_way_and_what_waits(there: Make, tmp_path: Path) -> None:
    blocking = Blocking()
    destination = there(blocking, batch=2)
    end(destination, spans(5))
    assert blocking.entered.wait(5)
    start_s = time.monotonic()
    assert destination.finish_close(0.4) is False
    assert time.monotonic() - start_s < 0.6
    assert destination.report().spooled_spans == 5
    assert spooled_in(tmp_path / "spool") == ["s0", "s1", "s2", "s3", "s4"]
    # It is answered after all: what is on disk stays counted as that.
    blocking.free.set()
    time.sleep(0.05)
    assert (destination.report().spooled_spans, destination.report().exported_spans) == (5, 0)


def test_closing_spools_at_once_where_nothing_listens(there: Make, tmp_path: Path) -> None:
    blocking = Blocking()
    destination = there(blocking, endpoint=dead_endpoint(), batch=1)
    end(destination, spans(1))
    assert blocking.entered.wait(5)
    start_s = time.monotonic()
    assert destination.finish_close(10) is False
    assert time.monotonic() - start_s < 2
    assert destination.report().last_reason == "nothing listens"
    assert spooled_in(tmp_path / "spool") == ["s0"]
    blocking.free.set()


def test_whoever_ends_spans_never_waits_and_nothing_is_lost(there: Make, tmp_path: Path) -> None:
    blocking = Blocking()
    destination = there(blocking, queue=500, batch=64)
    ended = spans(2_000)
    threads = [threading.Thread(target=end, args=(destination, ended[start::4])) for start in range(4)]
    start_s = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - start_s < 2
    assert adds_up(destination.report())
    destination.finish_close(1)
    found = destination.report()
    assert (found.ended_spans, found.spooled_spans, found.dropped_spans) == (2_000, 2_000, 0)
    assert len(spooled_in(tmp_path / "spool")) == 2_000
    blocking.free.set()


def test_of_spans_that_hold_much_the_older_ones_are_spooled_before_they_are_many(spool: Spool, tmp_path: Path) -> None:
    outbox = Outbox("there", spool, max_spans=1_000, max_waiting_bytes=50_000)
    for span in spans(12, text="x" * 8_000):
        outbox.add(span)
    assert 1 < len(outbox.waiting) <= 5
    waiting = len(outbox.waiting)
    outbox.spool_all("closed")
    until(lambda: not outbox.pending)
    assert (outbox.pending_bytes, outbox.report().spooled_spans) == (0, 12)
    assert spooled_in(tmp_path / "spool") == [f"s{number}" for number in range(12)]
    assert waiting < 12


def test_a_span_that_is_larger_than_the_queue_drives_no_other_out_of_it(spool: Spool) -> None:
    outbox = Outbox("there", spool, max_spans=1_000, max_waiting_bytes=50_000)
    for span in [*spans(2), *spans(1, text="x" * 100_000), *spans(2)]:
        outbox.add(span)
    assert (len(outbox.waiting), outbox.pending) == (5, 5)
    for span in spans(4, text="x" * 100_000):
        outbox.add(span)
    assert len(outbox.waiting) < 9
    outbox.spool_all("closed")
    until(lambda: not outbox.pending)
    assert (outbox.pending_bytes, outbox.report().spooled_spans) == (0, 9)


def test_many_threads_lose_no_span_as_long_as_the_disk_takes_them(spool: Spool) -> None:
    outbox = Outbox("there", spool, max_spans=16)
    ended = spans(1_000)

    def end_some(start: int) -> None:
        for span in ended[start::8]:
            outbox.add(span)

    threads = [threading.Thread(target=end_some, args=(start,)) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    outbox.spool_all("closed")
    until(lambda: not outbox.pending)
    assert (outbox.report().spooled_spans, outbox.report().dropped_spans) == (1_000, 0)


class StuckDisk(Spool):
    """Takes nothing until it is freed, and then all."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.free = threading.Event()

    def write(self, spans: Sequence[ReadableSpan]) -> int:
        self.free.wait(10)
        return super().write(spans)


def test_whoever_ends_a_span_waits_a_moment_for_a_disk_that_takes_nothing(tmp_path: Path) -> None:
    disk = StuckDisk(tmp_path / "spool")
    outbox = Outbox("there", disk, max_spans=8)
    took_s: list[float] = []
    for span in spans(60):
        start_s = time.monotonic()
        outbox.add(span)
        took_s.append(time.monotonic() - start_s)
    assert min(took_s[-8:]) >= MAX_PAUSE_S
    assert max(took_s) < MAX_PAUSE_S + 0.2
    disk.free.set()
    until(lambda: len(outbox.waiting) == outbox.pending)
    found = outbox.report()
    assert found.dropped_spans > 0
    assert found.last_reason == "more spans waited than the queue holds"
    assert adds_up(found)
    outbox.stop()


@pytest.mark.parametrize(
    ("held", "size", "pause_s", "is_full"),
    [
        (50, 0, 0.0, False),
        (75, 0, MAX_PAUSE_S / 2, False),
        (0, 7_500, MAX_PAUSE_S / 2, False),
        (100, 0, MAX_PAUSE_S, False),
        (400, 0, MAX_PAUSE_S, True),
        (1, 10_001, MAX_PAUSE_S, True),
    ],
)
def test_the_fuller_the_backlog_the_longer_the_wait(held: int, size: int, pause_s: float, *, is_full: bool) -> None:
    backlog = Backlog(max_spans=100, max_bytes=10_000, monotonic_s=Hands())
    backlog.add(held, size)
    assert backlog.pause_s == pytest.approx(pause_s)
    assert backlog.is_full is is_full


def test_a_disk_that_is_stuck_is_not_waited_for_until_it_goes_on() -> None:
    clock = Hands()
    backlog = Backlog(max_spans=100, max_bytes=10_000, monotonic_s=clock)
    backlog.add(200, 0)
    clock.now_s += STUCK_S
    backlog.add(1, 0)
    assert backlog.pause_s == MAX_PAUSE_S
    clock.now_s += 0.1
    assert backlog.pause_s == 0.0
    backlog.remove(1, 0)
    assert backlog.pause_s == MAX_PAUSE_S


class SlowDisk(Spool):
    """Takes a tenth of a second for whatever it takes."""

    def write(self, spans: Sequence[ReadableSpan]) -> int:
        time.sleep(0.1)
        return super().write(spans)


def test_the_end_waits_for_a_disk_that_is_slow_but_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(destination_module, "LAST_SPOOL_S", 0.2)
    monkeypatch.setattr(destination_module, "LONGEST_SPOOL_S", 0.5)
    slow = Destination(Outlet(name="there", build=lambda: Scripted(AWAY)), SlowDisk(tmp_path / "slow"), delay_s=60)
    end(slow, spans(64 * 40))
    start_s = time.monotonic()
    assert slow.finish_close(0.01) is False
    assert 0.5 <= time.monotonic() - start_s < 1.5
    found = slow.report()
    assert found.spooled_spans > 0
    assert found.pending_spans > 0
    assert adds_up(found)


def test_the_end_waits_for_a_disk_that_is_slow_and_not_for_one_that_is_stuck(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(destination_module, "LAST_SPOOL_S", 0.2)
    outlet = Outlet(name="there", build=lambda: Scripted(AWAY))
    slow = Destination(outlet, SlowDisk(tmp_path / "slow"), delay_s=60)
    end(slow, spans(64 * 5))
    assert slow.finish_close(0.01) is False
    assert slow.report().spooled_spans == 64 * 5

    disk = StuckDisk(tmp_path / "stuck")
    stuck = Destination(outlet, disk, delay_s=60)
    end(stuck, spans(1))
    start_s = time.monotonic()
    assert stuck.finish_close(0.01) is False
    assert time.monotonic() - start_s < 1
    assert stuck.report().pending_spans == 1
    disk.free.set()


def test_a_write_that_raises_is_counted(tmp_path: Path) -> None:
    class BrokenDisk(Spool):
        def write(self, spans: Sequence[ReadableSpan]) -> int:
            raise MemoryError

    destination = Destination(Outlet(name="there", build=lambda: Scripted(WRONG)), BrokenDisk(tmp_path), delay_s=60)
    end(destination, spans(3))
    assert destination.finish_close(5) is False
    assert destination.report() == report(ended_spans=3, dropped_spans=3, last_reason="MemoryError")


def test_an_exporter_that_raises_anything_does_not_end_the_thread_that_sends(
    there: Make, caplog: pytest.LogCaptureFixture
) -> None:
    class Exiting(Scripted):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            if not self.batches:
                self.batches.append([])
                raise SystemExit("a secret")
            return super().export(spans)

    exporter = Exiting(TAKEN)
    destination = there(exporter, batch=2)
    end(destination, spans(2))
    until(lambda: destination.report().last_reason == "SystemExit")
    assert destination.flush(5) is True
    assert exporter.batches == [[], ["s0", "s1"]]
    assert destination.report() == report(ended_spans=2, exported_spans=2, last_reason="SystemExit")
    assert [record.message for record in caplog.records] == ["a batch could not be sent: SystemExit"]
    destination.finish_close(5)


def test_an_explainer_that_raises_is_told_of_once_and_harms_nothing(
    spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Explainer):
        def refused(self, answer: Answer) -> None:
            raise ValueError("a secret")

    outlet = Outlet(name="there", build=lambda: Scripted(WRONG, TAKEN, WRONG, TAKEN))
    explainer = Broken(outlet, lambda line: None)
    destination = Destination(outlet, spool, max_batch_spans=1, delay_s=60, explainer=explainer)
    for _ in range(4):
        end(destination, spans(1))
        destination.flush(5)
    found = destination.report()
    assert (found.ended_spans, found.exported_spans, found.spooled_spans) == (4, 2, 2)
    assert [record.message for record in caplog.records] == ["nobody could be told of a refusal: ValueError"]
    destination.finish_close(5)


def test_a_process_that_is_set_up_again_and_again_keeps_no_file_open_and_can_resend(tmp_path: Path) -> None:
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": dead_endpoint(), "NANOAGENT_SPOOL_DIR": str(tmp_path)}

    def cycle() -> None:
        made = destinations_of(["otlp"], env, lambda line: None)
        for destination in made:
            end(destination, spans(1))
            assert destination.finish_close(5) is False

    cycle()
    gc.collect()
    before = open_files()
    for _ in range(50):
        cycle()
    gc.collect()
    assert open_files() < before + 25  # others in this process may open some meanwhile
    exporter = Scripted(TAKEN)
    resender = Resender(Outlet(name="there", build=lambda: exporter))
    assert sum(resender.resend(path).sent for path in files_in([tmp_path])) == 51
    assert list(tmp_path.iterdir()) == []


def test_exporters_that_send_to_one_place_are_one_destination(tmp_path: Path) -> None:
    env = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": dead_endpoint(),
        "OTEL_EXPORTER_FILE_PATH": str(tmp_path / "own.jsonl"),
        "NANOAGENT_SPOOL_DIR": str(tmp_path / "spool"),
    }
    made = destinations_of(["jaeger", "file", "otlp"], env, lambda line: None)
    for destination in made:
        end(destination, spans(1))
        destination.finish_close(5)
    assert [destination.report().destination for destination in made] == ["jaeger", "file"]
    assert spooled_in(tmp_path / "spool") == ["s0"]


def test_only_where_the_disk_takes_nothing_spans_are_lost(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file where a directory should be")
    outlet = Outlet(name="there", build=lambda: Scripted(WRONG))
    destination = Destination(outlet, Spool(tmp_path / "spool"), delay_s=60)
    end(destination, spans(3))
    assert destination.finish_close(5) is False
    assert destination.report() == report(ended_spans=3, dropped_spans=3, last_reason="answered 401")


# -- forks and couriers -------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_sends_its_own_spans_alone(tmp_path: Path) -> None:
    built: list[int] = []

    def build() -> SpanExporter:
        built.append(os.getpid())
        return Scripted(WRONG)

    destination = Destination(Outlet(name="there", build=build), Spool(tmp_path), delay_s=60)
    end(destination, spans(2))
    child = os.fork()
    if child == 0:
        end(destination, spans(3))
        destination.finish_close(5)
        good = destination.report().spooled_spans == 3 and built == [os.getppid(), os.getpid()]
        os._exit(0 if good else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    destination.finish_close(5)
    assert destination.report().spooled_spans == 2
    assert len(list(tmp_path.iterdir())) == 2
    assert len(spooled_in(tmp_path)) == 5


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_has_the_threads_that_it_needs_at_its_end_and_none_of_a_closed_destination(
    spool: Spool,
) -> None:
    def threads() -> set[str]:
        return {thread.name for thread in threading.enumerate()}

    destination = Destination(Outlet(name="forked", build=lambda: Scripted(TAKEN)), spool)
    needed = {"nanoagent-send-forked", "nanoagent-look-forked", "nanoagent-spool-forked"}
    child = os.fork()
    if child == 0:
        os._exit(0 if threads() >= needed else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    destination.finish_close(5)
    child = os.fork()
    if child == 0:
        os._exit(0 if not needed & threads() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_courier_survives_an_errand_that_raises() -> None:
    def leave() -> bool:
        raise SystemExit

    courier = Courier("test")
    assert outcome_of(courier.run(lambda: bool(1 // 0)), 5) is False
    assert outcome_of(courier.run(leave), 5) is False
    assert outcome_of(courier.run(lambda: True), 5) is True
    courier.stop()
    assert outcome_of(courier.run(lambda: True), 5) is False
