"""How long something takes, whatever else its process does."""

import gc
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Took:
    """The time, once it is over."""

    seconds: float = float("inf")


@contextmanager
def timed() -> Iterator[Took]:
    """CPU time of this thread, without what it costs to measure coverage and to collect what other tests have left."""
    took = Took()
    tracer, collects = sys.gettrace(), gc.isenabled()
    sys.settrace(None)
    gc.disable()
    start_s = time.thread_time()
    try:
        yield took
    finally:
        took.seconds = time.thread_time() - start_s
        sys.settrace(tracer)
        if collects:
            gc.enable()
