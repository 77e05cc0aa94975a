"""Further searches bring what the question's own words do not, over the real store, index and embedder."""

import asyncio
from concurrent.futures import Future
from contextlib import AsyncExitStack
from dataclasses import replace
from types import SimpleNamespace

import pytest
from fake_vllm import FakeVllm, refuse, say
from ingest_parts import opened

from ingest import Upload
from server.admission import Ticket
from server.answering.asked import AskedVector
from server.answering.expand import find_passages
from server.answering.timings import Timings
from server.answering.types import Question
from server.monitoring import Metrics
from server.salting import Salting
from tandem.embedding import load_embedder
from tandem.engine import EngineClient, EngineState
from tandem.errors import NotFoundError
from tandem.rerank import Rerankers
from tandem.retrieval_profile import Reranking
from tandem.settings import EmbeddingSettings, EngineSettings
from tandem.vocabulary import Caller, Passage

CALLER = Caller("acme")
NEAR = [f"The keeper writes down number {n} of the list of keepers." for n in range(8)]
FAR = "Zorbium melts at nine hundred degrees."
QUESTION = "What does the keeper write down?"


@pytest.fixture
async def asked(parts, tmp_path):
    embedder = load_embedder(EmbeddingSettings())
    with FakeVllm.serving() as fake:
        async with opened(embedder, tmp_path) as real:
            ingestor = real.ingestor()
            for n, text in enumerate([*NEAR, FAR]):
                await ingestor.ingest(CALLER, "docs", Upload(f"{n}.md", f"{n}.md", text.encode()))
            client = EngineClient(fake.address, EngineSettings(address=fake.address, retries=0))

            async def find(play, corpora=None, reranker=None, **answer: object) -> list[Passage]:
                fake.plays = [play]
                made = parts(passages=3, **answer)
                services = SimpleNamespace(
                    **vars(made),
                    live=real.live,
                    store=real.store,
                    client=client,
                    engine=SimpleNamespace(state=EngineState.READY),
                    salting=Salting(),
                    metrics=Metrics(),
                    rerankers=Rerankers({("endpoint", "judge"): reranker}),
                )
                recipe = made.recipes.of_model("tandem:rag")
                if reranker is not None:
                    profile = replace(recipe.retrieval, reranking=Reranking("endpoint", "judge", 30, 100))
                    recipe = replace(recipe, retrieval=profile)
                question = Question(CALLER, "tandem", QUESTION, corpora=corpora)
                return await find_passages(question, QUESTION, recipe, services, Timings())

            yield find
            await client.close()
    embedder.close()


@pytest.fixture
async def crowded(parts, tmp_path, monkeypatch):
    """Services with turns for no more than 16 searches, and the vectors that were asked for, as they come."""
    embedder = load_embedder(EmbeddingSettings())
    vectors: list[Future] = []
    ask = embedder.ask
    monkeypatch.setattr(embedder, "ask", lambda text: vectors.append(ask(text)) or vectors[-1])
    async with opened(embedder, tmp_path) as real:
        for n, text in enumerate([*NEAR, FAR]):
            await real.ingestor().ingest(CALLER, "docs", Upload(f"{n}.md", f"{n}.md", text.encode()))
        made = parts(passages=3)
        yield (
            SimpleNamespace(**vars(made), live=real.live, store=real.store, metrics=Metrics()),
            vectors,
        )
    embedder.close()


async def test_a_question_that_has_to_wait_for_its_search_is_embedded_meanwhile(crowded) -> None:
    services, vectors = crowded
    recipe = services.recipes.of_model("tandem:rag")

    async def find() -> list[str]:
        question = Question(CALLER, "tandem", QUESTION)
        found = await find_passages(question, QUESTION, recipe, services, Timings(), AskedVector())
        return [passage.chunk.text for passage in found]

    at_once = await find()
    async with AsyncExitStack() as others:
        for _ in range(16):
            await others.enter_async_context(services.admission.search(Ticket("others")))
        vectors.clear()
        waiting = [asyncio.create_task(find()) for _ in range(5)]
        while len(vectors) < 5 or not all(vector.done() for vector in vectors):
            await asyncio.sleep(0.01)
        assert not any(task.done() for task in waiting)
    assert await asyncio.gather(*waiting) == [at_once] * 5
    assert len(vectors) == 5  # none is made twice


def texts_of(found: list[Passage]) -> list[str]:
    return [passage.chunk.text for passage in found]


async def test_another_wording_finds_what_the_question_does_not(asked) -> None:
    plain = await asked(say("unused"))
    assert len(plain) == 3
    assert FAR not in texts_of(plain)
    for expand in ("multi_query", "hyde"):
        found = await asked(say("At how many degrees does Zorbium melt?"), expand=expand)
        assert FAR in texts_of(found)
        assert len(found) == 3
        assert {passage.scored_by for passage in found} == {f"{expand}, fused by rank"}


async def test_a_model_that_fails_leaves_the_plain_search_and_its_scores(asked) -> None:
    plain = await asked(say("unused"))
    broken = refuse(500, {"error": {"message": "broken"}})
    assert {passage.scored_by for passage in plain} == {"hybrid dbsf 1:3 of 50"}
    for expand in ("multi_query", "hyde"):
        assert await asked(broken, expand=expand) == plain


class Judging:
    """A reranker that prefers what is long, after so many seconds."""

    def __init__(self, seconds: float = 0.0) -> None:
        self._seconds = seconds

    async def scores(self, question: str, passages: list[Passage]) -> list[float]:
        await asyncio.sleep(self._seconds)
        return [float(len(passage.chunk.text)) for passage in passages]


async def test_a_late_reranker_leaves_scores_that_are_said_to_be_of_the_fusion(asked) -> None:
    plain = await asked(say("unused"))
    assert await asked(say("unused"), reranker=Judging(seconds=5)) == plain
    reranked = await asked(say("unused"), reranker=Judging())
    assert {passage.scored_by for passage in reranked} == {"endpoint judge"}


async def test_what_the_search_refuses_is_raised_as_it_is(asked) -> None:
    with pytest.raises(NotFoundError, match="nosuch"):
        await asked(say("x"), corpora=("nosuch",), expand="multi_query")
