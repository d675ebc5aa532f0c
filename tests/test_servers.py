import shutil
import sys
from pathlib import Path

import pytest

from tests.commands import run_python
from tests.servers import HOST, fetched, free_ports, serving, wait_until

KILLED = """
import os, signal, sys
from pathlib import Path
from tests.servers import serving

log = Path(sys.argv[1])
command = ["sh", "-c", "echo up; exec sleep 600"]
with serving("it", command, log, ready=lambda: "up" in log.read_text(), env={}) as process:
    print(process.popen.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
SERVER = """
import http.server, os, pathlib, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass

taken = pathlib.Path(os.environ["TAKEN"])
print("port", os.environ["PORT"], flush=True)
if taken.read_text():
    taken.write_text(taken.read_text()[1:])
    sys.exit("bind: address already in use")
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
COMMAND = [sys.executable, "-S", "-c", SERVER]
READY = f"http://{HOST}:{{PORT}}/"


def test_free_ports_differ() -> None:
    assert len(set(free_ports(20))) == 20


def test_a_server_whose_port_is_taken_gets_another_one(tmp_path: Path) -> None:
    taken, log = tmp_path / "taken", tmp_path / "log"
    taken.write_text("xx")
    with serving("it", COMMAND, log, ready=READY, env={"TAKEN": str(taken)}, ports=["PORT"]) as process:
        assert fetched(READY.format(**process.ports)) == ""
        tried = [line.split()[1] for line in log.read_text().splitlines() if line.startswith("port")]
        assert len(set(tried)) == 3
        assert int(tried[-1]) == process.ports["PORT"]
    assert process.popen.returncode is not None


@pytest.mark.parametrize(("ports", "starts"), [(["PORT"], 3), ([], 1)])
def test_one_that_never_starts_says_why(tmp_path: Path, ports: list[str], starts: int) -> None:
    taken, log = tmp_path / "taken", tmp_path / "log"
    taken.write_text("xxxx")
    log.write_text("of another one\n")
    env = {"TAKEN": str(taken), "PORT": "0"}
    said = r"^it did not start \(exit code 1\):\nport \d+\nbind: address already in use$"
    ready = READY if ports else f"http://{HOST}:1/"
    with pytest.raises(RuntimeError, match=said), serving("it", COMMAND, log, ready=ready, env=env, ports=ports):
        pass
    assert log.read_text().count("already in use") == starts


@pytest.mark.skipif(shutil.which("setpriv") is None or sys.platform != "linux", reason="nothing else does it")
def test_one_does_not_outlive_tests_that_are_killed(tmp_path: Path) -> None:
    process_id = int(run_python("-c", KILLED, str(tmp_path / "log")).stdout)
    status = Path(f"/proc/{process_id}/status")
    wait_until(lambda: not status.exists() or "State:\tZ" in status.read_text(), "it has ended", deadline_s=60)
