"""The outbox: the spans of one destination that have ended and not arrived, and the account of all of them."""

import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Final

from opentelemetry.sdk.trace import ReadableSpan

from instrumentation.courier import Courier
from instrumentation.delivery.account import Account, DeliveryReport
from instrumentation.otlp.outgoing import cleaned
from instrumentation.otlp.sender import Arrival
from instrumentation.spooling.spool import Spool

MAX_BEING_SPOOLED: Final = 8
"""How many times the spans that may wait may be on their way to the disk; of more, the oldest are lost."""
PAUSE_S: Final = 0.001
"""So long whoever ends a span waits while half of that is on its way: spans end faster than the disk takes them."""


class Outbox:
    """Holds spans until they arrive or are on disk. Safe under threads.

    Of too many spans that wait, the older half goes to the disk, in a thread of its own: whoever ends a span only
    appends to a queue, and waits for a millisecond where spans end faster than that thread can write.
    """

    def __init__(self, destination: str, spool: Spool, *, max_spans: int) -> None:
        """Hold no spans; of more than `max_spans` that wait, the older half is spooled."""
        self.changed = threading.Condition()
        """The lock of everything here; notified of what somebody may wait for."""
        self.account = Account()
        self.waiting: deque[ReadableSpan] = deque()
        self.is_closed = False
        """Whether spans that end now are lost."""
        self._destination = destination
        self._spool = spool
        self._max_spans = max_spans
        self._under_way: list[ReadableSpan] = []
        self._being_spooled = 0
        self._spooler = Courier(f"nanoagent-spool-{destination}")

    def start(self) -> None:
        """Start the thread that writes: it is needed when none can start any more."""
        self._spooler.start()

    def add(self, span: ReadableSpan) -> int:
        """Take a span that has ended; how many wait now, 0 where this one does not."""
        context = span.context
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
            waiting = len(self.waiting)
            if waiting > self._max_spans:
                self._make_room()
            is_behind = self._being_spooled > MAX_BEING_SPOOLED // 2 * self._max_spans
        if is_behind:
            time.sleep(PAUSE_S)
        return waiting

    def take(self, most: int) -> list[ReadableSpan]:
        """The spans that have waited longest, as they may be seen; they are under way from now on."""
        with self.changed:
            batch = self._under_way = self._oldest(most)
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
        with self.changed:
            self.waiting.extendleft(reversed(self._under_way))
            self._under_way = []

    def spool_under_way(self, reason: str) -> None:
        """What is under way goes to the disk."""
        with self.changed:
            left, self._under_way = self._under_way, []
            self._to_disk(left, len(left), reason)

    def spool_all(self, reason: str) -> None:
        """Everything goes to the disk."""
        with self.changed:
            # Swapped first: a finalizer that ends a span here and now must not have it lost.
            waiting, self.waiting = self.waiting, deque()
            left, self._under_way = [*self._under_way, *waiting], []
            self._to_disk(left, len(left), reason)
            self.changed.notify_all()

    @property
    def pending(self) -> int:
        """Spans that nothing became of so far."""
        return len(self.waiting) + len(self._under_way) + self._being_spooled

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

    def _oldest(self, most: int) -> list[ReadableSpan]:
        """Taken out one by one: a finalizer can end a span, and make room, between any two."""
        oldest: list[ReadableSpan] = []
        while self.waiting and len(oldest) < most:
            oldest.append(self.waiting.popleft())
        return oldest

    def _make_room(self) -> None:
        older = self._oldest(len(self.waiting) // 2)
        if self._being_spooled <= MAX_BEING_SPOOLED * self._max_spans:
            self._to_disk(older, len(older), "more spans waited than the queue holds")
        else:
            self.account.dropped += len(older)
            self.account.last_reason = "more spans ended than could be written"

    def _to_disk(self, spans: Sequence[ReadableSpan], count: int, reason: str) -> None:
        """Have spans written, and so many of them counted."""
        if not spans:
            return
        self._being_spooled += count
        if self._spooler.start():
            self._spooler.run(lambda: self._write(spans, count, reason))
        else:  # the interpreter is exiting, and no thread can start
            self._write(spans, count, reason)

    def _write(self, spans: Sequence[ReadableSpan], count: int, reason: str) -> bool:
        written = min(count, self._spool.write([cleaned(span) for span in spans]))
        with self.changed:
            account = self.account
            self._being_spooled -= count
            account.spooled += written
            account.dropped += count - written
            account.last_reason = reason
            account.spool = str(self._spool.path) if self._spool.path else account.spool
            self.changed.notify_all()
        return written == count
