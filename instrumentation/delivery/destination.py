"""The destination: a place that spans go to, and a way out of it that never hangs."""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from instrumentation.courier import Courier, outcome_of
from instrumentation.delivery.account import DeliveryReport
from instrumentation.delivery.notices import Explainer
from instrumentation.delivery.outbox import Outbox
from instrumentation.life_cycle import in_forked_child
from instrumentation.otlp.addresses import unreachable
from instrumentation.otlp.answers import Answer, Fault
from instrumentation.otlp.exporters import Outlet
from instrumentation.otlp.sender import Sender
from instrumentation.spooling.spool import Spool

_logger = logging.getLogger(__name__)

DEFAULT_DEADLINE_S: Final = 2.0
"""How long a flush, a shutdown or the exit of the process may take, where nobody says how long."""
PATIENCE_S: Final = 30.0
"""So long spans wait in memory for a receiver that is away; then they are spooled until it is back."""
FIRST_PAUSE_S: Final = 1.0
"""The pause after the first attempt to reach a receiver that is away; each further one is twice as long."""
MAX_PAUSE_S: Final = 30.0
SPOOL_S: Final = 0.1
"""Time that is kept at the end for writing to disk, and as much again as the next for each span."""
SPOOL_S_A_SPAN: Final = 0.000_2
SPOOL_S_A_BYTE: Final = 1e-7
LAST_SPOOL_S: Final = 0.5
"""So long the end waits for the disk at least, and again each time that it has taken something, even after the
deadline: what is not on it is lost."""
LONGEST_SPOOL_S: Final = 2.0
"""But no longer than this: 20 MB of texts of others, which are redacted on the way, take about as long."""


class Destination(SpanProcessor):
    """A place that spans go to in batches; what does not arrive there is spooled.

    One thread sends, another writes to the spool. A third one looks at the address, which can take long.
    """

    def __init__(
        self,
        outlet: Outlet,
        spool: Spool,
        *,
        max_queue_spans: int = 8_192,
        max_batch_spans: int = 64,
        delay_s: float = 1.0,
        explainer: Explainer | None = None,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Set the exporter up, and start the threads.

        Args:
            outlet: How spans get out.
            spool: Where they go when they do not arrive.
            max_queue_spans: Spans that may wait in memory.
            max_batch_spans: Spans in a batch.
            delay_s: Longest wait before spans are sent.
            explainer: Says what is wrong when spans do not arrive.
            monotonic_s: The clock of all waiting.

        Raises:
            ConfigurationError: The exporter cannot be set up.
        """
        self.outlet: Final = outlet
        self._spool = spool
        self._max_queue_spans = max_queue_spans
        self._max_batch_spans = max_batch_spans
        self._delay_s = delay_s
        self._explainer = explainer
        self._explainer_failed = False
        self._monotonic_s = monotonic_s
        self._sender: Sender | None = self._make_sender()
        self._away_since_s: float | None = None
        self._begin(is_closing=False)
        self._start()
        in_forked_child(self._after_fork)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing: only spans that have ended are sent."""

    def on_end(self, span: ReadableSpan) -> None:
        """Queue the span when it is sampled."""
        waiting = self._outbox.add(span)
        if waiting == 1 or waiting == self._max_batch_spans:
            with self._outbox.changed:
                if waiting == 1:
                    self._due_s = self._monotonic_s() + self._delay_s
                self._outbox.changed.notify_all()

    def look(self, timeout_s: float) -> None:
        """Look at the place, and have it said when something is wrong with it; wait for that no longer than this."""
        if self._explainer is not None:
            outcome_of(self._aside.run(self._explainer.look), timeout_s)

    def report(self) -> DeliveryReport:
        """The account so far."""
        return self._outbox.report()

    def flush(self, deadline_s: float) -> bool:
        """Send what has ended; true when all of it, and all before it, has arrived by the deadline."""
        until_s = self._monotonic_s() + deadline_s
        outbox = self._outbox
        with outbox.changed:
            due = self._flush_due = outbox.account.ended
            self._retry_s = 0.0
            outbox.changed.notify_all()
            self._wait(lambda: outbox.account.settled >= due, until_s)
            return outbox.account.settled >= due and outbox.nothing_lost

    def begin_close(self) -> None:
        """Take no more spans, and send what has ended."""
        with self._outbox.changed:
            self._outbox.is_closed = True
            self._retry_s = 0.0
            self._outbox.changed.notify_all()

    def finish_close(self, deadline_s: float) -> bool:
        """Wait for what is being sent, spool what is left, and shut down; whether all has arrived."""
        until_s = self._monotonic_s() + deadline_s
        outbox = self._outbox
        self.begin_close()
        reserve_s = SPOOL_S + SPOOL_S_A_SPAN * outbox.pending + SPOOL_S_A_BYTE * outbox.pending_bytes
        nobody_there = self._why_nobody_is_there(deadline_s / 3) if outbox.pending else None
        if nobody_there is None:
            self._close_by_s = until_s - min(reserve_s, deadline_s / 2)
            self._wait(lambda: not outbox.pending, self._close_by_s)
            self._give_up(outbox.account.last_reason or "no answer in time")
        else:
            # Trying again takes longer than anybody wants to wait, and cannot succeed.
            self._give_up(nobody_there)
        self._wait_for_disk(max(until_s, self._monotonic_s() + min(reserve_s, LONGEST_SPOOL_S)))
        self._shut_exporter_down(until_s - self._monotonic_s())
        return not outbox.pending and outbox.nothing_lost

    def force_flush(self, timeout_millis: int | None = None) -> bool:
        """Send what has ended; whether it has arrived in time."""
        return self.flush(DEFAULT_DEADLINE_S if timeout_millis is None else timeout_millis / 1_000)

    def shutdown(self) -> None:
        """Send what has ended, and shut down: for a provider that knows no deadline, within the default one."""
        if not self._outbox.is_closed:
            self.finish_close(DEFAULT_DEADLINE_S)

    # -- the thread that sends ------------------------------------------------------------------------------------

    def _work(self) -> None:
        while self._wait_for_work():
            try:
                self._work_once()
            except BaseException as error:  # there is no other thread that would go on
                _logger.warning("a batch could not be sent: %s", type(error).__name__)
                # As if the receiver were away: the spans wait, and so does the next line of this kind.
                self._settle(Answer(error=type(error).__name__))

    def _work_once(self) -> None:
        batch = self._outbox.take(self._max_batch_spans)
        refusal = self._send(batch) if batch else None
        if refusal is not None and not self._gave_up:
            self._explain(refusal)
        self._settle(refusal)

    def _wait_for_work(self) -> bool:
        """Wait until it is time to send; whether it ever will be again."""
        outbox = self._outbox
        with outbox.changed:
            while not self._gave_up:
                left_s = self._left_s() if outbox.waiting else None
                if left_s is not None and left_s <= 0:
                    return True
                if outbox.is_closed and not outbox.waiting:
                    return False
                outbox.changed.wait(left_s)
            return False

    def _left_s(self) -> float:
        """How long the spans that wait need not be sent yet."""
        now_s, outbox = self._monotonic_s(), self._outbox
        if self._away_since_s is not None:
            return self._retry_s - now_s
        if outbox.is_closed:
            return 0.0
        is_asked_for = outbox.account.settled < self._flush_due or len(outbox.waiting) >= self._max_batch_spans
        return 0.0 if is_asked_for else self._due_s - now_s

    def _send(self, batch: list[ReadableSpan]) -> Answer | None:
        try:
            if self._sender is None:
                self._sender = self._make_sender()
            return self._sender.send(batch, self._outbox.arrived)
        except Exception as error:
            return Answer(error=type(error).__name__)

    def _settle(self, refusal: Answer | None) -> None:
        """A batch has been tried: what is left of it waits for another time, or goes to the disk."""
        outbox = self._outbox
        with outbox.changed:
            if self._gave_up:
                return  # what was under way is on disk
            if refusal is None or refusal.fault is Fault.BATCH:
                self._away_since_s, self._pause_s = None, FIRST_PAUSE_S
                outbox.spool_under_way(refusal.reason if refusal else "not sent")
            elif self._can_wait(refusal):
                outbox.put_back()
            else:
                outbox.spool_all(refusal.reason)
            outbox.changed.notify_all()

    def _can_wait(self, refusal: Answer) -> bool:
        """The receiver is away, and is tried again after a pause: whether the spans wait for it."""
        now_s, outbox = self._monotonic_s(), self._outbox
        outbox.account.last_reason = refusal.reason
        if self._away_since_s is None:
            self._away_since_s = now_s
        self._retry_s = now_s + max(self._pause_s, min(refusal.retry_after_s or 0.0, MAX_PAUSE_S))
        self._pause_s = min(2 * self._pause_s, MAX_PAUSE_S)
        is_in_time = now_s - self._away_since_s < PATIENCE_S and self._retry_s < self._close_by_s
        return refusal.fault is Fault.LATER and is_in_time

    def _explain(self, refusal: Answer) -> None:
        try:
            if self._explainer is not None:
                self._explainer.refused(refusal)
        except Exception as error:
            if not self._explainer_failed:
                _logger.warning("nobody could be told of a refusal: %s", type(error).__name__)
            self._explainer_failed = True

    # -- the end --------------------------------------------------------------------------------------------------

    def _wait(self, done: Callable[[], bool], until_s: float) -> None:
        with self._outbox.changed:
            while not done() and (left_s := until_s - self._monotonic_s()) > 0:
                self._outbox.changed.wait(left_s)

    def _wait_for_disk(self, until_s: float) -> None:
        """Wait until all is written; after that time only as long as the disk takes something."""
        outbox, start_s = self._outbox, self._monotonic_s()
        left, until_s = outbox.pending, max(until_s, start_s + LAST_SPOOL_S)
        while left:
            self._wait(lambda before=left: outbox.pending < before, until_s)  # type: ignore[misc]
            if outbox.pending == left:
                return
            left = outbox.pending
            until_s = max(until_s, min(self._monotonic_s() + LAST_SPOOL_S, start_s + LONGEST_SPOOL_S))

    def _why_nobody_is_there(self, timeout_s: float) -> str | None:
        """Why nobody can be reached, as far as is known in time: looking a name up can take long."""
        endpoint, reasons = self.outlet.endpoint, deque[str | None](maxlen=1)

        def look(endpoint: str) -> bool:
            reasons.append(unreachable(endpoint))
            return True

        if endpoint is not None:
            outcome_of(self._aside.run(lambda: look(endpoint)), timeout_s)
        return reasons[0] if reasons else None

    def _give_up(self, reason: str) -> None:
        """Wait for no answer any more: what has not arrived goes to the disk."""
        with self._outbox.changed:
            self._gave_up = True
            self._outbox.spool_all(reason)

    def _shut_exporter_down(self, timeout_s: float) -> None:
        # A request that is under way opens a connection pool anew; left to the interpreter's end, urllib3 complains
        # about it on stderr.
        sender, self._sender = self._sender, None
        if sender is not None:
            outcome_of(self._aside.run(sender.shut_down), max(0.0, timeout_s))
        self._aside.stop()
        self._outbox.stop()

    # -- threads and forks ----------------------------------------------------------------------------------------

    def _begin(self, *, is_closing: bool) -> None:
        """Know of no span: at the start, and in a forked child, where the spans are the parent's."""
        self._outbox = Outbox(self.outlet.name, self._spool, max_spans=self._max_queue_spans)
        self._outbox.is_closed = is_closing
        self._aside = Courier(f"nanoagent-look-{self.outlet.name}")
        self._due_s = self._retry_s = 0.0
        self._flush_due = 0
        self._away_since_s = None
        self._pause_s = FIRST_PAUSE_S
        self._close_by_s = math.inf
        self._gave_up = False

    def _start(self) -> None:
        """Start the threads, early: from Python 3.12 on none can while the interpreter exits, when they are needed."""
        thread = threading.Thread(target=self._work, name=f"nanoagent-send-{self.outlet.name}", daemon=True)
        with suppress(RuntimeError):  # there can be no more of them: what there is goes to the disk
            thread.start()
            self._aside.start()
            self._outbox.start()

    def _after_fork(self) -> None:
        """No thread came along, and a connection must not be shared."""
        self._sender = None
        self._begin(is_closing=self._outbox.is_closed)
        self._spool.after_fork()
        if self._explainer is not None:
            self._explainer.after_fork()
        if not self._outbox.is_closed:
            self._start()

    def _make_sender(self) -> Sender:
        return Sender(self.outlet.build(), max_batch_bytes=self.outlet.max_batch_bytes)
