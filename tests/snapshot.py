"""Snapshots: texts kept in files, compared whole. `UPDATE_SNAPSHOTS=1` writes them anew, to be read before commit."""

import os
from pathlib import Path

FOLDER = Path(__file__).parent / "snapshots"


def assert_matches(name: str, text: str) -> None:
    """Compare with the snapshot of this name."""
    path = FOLDER / f"{name}.txt"
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        FOLDER.mkdir(exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
    assert path.exists(), f"no snapshot {name}: run once with UPDATE_SNAPSHOTS=1 and read what it wrote"
    assert text + "\n" == path.read_text(encoding="utf-8")
