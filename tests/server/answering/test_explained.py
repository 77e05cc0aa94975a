"""How much of a question a passage explains, and what the evidence makes of it. The engine is a fake."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace

import pytest
from fake_vllm import FakeVllm, after_computing, refuse
from passages import passage

from server.admission import Admission, Ticket
from server.answering.explained import explained
from server.answering.judge import judge
from server.calibration import FEATURES, Explained, bundled_calibration
from server.monitoring import Metrics
from tandem.engine import EngineClient, EngineState
from tandem.settings import AnswerSettings, EngineSettings, LimitSettings, Settings

QUESTION = "Where does the pump stand?"
PASSAGE = "The pump does stand in Graz, where it was built."


@pytest.fixture
def fake() -> Iterator[FakeVllm]:
    with FakeVllm.serving() as server:
        yield server


@pytest.fixture
async def services(fake: FakeVllm, tokens) -> AsyncIterator[SimpleNamespace]:
    """Those that the likelihood needs, with a calibration that weighs it; the client of one engine asks."""
    weights = tuple(2.0 if name == "explained" else 0.0 for name in FEATURES)
    client = EngineClient(fake.address, EngineSettings(retries=0))
    yield SimpleNamespace(
        settings=Settings(
            engine=EngineSettings(model="small"), answer=AnswerSettings(likelihood_timeout_s=0.3)
        ),
        client=client,
        engine=SimpleNamespace(state=EngineState.READY),
        tokens=tokens,
        admission=Admission(LimitSettings(), 1, Metrics()),
        calibration=bundled_calibration().model_copy(update={"weights": weights, "model": "small"}),
    )
    await client.close()


async def said(services, text: str) -> Explained | None:
    return await explained(QUESTION, passage(text), services, ticket=Ticket("default"))


async def test_a_passage_with_the_questions_words_explains_it(services) -> None:
    near, far = await said(services, PASSAGE), await said(services, "Nothing of that kind.")
    assert near is not None
    assert far is not None
    assert far.whole < near.whole < 1
    assert far.surprising < near.surprising < 1
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
