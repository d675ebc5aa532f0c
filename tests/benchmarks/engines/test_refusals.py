"""What needs one process for all attempts is refused with Ray, and what does not is not."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from benchmarks.engines.refusals import check
from nanoagent.errors import ConfigurationError
from tests.benchmarks.engines.asked import request


@pytest.mark.parametrize(
    ("asked", "env", "said"),
    [
        ({"max_cost_usd": Decimal(1)}, {}, "--max-cost: each process would spend it anew; limit the spending at"),
        ({"record": Path("kept")}, {}, "--record: answers are kept by one process; record without --engine ray"),
        (
            {"verify": True},
            {},
            "--verify: other processes send the traces; compare stored ones with `nanoagent verify`",
        ),
        ({}, {"OTEL_EXPORTER": "jaeger,console"}, "OTEL_EXPORTER=console: nobody sees the workers' consoles; take"),
        ({}, {"OTEL_EXPORTER": "file"}, "OTEL_EXPORTER=file: each machine of a cluster would have a file of its own"),
        ({}, {"OTEL_METRICS_EXPORTER": "prometheus"}, "OTEL_METRICS_EXPORTER=prometheus: nobody knows where"),
        ({}, {"OTEL_METRICS_EXPORTER": "console"}, "OTEL_METRICS_EXPORTER=console: nobody knows where"),
    ],
)
def test_what_needs_one_process_is_refused(asked: dict[str, Any], env: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        check(request(**({"ray_address": "auto"} | asked)), env)
    assert str(refused.value).startswith(f"--engine ray cannot be used with {said}")
    assert str(refused.value).endswith(", or leave out --engine")


@pytest.mark.parametrize(
    ("env", "address"),
    [
        ({}, "auto"),
        ({"OTEL_EXPORTER": "file"}, None),
        ({"OTEL_EXPORTER": "jaeger,otlp", "OTEL_METRICS_EXPORTER": "otlp"}, "auto"),
    ],
)
def test_what_many_processes_can_do_is_not(env: dict[str, str], address: str | None) -> None:
    check(request(ray_address=address), env)
