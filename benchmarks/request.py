"""The request: what the command line asks for, checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from benchmarks.sharding import Shard
from benchmarks.suite.goals import Goal

COMMITTED: Final = Path(__file__).parent / "baseline.json"
"""The baseline that is compared with where nobody says what."""
RAY: Final = "ray"
ENGINES: Final = (RAY,)
"""What can make attempts in place of this process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the command line asks for, checked."""

    goals: Sequence[Goal]
    own_goals: bool
    """Whether these are of the benchmark's own."""
    model: str | None
    """`None` for the scripted one, or for the agent's own."""
    agent: str | None
    goals_file: str | None
    concurrency: int
    repeat: int
    """How often each goal is attempted."""
    resume: bool
    """Whether the run that was interrupted in `output` goes on."""
    retry_errors: bool
    """Whether attempts that say nothing of their goal are made again when it goes on."""
    record: Path | None
    """Where what the model answers is kept, to be replayed; `None` for nowhere."""
    max_cost_usd: Decimal | None
    """What model calls may cost; `None` for any amount."""
    allow_unpriced: bool
    """Whether a model may be called whose price is not known, though there is a limit."""
    output: Path
    verify: bool
    """Whether the traces are read back."""
    baseline: Path | None
    """What to compare with; `None` for the committed one, where it is of the same."""
    save_baseline: Path | None
    """Where to keep the results to compare with."""
    settings: Mapping[str, Any]
    """The selection, for the provenance."""
    shard: Shard | None = None
    """Which attempts are made; `None` for all of them."""
    engine: str | None = None
    """What makes them; `None` for this process."""
    ray_address: str | None = None
    """Of the cluster that makes them; `None` for one on this machine."""
