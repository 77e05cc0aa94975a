"""Every route of the application needs exactly one kind of key, or stands in a short list of open ones."""

from collections.abc import AsyncIterator, Iterator
from urllib.parse import unquote

import httpx
import pytest
import pytest_asyncio
from app_client import app_with_keys
from fake_vllm import FakeVllm
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from starlette.routing import Route

from server.api.guard import METRICS, OPEN_PATHS
from server.api.identity import Requires
from tandem.vocabulary import KeyScope

pytestmark = pytest.mark.asyncio(loop_scope="module")
OPEN_API = {"/", "/assets/{name}", "/healthz", "/readyz"}
"""Routes of FastAPI without a scope, beside /metrics, which asks by a setting."""
BY_HAND = {"/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    with FakeVllm.serving() as fake:
        async with app_with_keys(fake, tmp_path_factory.mktemp("data")) as client:
            yield client


def required(dependant: Dependant) -> Iterator[Requires]:
    if isinstance(dependant.call, Requires):
        yield dependant.call
    for one in dependant.dependencies:
        yield from required(one)


def routes(app: FastAPI) -> list[RouteContext]:
    """All that the application answers, with what its routers add."""
    return list(iter_route_contexts(app.routes))


def of_the_api(app: FastAPI) -> list[RouteContext]:
    return [route for route in routes(app) if isinstance(route.original_route, APIRoute)]


async def test_every_route_has_one_scope_or_is_open_on_purpose(http: httpx.AsyncClient) -> None:
    app: FastAPI = http.app
    without = {route.path for route in of_the_api(app) if not list(required(route.dependant))}
    assert without == OPEN_API | {METRICS}
    doubtful = [route.path for route in of_the_api(app) if len(set(required(route.dependant))) > 1]
    assert doubtful == []
    others = [route.original_route for route in routes(app) if route not in of_the_api(app)]
    assert {type(route) for route in others} == {Route}
    assert {route.path for route in others} == BY_HAND
    assert len(of_the_api(app)) > 50
    assert (OPEN_API | BY_HAND) - {"/assets/{name}"} == OPEN_PATHS


async def test_scopes_are_those_of_the_documentation(http: httpx.AsyncClient) -> None:
    wanted = {
        ("POST", "/v1/chat/completions"): "chat",
        ("GET", "/v1/models"): "chat",
        ("POST", "/api/retrieve"): "chat",
        ("GET", "/api/corpora"): "chat ingest",
        ("GET", "/api/corpora/{corpus}/documents/{document_id}"): "chat ingest",
        ("POST", "/api/corpora/{corpus}/documents"): "ingest",
        ("POST", "/api/corpora/{corpus}/ingestions"): "ingest",
        ("DELETE", "/api/corpora/{corpus}"): "ingest",
        ("GET", "/api/receipts"): "ingest",
        ("DELETE", "/api/tenant"): "admin",
        ("POST", "/api/corpora/{corpus}/evidence"): "evaluate",
        ("POST", "/api/playground"): "evaluate",
        ("POST", "/api/playground/save"): "operator",
        ("GET", "/api/prompts"): "evaluate",
        ("GET", "/api/recipes"): "evaluate",
        ("GET", "/api/champion"): "evaluate",
        ("GET", "/api/adapters"): "evaluate",
        ("POST", "/api/prompts"): "operator",
        ("POST", "/api/recipes"): "operator",
        ("PUT", "/api/champion"): "operator",
        ("POST", "/api/champion/rollback"): "operator",
        ("PUT", "/api/adapters/{name}/{version}/served"): "operator",
        ("POST", "/api/reindex"): "operator",
        ("POST", "/api/keys"): "admin",
        ("DELETE", "/api/keys/{id}"): "admin",
    }
    found = {
        (method, route.path): " ".join(
            dict.fromkeys(scope.value for one in required(route.dependant) for scope in one.scopes)
        )
        for route in of_the_api(http.app)
        for method in route.methods
    }
    assert {name: found[name] for name in wanted} == wanted


async def test_each_route_answers_401_without_a_key_and_403_with_one_that_may_not(
    http: httpx.AsyncClient,
) -> None:
    keys = {scope: await http.make_key(scope) for scope in KeyScope}
    asked = 0
    for route in of_the_api(http.app):
        needs = {scope for one in required(route.dependant) for scope in one.scopes}
        if not needs:
            continue
        path = route.path.format(
            **dict.fromkeys(("corpus", "document_id", "job_id", "receipt_id", "name", "version"), "x"),
            **dict.fromkeys(
                ("tag", "model", "id", "trace_id", "feedback_id", "silence", "intervention"), "x"
            ),
        )
        for method in route.methods:
            refused = await http.request(method, path, json={})
            assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer"), path
            for scope, key in keys.items():
                allowed = not needs.isdisjoint(_implied(scope))
                answer = await http.request(
                    method, path, json={"no": "such"}, headers={"Authorization": f"Bearer {key}"}
                )
                assert (answer.status_code == 403) is (not allowed), (method, path, scope, answer.text)
                assert answer.status_code != 401
                asked += 1
    assert asked > 200


def _implied(scope: KeyScope) -> set[KeyScope]:
    if scope is KeyScope.OPERATOR:
        return set(KeyScope)
    return set(KeyScope) - {KeyScope.OPERATOR, KeyScope.METRICS} if scope is KeyScope.ADMIN else {scope}


async def test_metrics_are_for_a_key_of_their_own_or_an_operators(http: httpx.AsyncClient) -> None:
    """Prometheus has its key in a file: it is to open nothing else."""
    for scope in KeyScope:
        key = {"Authorization": f"Bearer {await http.make_key(scope)}"}
        allowed = scope in (KeyScope.METRICS, KeyScope.OPERATOR)
        assert (await http.get("/metrics", headers=key)).status_code == (200 if allowed else 403), scope
    key = {"Authorization": f"Bearer {await http.make_key(KeyScope.METRICS)}"}
    for path in ("/v1/models", "/api/corpora", "/api/recipes", "/api/keys", "/api/monitoring"):
        assert (await http.get(path, headers=key)).status_code == 403, path
    wish = {"name": "k", "scopes": ["metrics"]}
    for scope, status in ((KeyScope.ADMIN, 403), (KeyScope.METRICS, 403), (KeyScope.OPERATOR, 201)):
        key = {"Authorization": f"Bearer {await http.make_key(scope)}"}
        assert (await http.post("/api/keys", json=wish, headers=key)).status_code == status, scope


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../api/corpora",
        "/assets/%2e%2e/api/corpora",
        "/assets/..%2fapi%2fcorpora",
        "/assets/x/../../api/corpora",
        "/assets/",
        "/assets",
        "//api/corpora",
        "/healthz/../api/corpora",
        "/healthz%2f..%2fapi/corpora",
        "/healthz;/api/corpora",
        "/api/corpora;x=/healthz",
        "/api/corpora/",
        "/api/corpora?/healthz",
        "/api//corpora",
        "/API/corpora",
        "/docs/../api/corpora",
        "/api/corpora%00",
        "/api/corpora%0a",
        "/.",
        "/nosuch",
        "/api",
        "/v1",
    ],
)
async def test_no_trick_of_paths_gets_by_without_a_key(http: httpx.AsyncClient, path: str) -> None:
    status = await _status_of(http.app, path)
    assert status == (404 if path == "/assets/" else 401)


async def _status_of(app: FastAPI, path: str) -> int:
    """The answer to a GET of exactly this path, which a client's library would tidy."""
    name, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        # As uvicorn gives them.
        "path": unquote(name),
        "raw_path": name.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1:8000")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
    }
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return int(str(sent[0]["status"]))


async def test_what_needs_no_key_answers_without_one(http: httpx.AsyncClient) -> None:
    for path in ("/", "/assets/chat.js", "/healthz", "/readyz", "/docs", "/openapi.json"):
        assert (await http.get(path)).status_code == 200, path
    assert (await http.get("/assets/nosuch.js")).status_code == 404
    assert (await http.get("/metrics")).status_code == 401
