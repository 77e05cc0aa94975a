import pytest
from limits.aio.storage import MemoryStorage
from limits.errors import StorageError

from server.admission import Ticket
from server.limiting import counting as counting_module
from server.limiting import in_process
from server.limiting.counting import Counting, open_counting
from server.limiting.limiter import Limiter
from server.monitoring import Metrics
from tandem.errors import RateLimitedError, SettingsError
from tandem.settings import LimitSettings
from tandem.vocabulary import Caller

ANN = Caller(tenant="t", subject="key:ann")
BEN = Caller(tenant="t", subject="key:ben")
EVE = Caller(tenant="other", subject="key:ann")


@pytest.fixture
def clock(monkeypatch):
    """The time by which requests are counted; it stands still unless it is moved."""

    class Clock:
        now = 1_800_000_000.0  # a full minute

        def time(self) -> float:
            return self.now

        def monotonic(self) -> float:
            return self.now

    found = Clock()
    monkeypatch.setattr(in_process, "time", found)
    monkeypatch.setattr("limits.aio.strategies.time", found)
    monkeypatch.setattr(counting_module, "time", found)
    return found


def limiter(counting: Counting | None = None, **limits: object) -> Limiter:
    return Limiter(LimitSettings.model_validate(limits), counting or Counting(), Metrics())


async def spend(one: Limiter, caller: Caller, tokens: int, most: int | None = None) -> dict[str, str]:
    ticket = Ticket(caller.tenant)
    async with one.question(caller, ticket, most or tokens) as headers:
        ticket.spent = tokens
    return headers


async def refused(one: Limiter, caller: Caller, tokens: int = 10) -> RateLimitedError:
    with pytest.raises(RateLimitedError) as raised:
        await spend(one, caller, tokens)
    return raised.value


async def test_a_key_gets_its_requests_and_no_more_and_later_as_many_again(clock) -> None:
    one = limiter(requests_per_minute=3)
    for _ in range(3):
        await one.request(ANN)
        clock.now += 10
    error = await refused(one, ANN)
    assert error.retry_after == 30
    clock.now += error.retry_after - 0.5
    await refused(one, ANN)
    clock.now += 0.6
    await one.request(ANN)
    await refused(one, ANN)


async def test_keys_and_tenants_are_counted_apart_and_a_tenants_keys_together(clock) -> None:
    one = limiter(requests_per_minute=3, tenant_requests_per_minute=4)
    for _ in range(3):
        await one.request(ANN)
    await one.request(BEN)
    assert "tenant" in (await refused(one, BEN)).message
    await one.request(EVE)


async def test_a_tenant_may_have_limits_of_its_own(clock) -> None:
    one = limiter(tenants={"t": {"requests_per_minute": 1}})
    await one.request(ANN)
    await refused(one, BEN)
    for _ in range(5):
        await one.request(EVE)


async def test_a_refusal_counts_for_nothing(clock) -> None:
    one = limiter(requests_per_minute=10, tenant_requests_per_minute=2)
    for _ in range(2):
        await one.request(ANN)
    for _ in range(20):
        await refused(one, ANN)
    assert (await one._counting.requests("nobody", 10)).left == 10
    clock.now += 61
    for _ in range(2):
        await one.request(ANN)


async def test_tokens_are_set_aside_before_and_settled_after(clock) -> None:
    one = limiter(tokens_per_minute=1_000)
    ticket = Ticket("t")
    async with one.question(ANN, ticket, 800):
        await refused(one, ANN, 300)
        await spend(one, ANN, 100)
        ticket.spent = 50
    assert (await spend(one, ANN, 850))["x-ratelimit-remaining-tokens"] == "0"
    await refused(one, ANN)


async def test_the_wait_for_tokens_is_as_long_as_it_must_be_and_no_longer(clock) -> None:
    one = limiter(tokens_per_minute=1_000)
    clock.now += 20
    await spend(one, ANN, 1_000)
    error = await refused(one, ANN, 400)
    # The next minute begins in 40 s; after 24 s of it, 40% of what was spent in this one have fallen away.
    assert error.retry_after == 64
    clock.now += 62
    await refused(one, ANN, 400)
    clock.now += 2.1
    await spend(one, ANN, 400)


async def test_a_question_over_the_whole_limit_passes_alone(clock) -> None:
    one = limiter(tokens_per_minute=100)
    async with one.question(ANN, Ticket("t"), 5_000):
        assert (await refused(one, ANN)).retry_after == 1
    await spend(one, ANN, 100, most=5_000)


async def test_so_many_questions_at_a_time_and_no_more(clock) -> None:
    one = limiter(concurrent=2)
    async with one.question(ANN, Ticket("t"), 1):
        async with one.question(ANN, Ticket("t"), 1):
            assert "2 questions at a time" in (await refused(one, ANN)).message
            await spend(one, BEN, 1)
        await spend(one, ANN, 1)


async def test_a_question_that_fails_holds_nothing_afterwards(clock) -> None:
    one = limiter(concurrent=1, tokens_per_minute=100)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            async with one.question(ANN, Ticket("t"), 90):
                _ = 1 / 0
    assert not one._at_once
    assert not one._aside


async def test_headers_are_those_that_openai_clients_read(clock) -> None:
    one = limiter(requests_per_minute=5, tokens_per_minute=1_000)
    headers = await spend(one, ANN, 100)
    assert headers == {
        "x-ratelimit-limit-requests": "5",
        "x-ratelimit-remaining-requests": "4",
        "x-ratelimit-reset-requests": "1m0s",
        "x-ratelimit-limit-tokens": "1000",
        "x-ratelimit-remaining-tokens": "900",
        "x-ratelimit-reset-tokens": "1m0s",
    }
    clock.now += 20
    headers = await spend(one, ANN, 100)
    assert headers["x-ratelimit-remaining-requests"] == "3"
    assert headers["x-ratelimit-reset-requests"] == "40s"
    assert headers["x-ratelimit-remaining-tokens"] == "800"


async def test_where_the_shared_storage_fails_this_server_counts_for_itself(clock) -> None:
    class Broken(MemoryStorage):
        asked = 0

        async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
            self.asked += 1
            raise StorageError(OSError("no route"))

    broken = Broken()
    one = limiter(Counting(broken), requests_per_minute=2)
    for _ in range(2):
        await one.request(ANN)
    await refused(one, ANN)
    assert broken.asked == 1
    clock.now += 5.1
    await refused(one, ANN)
    assert broken.asked == 2


@pytest.mark.parametrize("storage", ["nonsense://x", "memcached://127.0.0.1:1"])
def test_a_storage_that_cannot_be_had_is_told_at_the_start(storage) -> None:
    with pytest.raises(SettingsError) as error:
        open_counting(storage)
    assert error.value.param == "limits.storage"
