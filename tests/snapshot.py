"""Snapshots: texts kept in files, compared whole. `UPDATE_SNAPSHOTS=1` writes them anew, to be read before commit."""

import os
from pathlib import Path

FOLDER = Path(__file__).parent / "snapshots"


def assert_matches(name: str, text: str) -> None:
    """Compare with the snapshot of this name."""
    assert_file_is(FOLDER / f"{name}.txt", text + "\n")


def assert_file_is(path: Path, text: str) -> None:
    """Compare with a file that is written by no hand."""
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        path.write_text(text, encoding="utf-8")
    assert path.exists(), f"no snapshot {path.stem}: run once with UPDATE_SNAPSHOTS=1 and read what it wrote"
    assert text == path.read_text(encoding="utf-8")
