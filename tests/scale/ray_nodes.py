"""A Ray cluster of several nodes on this machine, in a process of its own, of which nodes can be killed."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from tests.commands import ROOT

OBJECT_STORE_BYTES: Final = 80 * 2**20
"""Near to the least that Ray takes."""
SETTINGS: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "disabled",
    # Tests share the machine with whoever else is at work on it, and no node is to be taken for dead.
    "RAY_health_check_failure_threshold": "100",
}


class Nodes:
    """A cluster with a head that has no processors, and nodes with one each."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.address: Final = self._heard()

    def kill_one(self) -> None:
        """Kill a node and all that it runs, at once."""
        self._say("kill")
        assert self._heard() == "killed"

    def end(self) -> None:
        """Stop what is left."""
        self._say("end")
        self._process.wait(60)

    def _say(self, word: str) -> None:
        assert self._process.stdin is not None
        print(word, file=self._process.stdin, flush=True)

    def _heard(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextmanager
def ray_nodes(count: int, env: Mapping[str, str] | None = None) -> Iterator[Nodes]:
    """A cluster of so many nodes beside its head.

    Args:
        count: How many.
        env: Variables of the environment of all of them.
    """
    with subprocess.Popen(
        [sys.executable, "-m", __name__, str(count)],
        cwd=ROOT,
        env={**os.environ, **SETTINGS, **(env or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            nodes = Nodes(process)
            yield nodes
            nodes.end()
        finally:
            process.kill()


def _serve(count: int) -> None:
    from ray.cluster_utils import Cluster

    options = {"include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **options})
    nodes = [cluster.add_node(num_cpus=1, object_store_memory=OBJECT_STORE_BYTES) for _ in range(count)]
    cluster.wait_for_nodes()
    try:
        print(cluster.address, flush=True)  # noqa: T201 - the answer
        for line in sys.stdin:
            if line.strip() != "kill":
                break
            cluster.remove_node(nodes.pop(), allow_graceful=False)
            print("killed", flush=True)  # noqa: T201
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
