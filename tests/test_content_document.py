"""What docs/content.md shows is what a run really shows."""

import subprocess

from tests.commands import ROOT
from tests.documents import RUNNABLE, blocks_of


def test_the_example_shows_what_its_code_prints() -> None:
    blocks = blocks_of(["docs/content.md"])
    code = next(block.text for block in blocks if block.language == "python")
    (shown,) = (block.text for block in blocks if block.language == "text")
    printed = subprocess.run(
        [*RUNNABLE["python"], code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert printed.stdout == shown
