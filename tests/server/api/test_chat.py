"""The chat endpoint over real parts; the engine alone is a fake, so that it can fail at will."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fake_vllm import FakeVllm, cut_after, refuse, say

from server.app import create_app
from tandem.settings import AnswerSettings, EngineSettings, IdentitySettings, Settings
from tandem.vocabulary import Caller

FACT = "The gate of the Quorvex depot closes at seven in the evening."


@pytest.fixture
def fake() -> AsyncIterator[FakeVllm]:
    with FakeVllm.serving() as server:
        server.plays = [say("The gate of the Quorvex depot ", "closes at seven in the evening.")]
        yield server


@pytest.fixture
async def http(fake: FakeVllm, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the whole application, in this process, with one document in it."""
    engine = EngineSettings(address=fake.address, retries=0)
    app = create_app(
        Settings(
            data_dir=tmp_path,
            engine=engine,
            answer=AnswerSettings(evidence=0.2),
            identity=IdentitySettings(required=False),
        )
    )
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client,
    ):
        file = {"file": ("gate.md", f"# Rules\n\n{FACT}\n".encode())}
        assert (await client.post("/api/corpora/rules/documents", files=file)).status_code == 201
        while (await client.get("/readyz")).status_code != 200:
            await asyncio.sleep(0.05)
        yield client


def _body(
    *, stream: bool, corpus: str = "rules", question: str = "When does the Quorvex gate close?"
) -> dict:
    return {
        "messages": [{"role": "user", "content": question}],
        "stream": stream,
        "tandem": {"corpora": [corpus]},
    }


async def _events(http: httpx.AsyncClient, body: dict) -> list[str]:
    response = await http.post("/v1/chat/completions", json=body)
    assert response.status_code == 200, response.text
    return [line.removeprefix("data: ") for line in response.text.splitlines() if line]


async def test_an_answer_is_cited_whole_and_streamed(http: httpx.AsyncClient) -> None:
    whole = (await http.post("/v1/chat/completions", json=_body(stream=False))).json()
    assert whole["choices"][0]["message"]["content"] == f"{FACT} [1]"
    assert whole["tandem"]["citations"][0]["quote"] == FACT
    *events, done = await _events(http, _body(stream=True))
    assert done == "[DONE]"
    chunks = [json.loads(event) for event in events]
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks) == f"{FACT} [1]"
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["tandem"]["citations"] == whole["tandem"]["citations"]


@pytest.mark.parametrize("stream", [False, True])
async def test_an_unknown_corpus_is_not_found(http: httpx.AsyncClient, stream: bool) -> None:
    response = await http.post("/v1/chat/completions", json=_body(stream=stream, corpus="nosuch"))
    assert response.status_code == 404
    assert response.json()["error"]["type"] == "not_found_error"


@pytest.mark.parametrize("stream", [False, True])
async def test_an_engine_that_refuses_before_the_answer_has_a_status(http, fake, stream: bool) -> None:
    fake.plays = [refuse(503, {"error": {"message": "full", "code": 503}}, retry_after="7")]
    response = await http.post("/v1/chat/completions", json=_body(stream=stream))
    assert response.status_code == 503
    assert response.headers["retry-after"] == "7"
    assert response.json()["error"]["type"] == "engine_unavailable_error"


async def test_an_engine_that_is_gone_is_asked_for_later(http, fake) -> None:
    fake.healthy = False
    while (await http.get("/readyz")).status_code == 200:
        await asyncio.sleep(0.1)
    response = await http.post("/v1/chat/completions", json=_body(stream=False))
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) > 0
    assert response.json()["error"]["hint"]


async def test_an_engine_that_breaks_off_ends_the_stream_with_an_error(http, fake) -> None:
    fake.plays = [cut_after(FACT, " And then ")]
    *events, last = await _events(http, _body(stream=True))
    assert FACT in json.loads(events[-1])["choices"][0]["delta"]["content"]
    assert json.loads(last)["error"]["type"] == "engine_failed_error"


async def test_an_engine_that_breaks_off_gives_no_half_answer(http, fake) -> None:
    fake.plays = [cut_after(FACT, " And then ")]
    response = await http.post("/v1/chat/completions", json=_body(stream=False))
    assert response.status_code == 502
    assert response.json()["error"]["type"] == "engine_failed_error"


async def test_weak_evidence_does_not_reach_the_engine(http, fake) -> None:
    body = _body(stream=False, question="Who composed the opera about a whale?")
    reply = (await http.post("/v1/chat/completions", json=body)).json()
    assert reply["choices"][0]["message"]["content"] == "I don't know."
    assert reply["tandem"]["abstained"]
    assert 0 <= reply["tandem"]["evidence"] < 0.2
    assert fake.requests == []


async def test_the_evidence_is_told_and_kept(http) -> None:
    told = (await http.post("/v1/chat/completions", json=_body(stream=False))).json()["tandem"]
    assert 0.2 <= told["evidence"] <= 1
    store = http._transport.app.state.services.store
    assert store.trace(Caller(), told["trace_id"]).evidence == pytest.approx(told["evidence"], abs=1e-4)
    body = _body(stream=False) | {"model": "tandem:base"}
    assert (await http.post("/v1/chat/completions", json=body)).json()["tandem"]["evidence"] is None


async def test_a_model_that_repeats_itself_is_stopped_and_its_tokens_are_counted(http, fake) -> None:
    fake.plays = [say(*[f"{FACT}\n"] * 400)]
    reply = (await http.post("/v1/chat/completions", json=_body(stream=False))).json()
    assert reply["choices"][0]["message"]["content"] == f"{FACT} [1]"
    assert reply["choices"][0]["finish_reason"] == "stop"
    assert reply["usage"]["completion_tokens"] > 0


async def test_the_traces_figures_are_in_the_metrics(http) -> None:
    await http.post("/v1/chat/completions", json=_body(stream=False))
    metrics = (await http.get("/metrics")).text
    assert 'tandem_answers_total{outcome="answered",recipe="rag"} 1.0' in metrics
    assert 'tandem_step_seconds_count{step="retrieve"} 1.0' in metrics


async def test_a_body_over_the_limit_is_refused_in_our_shape_though_its_length_is_not_told(http) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b'{"messages": [{"role": "user", "content": "'
        for _ in range(5):
            yield b"x" * 1024 * 1024

    headers = {"Content-Type": "application/json"}
    response = await http.post("/v1/chat/completions", content=endless(), headers=headers)
    assert response.status_code == 413
    assert response.json()["error"]["type"] == "too_large_error"


async def test_reasoning_is_told_apart_whole_and_streamed_and_never_cited(http, fake) -> None:
    fake.plays = [say("<thi", "nk>The gate closes", " at seven.</th", "ink>\n", FACT)]
    message = (await http.post("/v1/chat/completions", json=_body(stream=False))).json()["choices"][0][
        "message"
    ]
    assert message["content"] == f"{FACT} [1]"
    assert message["reasoning_content"] == "The gate closes at seven."
    deltas = [
        json.loads(each)["choices"][0]["delta"] for each in (await _events(http, _body(stream=True)))[:-1]
    ]
    assert "".join(delta.get("content", "") for delta in deltas) == f"{FACT} [1]"
    assert "".join(delta.get("reasoning_content", "") for delta in deltas) == "The gate closes at seven."


async def test_reasoning_without_an_answer_is_an_abstention(http, fake) -> None:
    fake.plays = [say("<think>", FACT)]
    reply = (await http.post("/v1/chat/completions", json=_body(stream=False))).json()
    assert reply["choices"][0]["message"]["content"] == "I don't know."
    assert reply["tandem"]["abstained"]
    assert reply["tandem"]["citations"] == []


def _json_body(*, stream: bool, **more: str) -> dict:
    schema = {"type": "object", "properties": {"closing": {"type": "string"}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "gate", "schema": schema}}
    return _body(stream=stream, **more) | {"response_format": wanted}


async def test_an_answer_as_json_is_unchanged_and_cited_beside_it(http, fake) -> None:
    fake.plays = [say('{"closing": "The gate of the depot', ' closes at seven in the evening"}')]
    reply = (await http.post("/v1/chat/completions", json=_json_body(stream=False))).json()
    assert fake.requests[0]["response_format"] == _json_body(stream=False)["response_format"]
    content = json.loads(reply["choices"][0]["message"]["content"])
    assert content == {"closing": "The gate of the depot closes at seven in the evening"}
    assert reply["tandem"]["citations"][0]["quote"] == FACT


async def test_an_abstention_where_json_was_wanted_is_a_refusal(http, fake) -> None:
    fake.plays = [say('{"closing": "Whales sing long operas below the ice"}')]
    message = (await http.post("/v1/chat/completions", json=_json_body(stream=False))).json()["choices"][0][
        "message"
    ]
    assert (message["content"], message["refusal"]) == (None, "I don't know.")
    deltas = [
        json.loads(each)["choices"][0]["delta"]
        for each in (await _events(http, _json_body(stream=True)))[:-1]
    ]
    assert "".join(delta.get("content", "") for delta in deltas) == ""
    assert "".join(delta.get("refusal", "") for delta in deltas) == "I don't know."


async def test_a_schema_that_the_engine_refuses_is_the_requests_fault(http, fake) -> None:
    fake.plays = [refuse(400, {"error": {"message": "unknown keyword", "code": 400}})]
    response = await http.post("/v1/chat/completions", json=_json_body(stream=False))
    assert response.status_code == 400
    assert "unknown keyword" in response.json()["error"]["message"]
