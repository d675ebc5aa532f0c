"""What runs in a process of Ray's. It imports nothing of ours until it gets ready: what a cluster lacks can be said."""

import os
import pickle
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.engines.job import Closed, Made, Ready
    from benchmarks.engines.workplace import Workplace


class RayWorker:
    """Makes attempts, several at a time.

    Args:
        settings: Variables of the environment to set.
        directory: The working directory to change to; `None` leaves it.
        job: The `Job`, pickled: what it holds is only there once the directory is.
    """

    def __init__(self, settings: dict[str, str], directory: str | None, job: bytes) -> None:
        os.environ.update(settings)
        os.environ.setdefault("PYDANTIC_AI_NO_BANNER", "1")
        if directory is not None:
            os.chdir(directory)
        sys.path.insert(0, os.getcwd())  # noqa: PTH109 - a text, as the path holds
        self._job = job
        self._workplace: Workplace

    async def get_ready(self) -> "Ready | str":
        """Set up; what is wrong with this place is returned as the text to show."""
        threading.Thread(target=_end_after, args=(threading.current_thread(),), daemon=True).start()
        try:
            return self._set_up()
        except ImportError as error:
            return f"{type(error).__name__}: {error}"

    async def make(self, goal_id: str, number: int) -> "Made":
        """Make an attempt."""
        return await self._workplace.make(goal_id, number)

    async def close(self) -> "Closed":
        """Send what is left."""
        return await self._workplace.close()

    def _set_up(self) -> "Ready | str":
        from benchmarks.engines.job import Job, Ready
        from benchmarks.engines.workplace import Workplace
        from benchmarks.results.provenance import packages
        from nanoagent.errors import ConfigurationError

        job: Job = pickle.loads(self._job)  # noqa: S301 - from the driver, as this code is
        try:
            workplace = Workplace(job)
        except ConfigurationError as error:
            return str(error)
        self._workplace = workplace
        return Ready(place=_address(), packages=packages(), token_source=workplace.token_source)


def _end_after(loop: threading.Thread) -> None:
    """End the process once its loop has ended, as by sys.exit in an attempt: it would live, and never answer again."""
    loop.join()
    os._exit(1)


def _address() -> str:
    import ray

    address: Any = ray.util.get_node_ip_address()
    return str(address)
