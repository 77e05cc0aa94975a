"""Passages in place of an answer, over the whole application; the engine alone is a fake, so that it fails at will."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import openai
import pytest
from app_client import ASKED, FACT, app_client
from fake_vllm import FakeVllm, cut_after, event, hang_after, refuse, say, send

from tandem.engine import EngineState
from tandem.store import Observation
from tandem.vocabulary import Caller

BUSY = refuse(503, {"error": {"message": "full", "code": 503}}, retry_after="7")


@pytest.fixture(scope="module")
def fake() -> AsyncIterator[FakeVllm]:
    with FakeVllm.serving() as server:
        yield server


@pytest.fixture
async def http(fake: FakeVllm, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    fake.plays = [say(FACT)]
    async with app_client(fake, tmp_path, first_token_timeout_s=0.3, breaker_failures=50) as client:
        yield client


def body(*, stream: bool = False, **more: object) -> dict:
    return {"messages": [{"role": "user", "content": ASKED}], "stream": stream, **more}


async def ask(http: httpx.AsyncClient, **more: object) -> dict:
    response = await http.post("/v1/chat/completions", json=body(**more))
    assert response.status_code == 200, response.text
    return response.json()


def observations(http: httpx.AsyncClient) -> list[Observation]:
    since = datetime.now(UTC) - timedelta(hours=1)
    return http.services.store.observations(since=since)


FAULTS = [
    (BUSY, "overloaded"),
    (refuse(500, {"error": {"message": "oops"}}), "down"),
    (hang_after(), "hung"),
    (send(b"data: {not json\n\n"), "garbled"),
    (cut_after("The gate "), "garbled"),
]


async def test_passages_stand_in_for_an_answer_that_does_not_come_whole_and_streamed(http, fake) -> None:
    for play, reason in FAULTS:
        fake.plays = [play]
        whole = await ask(http)
        choice, told = whole["choices"][0], whole["tandem"]
        assert (told["degraded"], told["degraded_reason"], told["abstained"]) == (True, reason, False)
        assert choice["finish_reason"] == "stop"
        assert choice["message"]["content"].startswith("The answer could not be written")
        assert f"[1] Rules: “{FACT}”" in choice["message"]["content"]
        assert told["citations"][0]["quote"] == FACT
        response = await http.post("/v1/chat/completions", json=body(stream=True))
        *events, done = [line.removeprefix("data: ") for line in response.text.splitlines() if line]
        chunks = [json.loads(event) for event in events]
        text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
        assert (text, done) == (choice["message"]["content"], "[DONE]")
        assert chunks[-1]["tandem"]["degraded_reason"] == reason
        assert chunks[-1]["tandem"]["citations"] == told["citations"]


async def test_an_engine_that_does_not_serve_is_not_even_asked(http, fake, monkeypatch) -> None:
    asked = len(fake.requests)
    # What watches it sees soon that it serves.
    restarting = property(lambda engine: EngineState.RESTARTING, lambda engine, state: None)
    monkeypatch.setattr(type(http.services.engine), "state", restarting, raising=False)
    assert (await ask(http))["tandem"]["degraded_reason"] == "restarting"
    assert len(fake.requests) == asked


async def test_who_uses_openais_client_sees_a_text_that_says_what_it_is(http, fake) -> None:
    fake.plays = [BUSY]
    client = openai.AsyncOpenAI(
        base_url="http://127.0.0.1:8000/v1", api_key="x", http_client=http, max_retries=0
    )
    reply = await client.chat.completions.create(
        model="tandem", messages=[{"role": "user", "content": ASKED}]
    )
    assert "could not be written" in reply.choices[0].message.content
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage.completion_tokens == 0


async def test_weak_evidence_is_an_abstention_whatever_the_engine_does(http, fake) -> None:
    fake.plays = [BUSY]
    messages = [{"role": "user", "content": "Who composed the opera about a whale?"}]
    reply = (await http.post("/v1/chat/completions", json={"messages": messages})).json()
    assert reply["choices"][0]["message"]["content"] == "I don't know."
    assert (reply["tandem"]["abstained"], reply["tandem"]["degraded"]) == (True, False)


WITHOUT = {
    "a recipe that retrieves nothing": {"model": "tandem:base"},
    "JSON": {"response_format": {"type": "json_object"}},
    "a request that wants none": {"tandem": {"degrade": False}},
}


async def test_where_nothing_may_stand_in_there_is_the_error(http, fake) -> None:
    fake.plays = [BUSY]
    for why, more in WITHOUT.items():
        for stream in (True, False):
            response = await http.post("/v1/chat/completions", json=body(stream=stream, **more))
            assert (response.status_code, response.headers["retry-after"]) == (503, "7"), why
            assert response.json()["error"]["type"] == "engine_unavailable_error"


async def test_the_settings_can_want_the_error(http, fake, monkeypatch) -> None:
    fake.plays = [BUSY]
    monkeypatch.setitem(http.services.settings.answer.__dict__, "degraded", "error")
    assert (await http.post("/v1/chat/completions", json=body())).status_code == 503
    http.services.engine.state = EngineState.RESTARTING
    assert (await http.get("/readyz?degraded=true")).status_code == 503


async def test_after_the_first_words_a_fault_is_the_last_event_and_nothing_stands_in(http, fake) -> None:
    fake.plays = [cut_after(FACT, " And then ")]
    response = await http.post("/v1/chat/completions", json=body(stream=True))
    *events, last = [line.removeprefix("data: ") for line in response.text.splitlines() if line]
    assert json.loads(last)["error"]["type"] == "engine_failed_error"
    assert not any("could not be written" in event for event in events)


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_breaks_off_before_anything_is_shown_is_begun_anew(http, fake, stream) -> None:
    fake.plays = [cut_after("The gate "), say(FACT)]
    before = len(fake.requests)
    response = await http.post("/v1/chat/completions", json=body(stream=stream))
    assert FACT in response.text
    assert '"degraded":false' in response.text.replace(" ", "")
    assert len(fake.requests) == before + 2


async def test_an_answer_is_begun_anew_once_and_not_where_the_engine_talks_nonsense(http, fake) -> None:
    fake.plays = [cut_after("The gate "), cut_after("The gate "), say(FACT)]
    assert (await ask(http))["tandem"]["degraded_reason"] == "garbled"
    fake.plays = [send(event("The gate "), b"data: {not json\n\n"), say(FACT)]
    assert (await ask(http))["tandem"]["degraded_reason"] == "garbled"


async def test_passages_are_traced_counted_and_not_cached_as_an_answer(http, fake, monkeypatch) -> None:
    monkeypatch.setitem(http.services.settings.cache.__dict__, "answers", True)
    fake.plays = [BUSY, say(FACT)]
    told = (await ask(http))["tandem"]
    assert http.services.store.trace(Caller(), told["trace_id"]).degraded
    (seen,) = observations(http)
    assert (seen.outcome, seen.error, seen.tokens_out) == ("degraded", "overloaded", 0)
    page = (await http.get("/metrics")).text
    assert 'tandem_answers_total{outcome="degraded",recipe="rag"} 1.0' in page
    assert 'tandem_degraded_total{reason="overloaded"} 1.0' in page
    after = await ask(http)
    assert (after["tandem"]["cached"], after["tandem"]["degraded"]) == (None, False)


async def test_failures_are_observed_with_the_error_and_a_callers_own_faults_are_not(http, fake) -> None:
    fake.plays = [BUSY, cut_after(FACT, " And then ")]
    assert (await http.post("/v1/chat/completions", json=body(model="tandem:base"))).status_code == 503
    assert (await http.post("/v1/chat/completions", json=body())).status_code == 502
    unknown = body(tandem={"corpora": ["nosuch"]})
    assert (await http.post("/v1/chat/completions", json=unknown)).status_code == 404
    await http.services.resilience.writes.close(10)
    seen = {(one.recipe.partition("@")[0], one.outcome, one.error) for one in observations(http)}
    assert seen == {
        ("base", "failed", "engine_unavailable_error"),
        ("rag", "failed", "engine_failed_error"),
    }


async def test_answers_can_be_switched_to_passages(http, fake) -> None:
    http.services.resilience.passages_only = True
    assert (await ask(http))["tandem"]["degraded_reason"] == "switched"
    assert (await ask(http, model="tandem:base"))["tandem"]["degraded"] is False


async def test_readiness_is_of_whole_answers_unless_passages_are_enough(http) -> None:
    http.services.engine.state = EngineState.RESTARTING
    full, enough = await http.get("/readyz"), await http.get("/readyz?degraded=true")
    assert (full.status_code, enough.status_code) == (503, 200)
    assert full.json()["ready"] is enough.json()["ready"] is False
    assert full.json()["parts"]["engine_breaker"] == "closed"
    http.services.resilience.drain.begin()
    gone = await http.get("/readyz?degraded=true")
    assert (gone.status_code, gone.json()["parts"]["server"]) == (503, "draining")


async def test_an_answer_that_is_cut_by_a_stop_is_told_so(http, fake) -> None:
    http.services.resilience.drain.cut()
    response = await http.post("/v1/chat/completions", json=body())
    assert (response.status_code, response.json()["error"]["type"]) == (503, "server_draining_error")


async def test_a_trace_that_cannot_be_written_costs_no_answer(http, fake, monkeypatch) -> None:
    def refused(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(type(http.services.store), "add_trace", refused)
    assert (await ask(http))["choices"][0]["message"]["content"] == f"{FACT} [1]"
    assert "tandem_traces_lost_total 1.0" in (await http.get("/metrics")).text
