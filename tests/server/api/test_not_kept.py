"""Questions that test Tandem leave no trace and count nowhere; who may say that they do."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from app_client import ASKED, FACT, app_client, app_with_keys, bearer
from fake_vllm import FakeVllm, refuse, say

from tandem.errors import NotFoundError
from tandem.vocabulary import Caller, KeyScope


def body(**tandem: object) -> dict[str, Any]:
    return {"model": "tandem:rag", "messages": [{"role": "user", "content": ASKED}], "tandem": tandem}


def counted(client: httpx.AsyncClient) -> int:
    return len(client.services.store.observations(since=datetime.now(UTC) - timedelta(hours=1)))


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_is_not_kept_is_the_same_and_counts_nowhere(
    tmp_path: Path, stream: bool
) -> None:
    with FakeVllm.serving() as fake:
        fake.plays = [say(FACT)]
        async with app_client(fake, tmp_path) as client:
            heard: list[object] = []
            client.services.events.subscribe(heard.append)
            kept = (await client.post("/v1/chat/completions", json=body())).json()
            assert (counted(client), len(heard)) == (1, 1)
            reply = await client.post("/v1/chat/completions", json=body(keep=False) | {"stream": stream})
            assert reply.status_code == 200
            assert "".join(reply.text.split()).count("gate.md") > 0
            if not stream:
                told = reply.json()
                assert told["choices"][0]["message"] == kept["choices"][0]["message"]
                assert told["tandem"]["feedback_token"] is None
                with pytest.raises(NotFoundError):
                    client.services.store.trace(Caller(), told["tandem"]["trace_id"])
            assert (counted(client), len(heard)) == (1, 1)
            page = (await client.get("/metrics")).text
            assert "tandem_unkept_answers_total 1.0" in page
            assert 'tandem_answers_total{outcome="answered",recipe="rag"} 1.0' in page


async def test_a_failure_of_a_test_is_no_failure_of_the_recipe(tmp_path: Path) -> None:
    with FakeVllm.serving() as fake:
        fake.plays = [refuse(500, {"error": {"message": "out of memory"}})]
        async with app_client(fake, tmp_path) as client:
            asked = body(keep=False, degrade=False)
            assert (await client.post("/v1/chat/completions", json=asked)).status_code >= 500
            assert (await client.post("/v1/chat/completions", json=body(degrade=False))).status_code >= 500
            with anyio.fail_after(10):
                while not counted(client):  # written behind the answer, in the order of the answers
                    await anyio.sleep(0.02)
            assert counted(client) == 1


async def test_who_only_chats_cannot_ask_unseen(tmp_path: Path) -> None:
    with FakeVllm.serving() as fake:
        async with app_with_keys(fake, tmp_path) as client:
            for scopes, status in (
                ((KeyScope.CHAT,), 403),
                ((KeyScope.CHAT, KeyScope.EVALUATE), 404),  # allowed: there is no corpus yet
            ):
                headers = bearer(await client.make_key(*scopes))
                for unseen in ({"keep": False}, {"without": ["gate.md"]}):
                    asked = body(corpora=["nosuch"], **unseen)
                    reply = await client.post("/v1/chat/completions", json=asked, headers=headers)
                    assert reply.status_code == status, reply.text
            assert "evaluate" not in reply.text
