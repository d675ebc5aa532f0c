"""Every command and code block of the documents runs, or says why it cannot."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.jaeger.plugin import Jaeger

ROOT = Path(__file__).parents[1]
DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    "docs/agents.md",
    "docs/architecture.md",
    "docs/compatibility.md",
    "docs/jaeger.md",
    "docs/overhead.md",
)
BLOCK = re.compile(
    r"(?P<mark><!-- not run by tests: (?P<why>.+?) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)```", re.DOTALL
)
RUNNABLE = {"bash": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-W", "error", "-c"]}
DATA = {"text", "mermaid"}


@dataclass(frozen=True)
class Block:
    document: str
    language: str
    text: str
    why_not: str | None

    def __str__(self) -> str:
        return f"{self.document}: {self.text.strip().splitlines()[0][:50]}"


def blocks() -> list[Block]:
    return [
        Block(document, found["language"], found["text"], found["why"])
        for document in DOCUMENTS
        for found in BLOCK.finditer((ROOT / document).read_text(encoding="utf-8"))
    ]


@pytest.mark.slow
@pytest.mark.jaeger
@pytest.mark.parametrize("block", [b for b in blocks() if b.language in RUNNABLE and not b.why_not], ids=str)
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
    unknown = [str(block) for block in blocks() if block.language not in RUNNABLE and block.language not in DATA]
    assert unknown == []
    assert len([block for block in blocks() if block.language in RUNNABLE and not block.why_not]) >= 6


def test_links_between_documents_lead_somewhere() -> None:
    for document in DOCUMENTS:
        text = (ROOT / document).read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!https?://)([^)#]+)\)", text):
            assert ((ROOT / document).parent / target).exists(), f"{document} links to {target}, which is not there"
