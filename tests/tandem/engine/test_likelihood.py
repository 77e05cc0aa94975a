"""What a model expected of a prompt, and how much of a question a passage explains by that."""

import asyncio
from types import SimpleNamespace

import pytest
from fake_vllm import FakeVllm, after_computing, refuse
from model_tokens import default_tokens
from passages import passage

from server.admission import Admission, Ticket
from server.answering.explained import explained
from server.answering.judge import judge
from server.calibration import FEATURES, bundled_calibration
from server.monitoring import Metrics
from tandem.engine import EngineClient, EngineState, likelihoods_of_ending
from tandem.errors import EngineFailedError, EngineUnavailableError
from tandem.settings import AnswerSettings, EngineSettings, LimitSettings, Settings

QUESTION = "Where does the pump stand?"
PASSAGE = "The pump does stand in Graz, where it was built."


@pytest.fixture
async def client(fake: FakeVllm):
    client = EngineClient(fake.address, EngineSettings(retries=0))
    yield client
    await client.close()


@pytest.fixture
def services(client):
    """Those that the likelihood needs, with a calibration that weighs it; the client of one engine asks."""
    weights = tuple(2.0 if name == "explained" else 0.0 for name in FEATURES)
    answer = AnswerSettings(likelihood_timeout_s=0.3)
    settings = Settings(engine=EngineSettings(model="small"), answer=answer)
    return SimpleNamespace(
        settings=settings,
        client=client,
        engine=SimpleNamespace(state=EngineState.READY),
        tokens=default_tokens(),
        admission=Admission(LimitSettings(), 1, Metrics()),
        calibration=bundled_calibration().model_copy(update={"weights": weights, "model": "small"}),
    )


async def said(services, text: str) -> float | None:
    return await explained(QUESTION, passage(text), services, ticket=Ticket("default"))


async def test_each_token_but_the_first_has_a_likelihood(fake, client) -> None:
    first, second = await client.expected(["one two one", "three"], "base", cache_salt="tenant")
    assert [likelihood for _, likelihood in first] == [-5.0, -1.0]
    assert second == []
    assert fake.prompts == ["one two one", "three"]


def test_only_the_tokens_in_which_both_end_count() -> None:
    first = [(1, -9.0), (7, -1.0), (8, -2.0)]
    second = [(2, -9.0), (7, -3.0), (8, -4.0)]
    assert likelihoods_of_ending(first, second) == (-3.0, -7.0)
    assert likelihoods_of_ending(first, [(8, -4.0)]) == (-2.0, -4.0)
    assert likelihoods_of_ending(first, [(9, -4.0)]) == (0.0, 0.0)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"choices": [{"index": 0}]},
        {"choices": [{"index": 0, "prompt_logprobs": None}]},
        {"choices": [{"index": 0, "prompt_logprobs": [None, {}]}]},
        {"choices": [{"index": 0, "prompt_logprobs": [None, {"1": {"logprob": "x"}}]}]},
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


async def test_a_passage_with_the_questions_words_explains_it(services) -> None:
    near, far = await said(services, PASSAGE), await said(services, "Nothing of that kind.")
    assert near is not None
    assert far is not None
    assert far < near < 1
    ticket = Ticket("default")
    await explained(QUESTION, passage(PASSAGE), services, ticket=ticket)
    assert ticket.spent > 0


async def test_the_evidence_rises_with_what_is_explained_and_only_where_that_was_weighed(
    fake, services
) -> None:
    async def evidence(text: str) -> float:
        judged = await judge(QUESTION, [passage(text)], services, ticket=Ticket("default"))
        assert not judged.makeshift
        return judged.evidence

    assert await evidence(PASSAGE) > await evidence("Nothing of that kind.")
    asked = len(fake.prompts)
    services.settings = Settings(engine=EngineSettings(model="another"))
    assert await evidence(PASSAGE) == await evidence("Nothing of that kind.")
    assert (await judge(QUESTION, [], services, ticket=Ticket("default"))).evidence == 0.0
    assert len(fake.prompts) == asked


async def test_an_engine_that_fails_is_late_or_starts_moves_no_evidence(fake, services) -> None:
    usual = [passage(PASSAGE)]
    neutral = services.calibration.probability(tuple(0.0 for _ in FEATURES))
    fake.completes = refuse(500, {"error": {"message": "no", "code": 500}})
    assert await said(services, PASSAGE) is None
    fake.completes = after_computing(5.0, refuse(200, {}))
    begun = asyncio.get_running_loop().time()
    judged = await judge(QUESTION, usual, services, ticket=Ticket("default"))
    assert judged.evidence == pytest.approx(neutral)
    assert judged.makeshift
    assert asyncio.get_running_loop().time() - begun < 3
    services.engine.state = EngineState.STARTING
    asked = len(fake.prompts)
    assert await said(services, PASSAGE) is None
    assert len(fake.prompts) == asked
