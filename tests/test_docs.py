"""Every command and code block of the documents runs, or says why it cannot."""

import os
import subprocess

import pytest

from tests.commands import ROOT
from tests.documents import RUNNABLE, Block, assert_links_lead_somewhere, blocks_of
from tests.jaeger.plugin import Jaeger

DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    "docs/agents.md",
    "docs/architecture.md",
    "docs/compatibility.md",
    "docs/content.md",
    "docs/delivery.md",
    "docs/jaeger.md",
    "docs/overhead.md",
    "docs/producers.md",
    "docs/production.md",
    "docs/reading.md",
    "docs/sampling.md",
    "docs/scale.md",
    "docs/scores.md",
    "docs/testing.md",
)
# What is written in SQL, tests/scale/test_documents.py runs.
DATA = {"text", "mermaid", "sql"}
BLOCKS = blocks_of(DOCUMENTS)


@pytest.mark.slow
@pytest.mark.jaeger
@pytest.mark.parametrize("block", [b for b in BLOCKS if b.is_run], ids=str)
def test_a_block_of_the_documents_runs(block: Block, jaeger: Jaeger) -> None:
    env = {
        **os.environ,
        "NANOAGENT_MODEL": "test",
        "OTEL_EXPORTER_OTLP_ENDPOINT": jaeger.otlp_http_endpoint,
        "PYTHONPATH": str(ROOT),
        "UV_NO_SYNC": "1",
    }
    done = subprocess.run(
        [*RUNNABLE[block.language], block.text],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


def test_every_block_runs_or_is_data_or_says_why_not() -> None:
    unknown = [str(block) for block in BLOCKS if block.language not in RUNNABLE and block.language not in DATA]
    assert unknown == []
    assert len([block for block in BLOCKS if block.is_run]) >= 6


def test_links_between_documents_lead_somewhere() -> None:
    assert_links_lead_somewhere(DOCUMENTS)
