import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from server.api.gate import Gate


async def _echo(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


def client(*, loopback_only: bool = True) -> httpx.AsyncClient:
    routes = [Route("/chat", _echo, methods=["GET", "POST"]), Route("/up/x", _echo, methods=["POST"])]
    app = Gate(Starlette(routes=routes), loopback_only=loopback_only, max_body=10, uploads=("/none/", "/up/"))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000")


async def test_a_request_of_this_machine_passes() -> None:
    assert (await client().post("/chat", content=b"12345")).text == "5"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1:8000", ""])
async def test_a_foreign_host_name_is_refused(host: str) -> None:
    assert (await client().get("/chat", headers={"Host": host})).status_code == 400


async def test_a_foreign_host_passes_where_remote_is_allowed() -> None:
    response = await client(loopback_only=False).get("/chat", headers={"Host": "tandem.example"})
    assert response.status_code == 200


async def test_a_page_of_another_site_may_not_write() -> None:
    response = await client().post("/chat", headers={"Origin": "http://evil.example"})
    assert response.status_code == 400
    assert response.json()["error"]["param"] == "Origin"


async def test_the_own_page_may_write() -> None:
    response = await client().post("/chat", headers={"Origin": "http://127.0.0.1:8000"})
    assert response.status_code == 200


async def test_a_body_over_the_limit_is_refused() -> None:
    response = await client().post("/chat", content=b"x" * 11)
    assert response.status_code == 413
    assert response.json()["error"]["type"] == "too_large_error"


async def test_a_body_over_the_limit_is_refused_though_its_length_is_not_told() -> None:
    async def pieces():
        for _ in range(11):
            yield b"x"

    assert (await client().post("/chat", content=pieces())).status_code == 413


async def test_an_upload_has_its_own_limit() -> None:
    assert (await client().post("/up/x", content=b"x" * 100)).text == "100"
