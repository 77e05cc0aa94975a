"""An embedder that fails: who asks is told of it, and the index is not blamed."""

from concurrent.futures import Future
from pathlib import Path

from app_client import ASKED, app_client
from fake_vllm import FakeVllm

from tandem.errors import UnavailableError


async def test_a_failed_embedding_is_told_as_that_and_leaves_searches_alone(
    tmp_path: Path, monkeypatch
) -> None:
    def failing(text: str) -> Future[object]:
        coming: Future[object] = Future()
        coming.set_exception(UnavailableError("The embedder is away", retry_after=3))
        return coming

    body = {"messages": [{"role": "user", "content": ASKED}]}
    with FakeVllm.serving() as fake:
        async with app_client(fake, tmp_path) as client:
            with monkeypatch.context() as away:
                away.setattr(client.services.live.collection.embedder, "ask", failing)
                for _ in range(10):
                    reply = await client.post("/v1/chat/completions", json=body)
                    assert (reply.status_code, reply.headers["retry-after"]) == (503, "3")
                    assert "The embedder is away" in reply.text
            assert client.services.resilience.search.is_closed
            assert (await client.post("/v1/chat/completions", json=body)).status_code == 200
