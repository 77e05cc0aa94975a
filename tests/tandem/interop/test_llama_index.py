"""Tandem among LlamaIndex's own classes, over a real socket and in this process."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fake_vllm import FakeVllm, refuse, say
from llama_index.core import QueryBundle
from llama_index.core.base.response.schema import AsyncStreamingResponse, StreamingResponse
from llama_index.core.llms import MockLLM
from llama_index.core.query_engine import RetrieverQueryEngine, RouterQueryEngine
from llama_index.core.response_synthesizers import ResponseMode, get_response_synthesizer
from llama_index.core.retrievers import QueryFusionRetriever, RouterRetriever
from llama_index.core.schema import MetadataMode, NodeRelationship
from llama_index.core.selectors import LLMSingleSelector
from llama_index.core.tools import QueryEngineTool, RetrieverTool
from served_app import put, served

from server.app import create_app
from tandem.errors import EngineUnavailableError, InvalidRequestError, NotFoundError, UnavailableError
from tandem.interop.connection import Connection
from tandem.interop.llama_index import TandemQueryEngine, TandemRetriever
from tandem.settings import AnswerSettings, EngineSettings, Settings

FACT = "The gate of the Quorvex depot closes at seven in the evening."
QUESTION = "When does the Quorvex gate close?"


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeVllm]:
    with FakeVllm.serving() as server:
        yield server


@pytest.fixture(autouse=True)
def plays(fake: FakeVllm) -> None:
    fake.plays = [say("The gate of the Quorvex depot ", "closes at seven in the evening.")]


@pytest.fixture(scope="module")
def url(fake: FakeVllm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(fake, tmp_path_factory.mktemp("data")) as address:
        put(address, "gate.md", f"# Rules\n\n## Gates\n\n{FACT}\n", "rules")
        put(address, "bread.md", "# Bread\n\nBread is baked at two hundred degrees.\n", "kitchen")
        yield address


class FakeSelectingLlm(MockLLM):
    """Always selects the second choice."""

    def complete(self, *arguments: object, **options: object) -> object:
        reply = super().complete("x")
        reply.text = '[{"choice": 2, "reason": "it is the second"}]'
        return reply


def test_passages_are_nodes_with_their_place(url: str) -> None:
    first, *_ = TandemRetriever(url).retrieve(QUESTION)
    assert FACT in first.node.get_content()
    assert first.score is not None
    metadata = first.node.metadata
    assert (metadata["corpus"], metadata["uri"], metadata["title"]) == ("rules", "gate.md", "Rules")
    assert metadata["section"] == "Rules > Gates"
    assert metadata["page"] is None
    assert (metadata["start"], metadata["end"]) == (first.node.start_char_idx, first.node.end_char_idx)
    assert first.node.relationships[NodeRelationship.SOURCE].node_id == metadata["document_id"]
    shown = first.node.get_content(MetadataMode.LLM)
    assert "Rules > Gates" in shown
    assert metadata["document_id"] not in shown


async def test_sync_and_async_find_the_same(url: str) -> None:
    retriever = TandemRetriever(url, corpora=["rules"], passages=1)
    blocking = await asyncio.to_thread(retriever.retrieve, QueryBundle(QUESTION))
    awaited = await retriever.aretrieve(QUESTION)
    assert [node.node_id for node in blocking] == [node.node_id for node in awaited]
    assert len(awaited) == 1


def test_a_scope_narrows_and_an_unknown_one_is_refused(url: str) -> None:
    assert {
        node.metadata["corpus"] for node in TandemRetriever(url, corpora=["kitchen"]).retrieve(QUESTION)
    } == {"kitchen"}
    assert TandemRetriever(url, tags=["nosuch"]).retrieve(QUESTION) == []
    with pytest.raises(NotFoundError):
        TandemRetriever(url, corpora=["nosuch"]).retrieve(QUESTION)
    with pytest.raises(InvalidRequestError):
        TandemRetriever(url, recipe="base").retrieve(QUESTION)


def test_a_retriever_query_engine_answers_from_its_passages(url: str) -> None:
    synthesizer = get_response_synthesizer(response_mode=ResponseMode.COMPACT, llm=MockLLM())
    engine = RetrieverQueryEngine(TandemRetriever(url, passages=1), response_synthesizer=synthesizer)
    response = engine.query(QUESTION)
    assert FACT in str(response)  # the fake model repeats its prompt
    assert response.source_nodes[0].metadata["uri"] == "gate.md"


def test_routers_and_fusion_take_it_as_theirs(url: str) -> None:
    tools = [
        RetrieverTool.from_defaults(TandemRetriever(url, corpora=[corpus]), description=corpus)
        for corpus in ("kitchen", "rules")
    ]
    router = RouterRetriever(LLMSingleSelector.from_defaults(llm=FakeSelectingLlm()), tools, llm=MockLLM())
    assert {node.metadata["corpus"] for node in router.retrieve(QUESTION)} == {"rules"}
    fusion = QueryFusionRetriever(
        [TandemRetriever(url, corpora=[corpus]) for corpus in ("kitchen", "rules")],
        llm=MockLLM(),
        num_queries=1,
        mode="reciprocal_rerank",
        use_async=False,
    )
    assert {node.metadata["corpus"] for node in fusion.retrieve(QUESTION)} == {"rules", "kitchen"}


def test_an_answer_is_a_response_with_its_citations(url: str) -> None:
    response = TandemQueryEngine(url, corpora=["rules"]).query(QUESTION)
    assert str(response) == f"{FACT} [1]"
    (cited,) = response.source_nodes
    assert cited.node.get_content() == FACT
    assert cited.metadata["uri"] == "gate.md"
    assert cited.node.end_char_idx - cited.node.start_char_idx == len(FACT)
    assert response.metadata["recipe"] == "rag"
    assert not response.metadata["abstained"]


async def test_answers_stream_and_tell_their_sources_at_the_end(url: str) -> None:
    engine = TandemQueryEngine(url, streaming=True)
    response = await asyncio.to_thread(engine.query, QUESTION)
    assert isinstance(response, StreamingResponse)
    assert await asyncio.to_thread(str, response) == f"{FACT} [1]"
    assert [node.node.get_content() for node in response.source_nodes] == [FACT]
    awaited = await engine.aquery(QUESTION)
    assert isinstance(awaited, AsyncStreamingResponse)
    assert "".join([piece async for piece in awaited.async_response_gen()]) == f"{FACT} [1]"
    assert awaited.metadata["trace_id"]
    plain = await TandemQueryEngine(url, recipe="base", streaming=True).aquery(QUESTION)
    assert len([piece async for piece in plain.async_response_gen()]) > 1


def test_a_router_query_engine_takes_it_as_its_own(url: str) -> None:
    tools = [
        QueryEngineTool.from_defaults(TandemQueryEngine(url, recipe=recipe), description=recipe)
        for recipe in ("base", "rag")
    ]
    selector = LLMSingleSelector.from_defaults(llm=FakeSelectingLlm())
    response = RouterQueryEngine(selector, tools, llm=MockLLM()).query(QUESTION)
    assert response.metadata["recipe"] == "rag"


async def test_the_servers_errors_are_raised_as_they_are(url: str, fake: FakeVllm) -> None:
    fake.plays = [refuse(503, {"error": {"message": "full", "code": 503}})]
    assert (await TandemQueryEngine(url).aquery(QUESTION)).metadata["degraded"]
    for streaming in (False, True):
        engine = TandemQueryEngine(url, recipe="base", streaming=streaming)
        with pytest.raises(EngineUnavailableError):
            await asyncio.to_thread(lambda engine=engine: str(engine.query(QUESTION)))
    with pytest.raises(UnavailableError):
        await TandemRetriever("http://127.0.0.1:9").aretrieve(QUESTION)


async def test_in_process_it_is_awaited_or_called_from_another_thread(fake: FakeVllm, tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path,
        engine=EngineSettings(address=fake.address),
        answer=AnswerSettings(evidence=0.2),
    )
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        headers = {"Authorization": f"Bearer {app.state.services.principals.local_key}"}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1", timeout=60, headers=headers
        ) as http:
            file = {"file": ("gate.md", f"# Rules\n\n{FACT}\n".encode())}
            assert (await http.post("/api/corpora/rules/documents", files=file)).is_success
            while (await http.get("/readyz")).status_code != 200:
                await asyncio.sleep(0.05)
        here = Connection(app=app)
        assert FACT in (await TandemRetriever(here).aretrieve(QUESTION))[0].node.get_content()
        engine = TandemQueryEngine(here, streaming=True)
        assert str(await asyncio.to_thread(lambda: str(engine.query(QUESTION)))) == f"{FACT} [1]"
        with pytest.raises(InvalidRequestError, match="event loop"):
            TandemRetriever(here).retrieve(QUESTION)
