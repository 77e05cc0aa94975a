"""Traces are read by who evaluates, of the own tenant only, page by page, and exported whole."""

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from app_client import ASKED, FACT, app_client
from fake_vllm import FakeVllm, say
from votes import forget_all

from server.api import identity
from tandem.redaction import Redactor
from tandem.redaction.redactor import Find
from tandem.settings import TraceSettings
from tandem.store import TraceWish
from tandem.trace_export import exported
from tandem.vocabulary import Caller, KeyScope

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATHS = ("/api/traces", "/api/traces/export", "/api/traces/{id}")


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeVllm]:
    with FakeVllm.serving() as server:
        server.plays = [say("The gate closes at seven in the evening [1].")]
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(
    fake: FakeVllm, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[httpx.AsyncClient]:
    """One application for all of these tests: its start is most of their time."""
    async with app_client(fake, tmp_path_factory.mktemp("data")) as client:
        yield client


@pytest.fixture
def http(shared: httpx.AsyncClient) -> httpx.AsyncClient:
    """Its client, with nothing asked and nothing voted."""
    forget_all(shared.services.store)
    return shared


async def asked(http: httpx.AsyncClient, question: str = ASKED) -> dict[str, Any]:
    body = {"messages": [{"role": "user", "content": question}]}
    tandem: dict[str, Any] = (await http.post("/v1/chat/completions", json=body)).json()["tandem"]
    return tandem


async def traces(http: httpx.AsyncClient, **params: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await http.get("/api/traces", params=params)).json()["traces"]
    return found


def as_caller(monkeypatch: pytest.MonkeyPatch, caller: Caller) -> None:
    async def other(request: object) -> Caller:
        return caller

    monkeypatch.setattr(identity, "caller_of", other)


async def test_a_trace_says_what_was_asked_answered_and_cited(http: httpx.AsyncClient) -> None:
    tandem = await asked(http)
    trace = (await http.get(f"/api/traces/{tandem['trace_id']}")).json()
    assert (trace["question"], trace["outcome"]) == (ASKED, "answered")
    assert trace["citations"][0]["quote"] in FACT
    assert trace["documents"] == [tandem["citations"][0]["document_id"]]
    vote = {"feedback_token": trace["feedback_token"], "verdict": "down", "comment": "Late"}
    assert (await http.post(f"/api/traces/{trace['id']}/feedback", json=vote)).status_code == 200
    (listed,) = await traces(http)
    assert [one["comment"] for one in listed["feedback"]] == ["Late"]


async def test_a_list_is_narrowed(http: httpx.AsyncClient) -> None:
    first, second = await asked(http), await asked(http, "Is there a swimming pool on the moon?")
    assert second["abstained"]
    ids = [first["trace_id"], second["trace_id"]]
    assert [one["id"] for one in await traces(http)] == ids[::-1]
    assert [one["id"] for one in await traces(http, outcome="abstained")] == ids[1:]
    assert [one["id"] for one in await traces(http, recipe="rag", outcome="answered")] == ids[:1]
    assert await traces(http, recipe="base") == await traces(http, voted="any") == []
    assert await traces(http, experiment="x") == []
    moment = (await traces(http))[0]["created_at"]
    assert [one["id"] for one in await traces(http, since=moment)] == ids[1:]
    assert [one["id"] for one in await traces(http, until=moment)] == ids[:1]


async def test_pages_and_an_export_go_on_where_they_ended(http: httpx.AsyncClient) -> None:
    ids = [(await asked(http))["trace_id"] for _ in range(3)]
    page = (await http.get("/api/traces", params={"limit": 2})).json()
    rest = (await http.get("/api/traces", params={"limit": 2, "cursor": page["next"]})).json()
    assert [one["id"] for one in page["traces"] + rest["traces"]] == ids[::-1]
    assert rest["next"] is None
    export = await http.get("/api/traces/export")
    assert export.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line)["id"] for line in export.text.splitlines()] == ids
    later = await http.get("/api/traces/export", params={"cursor": page["next"]})
    assert [json.loads(line)["id"] for line in later.text.splitlines()] == ids[2:]


async def test_another_tenant_sees_none_of_it(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    tandem = await asked(http)
    as_caller(monkeypatch, Caller("other"))
    assert await traces(http) == []
    assert (await http.get("/api/traces/export")).text == ""
    hidden = await http.get(f"/api/traces/{tandem['trace_id']}")
    absent = await http.get(f"/api/traces/{'0' * 32}")
    assert (hidden.status_code, hidden.text) == (404, absent.text.replace("0" * 32, tandem["trace_id"]))


async def test_who_may_only_chat_reads_none(http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    tandem = await asked(http)
    as_caller(monkeypatch, Caller(scopes=frozenset({KeyScope.CHAT, KeyScope.INGEST})))
    for path in PATHS:
        assert (await http.get(path.format(id=tandem["trace_id"]))).status_code == 403


@pytest.mark.parametrize("params", [{"limit": 0}, {"cursor": "x"}, {"since": "noon"}, {"outcome": "bad"}])
async def test_a_wrong_query_is_refused(http: httpx.AsyncClient, params: dict[str, Any]) -> None:
    assert (await http.get("/api/traces", params=params)).status_code == 400


async def test_figures_are_kept_of_what_sampling_leaves_out(fake: FakeVllm, tmp_path: Path) -> None:
    settings = TraceSettings(sample=0, settle_minutes=0, sample_always=("abstained",))
    async with app_client(fake, tmp_path, traces=settings) as http:
        tandem = await asked(http)
        await asked(http, "Is there a swimming pool on the moon?")
        assert [one["outcome"] for one in await traces(http)] == ["abstained"]
        since = datetime(2020, 1, 1, tzinfo=UTC)
        (first,) = [one for one in http.services.store.observations(since=since) if one.outcome == "answered"]
        assert first.trace_id == tandem["trace_id"]
        vote = {"feedback_token": tandem["feedback_token"], "verdict": "up", "comment": "good"}
        kept = (await http.post(f"/api/traces/{tandem['trace_id']}/feedback", json=vote)).json()
        assert (kept["verdict"], kept["comment"]) == ("up", "")


async def test_a_conversation_is_kept_by_no_name_that_can_be_guessed(http: httpx.AsyncClient) -> None:
    for name in ("ann@example.org", "ann@example.org", "bob@example.org"):
        body = {"messages": [{"role": "user", "content": ASKED}], "tandem": {"conversation": name}}
        assert (await http.post("/v1/chat/completions", json=body)).status_code == 200
    third, second, first = [one["conversation"] for one in await traces(http)]
    assert first == second != third
    expected = http.services.tracing.tokens.pseudonym("default", "conversation:ann@example.org")
    assert first == expected and "ann" not in first


@pytest.mark.skipif(find_spec("presidio_analyzer") is None, reason="the extra `redaction` is not installed")
async def test_personal_data_is_seen_by_who_asked_and_kept_nowhere(fake: FakeVllm, tmp_path: Path) -> None:
    said = "The gate closes at seven in the evening [1]; write to ann@example.org."
    before, fake.plays = fake.plays, [say(said)]
    async with app_client(fake, tmp_path, traces=TraceSettings(redact=("email",))) as http:
        body = {"messages": [{"role": "user", "content": f"{ASKED} I am bob@example.org"}]}
        answer = (await http.post("/v1/chat/completions", json=body)).json()
        assert "ann@example.org" in answer["choices"][0]["message"]["content"]
        tandem = answer["tandem"]
        vote = {
            "feedback_token": tandem["feedback_token"],
            "verdict": "down",
            "comment": "ask cy@example.org",
        }
        assert (await http.post(f"/api/traces/{tandem['trace_id']}/feedback", json=vote)).status_code == 200
        (trace,) = await traces(http)
        assert trace["question"] == f"{ASKED} I am [EMAIL]" and "[EMAIL]" in trace["answer"]
        assert trace["feedback"][0]["comment"] == "ask [EMAIL]"
        # Not only unseen: not there.
        kept = http.services.store.trace(Caller(), tandem["trace_id"])
        assert "example.org" not in f"{kept}{http.services.store.feedbacks(Caller())}"
    fake.plays = before


async def test_what_was_kept_before_redaction_is_redacted_when_it_is_exported(
    http: httpx.AsyncClient,
) -> None:
    await asked(http, f"{ASKED} I am bob@example.org")
    hidden = Redactor([lambda text: iter([Find(0, 4, "name", 1.0)])])
    services, caller = http.services, Caller()
    (line,) = exported(services.store, caller, TraceWish(), hidden)
    assert line["question"].startswith("[NAME]") and line["answer"].startswith("[NAME]")
    assert line["citations"][0]["quote"].startswith("[NAME]")
