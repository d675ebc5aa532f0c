"""The scripts of the benchmark's goals, by the kind of work that they are."""

from collections.abc import Sequence
from typing import Final

from benchmarks.scripted.script import Script
from benchmarks.scripted.scripts import hard, iterative, large, small

SCRIPTS: Final[Sequence[Script]] = (*small.SCRIPTS, *large.SCRIPTS, *iterative.SCRIPTS, *hard.SCRIPTS)
