"""At least 5,000 requests, with each tenant's key and every other's ids: nothing of theirs comes back."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from fake_vllm import FakeVllm, say

from isolation.landlords import QUESTION, Tenant, application, chat, documents, make_key, seen, settle
from isolation.routes import BODIES, HEADERS, Target, targets
from tandem.vocabulary import KeyScope

pytestmark = pytest.mark.asyncio(loop_scope="module")

LEAST = 5_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[httpx.AsyncClient, list[Tenant], FakeVllm]]:
    """One application for all of these tests; what one of them changes, it changes back."""
    with FakeVllm.serving() as fake:
        async with application(fake, tmp_path_factory.mktemp("town")) as http:
            yield http, await settle(http, fake), fake


def absent() -> Tenant:
    """Nobody: ids of the right form that name nothing."""
    one = Tenant(99)
    one.ids = {name: [str(uuid4())] for name in ("document_id", "job_id", "receipt_id", "chunk_id")}
    one.ids |= {"corpus": [one.corpus], "trace_id": [uuid4().hex], "id": ["a" * 16]}
    one.ids |= {"feedback_id": [str(uuid4())], "feedback_token": ["voter.signature"]}
    return one


def paths(target: Target, asker: Tenant, owner: Tenant) -> list[str]:
    """The route with the owner's ids: its own ones for each parameter, every other kind in an id's place, and
    beside a corpus of the asker's.
    """
    kinds = (kind for kind in owner.ids if kind not in ("corpus", "feedback_token"))
    ids = {one for kind in kinds for one in owner.ids[kind][:1]}
    inner = [name for name in target.owned if name != "corpus"]
    if not target.owned:
        return [target.filled({})]
    if not inner:
        return [target.filled({"corpus": owner.corpus})]
    corpora = [owner.corpus, asker.corpus] if "corpus" in target.owned else [""]
    made = []
    for corpus, one in product(corpora, sorted(ids)):
        made.append(target.filled({"corpus": corpus, **dict.fromkeys(inner, one)}))
    return made


def requests(target: Target, asker: Tenant, owner: Tenant) -> list[dict[str, Any]]:
    """What to send: of a route that changes what the asker has, only what names the owner."""
    if target.path == "/api/tenant":
        return [{"url": target.path, "params": {"confirm": owner.name}, "headers": asker.headers}]
    bodies = BODIES.get((target.method, target.path), lambda *_: [{}])(asker, owner)
    headers = HEADERS.get((target.method, target.path), lambda _: {})(owner) | asker.headers
    has_body = target.method in ("POST", "PUT", "PATCH")
    return [
        {"url": url, "headers": headers, **({"json": body} if has_body else {})}
        for url in paths(target, asker, owner)
        for body in bodies
    ]


def shape(response: httpx.Response, *tenants: Tenant) -> tuple[int, str]:
    """Status and body, with the ids that were sent taken out."""
    text = response.text
    for one in tenants:
        ids = {each for ids in one.ids.values() for each in ids}
        dashed = {str(UUID(each)) for each in ids if len(each) == 32}  # as an id of a document is read
        for known in sorted(ids | dashed | {one.name}, key=len)[::-1]:
            text = text.replace(known, "ID")
    return response.status_code, re.sub(r"\d+\.\d+", "0", text)


async def test_no_tenant_gets_a_word_of_another_by_any_route_and_id(
    town: tuple[httpx.AsyncClient, list[Tenant], FakeVllm],
) -> None:
    http, tenants, _ = town
    everything, nobody = targets(http.app), absent()
    before = [await _state(http, one) for one in tenants]
    probes = leaks = 0
    doubts: list[str] = []
    for asker in tenants:
        theirs = [word for one in tenants if one is not asker for word in one.words]
        expected: dict[tuple[str, str], list[tuple[int, str]]] = {}
        for target in everything:
            asked = requests(target, asker, nobody)
            answers = [await http.request(target.method, **one) for one in asked]
            expected[target.method, target.path] = [shape(one, nobody) for one in answers]
        for owner in tenants:
            if owner is asker:
                continue
            for target in everything:
                for one in requests(target, asker, owner):
                    response = await http.request(target.method, **one)
                    probes += 1
                    said = seen(response)
                    if any(word in said for word in theirs):
                        leaks += 1
                        doubts.append(f"{asker.name} {target.method} {one}: {said[:300]}")
                    about_owner = target.owned or (target.method, target.path) in BODIES
                    if about_owner and shape(response, owner) not in expected[target.method, target.path]:
                        doubts.append(
                            f"{asker.name} {target.method} {one}: {response.status_code} {said[:300]}"
                        )
    print(f"\n{probes:,} probes over {len(everything)} methods of routes, {leaks} leaks")
    assert doubts == []
    assert leaks == 0
    assert probes >= LEAST
    assert [await _state(http, one) for one in tenants] == before


async def _state(http: httpx.AsyncClient, one: Tenant) -> list[str]:
    """What a tenant has: other tenants' requests must not change it."""
    found = []
    for path in (
        documents(one),
        f"{documents(one)}/{one.own('document_id')}",
        f"/api/corpora/{one.corpus}/ingestions/{one.own('job_id')}",
        f"/api/receipts/{one.own('receipt_id')}",
    ):
        response = await http.get(path, headers=one.headers)
        assert response.status_code == 200, response.text
        found.append(response.text)
    keys = (await http.get("/api/keys", headers=one.headers)).json()["keys"]
    return [*found, *(f"{key['id']} {key['state']} {key['rotated_at']}" for key in keys)]


async def test_each_word_is_there_for_its_own_tenant(
    town: tuple[httpx.AsyncClient, list[Tenant], FakeVllm],
) -> None:
    """Or the probes would find nothing because nothing is there to be found."""
    http, tenants, _ = town
    for one in tenants[:2]:
        job = f"/api/corpora/{one.corpus}/ingestions/{one.own('job_id')}/documents"
        asked = [
            await http.get(path, headers=one.headers)
            for path in (
                documents(one),
                f"{documents(one)}/{one.own('document_id')}",
                job,
                "/api/keys",
                "/api/feedback",
            )
        ]
        asked.append(await chat(http, one, []))
        said = "".join(map(seen, asked)) + "".join(
            trace.question + trace.answer for trace in http.services.store.traces(one.caller)
        )
        missing = [word for word in one.words if word not in said]
        # What was said before is in no trace; it is in what the answer was kept under.
        assert missing == [one.word("conversation")]


async def test_the_same_question_of_all_is_answered_from_each_ones_own_documents(
    town: tuple[httpx.AsyncClient, list[Tenant], FakeVllm],
) -> None:
    http, tenants, fake = town
    fake.requests.clear()
    salts = set()
    for one in tenants:
        kept = await chat(http, one, [])
        assert one.word("answer") in kept.text
        fresh = await http.post(
            "/v1/chat/completions",
            json={"model": "tandem:rag", "messages": [{"role": "user", "content": QUESTION}]},
            headers={**one.headers, "Cache-Control": "no-store"},
        )
        assert fresh.status_code == 200
        (asked,) = fake.requests
        salts.add(asked["cache_salt"])
        prompt = str(asked["messages"])
        assert one.word("text") in prompt
        assert not any(other.word("text") in prompt for other in tenants if other is not one)
        fake.requests.clear()
    assert len(salts) == len(tenants)


async def test_the_metrics_name_no_tenant_and_no_word(
    town: tuple[httpx.AsyncClient, list[Tenant], FakeVllm],
) -> None:
    http, tenants, _ = town
    local = {"Authorization": f"Bearer {http.services.principals.local_key}"}
    page = await http.get("/metrics", headers=local)
    assert page.status_code == 200
    assert "tandem_foreign_hits_total 0.0" in page.text
    for one in tenants:
        assert not any(word in page.text for word in (*one.words, one.key, one.own("document_id")))


async def test_two_tenants_have_a_corpus_and_an_address_of_the_same_name(
    town: tuple[httpx.AsyncClient, list[Tenant], FakeVllm],
) -> None:
    http, (one, other, *_), _ = town
    file = {"file": ("a.md", b"The gate is green.")}
    form = {"uri": f"{one.word('uri')}.md"}
    mine = await http.post(documents(one), files=file, data=form, headers=other.headers)
    assert mine.status_code == 201
    assert mine.json()["document_id"] not in one.ids["document_id"]
    listed = (await http.get(documents(one), headers=other.headers)).json()["documents"]
    assert [each["id"] for each in listed] == [mine.json()["document_id"]]
    theirs = await http.get(f"{documents(one)}/{one.own('document_id')}", headers=one.headers)
    assert one.word("text") in theirs.text
    removed = await http.delete(f"/api/corpora/{one.corpus}", headers=other.headers)
    assert removed.status_code == 200
    assert (await http.get(documents(one), headers=one.headers)).json()["documents"]


async def test_a_share_holds_at_once_on_every_path(
    town: tuple[httpx.AsyncClient, list[Tenant], FakeVllm],
) -> None:
    """A document for a group is not there for a key without it: not found, not listed, not named, not quoted."""
    http, (one, *_), fake = town
    store = http.services.store
    outside = Tenant(one.number, make_key(store, one, KeyScope.ADMIN, ()))
    inside = Tenant(one.number, make_key(store, one, KeyScope.ADMIN, ("legal",)))
    secret = [one.word(place) for place in ("text", "title", "metadata", "tag", "uri", "answer")]
    document = f"{documents(one)}/{one.own('document_id')}"

    async def told(asker: Tenant) -> list[str]:
        """Which of the words come back, by path."""
        body = {"query": QUESTION}
        asked = {
            "retrieve": await http.post("/api/retrieve", json=body, headers=asker.headers),
            "list": await http.get(documents(one), headers=asker.headers),
            "read": await http.get(document, headers=asker.headers),
            "chat": await chat(http, asker, [], tandem={"passages": True}),
            "evidence": await http.post(
                f"/api/corpora/{one.corpus}/evidence", json={"question": QUESTION}, headers=asker.headers
            ),
        }
        assert asked["read"].status_code in (200, 404)
        return [path for path, said in asked.items() if any(word in seen(said) for word in secret)]

    everywhere = ["retrieve", "list", "read", "chat", "evidence"]
    shared = await http.patch(document, json={"groups": ["legal"]}, headers=one.headers)
    assert (shared.status_code, shared.json()["groups"]) == (200, ["legal"])
    fake.plays = [say(f"The word is {one.word('answer')} ", "[1].")]
    assert await told(inside) == everywhere
    assert await told(outside) == []
    assert one.word("answer") not in str(store.traces(replace(one.caller, groups=())))
    opened = await http.patch(document, json={"groups": []}, headers=one.headers)
    assert opened.json()["groups"] == []
    assert await told(outside) == everywhere
    # The answer that was kept for everybody is out of date as soon as the document is not everybody's.
    await http.patch(document, json={"groups": ["board"]}, headers=one.headers)
    fake.plays = [say("Nothing ", "is known.")]
    assert await told(outside) == []
    assert await told(inside) == []
    assert (await http.patch(document, json={"groups": []}, headers=inside.headers)).status_code == 404
    assert (await http.delete(document, headers=outside.headers)).status_code == 404
    assert await told(one) == everywhere
    await http.patch(document, json={"groups": [one.word("group")]}, headers=one.headers)
