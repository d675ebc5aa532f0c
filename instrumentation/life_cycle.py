"""The ends of a process: each way that one can end in good order gets the last spans out."""

import atexit

# In a forked child hooks run in the order of the imports that registered them: this module's own one must renew its
# lock before the SDK's providers, made later, start a pool there.
import concurrent.futures.thread  # noqa: F401
import multiprocessing
import os
import signal
import threading
import time
import weakref
from collections.abc import Callable
from functools import cache
from multiprocessing import util
from types import FrameType
from typing import Any, Final

from instrumentation.courier import Courier, outcome_of

End = Callable[[], bool]
"""Gets the last spans out, within a deadline; called more than once, it does it once."""
NO_EFFECT_S: Final = 0.2
"""A signal that has not ended the process by then will not: it has no effect on a container's first process, and it
waits for a main thread that is in code other than Python's."""


class ProcessEnd:
    """Calls `end` when the process ends: at the interpreter's exit, in workers of multiprocessing, and at a SIGTERM.

    SIGTERM is left alone where somebody handles it, and where it was set up outside of the main thread. Otherwise `end`
    runs in a thread of its own while the application goes on, and then the signal does what it always did; where it has
    no effect, the process exits with the code that shells give it, 143. A process that ends by `os._exit` or SIGKILL
    calls nobody.
    """

    def __init__(self, end: End, *, within_s: float) -> None:
        """Call `end` from now on; at a SIGTERM it is not waited for any longer than `within_s`."""
        self._end = end
        self._within_s = within_s
        self._pid = os.getpid()
        self._is_ending = self._has_ended = False
        self._handler = self._on_sigterm  # one object, to know it again
        self._ending, self._dying = Courier("nanoagent-end"), Courier("nanoagent-die")
        atexit.register(end)
        # Forked workers of multiprocessing end by os._exit, after their own finalizers.
        util.register_after_fork(self, ProcessEnd._in_worker)
        in_forked_child(self._after_fork)
        if multiprocessing.parent_process() is not None:
            self._in_worker()
        if _is_main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            # Now: a handler must start no thread, and from Python 3.12 on none starts once the main thread has ended.
            self._start()
            signal.signal(signal.SIGTERM, self._handler)
            _keep_signals_of_forks()

    def forget(self) -> None:
        """Call nobody any more."""
        atexit.unregister(self._end)
        if _is_main_thread() and signal.getsignal(signal.SIGTERM) == self._handler:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            self._ending.stop()
            self._dying.stop()

    def _start(self) -> None:
        self._ending.start()
        self._dying.start()

    def _in_worker(self) -> None:
        util.Finalize(None, self._end, exitpriority=10)

    def _after_fork(self) -> None:
        self._is_ending = self._has_ended = False
        self._pid = os.getpid()
        if signal.getsignal(signal.SIGTERM) == self._handler:
            self._start()

    def _on_sigterm(self, signum: int, frame: FrameType | None) -> Any:
        # A child that is hit while it is being forked has nothing to send yet, and locks that nobody will open.
        if self._has_ended or self._pid != os.getpid():
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)
        elif not self._is_ending:
            self._is_ending = True
            # Not here: the main thread may hold a lock that is needed to get spans out.
            self._dying.run(self._end_and_die)

    def _end_and_die(self) -> bool:
        # The main thread may hold what a line of the log needs, and it does not go on before the process ends.
        arrived = outcome_of(self._ending.run(self._end), self._within_s)
        self._has_ended = True
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(NO_EFFECT_S)
        if signal.getsignal(signal.SIGTERM) in (signal.SIG_DFL, self._handler):
            os._exit(128 + signal.SIGTERM)
        return arrived


def in_forked_child(method: Callable[[], None]) -> None:
    """Call a method of an object in each child that the process forks, as long as the object lives; one of each.

    What it must do is replace locks, which another thread may have held, and threads, which do not come along.
    """
    if hasattr(os, "register_at_fork"):
        _CALLED_IN_CHILDREN[method.__self__] = method.__func__  # type: ignore[attr-defined]
        _call_in_children()


_CALLED_IN_CHILDREN: Final[weakref.WeakKeyDictionary[object, Callable[[Any], None]]] = weakref.WeakKeyDictionary()
"""In the order in which they were made."""


@cache
def _call_in_children() -> None:
    def call_all() -> None:
        for one, function in list(_CALLED_IN_CHILDREN.items()):
            function(one)

    os.register_at_fork(after_in_child=call_all)


@cache
def _keep_signals_of_forks() -> None:
    """Let no SIGTERM get lost that reaches a child while it is being forked.

    Python forgets what had arrived by then, and whoever waits for the child to end, as a pool of multiprocessing does,
    would wait for ever. A signal that is blocked meanwhile is delivered afterwards.
    """
    if not hasattr(os, "register_at_fork"):
        return
    masks = threading.local()

    def block() -> None:
        masks.before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

    def unblock() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, masks.before)

    os.register_at_fork(before=block, after_in_parent=unblock, after_in_child=unblock)


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
