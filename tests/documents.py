"""The documents' code blocks and links, for the tests that run and follow them."""

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass

from tests.commands import ROOT

RUNNABLE = {"bash": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-W", "error", "-c"]}
"""The command that runs a block of each language."""
_BLOCK = re.compile(
    r"(?P<mark><!-- not run by tests: (?P<why>.+?) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)```", re.DOTALL
)


@dataclass(frozen=True)
class Block:
    document: str
    language: str
    text: str
    why_not: str | None
    """Why it is not run; `None` for one that is."""

    def __str__(self) -> str:
        return f"{self.document}: {self.text.strip().splitlines()[0][:50]}"

    @property
    def is_run(self) -> bool:
        return self.language in RUNNABLE and self.why_not is None


def blocks_of(documents: Iterable[str]) -> list[Block]:
    return [
        Block(document, found["language"], found["text"], found["why"])
        for document in documents
        for found in _BLOCK.finditer((ROOT / document).read_text(encoding="utf-8"))
    ]


def assert_links_lead_somewhere(documents: Iterable[str]) -> None:
    for document in documents:
        text = (ROOT / document).read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!https?://)([^)#]+)\)", text):
            assert ((ROOT / document).parent / target).exists(), f"{document} links to {target}, which is not there"
