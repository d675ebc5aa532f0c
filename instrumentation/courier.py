"""The courier: a thread for work that may hang."""

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

_logger = logging.getLogger(__name__)


class Courier:
    """A daemon thread that runs errands which may hang, so that nobody waits for one longer than wanted."""

    def __init__(self, name: str) -> None:
        """Start no thread yet."""
        self._name = name
        self._stopped = False
        self._thread: threading.Thread | None = None

    def run(self, errand: Callable[[], bool]) -> "Future[bool]":
        """Run the errand after those before it; its outcome is false when it raises."""
        outcome: Future[bool] = Future()
        if self._stopped or not self.start():
            outcome.set_result(False)
        else:
            self._errands.put((errand, outcome))
        return outcome

    def stop(self) -> None:
        """End the thread when the errands so far are done; later ones are not run."""
        self._stopped = True
        if self._thread is not None:
            self._errands.put(None)

    def start(self) -> bool:
        """Start the thread unless it runs; whether it does. From Python 3.12 on none can while the interpreter exits.

        A forked child has the object without the thread.
        """
        if self._thread is None or not self._thread.is_alive():
            errands: queue.SimpleQueue[tuple[Callable[[], bool], Future[bool]] | None] = queue.SimpleQueue()
            thread = threading.Thread(target=self._work, args=(errands,), name=self._name, daemon=True)
            try:
                thread.start()
            except RuntimeError:
                return False
            self._errands, self._thread = errands, thread
        return True

    @staticmethod
    def _work(errands: "queue.SimpleQueue[tuple[Callable[[], bool], Future[bool]] | None]") -> None:
        while (item := errands.get()) is not None:
            errand, outcome = item
            try:
                outcome.set_result(errand())
            except BaseException as error:  # whatever it is, there are further errands
                _logger.warning("telemetry could not be flushed or closed: %s", type(error).__name__)
                outcome.set_result(False)
            del errand, outcome, item  # nothing is kept alive while the thread waits


def left_s(until_s: float) -> float:
    """The seconds until then, by the monotonic clock; 0 once it is past."""
    return max(0.0, until_s - time.monotonic())


def outcome_of(errand: "Future[bool]", timeout_s: float) -> bool:
    """The outcome of an errand, false when it takes longer."""
    try:
        return errand.result(timeout_s)
    except TimeoutError:
        return False
