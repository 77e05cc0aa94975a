"""Further searches bring what the question's own words do not, over the real store, index and embedder."""

import asyncio
from concurrent.futures import Future
from contextlib import AsyncExitStack
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
from tandem.settings import EmbeddingSettings, EngineSettings
from tandem.vocabulary import Caller

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

            async def find(play, corpora=None, **answer: object) -> list[str]:
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
                )
                recipe = made.recipes.of_model("tandem:rag")
                question = Question(CALLER, "tandem", QUESTION, corpora=corpora)
                found = await find_passages(question, QUESTION, recipe, services, Timings())
                return [passage.chunk.text for passage in found]

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


async def test_another_wording_finds_what_the_question_does_not(asked) -> None:
    plain = await asked(say("unused"))
    assert len(plain) == 3
    assert FAR not in plain
    for expand in ("multi_query", "hyde"):
        found = await asked(say("At how many degrees does Zorbium melt?"), expand=expand)
        assert FAR in found
        assert len(found) == 3


async def test_a_model_that_fails_leaves_the_plain_search(asked) -> None:
    plain = await asked(say("unused"))
    broken = refuse(500, {"error": {"message": "broken"}})
    for expand in ("multi_query", "hyde"):
        assert await asked(broken, expand=expand) == plain


async def test_what_the_search_refuses_is_raised_as_it_is(asked) -> None:
    with pytest.raises(NotFoundError, match="nosuch"):
        await asked(say("x"), corpora=("nosuch",), expand="multi_query")
