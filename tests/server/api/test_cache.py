"""The answer cache over HTTP: real parts, and an engine that tells how often it was asked."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from fake_vllm import FakeVllm, Handler, refuse, say

from ingest import Upload
from server.app import create_app
from server.calibration import FEATURES, bundled_calibration, write_calibration
from tandem.rerank.light import LightReranker
from tandem.settings import (
    AnswerSettings,
    CacheSettings,
    EngineSettings,
    IdentitySettings,
    Settings,
    StoreSettings,
)
from tandem.vocabulary import Caller, Marks

FACT = "The gate of the Quorvex depot closes at seven in the evening."
LATER_FACT = "The gate of the Quorvex depot closes at nine in the evening."
QUESTION = "When does the Quorvex gate close?"


@pytest.fixture
def fake() -> AsyncIterator[FakeVllm]:
    with FakeVllm.serving() as server:
        server.plays = [say("The gate of the Quorvex depot ", "closes at seven in the evening.")]
        yield server


@asynccontextmanager
async def serving(
    fake: FakeVllm,
    folder: Path,
    store_url: str | None = None,
    calibration: Path | None = None,
    **cache: object,
) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(
        data_dir=folder,
        store=StoreSettings(url=store_url),
        engine=EngineSettings(address=fake.address, retries=0),
        answer=AnswerSettings(evidence=0.2, calibration=calibration),
        identity=IdentitySettings(required=False),
        cache=CacheSettings.model_validate({"answers": True} | cache),
    )
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000", timeout=60
        ) as http,
    ):
        while (await http.get("/readyz")).status_code != 200:
            await asyncio.sleep(0.05)
        http.ingestor = app.state.ingestor
        yield http


@pytest.fixture
async def http(fake: FakeVllm, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(fake, tmp_path) as client:
        await put(client)
        yield client


async def put(http: httpx.AsyncClient, text: str = FACT, corpus: str = "rules") -> str:
    file = {"file": ("gate.md", f"# Rules\n\n{text}\n".encode())}
    response = await http.post(f"/api/corpora/{corpus}/documents", files=file)
    assert response.is_success, response.text
    return (await http.get(f"/api/corpora/{corpus}/documents")).json()["documents"][0]["id"]


async def ask(
    http: httpx.AsyncClient, question: str = QUESTION, headers: dict[str, str] | None = None, **more: object
) -> dict:
    body = {"messages": [{"role": "user", "content": question}]} | more
    response = await http.post("/v1/chat/completions", json=body, headers=headers)
    assert response.status_code == 200, response.text
    return response.json()


async def streamed(http: httpx.AsyncClient) -> list[dict]:
    body = {"messages": [{"role": "user", "content": QUESTION}], "stream": True}
    response = await http.post("/v1/chat/completions", json=body)
    lines = [line.removeprefix("data: ") for line in response.text.splitlines() if line]
    assert lines.pop() == "[DONE]"
    return [json.loads(line) for line in lines]


async def test_the_same_question_gets_the_same_answer_and_the_engine_is_not_asked(http, fake) -> None:
    first, second = await ask(http), await ask(http)
    assert len(fake.requests) == 1
    assert (first["tandem"]["cached"], second["tandem"]["cached"]) == (None, "exact")
    assert second["choices"] == first["choices"]
    assert second["tandem"]["citations"] == first["tandem"]["citations"] != []
    assert second["tandem"]["trace_id"] != first["tandem"]["trace_id"]
    assert second["usage"]["total_tokens"] == 0
    metrics = (await http.get("/metrics")).text
    assert 'tandem_cache_total{outcome="exact"} 1.0' in metrics
    assert 'tandem_cache_total{outcome="missed"} 1.0' in metrics


async def test_a_kept_answer_streams_as_it_did(http, fake) -> None:
    fake.plays = [say("<think>", "At seven?", "</think>", FACT)]
    first, second = await streamed(http), await streamed(http)
    assert len(fake.requests) == 1
    deltas = [[chunk["choices"][0]["delta"] for chunk in chunks] for chunks in (first, second)]
    assert deltas[0] == deltas[1]
    assert any("reasoning_content" in delta for delta in deltas[1])
    assert second[-1]["tandem"]["cached"] == "exact"
    assert second[-1]["tandem"]["citations"] == first[-1]["tandem"]["citations"] != []


async def test_an_abstention_is_kept_too(http, fake) -> None:
    replies = [await ask(http, "Who composed the opera about a whale?") for _ in range(2)]
    assert [reply["tandem"]["abstained"] for reply in replies] == [True, True]
    assert replies[1]["tandem"]["cached"] == "exact"


@pytest.mark.parametrize(
    "other",
    [
        {"max_tokens": 20},
        {"seed": 5},
        {"model": "tandem:base"},
        {"tandem": {"corpora": ["rules"]}},
        {"tandem": {"tags": []}, "messages": [{"role": "user", "content": QUESTION + " "}] * 1 + []},
        {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": QUESTION}]},
        {
            "messages": [
                {"role": "user", "content": "Hello"},
                {"role": "assistant", "content": "Hello."},
                {"role": "user", "content": QUESTION},
            ]
        },
        {"response_format": {"type": "json_object"}},
    ],
    ids=["max_tokens", "seed", "model", "corpora", "same", "instructions", "history", "format"],
)
async def test_what_shapes_the_answer_is_part_of_the_key(http, other: dict, request) -> None:
    await ask(http)
    reply = await ask(http, **other)
    expected = "exact" if request.node.callspec.id == "same" else None
    assert reply["tandem"]["cached"] == expected


async def test_an_answer_whose_reranker_was_late_is_not_kept(http, fake, monkeypatch) -> None:
    changes = {"retrieval": {"reranking": {"kind": "light", "deadline_ms": 300}}}
    assert (
        await http.post("/api/recipes", json={"name": "ranked", "from": "rag", "changes": changes})
    ).is_success
    real = LightReranker.scores

    async def late(*asked: object) -> list[float]:
        await asyncio.sleep(60)
        return []

    told = []
    for scores in (late, real, late):
        monkeypatch.setattr(LightReranker, "scores", scores)
        told.append((await ask(http, model="tandem:ranked"))["tandem"]["cached"])
    assert told == [None, None, "exact"]
    assert len(fake.requests) == 2


async def test_an_answer_that_was_judged_without_the_model_is_not_kept(fake, tmp_path) -> None:
    weights = tuple(
        0.5 if name == "explained" else weight
        for name, weight in zip(FEATURES, bundled_calibration().weights, strict=True)
    )
    more = {"weights": weights, "model": EngineSettings().model}
    write_calibration(bundled_calibration().model_copy(update=more), tmp_path / "c.json")
    async with serving(fake, tmp_path / "data", calibration=tmp_path / "c.json") as http:
        await put(http)
        fake.completes = refuse(500, {"error": {"message": "no", "code": 500}})
        assert (await ask(http))["tandem"]["cached"] is None
        fake.completes = None
        assert [(await ask(http))["tandem"]["cached"] for _ in range(2)] == [None, "exact"]
    assert len(fake.requests) == 2


async def test_a_sampled_answer_is_kept_only_by_setting(http, fake, tmp_path) -> None:
    assert [(await ask(http, temperature=0.7))["tandem"]["cached"] for _ in range(2)] == [None, None]
    async with serving(fake, tmp_path / "other", sampled=True) as other:
        await put(other)
        replies = [await ask(other, temperature=0.7) for _ in range(2)]
    assert [reply["tandem"]["cached"] for reply in replies] == [None, "exact"]


async def test_a_request_may_ask_for_a_fresh_answer_or_for_none_to_be_kept(http, fake) -> None:
    await ask(http, headers={"Cache-Control": "no-store"})
    assert (await ask(http))["tandem"]["cached"] is None
    assert (await ask(http, headers={"Cache-Control": "No-Cache"}))["tandem"]["cached"] is None
    assert (await ask(http))["tandem"]["cached"] == "exact"
    assert len(fake.requests) == 3


async def test_it_is_off_by_default(fake, tmp_path) -> None:
    async with serving(fake, tmp_path, answers=CacheSettings().answers) as http:
        await put(http)
        assert [(await ask(http))["tandem"]["cached"] for _ in range(2)] == [None, None]


async def test_a_changed_document_is_answered_from_at_once(http, fake) -> None:
    await ask(http)
    await put(http, LATER_FACT)
    fake.plays = [say(LATER_FACT)]
    reply = await ask(http)
    assert reply["choices"][0]["message"]["content"] == f"{LATER_FACT} [1]"
    assert reply["tandem"]["cached"] is None


async def test_of_a_deleted_document_nothing_is_left_and_the_receipt_counts_it(http, fake) -> None:
    known = await put(http)
    await ask(http)
    receipt = (await http.delete(f"/api/corpora/rules/documents/{known}")).json()
    assert receipt["removed"]["caches.answers"] == 1
    reply = await ask(http)
    assert reply["tandem"]["abstained"]
    assert reply["tandem"]["cached"] is None


async def test_an_answer_ends_with_the_first_document_of_its_scope(fake, tmp_path) -> None:
    async with serving(fake, tmp_path) as http:
        until = datetime.now(UTC) + timedelta(seconds=4)
        upload = Upload("gate.md", "gate.md", FACT.encode(), marks=Marks(expires_at=until))
        await http.ingestor.ingest(Caller(), "rules", upload)
        assert [(await ask(http))["tandem"]["cached"] for _ in range(2)] == [None, "exact"]
        await asyncio.sleep((until - datetime.now(UTC)).total_seconds() + 0.05)
        reply = await ask(http)
    assert reply["tandem"]["cached"] is None
    assert reply["tandem"]["abstained"]


async def test_a_failed_answer_is_not_kept(http, fake) -> None:
    def broken(handler: Handler) -> None:
        handler.reply(503, {"error": {"message": "full", "code": 503}})

    fake.plays = [broken, say(FACT)]
    body = {"messages": [{"role": "user", "content": QUESTION}]}
    body["tandem"] = {"degrade": False}
    assert (await http.post("/v1/chat/completions", json=body)).status_code == 503
    assert (await ask(http))["tandem"]["cached"] is None


async def test_a_similar_question_gets_the_answer_where_that_is_set(fake, tmp_path) -> None:
    async with serving(fake, tmp_path, similar=0.9) as http:
        await put(http)
        await ask(http)
        near = await ask(http, "When does the Quorvex gate close, please?")
        far = await ask(http, "Who has the keys of the Quorvex gate?")
        metrics = (await http.get("/metrics")).text
    assert near["tandem"]["cached"] == "similar"
    assert far["tandem"]["cached"] is None
    assert 'tandem_cache_total{outcome="similar"} 1.0' in metrics


async def test_two_services_over_one_store_never_give_an_answer_that_the_other_has_outdated(
    fake, tmp_path
) -> None:
    """Each has an index of its own, as an embedded one has one owner; the cache is the store's."""
    url = f"sqlite:///{tmp_path / 'shared.sqlite3'}"
    async with AsyncExitStack() as stack:
        first, second = [
            await stack.enter_async_context(serving(fake, tmp_path / name, url)) for name in ("one", "two")
        ]
        known = await put(first)
        await ask(first)
        assert (await ask(second))["tandem"]["cached"] == "exact"  # kept by one, given by the other
        asked = len(fake.requests)

        await put(first, LATER_FACT)
        assert (await ask(second))["tandem"]["cached"] is None

        # While the first answers, the second deletes: the answer comes, and is not kept.
        deleted = asyncio.Event()
        loop = asyncio.get_running_loop()

        def slow(handler: Handler) -> None:
            asyncio.run_coroutine_threadsafe(deleted.wait(), loop).result(30)
            say(LATER_FACT)(handler)

        fake.plays = [slow]
        answering = asyncio.create_task(ask(first, "When does the gate of the Quorvex depot close?"))
        while len(fake.requests) == asked:
            await asyncio.sleep(0.01)
        receipt = (await second.delete(f"/api/corpora/rules/documents/{known}")).json()
        assert receipt["removed"]["caches.answers"] > 0
        deleted.set()
        assert (await answering)["choices"][0]["message"]["content"].startswith("The gate")
        again = await ask(first, "When does the gate of the Quorvex depot close?")
        assert (again["tandem"]["cached"], again["tandem"]["abstained"]) == (None, True)
