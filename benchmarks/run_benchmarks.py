"""The benchmark command, to be run from a checkout: `uv run python benchmarks/run_benchmarks.py`."""

import sys
from pathlib import Path

# Python puts this file's directory first on the path; the packages are one level up.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.cli import main  # noqa: E402

if __name__ == "__main__":
    main()
