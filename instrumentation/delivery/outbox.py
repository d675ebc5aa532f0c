"""The outbox: the spans of one destination that have ended and not arrived, and the account of all of them."""

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

from opentelemetry.sdk.trace import ReadableSpan

from instrumentation.courier import Courier
from instrumentation.delivery.account import Account, DeliveryReport
from instrumentation.delivery.backlog import Backlog
from instrumentation.otlp.outgoing import cleaned
from instrumentation.otlp.sender import Arrival
from instrumentation.otlp.sizes import held_bytes_of
from instrumentation.spooling.spool import Spool

MAX_WAITING_BYTES: Final = 16 * 2**20
"""About what the spans that wait may hold in memory, ..."""
HUGE: Final = 4
"""... where one that holds more than this part of it counts as such a part: a huge one drives no other out."""
MAX_BEING_SPOOLED: Final = 2
"""How many times what may wait may be on its way to the disk; of more, the oldest spans are lost."""
STEP_SPANS: Final = 64
"""So many spans are written, and counted, at a time, ..."""
STEP_BYTES: Final = 2**20
"""... and about so many bytes."""


class Outbox:
    """Holds spans until they arrive or are on disk. Safe under threads.

    Of too much that waits, the older half goes to the disk, in a thread of its own: whoever ends a span only appends
    to a queue, and waits for some milliseconds where spans end faster than that thread can write.
    """

    def __init__(
        self, destination: str, spool: Spool, *, max_spans: int, max_waiting_bytes: int = MAX_WAITING_BYTES
    ) -> None:
        """Hold no spans; when more wait, in number or in bytes, the older half is spooled."""
        self.changed = threading.Condition()
        """The lock of everything here; notified of what somebody may wait for."""
        self.account = Account()
        self.waiting: deque[ReadableSpan] = deque()
        self.is_closed = False
        """Whether spans that end now are lost."""
        self._destination = destination
        self._spool = spool
        self._max_spans = max_spans
        self._max_waiting_bytes = max_waiting_bytes
        self._waiting_bytes = 0
        self._under_way: list[ReadableSpan] = []
        self._backlog = Backlog(
            max_spans=MAX_BEING_SPOOLED * max_spans, max_bytes=MAX_BEING_SPOOLED * max_waiting_bytes
        )
        self._spooler = Courier(f"nanoagent-spool-{destination}")

    def start(self) -> None:
        """Start the thread that writes: it is needed when none can start any more."""
        self._spooler.start()

    def add(self, span: ReadableSpan) -> int:
        """Take a span that has ended; how many wait now, 0 where this one does not."""
        context, size = span.context, self._size_of(span)
        with self.changed:
            account = self.account
            account.ended += 1
            if context is None or not context.trace_flags.sampled:
                account.sampled_out += 1
                return 0
            if self.is_closed:
                account.dropped += 1
                account.last_reason = "ended after the shutdown"
                return 0
            self.waiting.append(span)
            self._waiting_bytes += size
            waiting = len(self.waiting)
            if waiting > self._max_spans or self._waiting_bytes > self._max_waiting_bytes:
                self._make_room()
            pause_s = self._backlog.pause_s
        if pause_s > 0:
            time.sleep(pause_s)
        return waiting

    def take(self, most: int) -> list[ReadableSpan]:
        """The spans that have waited longest, as they may be seen; they are under way from now on."""
        with self.changed:
            batch = self._under_way = [self._popped() for _ in range(min(most, len(self.waiting)))]
        seen = [cleaned(span) for span in batch]
        with self.changed:
            if self._under_way is batch:
                self._under_way = seen
        return seen

    def arrived(self, arrival: Arrival) -> None:
        """Spans that were under way have arrived; those that are on disk by now stay there."""
        with self.changed:
            ids = set(map(id, arrival.spans))
            left = [span for span in self._under_way if id(span) not in ids]
            count = len(self._under_way) - len(left)
            if not count:
                return
            self._under_way = left
            rejected = min(count, arrival.rejected)
            self.account.exported += count - rejected
            self.account.shortened += arrival.shortened
            if rejected:
                # Which ones is not said, so all of them are kept.
                self._to_disk(arrival.spans, rejected, "rejected by the receiver")
            self.changed.notify_all()

    def put_back(self) -> None:
        """What is under way waits again, before everything else."""
        size = sum(map(self._size_of, self._under_way))
        with self.changed:
            self.waiting.extendleft(reversed(self._under_way))
            self._waiting_bytes += size
            self._under_way = []

    def spool_under_way(self, reason: str) -> None:
        """What is under way goes to the disk."""
        with self.changed:
            left, self._under_way = self._under_way, []
            self._to_disk(left, len(left), reason)

    def spool_all(self, reason: str) -> None:
        """Everything goes to the disk."""
        with self.changed:
            left, self._under_way = self._under_way, []
            # Taken out one by one, as everywhere: a finalizer can end a span, and make room, between any two.
            left = [*left, *(self._popped() for _ in range(len(self.waiting)) if self.waiting)]
            self._to_disk(left, len(left), reason)
            self.changed.notify_all()

    @property
    def pending(self) -> int:
        """Spans that nothing became of so far."""
        return len(self.waiting) + len(self._under_way) + self._backlog.spans

    @property
    def pending_bytes(self) -> int:
        """About what they hold in memory."""
        with self.changed:
            return self._waiting_bytes + sum(map(self._size_of, self._under_way)) + self._backlog.bytes

    @property
    def nothing_lost(self) -> bool:
        """Whether every span that something became of has arrived."""
        return not self.account.spooled and not self.account.dropped

    def report(self) -> DeliveryReport:
        """The account so far."""
        with self.changed:
            return self.account.report(self._destination, pending=self.pending)

    def stop(self) -> None:
        """End the thread that writes, once it has written what there is."""
        self._spooler.stop()

    def _popped(self) -> ReadableSpan:
        span = self.waiting.popleft()
        self._waiting_bytes -= self._size_of(span)
        return span

    def _size_of(self, span: ReadableSpan) -> int:
        return min(held_bytes_of(span), self._max_waiting_bytes // HUGE)

    def _make_room(self) -> None:
        most_spans, most_bytes = (len(self.waiting) + 1) // 2, self._max_waiting_bytes // 2
        older: list[ReadableSpan] = []
        # A finalizer can end a span, and make room, between any two of them.
        while self.waiting and (len(self.waiting) > most_spans or self._waiting_bytes > most_bytes):
            older.append(self._popped())
        if self._backlog.is_full:
            self.account.dropped += len(older)
            self.account.last_reason = "more spans ended than could be written"
        else:
            self._to_disk(older, len(older), "more spans waited than the queue holds")

    def _to_disk(self, spans: Sequence[ReadableSpan], count: int, reason: str) -> None:
        """Have spans written, in steps, and so many of them counted."""
        for step, size in _steps_of(spans):
            counted = min(count, len(step))
            count -= counted
            self._step_to_disk(step, counted, size, reason)

    def _step_to_disk(self, spans: Sequence[ReadableSpan], count: int, size: int, reason: str) -> None:
        self._backlog.add(count, size)
        if self._spooler.start():
            self._spooler.run(lambda: self._write(spans, count, size, reason))
        else:  # the interpreter is exiting, and no thread can start
            self._write(spans, count, size, reason)

    def _write(self, spans: Sequence[ReadableSpan], count: int, size: int, reason: str) -> bool:
        try:
            written = min(count, self._spool.write([cleaned(span) for span in spans]))
        except Exception as error:  # the spool raises nothing, but memory can end anywhere
            written, reason = 0, type(error).__name__
        with self.changed:
            account = self.account
            self._backlog.remove(count, size)
            account.spooled += written
            account.dropped += count - written
            account.last_reason = reason
            account.spool = str(self._spool.path) if self._spool.path else account.spool
            self.changed.notify_all()
        return written == count


def _steps_of(spans: Sequence[ReadableSpan]) -> Iterator[tuple[list[ReadableSpan], int]]:
    """The spans a few at a time, and about what those hold in memory."""
    step: list[ReadableSpan] = []
    size = 0
    for span in spans:
        added = held_bytes_of(span)
        if step and (len(step) >= STEP_SPANS or size + added > STEP_BYTES):
            yield step, size
            step, size = [], 0
        step.append(span)
        size += added
    if step:
        yield step, size
