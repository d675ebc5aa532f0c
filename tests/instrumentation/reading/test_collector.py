"""Reading with the garbage collector off: nothing is left for it, and it is put right again."""

import contextlib
import gc
from pathlib import Path

import pytest

from instrumentation.reading.collector import collector_off
from instrumentation.reading.counted import counted_runs
from instrumentation.reading.files import read_file
from instrumentation.reading.problems import Problems
from tests.commands import ROOT


@pytest.mark.parametrize("is_on", [True, False])
def test_the_collector_is_put_right_again(is_on: bool) -> None:
    was_on = gc.isenabled()
    try:
        (gc.enable if is_on else gc.disable)()
        with contextlib.suppress(KeyError), collector_off():
            assert not gc.isenabled()
            raise KeyError
        assert gc.isenabled() is is_on
    finally:
        (gc.enable if was_on else gc.disable)()


@pytest.mark.parametrize(
    "name", ["pydantic_ai_v5.plan_delegate_retry_parallel", "logfire.openai_calls", "google_adk_1.tool_and_agent_tool"]
)
def test_reading_and_counting_leave_no_circles_of_objects(name: str) -> None:
    path: Path = ROOT / "tests" / "foreign" / f"{name}.jsonl"

    def left_by_50() -> int:
        gc.collect()
        for _ in range(50):
            for _ in counted_runs(read_file(str(path), Problems()), Problems()):
                pass
        return gc.collect()

    with collector_off():
        left_by_50()
        # Other threads of the process leave something now and then.
        assert min(left_by_50() for _ in range(3)) < 50
