"""Servers that tests start, wait for, kill, start again and measure."""

import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HOST: Final = "127.0.0.1"
START_TIMEOUT_S: Final = 120.0
STOP_TIMEOUT_S: Final = 60.0
ROOT: Final = Path(__file__).parents[2]

_http = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, kw_only=True)
class Process:
    """A server that answers, or has done so."""

    name: str
    popen: "subprocess.Popen[bytes]"
    log: Path
    """What it wrote."""

    def kill(self) -> None:
        """End it at once, as a machine that loses its power does; it writes nothing more."""
        self.popen.send_signal(signal.SIGKILL)
        self.popen.wait()

    def stop(self) -> int:
        """Ask it to end, and give its exit code; one that does not is killed."""
        self.popen.terminate()
        try:
            return self.popen.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.popen.returncode

    def peak_mib(self) -> int:
        """The most memory that it has held, on Linux."""
        status = Path(f"/proc/{self.popen.pid}/status").read_text()
        (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
        return int(peak) // 1024

    def cpu_s(self) -> float:
        """How long the processors have worked for it, on Linux."""
        fields = Path(f"/proc/{self.popen.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def tail(self) -> str:
        """The end of what it wrote."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])


@contextmanager
def serving(
    name: str, command: Sequence[str], log: Path, *, ready: str | Callable[[], bool], env: Mapping[str, str]
) -> Iterator[Process]:
    """Start a server, wait until it answers, and stop it at the end.

    Args:
        name: What messages call it.
        command: Its command line; it runs in the root of the repository.
        log: Where it writes; a file that is there is gone on with.
        ready: A URL that it answers with 200, or what says whether it answers.
        env: Environment variables beside those of the tests.

    Raises:
        RuntimeError: It ended or did not answer in time; the message carries the end of its log.
    """
    with log.open("ab") as output:
        popen = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **env}, stdout=output, stderr=subprocess.STDOUT)
    process = Process(name=name, popen=popen, log=log)
    try:
        wait_until(lambda: popen.poll() is not None or _answers(ready), f"{name} answers", deadline_s=START_TIMEOUT_S)
        if popen.poll() is not None:
            raise RuntimeError(f"{name} did not start (exit code {popen.returncode}):\n{process.tail()}")
        yield process
    finally:
        process.stop()


def wait_until(condition: Callable[[], bool], meaning: str, *, deadline_s: float, pause_s: float = 0.05) -> None:
    """Wait for what comes without notice.

    Args:
        condition: Whether it is there.
        meaning: What it is.
        deadline_s: How long to wait.
        pause_s: Between looks; what costs something is not looked at all the time.

    Raises:
        RuntimeError: It has not come.
    """
    deadline = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited {deadline_s} s in vain: {meaning}")
        time.sleep(pause_s)


def free_ports(count: int) -> list[int]:
    """Ports that differ: every socket stays open until the last one has its port."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]


def accepts(port: int) -> bool:
    """Whether somebody takes connections there."""
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((HOST, port)) == 0


def fetched(url: str) -> str:
    """What a URL of this machine answers."""
    with _http.open(url, timeout=10) as answer:
        return str(answer.read().decode())


def _answers(ready: str | Callable[[], bool]) -> bool:
    if callable(ready):
        return ready()
    try:
        with _http.open(ready, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:  # refused, or 503 while its parts start
        return False
