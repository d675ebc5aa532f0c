"""What runs in a process of Ray's, without Ray: a loop in a thread of its own is all that it needs."""

from tests.commands import run_imported

PROGRAM = """
import asyncio, sys, threading, time
sys.modules["benchmarks.engines.workplace"] = None
from benchmarks.engines.ray_worker import RayWorker

loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()
worker = RayWorker({}, None, b"")
print(asyncio.run_coroutine_threadsafe(worker.get_ready(), loop).result(), flush=True)
loop.call_soon_threadsafe(sys.exit, 7)
time.sleep(300)
"""


def test_what_is_lacking_is_said_and_with_its_loop_the_process_ends() -> None:
    done = run_imported(PROGRAM, env={})
    assert done.stdout.startswith("ModuleNotFoundError: import of benchmarks.engines.workplace halted")
    assert (done.returncode, done.stderr) == (1, "")
