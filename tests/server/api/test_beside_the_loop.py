"""What takes long runs on threads: while it does, the event loop sends on other answers' text."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
from fake_vllm import FakeVllm, say

from server.app import create_app
from tandem.settings import AnswerSettings, CacheSettings, EngineSettings, IdentitySettings, Settings

FACT = "The gate of the Quorvex depot closes at seven in the evening."


class Watched:
    """A part that does what it does, and notes which of its methods ran on which thread."""

    def __init__(self, part: Any, seen: set[tuple[str, int]]) -> None:
        self._part, self._seen = part, seen

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._part, name)
        return self._noting(name, found) if callable(found) else found

    def _noting(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*arguments: Any, **options: Any) -> Any:
            self._seen.add((name, threading.get_ident()))
            return call(*arguments, **options)

        return noted


async def test_embedding_search_tokens_and_sql_of_a_question_run_beside_the_event_loop(
    tmp_path: Path,
) -> None:
    with FakeVllm.serving() as fake:
        fake.plays = [say(FACT)]
        settings = Settings(
            data_dir=tmp_path,
            engine=EngineSettings(address=fake.address),
            answer=AnswerSettings(evidence=0.2),
            identity=IdentitySettings(required=False),
            cache=CacheSettings(answers=True),
        )
        app = create_app(settings)
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=60) as http,
        ):
            file = {"file": ("gate.md", f"# Rules\n\n{FACT}\n".encode())}
            assert (await http.post("/api/corpora/rules/documents", files=file)).is_success
            while (await http.get("/readyz")).status_code != 200:
                await asyncio.sleep(0.05)
            seen: set[tuple[str, int]] = set()
            services = app.state.services
            collection = services.live.collection
            for part, name in (
                (collection.embedder, "_encoder"),
                (collection.index, "_tenants"),
            ):
                setattr(part, name, Watched(getattr(part, name), seen))
            app.state.services = replace(
                services, tokens=Watched(services.tokens, seen), store=Watched(services.store, seen)
            )
            body = {"messages": [{"role": "user", "content": "When does the Quorvex gate close?"}]}
            for stream in (False, True):
                reply = await http.post(
                    "/v1/chat/completions", json=body | {"stream": stream, "tandem": {"corpora": ["rules"]}}
                )
                assert FACT in reply.text
    names = {name for name, _ in seen}
    assert {
        *("passes", "using", "visible_versions", "corpora", "add_trace", "count_chat", "plain"),
        *("visible", "cached_answer", "keep_answer"),
    } <= names
    assert {name for name, thread in seen if thread == threading.get_ident()} == set()
