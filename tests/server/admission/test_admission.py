import asyncio
from contextlib import ExitStack

import pytest

from server.admission import Admission, Ticket, running_of
from server.monitoring import Metrics
from tandem.errors import OverloadedError
from tandem.settings import EngineSettings, LimitSettings


def admission(running: int = 1, queue: int = 2, **limits: object) -> Admission:
    return Admission(LimitSettings.model_validate({"queue": queue, **limits}), running, Metrics())


async def held(gate: Admission, ticket: Ticket, order: list[str], name: str, seconds: float = 0.0) -> None:
    async with gate.turn(ticket, 100):
        order.append(name)
        await asyncio.sleep(seconds)


async def waiting(gate: Admission, *tickets: Ticket) -> tuple[list[str], list["asyncio.Task[None]"]]:
    """Tasks that wait for a turn, in this order."""
    order: list[str] = []
    tasks = []
    for number, ticket in enumerate(tickets):
        tasks.append(asyncio.create_task(held(gate, ticket, order, f"{ticket.tenant}{number}")))
        await asyncio.sleep(0)
    return order, tasks


async def test_no_more_than_the_number_are_at_the_engine() -> None:
    gate, at_once, most = admission(running=3, queue=20), 0, 0

    async def one() -> None:
        nonlocal at_once, most
        async with gate.turn(Ticket("a"), 100):
            at_once += 1
            most = max(most, at_once)
            await asyncio.sleep(0)
            at_once -= 1

    await asyncio.gather(*(one() for _ in range(20)))
    assert (most, at_once) == (3, 0)


async def test_who_finds_the_places_full_is_refused_at_once_and_told_when_to_come_again() -> None:
    gate = admission(running=1, queue=1)
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(gate.place(Ticket("a")))
        with pytest.raises(OverloadedError) as refused, gate.place(Ticket("a")):
            pass
        assert refused.value.retry_after and refused.value.retry_after >= 1
    with gate.place(Ticket("a")):
        pass


async def test_one_that_holds_a_place_takes_no_second_for_its_turns() -> None:
    gate, ticket = admission(running=1, queue=0), Ticket("a")
    with gate.place(ticket):
        for _ in range(3):
            async with gate.turn(ticket, 100):
                pass
        with pytest.raises(OverloadedError):
            async with gate.turn(Ticket("a"), 100):
                pass


async def test_tenants_take_turns_though_one_came_with_many() -> None:
    gate = admission(running=1, queue=50)
    async with gate.turn(Ticket("x"), 100):
        order, tasks = await waiting(gate, *[Ticket("a")] * 40, Ticket("b"))
    await asyncio.gather(*tasks)
    assert order.index("b40") <= 25  # of questions of 100 tokens a round takes twenty


async def test_a_tenant_with_few_gets_the_place_of_the_last_of_one_with_many() -> None:
    gate = admission(running=1, queue=3)
    async with gate.turn(Ticket("a"), 100):
        order, tasks = await waiting(gate, *(Ticket("a") for _ in range(3)))
        with gate.place(Ticket("b")):
            await asyncio.sleep(0)
            assert [task.done() for task in tasks] == [False, False, True]
            assert isinstance(tasks[2].exception(), OverloadedError)
            with pytest.raises(OverloadedError), gate.place(Ticket("a")):
                pass
    await asyncio.gather(*tasks[:2])
    assert order == ["a0", "a1"]


async def test_who_leaves_the_queue_gives_up_the_place() -> None:
    gate = admission(running=1, queue=1)
    async with gate.turn(Ticket("a"), 100):
        _, tasks = await waiting(gate, Ticket("a"))
        tasks[0].cancel()
        await asyncio.wait(tasks)
        order, after = await waiting(gate, Ticket("b"))
    await asyncio.gather(*after)
    assert order == ["b0"]


async def test_a_turn_that_comes_as_its_question_leaves_is_not_lost() -> None:
    gate = admission(running=1, queue=1)
    async with gate.turn(Ticket("a"), 100):
        _, tasks = await waiting(gate, Ticket("a"))
    tasks[0].cancel()  # the turn has just been given to it
    await asyncio.wait(tasks)
    async with asyncio.timeout(1), gate.turn(Ticket("a"), 100):
        pass


async def test_the_longest_wait_ends_in_a_refusal_and_frees_the_place() -> None:
    gate = admission(running=1, queue=1, longest_wait_s=0.02)
    async with gate.turn(Ticket("a"), 100):
        for _ in range(2):
            with pytest.raises(OverloadedError):
                async with gate.turn(Ticket("a"), 100):
                    pass


async def test_what_nobody_waits_for_comes_last_and_takes_half_at_most() -> None:
    gate = admission(running=2, queue=10)
    behind = Ticket("a", background=True)
    async with gate.turn(Ticket("x"), 100), gate.turn(Ticket("x"), 100):
        order, tasks = await waiting(gate, behind, Ticket("b"))
    await asyncio.gather(*tasks)
    assert order == ["b1", "a0"]

    async with gate.turn(Ticket("a", background=True), 100):
        order, tasks = await waiting(gate, Ticket("a", background=True), Ticket("b"))
        await asyncio.sleep(0)
        assert order == ["b1"]  # a turn is free, but not for a second of these
    await asyncio.gather(*tasks)


async def test_a_person_gets_the_place_of_what_nobody_waits_for() -> None:
    gate = admission(running=1, queue=1)
    async with gate.turn(Ticket("a"), 100):
        _, tasks = await waiting(gate, Ticket("b", background=True))
        with gate.place(Ticket("a")):
            await asyncio.sleep(0)
            assert isinstance(tasks[0].exception(), OverloadedError)


async def test_searches_take_turns_between_tenants() -> None:
    gate = admission(running=50, queue=50, searching=1)
    order: list[str] = []

    async def one(tenant: str) -> None:
        async with gate.search(Ticket(tenant)):
            order.append(tenant)
            await asyncio.sleep(0)

    await asyncio.gather(*(one("loud") for _ in range(20)), one("quiet"))
    assert order.index("quiet") <= 5


async def test_a_search_waits_while_others_have_all_turns() -> None:
    gate = admission(running=50, queue=50, searching=1)
    assert not gate.searches_wait
    async with gate.search(Ticket("a")):
        assert gate.searches_wait
    assert not gate.searches_wait


async def test_who_waits_for_a_search_takes_turns_at_the_embedder_between_tenants() -> None:
    gate = admission(running=50, queue=50)
    order: list[str] = []

    async def one(tenant: str) -> None:
        async with gate.embedding(Ticket(tenant)):
            order.append(tenant)
            await asyncio.sleep(0)

    await asyncio.gather(*(one("loud") for _ in range(300)), one("quiet"))
    assert order.index("quiet") <= 70


async def test_a_fault_at_the_engine_gives_the_turn_back() -> None:
    gate = admission(running=1, queue=0)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            async with gate.turn(Ticket("a"), 100):
                _ = 1 / 0


async def test_metrics_tell_who_waits_and_name_no_tenant() -> None:
    metrics = Metrics()
    gate = Admission(LimitSettings(queue=5), 1, metrics)
    async with gate.turn(Ticket("secret-tenant"), 100):
        _, tasks = await waiting(gate, Ticket("secret-tenant"), Ticket("secret-tenant", background=True))
        page = metrics.page(engine_ready=True).decode()
    await asyncio.gather(*tasks)
    assert "tandem_admission_running 1.0" in page
    assert 'tandem_admission_queued{class="interactive"} 1.0' in page
    assert 'tandem_admission_queued{class="background"} 1.0' in page
    assert "secret-tenant" not in page


@pytest.mark.parametrize(
    ("arguments", "running", "expected"),
    [
        ((), None, 256),
        (("--max-num-seqs", "32"), None, 32),
        (("--max-num-seqs=8",), None, 8),
        (("--max-num-seqs", "32"), 12, 12),
    ],
)
def test_the_number_at_once_is_the_engines_own(arguments, running, expected) -> None:
    assert running_of(LimitSettings(running=running), EngineSettings(extra_args=arguments)) == expected
