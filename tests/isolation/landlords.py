"""Eight tenants in one application, each with words that nobody else may ever see."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from fake_vllm import FakeVllm, say

from ingest import Upload
from server.app import create_app
from tandem.keys import KeyWish, create_key
from tandem.settings import AnswerSettings, CacheSettings, EngineSettings, Settings
from tandem.store import Store
from tandem.vocabulary import Caller, KeyScope, Marks

TENANTS = 8
QUESTION = "What is the word of the depot?"
"""The same of all: whoever got another's answer, kept or fresh, would see that one's word."""
_PLACES = (
    "text",
    "title",
    "metadata",
    "tag",
    "uri",
    "job",
    "failed",
    "answer",
    "conversation",
    "key",
    "group",
    "feedback",
)
OPERATOR = frozenset({KeyScope.OPERATOR})


@dataclass
class Tenant:
    """Its key, its ids and its words."""

    number: int
    key: str = ""
    ids: dict[str, list[str]] = field(default_factory=dict)
    """Kind, named as the path parameters are, to the ids of that kind."""

    @property
    def name(self) -> str:
        return f"tenant-{self.number}"

    @property
    def corpus(self) -> str:
        return f"depot-{self.number}"

    @property
    def caller(self) -> Caller:
        return Caller(self.name)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def word(self, place: str) -> str:
        """The canary of a place: in no other place, and in no request of ours but those that put it there."""
        assert place in _PLACES
        return f"zq{place}{self.number}kovu"

    @property
    def words(self) -> list[str]:
        return [self.word(place) for place in _PLACES]

    def own(self, kind: str) -> str:
        return self.ids[kind][0]


@asynccontextmanager
async def application(fake: FakeVllm, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A started application that asks for keys and keeps answers."""
    settings = Settings(
        data_dir=folder,
        engine=EngineSettings(address=fake.address, retries=0),
        answer=AnswerSettings(evidence=0.0),
        cache=CacheSettings(answers=True),
    )
    app = create_app(settings)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000", timeout=60) as http,
    ):
        http.app, http.services = app, app.state.services
        yield http


async def settle(http: httpx.AsyncClient, fake: FakeVllm) -> list[Tenant]:
    """All tenants, with a document, a job, a key, a trace, a kept answer and a receipt each."""
    return [await _settled(Tenant(number), http, fake) for number in range(1, TENANTS + 1)]


async def _settled(one: Tenant, http: httpx.AsyncClient, fake: FakeVllm) -> Tenant:
    store: Store = http.services.store
    one.key = make_key(store, one, KeyScope.ADMIN)
    spare = create_key(
        store, Caller(scopes=OPERATOR), KeyWish(one.word("key"), frozenset({KeyScope.CHAT}), one.name)
    )
    text = f"# {one.word('title')}\n\nThe word of the depot is {one.word('text')}.\n".encode()
    marks = Marks((one.word("tag"),), {"note": one.word("metadata")})
    upload = Upload(f"{one.word('uri')}.md", "a.md", text, marks=marks, groups=(one.word("group"),))
    document = await http.app.state.ingestor.ingest(one.caller, one.corpus, upload)
    gone = await http.app.state.ingestor.ingest(
        one.caller, one.corpus, Upload("gone.txt", "gone.txt", b"It goes.")
    )
    receipt = await http.delete(f"{documents(one)}/{gone.document_id}", headers=one.headers)
    files = [
        ("files", (f"{one.word('job')}.txt", b"The depot has a second gate.")),
        ("files", (f"{one.word('failed')}.pdf", b"%PDF-1.4 and then nothing")),
    ]
    job = (await http.post(f"/api/corpora/{one.corpus}/ingestions", files=files, headers=one.headers)).json()
    events = await http.get(f"/api/corpora/{one.corpus}/ingestions/{job['id']}/events", headers=one.headers)
    assert one.word("job") in events.text
    assert one.word("failed") in events.text
    fake.plays = [say(f"The word is {one.word('answer')} ", "[1].")]
    history = [
        {"role": "user", "content": one.word("conversation")},
        {"role": "assistant", "content": "So it is."},
    ]
    for earlier in ([], history):
        answer = await chat(http, one, earlier)
        assert one.word("answer") in answer.text, answer.text
    told = answer.json()["tandem"]
    vote = {"trace_id": told["trace_id"], "feedback_token": told["feedback_token"], "verdict": "down"}
    voted = await http.post(
        "/v1/feedback", json={**vote, "comment": one.word("feedback")}, headers=one.headers
    )
    assert one.word("feedback") in voted.text
    fake.plays = [say("Nothing ", "is known.")]
    traces = store.traces(one.caller)
    assert len(traces) == 2
    one.ids = {
        "corpus": [one.corpus],
        "document_id": [document.document_id, gone.document_id],
        "job_id": [job["id"]],
        "receipt_id": [receipt.json()["id"]],
        "trace_id": [told["trace_id"], *(each.id for each in traces if each.id != told["trace_id"])],
        "feedback_id": [voted.json()["id"]],
        "feedback_token": [told["feedback_token"]],
        "id": [spare.key.id],
        "chunk_id": [traces[0].passages[0]],
    }
    return one


def make_key(store: Store, one: Tenant, scope: KeyScope, groups: tuple[str, ...] = ("*",)) -> str:
    wish = KeyWish("probe", frozenset({scope}), one.name, groups)
    return create_key(store, Caller(scopes=OPERATOR), wish).text


def documents(one: Tenant) -> str:
    return f"/api/corpora/{one.corpus}/documents"


async def chat(
    http: httpx.AsyncClient, one: Tenant, history: list[dict[str, str]], **more: object
) -> httpx.Response:
    messages = [*history, {"role": "user", "content": QUESTION}]
    body = {"model": "tandem:rag", "messages": messages, "temperature": 0, **more}
    return await http.post("/v1/chat/completions", json=body, headers=one.headers)


def seen(response: httpx.Response) -> str:
    """Every byte and header of a response, also as JSON would say it without escapes."""
    text = response.content.decode("utf-8", "replace")
    try:
        plain = json.dumps(json.loads(text), ensure_ascii=False)
    except ValueError:
        plain = ""
    headers = " ".join(f"{name}: {value}" for name, value in response.headers.items())
    return f"{text}\n{plain}\n{headers}"
