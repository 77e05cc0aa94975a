"""An engine that fails again and again, hangs, or says what cannot be meant: through the real client."""

import asyncio

import pytest
from fake_vllm import DONE, FakeVllm, Handler, event, hang_after, line, refuse, say, send

from tandem.breaker import BreakerState
from tandem.engine import EngineClient, Sampling
from tandem.errors import EngineFailedError, EngineUnavailableError, InvalidRequestError
from tandem.settings import EngineSettings

ASK = [{"role": "user", "content": "Who?"}]
BUSY = refuse(503, {"error": {"message": "busy", "code": 503}})


@pytest.fixture
async def client(fake: FakeVllm):
    settings = EngineSettings(
        retries=0, breaker_failures=3, breaker_retry_s=0.2, first_token_timeout_s=0.3, token_timeout_s=5
    )
    client = EngineClient(fake.address, settings)
    yield client
    await client.close()


async def _said(client: EngineClient, model: str = "base") -> str:
    return "".join([delta.text async for delta in client.chat(ASK, model, Sampling())])


async def _fails(client: EngineClient, times: int) -> None:
    for _ in range(times):
        with pytest.raises(EngineUnavailableError):
            await _said(client)


async def test_after_failures_in_a_row_the_engine_is_left_alone(fake, client) -> None:
    fake.plays = [BUSY]
    await _fails(client, 3)
    asked = len(fake.requests)
    with pytest.raises(EngineUnavailableError, match="left alone") as caught:
        await _said(client)
    assert (caught.value.reason, len(fake.requests)) == ("breaker_open", asked)
    assert caught.value.retry_after


async def test_it_is_asked_again_by_itself_and_no_question_waits_for_that(fake, client) -> None:
    fake.plays = [BUSY]
    await _fails(client, 3)
    await asyncio.sleep(0.5)
    assert client.breaker.state is BreakerState.OPEN
    assert len(fake.requests) > 3
    fake.plays = [say("back")]
    while not client.breaker.is_closed:
        await asyncio.sleep(0.02)
    assert fake.requests[-1]["max_tokens"] == 1
    assert await _said(client) == "back"


async def test_a_refused_request_does_not_count_against_the_engine(fake, client) -> None:
    fake.plays = [refuse(400, {"error": {"message": "too long"}})]
    for _ in range(5):
        with pytest.raises(InvalidRequestError):
            await _said(client)
    assert client.breaker.is_closed


async def test_an_engine_that_always_breaks_off_is_left_alone_too(fake, client) -> None:
    fake.plays = [send(event("Hel"))]
    for _ in range(3):
        with pytest.raises(EngineFailedError):
            await _said(client)
    assert not client.breaker.is_closed


async def test_a_client_that_leaves_is_no_fault_of_the_engine(fake, client) -> None:
    fake.plays = [hang_after("Hel")]
    for _ in range(4):
        answer = client.chat(ASK, "base", Sampling())
        await anext(answer)
        await answer.aclose()
    assert client.breaker.is_closed


async def test_a_first_token_that_does_not_come_is_not_waited_for_as_long_as_a_later_one(
    fake, client
) -> None:
    fake.plays = [hang_after()]
    async with asyncio.timeout(3):
        with pytest.raises(EngineUnavailableError) as caught:
            await _said(client)
    assert caught.value.reason == "hung"
    assert len(fake.requests) == 1


@pytest.mark.parametrize(
    "noise",
    [
        b'data: {"choices": [{"delta": {"content": "' + b"x" * 3_000_000,
        b"data: " + b"[" * 200_000 + b"\n\n",
        b"data: " + b"7" * 10_000 + b"\n\n",
    ],
    ids=["a line of 3 MB", "nested without an end", "a number without an end"],
)
async def test_noise_that_a_reader_may_choke_on_is_a_failure_of_the_engine(
    fake, client, noise: bytes
) -> None:
    fake.plays = [send(noise)]
    with pytest.raises(EngineFailedError):
        await _said(client)


@pytest.mark.parametrize("model", ["base", "law@1"])
async def test_an_answer_of_another_model_is_none(fake, client, model: str) -> None:
    fake.adapters["law@1"] = "somewhere"

    def another(handler: Handler) -> None:
        handler.asked["model"] = "med@2"
        handler.stream(event(""), event("Take two."), event(None, "stop"), DONE)

    fake.plays = [another]
    with pytest.raises(EngineFailedError, match="med@2"):
        await _said(client, model)


async def test_a_base_model_may_be_called_by_another_of_its_names(fake, client, monkeypatch) -> None:
    def alias(handler: Handler) -> None:
        handler.asked["model"] = "llama"
        handler.stream(event(""), event("Hello"), event(None, "stop"), DONE)

    card = {"object": "model", "created": 0, "owned_by": "vllm", "parent": None}
    page = {"object": "list", "data": [card | {"id": "base"}, card | {"id": "llama"}]}
    monkeypatch.setattr(Handler, "do_GET", lambda handler: handler.reply(200, page))
    fake.plays = [alias]
    assert await _said(client) == "Hello"
    asked = len(fake.requests)
    assert await _said(client) == "Hello"
    assert len(fake.requests) == asked + 1


async def test_an_error_event_says_why_in_one_word(fake, client) -> None:
    fake.plays = [send(line({"error": {"message": "engine died", "code": 500}}), DONE), BUSY]
    for reason in ("down", "overloaded"):
        with pytest.raises(EngineUnavailableError) as caught:
            await _said(client)
        assert caught.value.reason == reason
