"""The rounds: each runs every variant for a short while, in an order of its own, and says what each of them cost."""

import gc
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from benchmarks.measuring.budget import Budget, order
from benchmarks.measuring.ratios import Round
from benchmarks.measuring.step import SPANS, Step, provider, steps, with_wrappers
from instrumentation.aggregator import PerformanceAggregator
from instrumentation.metrics.recorder import Recorder

BLOCK: Final = 5
"""Steps of one variant in one round."""
WARM_UP: Final = 20
"""Steps of each variant before the first round."""
FED_RUNS: Final = 50
"""Runs whose spans are fed to the processors, in each round anew."""
IMPORTS: Final = {"pydantic_ai": "import pydantic_ai", "nanoagent": "from nanoagent import Orchestrator, Tracing"}
_ROOT: Final = Path(__file__).parents[2]
_NS_PER_US: Final = 1_000
_US_PER_S: Final = 1_000_000
_PATIENCE_S: Final = 60.0


async def step_rounds(budget: Budget) -> list[Round]:
    """What one step costs in each of its variants, in microseconds of this process's CPU time."""
    variants = steps()
    for step in variants.values():
        await _block_us(step, WARM_UP)
    with _collected_by_hand():
        return [{name: await _block_us(variants[name]) for name in order(variants, seed)} for seed in budget]


async def aggregator_rounds(budget: Budget) -> list[Round]:
    """What a span costs a processor, in microseconds: real runs are recorded once, and fed to new processors."""
    recorder = _Recorder()
    step = with_wrappers(provider(recorder))
    for _ in range(FED_RUNS):
        await step()
    processors: Mapping[str, Callable[[], tuple[SpanProcessor, Callable[[], object]]]] = {
        "empty": lambda: (SpanProcessor(), _nothing),
        "fed": lambda: (PerformanceAggregator(), _nothing),
        "asked": _asked,
        "metered": _metered,
    }
    with _collected_by_hand():
        return [
            {name: _fed_us(*processors[name](), recorder.calls) for name in order(processors, seed)} for seed in budget
        ]


def import_rounds(budget: Budget) -> list[Round]:
    """What a process costs that does nothing but import, in microseconds of its CPU time."""
    for statement in IMPORTS.values():
        _process_us(statement)  # leaves the compiled modules behind
    return [{name: _process_us(IMPORTS[name]) for name in order(IMPORTS, seed)} for seed in budget]


@contextmanager
def _collected_by_hand() -> Iterator[None]:
    """No garbage collection but between the blocks; what is there already is left out of those."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


async def _block_us(step: Step, count: int = BLOCK) -> float:
    gc.collect()
    before_ns = time.process_time_ns()
    for _ in range(count):
        await step()
    return (time.process_time_ns() - before_ns) / count / _NS_PER_US


def _nothing() -> None:
    pass


def _asked() -> tuple[SpanProcessor, Callable[[], object]]:
    aggregator = PerformanceAggregator()
    return aggregator, aggregator.recent


def _metered() -> tuple[SpanProcessor, Callable[[], object]]:
    """One whose runs are recorded as metrics, for one reader; and what waits until they are."""
    recorder = Recorder(MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False).get_meter("overhead"))
    return PerformanceAggregator(observer=recorder), lambda: recorder.close(_PATIENCE_S)


def _fed_us(
    processor: SpanProcessor,
    at_the_end: Callable[[], object],
    calls: Sequence[tuple[Span, Context | None] | ReadableSpan],
) -> float:
    gc.collect()
    before_ns = time.process_time_ns()
    for call in calls:
        if isinstance(call, tuple):
            processor.on_start(*call)
        else:
            processor.on_end(call)
    at_the_end()
    return (time.process_time_ns() - before_ns) / (FED_RUNS * SPANS) / _NS_PER_US


def _process_us(statement: str) -> float:
    env = {**os.environ, "PYTHONPATH": str(_ROOT)}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    before_s = _children_cpu_s()
    subprocess.run([sys.executable, "-c", statement], env=env, check=True)  # noqa: S603 - our own statements
    return (_children_cpu_s() - before_s) * _US_PER_S


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class _Recorder(SpanProcessor):
    """Keeps what a processor is called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[Span, Context | None] | ReadableSpan] = []

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self.calls.append((span, parent_context))

    def on_end(self, span: ReadableSpan) -> None:
        self.calls.append(span)
