"""Attempts that a Ray cluster makes: what it is sent, what it must have, and what is lost with one of its nodes."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from instrumentation.testing import Collector, collecting
from tests.commands import attempts_in, results_in, run_benchmark, written_in
from tests.scale.ray_command import ON_NODES, by_ray, measured, run_by_ray, until
from tests.scale.ray_nodes import Nodes, ray_nodes

pytestmark = pytest.mark.slow
REPEAT = 2
AGENT = """
import os
from pathlib import Path
from pydantic_ai import Agent
from pydantic_ai.models.test import TestModel
import nanoagent

HERE = Path(__file__).parent
text = (HERE / "prompt.txt").read_text()
agent = Agent(TestModel(custom_output_text="It is 8."), instructions=text, name="own")


def is_sent(answer):
    sent = "_ray_pkg_" in nanoagent.__file__ and "_ray_pkg_" in __file__
    secret = (HERE / ".env").exists() or {"OPENAI_API_KEY", "OTEL_EXPORTER_OTLP_HEADERS"} & os.environ.keys()
    return sent and not secret, f"{HERE} {nanoagent.__file__}"
"""


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    with ray_nodes(2) as found:
        yield found


def test_a_cluster_is_sent_the_code_and_the_current_directory_and_no_secrets(nodes: Nodes, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(AGENT)
    (tmp_path / "prompt.txt").write_text("Be brief.")
    (tmp_path / ".env").write_text("KEY=secret")
    goal = {"id": "sent", "tier": "simple", "goal": "What is 5 + 3?", "check": {"function": "own:is_sent"}}
    (tmp_path / "goals.json").write_text(json.dumps({"goals": [goal]}))
    done = run_by_ray(
        tmp_path / "out",
        *("--ray-address", nodes.address, "--agent", "own:agent", "--goals", "goals.json", "--repeat", "2"),
        directory=tmp_path,
        env={
            "OPENAI_API_KEY": "sk-own-key",
            "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20abcdefghijkl",
            "http_proxy": "http://127.0.0.1:1",
            **ON_NODES,
        },
    )
    assert (done.returncode, done.stderr) == (
        0,
        "not sent to the cluster, since it may hold credentials: OTEL_EXPORTER_OTLP_HEADERS; its nodes must have it\n",
    ), done.stdout
    assert results_in(tmp_path / "out")["provenance"]["engine"] == "ray cluster"


def test_a_cluster_that_lacks_something_is_refused_in_one_line(nodes: Nodes, tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (here / "helper.py").write_text("from pydantic_ai.models.test import TestModel")
    (tmp_path / "own.py").write_text("import helper, pydantic_ai\nagent = pydantic_ai.Agent(helper.TestModel())")
    done = run_by_ray(
        tmp_path / "out",
        *("--ray-address", nodes.address, "--agent", "own:agent", "--goal", "addition"),
        directory=tmp_path,
        env={"PYTHONPATH": str(here), **ON_NODES},
    )
    assert (done.returncode, done.stdout) == (4, "")
    [line] = done.stderr.splitlines()
    assert line.startswith(
        f"error: --ray-address must be of a cluster that can be used, got '{nodes.address}': a worker there says: "
    )
    assert "No module named 'helper'" in line
    assert "; install there what is installed here, and give its nodes the variables that are needed" in line
    assert written_in(tmp_path / "out") == []


def test_where_no_cluster_answers_it_is_said_soon(tmp_path: Path) -> None:
    done = run_by_ray(tmp_path / "out", "--ray-address", "127.0.0.1:1", "--goal", "addition")
    assert (done.returncode, done.stdout) == (4, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("error: --ray-address must be of a cluster that answers, got '127.0.0.1:1': unavailable: ")
    assert written_in(tmp_path / "out") == []


def test_with_a_node_killed_half_way_everything_is_there_once(nodes: Nodes, tmp_path: Path) -> None:
    alone = run_benchmark(tmp_path / "alone", "--repeat", str(REPEAT), "--concurrency", "2")
    assert alone.returncode == 0, alone.stderr
    arguments = ("--ray-address", nodes.address, "--repeat", str(REPEAT), "--concurrency", "8")
    with (
        collecting() as collector,
        by_ray(
            tmp_path / "ray",
            *arguments,
            env={"OTEL_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, **ON_NODES},
        ) as command,
    ):
        command.wait_for_rows(26 * REPEAT // 4)
        nodes.kill_one()
        assert len(command.lines) < 26 * REPEAT
        ended = command.ended()
        until(lambda: not command.left())
    assert ended.returncode == 0, ended.stderr
    [lost] = ended.stderr.splitlines()
    assert lost.startswith("a worker on ")
    assert lost.endswith("made again")

    found = results_in(tmp_path / "ray")
    assert measured(found) == measured(results_in(tmp_path / "alone"))
    rows = attempts_in(tmp_path / "ray")
    assert Counter((row["id"], row["attempt"]) for row in rows).most_common(1)[0][1] == 1
    assert {row["trace_id"]: (row["id"], str(row["attempt"])) for row in rows}.items() <= roots_of(collector).items()


def roots_of(collector: Collector) -> dict[str, tuple[str, str]]:
    """Which attempt each trace is of that has a root, of which it has one, by the trace's id."""
    found: dict[str, dict[bytes, tuple[str, str]]] = {}
    for body in collector.bodies:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for span in (span for scope in resource.scope_spans for span in scope.spans):
                if not span.parent_span_id:
                    said = {one.key: one.value for one in span.attributes}
                    attempt = (
                        said["nanoagent.benchmark.goal_id"].string_value,
                        str(said["nanoagent.benchmark.attempt"].int_value),
                    )
                    found.setdefault(span.trace_id.hex(), {})[span.span_id] = attempt
    assert all(len(roots) == 1 for roots in found.values())
    return {trace_id: next(iter(roots.values())) for trace_id, roots in found.items()}
