"""What a model expected of each token of a prompt, as the client asks an engine for it."""

import pytest
from fake_vllm import FakeVllm, refuse

from tandem.engine import EngineClient, likelihoods_of_ending
from tandem.errors import EngineFailedError, EngineUnavailableError
from tandem.settings import EngineSettings


@pytest.fixture
async def client(fake: FakeVllm):
    client = EngineClient(fake.address, EngineSettings(retries=0))
    yield client
    await client.close()


async def test_each_token_but_the_first_has_a_likelihood(fake, client) -> None:
    first, second = await client.expected(["one two one", "three"], "base", cache_salt="tenant")
    assert [likelihood for _, likelihood in first] == [-5.0, -1.0]
    assert second == []
    assert fake.prompts == ["one two one", "three"]


def test_only_the_tokens_in_which_both_end_count() -> None:
    first = [(1, -9.0), (7, -1.0), (8, -2.0)]
    second = [(2, -9.0), (7, -3.0), (8, -4.0)]
    assert likelihoods_of_ending(first, second) == [(-1.0, -3.0), (-2.0, -4.0)]
    assert likelihoods_of_ending(first, [(8, -4.0)]) == [(-2.0, -4.0)]
    assert likelihoods_of_ending(first, [(9, -4.0)]) == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"choices": [{"index": 0}]},
        {"choices": [{"index": 0, "prompt_logprobs": None}]},
        {"choices": [{"index": 0, "prompt_logprobs": [None, {}]}]},
        {"choices": [{"index": 0, "prompt_logprobs": [None, {"1": {"logprob": "x"}}]}]},
        {"choices": [{"index": 0, "prompt_logprobs": [None, {"1": {"logprob": float("nan")}}]}]},
        {"choices": []},
    ],
)
async def test_an_engine_that_does_not_say_it_has_failed(fake, client, body: dict) -> None:
    fake.completes = refuse(200, body)
    with pytest.raises(EngineFailedError):
        await client.expected(["one two"], "base")


async def test_failures_open_the_breaker_as_those_of_chats_do(fake) -> None:
    fake.completes = refuse(503, {"error": {"message": "busy", "code": 503}})
    client = EngineClient(fake.address, EngineSettings(breaker_failures=2, breaker_retry_s=60))
    try:
        for _ in range(2):
            with pytest.raises(EngineUnavailableError):
                await client.expected(["one"], "base")
        asked = len(fake.prompts)
        with pytest.raises(EngineUnavailableError, match="left alone"):
            await client.expected(["one"], "base")
        assert len(fake.prompts) == asked
    finally:
        await client.close()
