"""Servers that tests start, wait for, kill, start again and measure."""

import contextlib
import functools
import ipaddress
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HOST: Final = "127.0.0.1"
ROOT: Final = Path(__file__).parents[1]
START_TIMEOUT_S: Final = 120.0
STOP_TIMEOUT_S: Final = 60.0
# A port that was free a moment ago may be taken by another process.
ATTEMPTS: Final = 3

# The environment may name a proxy, which knows nothing of this machine's loopback.
_http = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, kw_only=True)
class Process:
    """A server that answers, or has done so."""

    name: str
    popen: "subprocess.Popen[bytes]"
    log: Path
    """Where it writes, after `log_start` bytes of others before it."""
    log_start: int
    ports: Mapping[str, int]
    """Those that it was given, by the environment variable that names each."""

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

    def said(self) -> str:
        """What it wrote."""
        return self.log.read_bytes()[self.log_start :].decode(errors="replace")

    def peak_mib(self) -> int:
        """The most memory that it has held, on Linux."""
        status = Path(f"/proc/{self.popen.pid}/status").read_text()
        (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
        return int(peak) // 1024

    def cpu_s(self) -> float:
        """How long the processors have worked for it, on Linux."""
        fields = Path(f"/proc/{self.popen.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def serving(
    name: str,
    command: Sequence[str],
    log: Path,
    *,
    ready: str | Callable[[], bool],
    env: Mapping[str, str],
    ports: Sequence[str] = (),
) -> Iterator[Process]:
    """Start a server, wait until it answers, and stop it at the end; it ends with the thread that has started it, too.

    Args:
        name: What messages call it.
        command: Its command line; it runs in the root of the repository.
        log: Where it writes; a file that is there is gone on with.
        ready: A URL that it answers with 200, or what says whether it answers.
        env: Environment variables beside those of the tests.
        ports: More of them, which name free ports; `ready` has them in braces.

    Raises:
        RuntimeError: It ended or did not answer in time; the message carries the end of its log.
    """
    with ExitStack() as stack:
        for attempt in range(1, ATTEMPTS + 1):
            process = _started(name, command, log, env, dict(zip(ports, free_ports(len(ports)), strict=True)))
            stack.callback(process.stop)
            said = _said_instead_of_answering(process, ready)
            if said is None:
                break
            if attempt == ATTEMPTS or not ports or "address already in use" not in said.lower():
                tail = "\n".join(said.splitlines()[-15:])
                raise RuntimeError(f"{name} did not start (exit code {process.popen.poll()}):\n{tail}")
        yield process


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


def answers(url: str) -> bool:
    """Whether a URL of this machine answers with 200."""
    try:
        with _http.open(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:  # refused, or 503 while its parts start
        return False


def fetched(url: str) -> str:
    """What a URL of this machine answers."""
    with _http.open(url, timeout=10) as answer:
        return str(answer.read().decode())


def listening(pid: int) -> list[tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]]:
    """Address and port of every listening TCP socket and every UDP socket of a process, on Linux."""
    owned = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed since it was listed
            owned.add(str(link.readlink()))
    found = []
    for table, states in (("tcp", {"0A"}), ("tcp6", {"0A"}), ("udp", {"07"}), ("udp6", {"07"})):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            local, _, state, *_, inode = line.split()[1:10]
            if state in states and f"socket:[{inode}]" in owned:
                address, port = local.split(":")
                found.append((_address(address), int(port, 16)))
    return found


def _address(hexadecimal: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The kernel prints an address as 32-bit words in the machine's own byte order."""
    words = [int(hexadecimal[i : i + 8], 16) for i in range(0, len(hexadecimal), 8)]
    return ipaddress.ip_address(b"".join(word.to_bytes(4, sys.byteorder) for word in words))


def _started(name: str, command: Sequence[str], log: Path, env: Mapping[str, str], ports: Mapping[str, int]) -> Process:
    surroundings = {**os.environ, **env, **{setting: str(port) for setting, port in ports.items()}}
    with log.open("ab") as output:
        before = output.tell()
        popen = subprocess.Popen(
            [*_ends_with_the_tests(), *command], cwd=ROOT, env=surroundings, stdout=output, stderr=subprocess.STDOUT
        )
    return Process(name=name, popen=popen, log=log, log_start=before, ports=ports)


@functools.cache
def _ends_with_the_tests() -> tuple[str, ...]:
    """What is put before a command so that it does not outlive tests that are killed; nothing where there is none."""
    command = ("setpriv", "--pdeathsig", "KILL")
    with contextlib.suppress(OSError):
        if subprocess.run([*command, "true"], capture_output=True, check=False, timeout=60).returncode == 0:
            return command
    return ()


def _said_instead_of_answering(process: Process, ready: str | Callable[[], bool]) -> str | None:
    def has_ended() -> bool:
        return process.popen.poll() is not None

    def is_ready() -> bool:
        return ready() if callable(ready) else answers(ready.format(**process.ports))

    with contextlib.suppress(RuntimeError):
        wait_until(lambda: has_ended() or is_ready(), f"{process.name} answers", deadline_s=START_TIMEOUT_S)
        if not has_ended():
            return None
    return process.said()
