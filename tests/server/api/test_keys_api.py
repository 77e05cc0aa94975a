"""Keys by the API: an admin for its tenant, an operator for all."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from app_client import app_with_keys, bearer
from fake_vllm import FakeVllm

from tandem.settings import IdentitySettings
from tandem.vocabulary import KeyScope

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    with FakeVllm.serving() as fake:
        folder = tmp_path_factory.mktemp("data")
        async with app_with_keys(fake, folder, IdentitySettings(open_metrics=True)) as client:
            yield client


async def make(http: httpx.AsyncClient, key: str, **wish: object) -> httpx.Response:
    return await http.post("/api/keys", json={"name": "k", "scopes": ["chat"]} | wish, headers=bearer(key))


async def test_a_key_is_shown_once_works_and_ends(http: httpx.AsyncClient) -> None:
    admin = await http.make_key(KeyScope.ADMIN, tenant="acme")
    answer = await make(http, admin, groups=["staff"], expires_in_s=3600)
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    made = answer.json()
    assert (made["tenant"], made["scopes"], made["groups"], made["state"]) == (
        "acme",
        ["chat"],
        ["staff"],
        "active",
    )
    assert (await http.get("/v1/models", headers=bearer(made["key"]))).status_code == 200
    listed = await http.get("/api/keys", headers=bearer(admin))
    assert made["id"] in listed.text
    assert made["key"].rsplit("_", 1)[1] not in listed.text
    assert "hash" not in listed.text
    rotate = f"/api/keys/{made['id']}/rotate"
    newer = (await http.post(rotate, json={"overlap_s": 60}, headers=bearer(admin))).json()["key"]
    for key in (made["key"], newer):
        assert (await http.get("/v1/models", headers=bearer(key))).status_code == 200
    newest = (await http.post(rotate, headers=bearer(admin))).json()["key"]
    for key, status in ((made["key"], 401), (newer, 401), (newest, 200)):
        assert (await http.get("/v1/models", headers=bearer(key))).status_code == status
    revoked = await http.delete(f"/api/keys/{made['id']}", headers=bearer(admin))
    assert revoked.json()["state"] == "revoked"
    assert (await http.get("/v1/models", headers=bearer(newest))).status_code == 401


async def test_an_admin_reaches_no_further_than_its_tenant(http: httpx.AsyncClient) -> None:
    operator = await http.make_key(KeyScope.OPERATOR)
    admin = await http.make_key(KeyScope.ADMIN, tenant="one")
    other = (await make(http, operator, tenant="two")).json()
    assert other["tenant"] == "two"
    listed = (await http.get("/api/keys", headers=bearer(admin))).json()["keys"]
    assert {key["tenant"] for key in listed} == {"one"}
    tenants = {
        key["tenant"] for key in (await http.get("/api/keys", headers=bearer(operator))).json()["keys"]
    }
    assert {"one", "two"} <= tenants
    assert (await http.delete(f"/api/keys/{other['id']}", headers=bearer(admin))).status_code == 404
    assert (await http.post(f"/api/keys/{other['id']}/rotate", headers=bearer(admin))).status_code == 404
    for wish in ({"tenant": "two"}, {"scopes": ["operator"]}):
        assert (await make(http, admin, **wish)).status_code == 403


@pytest.mark.parametrize(
    "wish",
    [
        {"scopes": []},
        {"scopes": ["root"]},
        {"name": ""},
        {"tenant": "../x"},
        {"expires_in_s": 0},
        {"expires_in_s": 10**12},
        {"groups": [""]},
        {"secret": "mine"},
    ],
)
async def test_what_makes_no_key_is_refused(http: httpx.AsyncClient, wish: dict[str, object]) -> None:
    operator = await http.make_key(KeyScope.OPERATOR)
    assert (await make(http, operator, **wish)).status_code == 400


async def test_a_refusal_says_how_to_come_in_and_repeats_no_credentials(http: httpx.AsyncClient) -> None:
    secret = "tdm_aaaaaaaaaaaaaaaa_" + "b" * 52
    answer = await http.get("/v1/models", headers=bearer(secret))
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    error = answer.json()["error"]
    assert (error["type"], error["param"]) == ("authentication_error", "Authorization")
    metrics = (await http.get("/metrics")).text
    assert 'type="authentication_error"' in metrics
    for shown in (answer.text, metrics):
        assert "b" * 52 not in shown
        assert "aaaaaaaaaaaaaaaa" not in shown


async def test_metrics_are_open_where_the_settings_say_so(http: httpx.AsyncClient) -> None:
    assert (await http.get("/metrics")).status_code == 200


async def test_a_tenant_sees_its_own_documents_alone(http: httpx.AsyncClient) -> None:
    one = await http.make_key(KeyScope.INGEST, KeyScope.CHAT, tenant="one")
    two = await http.make_key(KeyScope.INGEST, KeyScope.CHAT, tenant="two")
    file = {"file": ("gate.md", b"# Rules\n\nThe gate closes at seven.\n")}
    put = await http.post("/api/corpora/rules/documents", files=file, headers=bearer(one))
    place = put.headers["location"]
    assert (await http.get(place, headers=bearer(one))).status_code == 200
    assert (await http.get(place, headers=bearer(two))).status_code == 404
    assert (await http.get("/api/corpora", headers=bearer(two))).json() == {"corpora": []}


async def test_the_description_says_which_routes_want_a_key(http: httpx.AsyncClient) -> None:
    described = (await http.get("/openapi.json")).json()
    assert described["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    without = {
        path
        for path, said in described["paths"].items()
        if not any("security" in one for one in said.values())
    }
    assert without == {"/healthz", "/readyz"}
    assert described["paths"]["/api/corpora"]["get"]["responses"]["401"]
