"""Votes come with a signed id, one a user, and change nothing of anybody else's."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from app_client import ASKED, app_client
from fake_vllm import FakeVllm, say
from structlog.testing import capture_logs
from votes import forget_all

from server.api import identity
from server.feedback import Voted, Withdrawn
from tandem.vocabulary import Caller, KeyScope

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALLER_OF = identity.caller_of


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    """One application for all of these tests: its start is most of their time."""
    with FakeVllm.serving() as fake:
        fake.plays = [say("The gate closes at seven in the evening [1].")]
        async with app_client(fake, tmp_path_factory.mktemp("data")) as client:
            yield client


@pytest.fixture
def http(shared: httpx.AsyncClient) -> httpx.AsyncClient:
    """Its client, with nothing asked and nothing voted."""
    forget_all(shared.services.store)
    return shared


async def asked(http: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    question = {"messages": [{"role": "user", "content": ASKED}], **body}
    response = await http.post("/v1/chat/completions", json=question)
    assert response.status_code == 200
    tandem: dict[str, Any] = response.json()["tandem"]
    return tandem


def vote_on(tandem: dict[str, Any], **said: Any) -> dict[str, Any]:
    vote = {"trace_id": tandem["trace_id"], "feedback_token": tandem["feedback_token"]}
    return vote | (said or {"verdict": "up"})


def as_caller(monkeypatch: pytest.MonkeyPatch, http: httpx.AsyncClient, caller: Caller) -> None:
    async def other() -> Caller:
        return caller

    monkeypatch.setattr(identity, "caller_of", lambda request: other())
    monkeypatch.setitem(http.app.dependency_overrides, CALLER_OF, other)


async def test_an_answer_brings_the_token_with_which_it_is_voted_on(http: httpx.AsyncClient) -> None:
    tandem = await asked(http)
    said = {"verdict": "down", "comment": " Late ", "correction": "At eight.", "tags": ["time", "time"]}
    response = await http.post("/v1/feedback", json=vote_on(tandem, **said))
    assert response.status_code == 200
    kept = response.json()
    assert (kept["verdict"], kept["state"], kept["tags"]) == ("down", "new", ["time"])
    assert (kept["comment"], kept["correction"]) == ("Late", "At eight.")
    (listed,) = (await http.get("/api/feedback")).json()["feedback"]
    assert listed == kept and "voter" not in kept


async def test_a_stream_ends_with_the_token_too(http: httpx.AsyncClient) -> None:
    question = {"messages": [{"role": "user", "content": ASKED}], "stream": True}
    response = await http.post("/v1/chat/completions", json=question)
    events = [line[6:] for line in response.text.splitlines() if line.startswith("data: {")]
    tandem = json.loads(events[-1])["tandem"]
    path = f"/api/traces/{tandem['trace_id']}/feedback"
    vote = {"feedback_token": tandem["feedback_token"], "rating": 4}
    response = await http.post(path, json=vote)
    assert (response.json()["verdict"], response.json()["rating"]) == ("up", 4)


async def test_what_is_not_kept_has_no_token(http: httpx.AsyncClient) -> None:
    assert (await asked(http, tandem={"without": ["gate.md"]}))["feedback_token"] is None


async def test_another_vote_of_the_user_replaces_the_one_before(http: httpx.AsyncClient) -> None:
    tandem = await asked(http)
    first = (await http.post("/v1/feedback", json=vote_on(tandem))).json()
    second = (await http.post("/v1/feedback", json=vote_on(tandem, rating=3))).json()
    assert (second["id"], second["verdict"]) == (first["id"], "neither")
    assert len((await http.get("/api/feedback")).json()["feedback"]) == 1


async def test_whoever_has_no_valid_token_learns_nothing(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, other = await asked(http), await asked(http, user="bob")
    trace = mine["trace_id"]

    def refused(token: str, trace_id: str = trace) -> dict[str, Any]:
        return {"trace_id": trace_id, "feedback_token": token, "verdict": "up"}

    voter, _, signature = mine["feedback_token"].partition(".")
    forged = ["", "x", "é" * 9, mine["feedback_token"][:-1], f"{'0' * 32}.{signature}", f"{voter}."]
    answers = [await http.post("/v1/feedback", json=refused(token)) for token in forged]
    answers.append(await http.post("/v1/feedback", json=refused(other["feedback_token"])))
    as_caller(monkeypatch, http, Caller("other"))
    answers.append(await http.post("/v1/feedback", json=refused(mine["feedback_token"])))
    assert {one.status_code for one in answers} == {404}
    (body,) = {one.text for one in answers}
    absent = await http.post("/v1/feedback", json=refused("x", "0" * 32))
    assert body == absent.text.replace("0" * 32, trace)
    monkeypatch.undo()
    assert (await http.get("/api/feedback")).json() == {"feedback": [], "next": None}


async def test_users_of_one_key_have_a_vote_each_and_one_who_floods_has_one(
    http: httpx.AsyncClient,
) -> None:
    for user in ("ann", "bob"):
        assert (
            await http.post("/v1/feedback", json=vote_on(await asked(http, user=user)))
        ).status_code == 200
    for _ in range(5):
        answer = await asked(http, user="mallory")
        for _ in range(3):
            await http.post("/v1/feedback", json=vote_on(answer, verdict="down"))
    assert (await http.get("/api/feedback/score", params={"recipe": "rag"})).json() == {"up": 2, "down": 1}


async def test_a_person_has_one_vote_whatever_names_the_request_gives(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_caller(monkeypatch, http, Caller(subject="user:ann", scopes=frozenset({KeyScope.CHAT})))
    for user in ("a", "b", "c"):
        tandem = await asked(http, user=user)
        assert (await http.post("/v1/feedback", json=vote_on(tandem))).status_code == 200
    assert http.services.store.feedback_score() == (1, 0)


async def test_a_reviewer_accepts_and_takes_back(http: httpx.AsyncClient) -> None:
    kept = (await http.post("/v1/feedback", json=vote_on(await asked(http)))).json()
    path = f"/api/feedback/{kept['id']}/review"
    for state in ("accepted", "rejected", "new"):
        assert (await http.post(path, json={"state": state})).json()["state"] == state
        assert len((await http.get("/api/feedback", params={"state": state})).json()["feedback"]) == 1
    missing = await http.post("/api/feedback/none/review", json={"state": "accepted"})
    assert missing.status_code == 404


async def test_a_list_goes_on_page_by_page(http: httpx.AsyncClient) -> None:
    for _ in range(3):
        await http.post("/v1/feedback", json=vote_on(await asked(http)))
    seen, cursor = [], None
    for _ in range(4):
        params = {"limit": 1} | ({"cursor": cursor} if cursor else {})
        page = (await http.get("/api/feedback", params=params)).json()
        seen += [one["id"] for one in page["feedback"]]
        cursor = page["next"]
        if cursor is None:
            break
    whole = (await http.get("/api/feedback")).json()["feedback"]
    assert seen == [one["id"] for one in whole] and len(seen) == 3
    assert (await http.get("/api/feedback", params={"cursor": "???"})).status_code == 400


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"verdict": "up", "rating": 5},
        {"rating": 6},
        {"verdict": "up", "comment": "x" * 4_001},
        {"verdict": "up", "correction": "x" * 16_001},
        {"verdict": "up", "tags": ["x" * 51]},
        {"verdict": "up", "tags": [str(n) for n in range(11)]},
        {"verdict": "up", "score": 1},
    ],
)
async def test_a_vote_has_one_verdict_and_a_bounded_size(
    http: httpx.AsyncClient, said: dict[str, Any]
) -> None:
    vote = {"trace_id": "x", "feedback_token": "y", **said}
    assert (await http.post("/v1/feedback", json=vote)).status_code == 400


async def test_who_may_only_chat_votes_and_reads_nothing(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_caller(monkeypatch, http, Caller(scopes=frozenset({KeyScope.CHAT})))
    tandem = await asked(http)
    kept = (await http.post("/v1/feedback", json=vote_on(tandem))).json()
    assert (await http.get("/api/feedback")).status_code == 403
    assert (await http.get("/api/feedback/score")).status_code == 403
    review = await http.post(f"/api/feedback/{kept['id']}/review", json={"state": "accepted"})
    assert review.status_code == 403


async def test_who_watches_hears_of_a_vote_and_it_is_counted(http: httpx.AsyncClient) -> None:
    heard: list[Voted] = []
    http.services.events.subscribe(lambda event: heard.append(event) if isinstance(event, Voted) else None)
    tandem = await asked(http)
    await http.post("/v1/feedback", json=vote_on(tandem, verdict="down"))
    assert [one.feedback.verdict for one in heard] == ["down"]
    assert 'tandem_feedback_total{recipe="rag",verdict="down"}' in (await http.get("/metrics")).text


async def test_a_vote_is_taken_back_by_who_gave_it_and_that_is_counted_and_told(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Any] = []
    http.services.events.subscribe(
        lambda event: heard.append(event) if isinstance(event, Withdrawn) else None
    )
    mine, other = await asked(http, user="ann"), await asked(http, user="bob")
    for one in (mine, other):
        await http.post("/v1/feedback", json=vote_on(one))
    path, token = f"/api/traces/{mine['trace_id']}/feedback", mine["feedback_token"]
    wrong = [token[:-1], "é".encode(), other["feedback_token"], ""]
    refused = [await http.delete(path, headers={"Feedback-Token": one}) for one in wrong]
    as_caller(monkeypatch, http, Caller("other"))
    refused.append(await http.delete(path, headers={"Feedback-Token": token}))
    monkeypatch.undo()
    assert {one.status_code for one in refused} == {404}
    assert len({one.text for one in refused}) == 1
    assert (await http.delete(path)).status_code == 400
    assert len((await http.get("/api/feedback")).json()["feedback"]) == 2
    for _ in range(2):
        assert (await http.delete(path, headers={"Feedback-Token": token})).status_code == 204
    (left,) = (await http.get("/api/feedback")).json()["feedback"]
    assert left["trace_id"] == other["trace_id"]
    assert [one.feedback.trace_id for one in heard] == [mine["trace_id"]]
    metrics = (await http.get("/metrics")).text
    assert 'tandem_feedback_total{recipe="rag",verdict="withdrawn"} 1.0' in metrics
    again = await http.post("/v1/feedback", json=vote_on(mine, verdict="down"))
    assert again.status_code == 200, "whoever took it back may vote anew"


async def test_whoever_watches_answers_is_not_disturbed_by_votes(http: httpx.AsyncClient) -> None:
    tandem = await asked(http)
    with capture_logs() as logs:
        await http.post("/v1/feedback", json=vote_on(tandem))
        path, token = f"/api/traces/{tandem['trace_id']}/feedback", tandem["feedback_token"]
        await http.delete(path, headers={"Feedback-Token": token})
    assert [one for one in logs if one["event"] == "listener_failed"] == []
