"""Which replica is asked first: by hash, and not more than its share."""

from collections import Counter

from tandem.engine.affinity import in_order
from tandem.engine.replica import Replica
from tandem.settings import EngineSettings

SETTINGS = EngineSettings()
KEYS = [f"corpus {n}" for n in range(3_000)]


def _replicas(count: int) -> list[Replica]:
    return [Replica(f"http://10.0.0.{n}:8000", SETTINGS) for n in range(1, count + 1)]


def _first(key: str, replicas: list[Replica]) -> str:
    return in_order(key, replicas, 1.25)[0].address


async def test_each_replica_is_first_for_its_share_of_the_keys() -> None:
    five = _replicas(5)
    shares = Counter(_first(key, five) for key in KEYS)
    assert len(shares) == 5
    assert all(500 <= share <= 700 for share in shares.values()), shares


async def test_a_replica_more_moves_its_own_share_of_the_keys_and_no_other() -> None:
    four, five = _replicas(4), _replicas(5)
    new = five[-1].address
    moved = [key for key in KEYS if _first(key, four) != _first(key, five)]
    assert all(_first(key, five) == new for key in moved)
    assert 500 <= len(moved) <= 700  # a fifth of 3,000


async def test_a_replica_less_moves_only_the_keys_that_it_had() -> None:
    five = _replicas(5)
    left = [one for one in five if one is not five[2]]
    for key in KEYS:
        before = _first(key, five)
        assert before == five[2].address or _first(key, left) == before


async def test_the_order_of_the_addresses_makes_no_difference() -> None:
    replicas = _replicas(4)
    assert all(_first(key, replicas) == _first(key, replicas[::-1]) for key in KEYS[:200])


async def test_no_replica_gets_more_than_a_factor_of_the_mean() -> None:
    replicas = _replicas(4)
    for _ in range(100):  # one hot key alone
        in_order("hot", replicas, 1.25)[0].asked += 1
    assert max(one.asked for one in replicas) <= 32  # 1.25 * 100 / 4, rounded up
    assert sum(one.asked for one in replicas) == 100


async def test_a_full_replica_passes_to_the_next_of_the_keys_order_and_stays_the_last_resort() -> None:
    replicas = _replicas(3)
    order = in_order("hot", replicas, 1.25)
    order[0].asked = 10
    assert in_order("hot", replicas, 1.25) == [order[1], order[2], order[0]]


async def test_without_a_key_the_least_busy_is_first() -> None:
    replicas = _replicas(3)
    replicas[0].asked, replicas[1].asked, replicas[2].asked = 4, 1, 2
    assert [one.asked for one in in_order(None, replicas, 1.25)] == [1, 2, 4]
