"""Work that is waited for as long as those are there that it needs."""

import asyncio

import pytest

from benchmarks.engines import watch
from benchmarks.engines.watch import Watch
from nanoagent.errors import ConfigurationError


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "EVERY_S", 0.0)


def gone() -> ConfigurationError:
    return ConfigurationError("the head is gone")


async def test_work_comes_to_its_end_while_somebody_is_there_now_and_then() -> None:
    looks = 0
    enough = asyncio.Event()
    loop = asyncio.get_running_loop()

    def is_there() -> bool:
        nonlocal looks
        looks += 1
        if looks == 3 * watch.MOST_MISSED:
            loop.call_soon_threadsafe(enough.set)
        return looks % watch.MOST_MISSED == 0

    async def work() -> int:
        await enough.wait()
        return 7

    found = Watch(is_there, gone)
    assert [*await asyncio.gather(found.during(work()), found.during(work()))] == [7, 7]


async def test_work_is_broken_off_and_cancelled_when_nobody_is_there() -> None:
    cancelled = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with pytest.raises(ConfigurationError, match="the head is gone"):
        await Watch(lambda: False, gone).during(work())
    await cancelled.wait()


async def test_what_work_raises_is_raised() -> None:
    async def work() -> None:
        raise LookupError("no such goal")

    with pytest.raises(LookupError, match="no such goal"):
        await Watch(lambda: True, gone).during(work())
