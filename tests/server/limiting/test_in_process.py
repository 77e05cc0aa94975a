import random

import pytest
from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, Storage
from limits.aio.strategies import MovingWindowRateLimiter, SlidingWindowCounterRateLimiter

from server.limiting import in_process
from server.limiting.in_process import InProcess

_LIMIT = 7
_ITEM = RateLimitItemPerMinute(_LIMIT)


class Clock:
    now = 1_800_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    found = Clock()
    for module in (in_process, "limits.aio.storage.memory", "limits.aio.strategies"):
        target = f"{module}.time" if isinstance(module, str) else f"{module.__name__}.time"
        monkeypatch.setattr(target, found)
    return found


async def _told(storage: Storage, name: str, amount: int) -> tuple[object, ...]:
    moving, sliding = MovingWindowRateLimiter(storage), SlidingWindowCounterRateLimiter(storage)
    passed = await moving.hit(_ITEM, name, cost=amount)
    window = await moving.get_window_stats(_ITEM, name)
    said = (
        passed,
        await sliding.hit(_ITEM, f"{name}-tokens", cost=amount),
        # Of an empty window theirs tells the last moment that there was.
        window.reset_time if window.remaining < _LIMIT else 0.0,
        window.remaining,
        *await storage.get_sliding_window(_ITEM.key_for(f"{name}-tokens"), 60),
    )
    if isinstance(storage, MemoryStorage) and storage.timer:
        await storage.timer
    return said


@pytest.mark.parametrize("seed", range(5))
async def test_it_counts_as_the_packages_own_storage_does(clock: Clock, seed: int) -> None:
    chosen = random.Random(seed)
    ours, theirs = InProcess(), MemoryStorage()
    passed = 0
    for _ in range(200):
        clock.now += chosen.choice([0.0, 0.53, 3.17, 11.3, 61.7])
        name, amount = chosen.choice("ab"), chosen.choice([1, 1, 2, 8])
        said = await _told(ours, name, amount)
        assert said == pytest.approx(await _told(theirs, name, amount), abs=1e-3)
        passed += bool(said[0])
    assert 20 < passed < 180


async def test_what_has_run_out_is_not_kept(clock: Clock) -> None:
    storage = InProcess()
    for n in range(1_000):
        assert await MovingWindowRateLimiter(storage).hit(_ITEM, f"key-{n}")
        clock.now += 1
    assert await storage.reset() < 100


async def test_a_plain_counter_counts_from_its_first_count_on(clock: Clock) -> None:
    storage = InProcess()
    assert (await storage.incr("a", 60), await storage.incr("a", 60, 2)) == (1, 3)
    clock.now += 59
    assert await storage.incr("a", 60) == 4
    assert await storage.get_expiry("a") == 1_800_000_060.0
    clock.now += 2
    assert await storage.get("a") == 0
    assert await storage.incr("a", 60) == 1
    await storage.clear("a")
    assert await storage.get("a") == 0
    assert await storage.check()
