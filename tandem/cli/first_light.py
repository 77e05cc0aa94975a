"""What `tandem up` shows when it is up: one question answered from Tandem's own docs."""

import asyncio
from pathlib import Path
from time import perf_counter
from typing import Any

import httpx
from fastapi import FastAPI

import tandem
from ingest import Ingestor, Upload
from server.services import Services
from tandem.cli.ask import print_sources, stream_answer
from tandem.cli.output import print_error, progress, stdout
from tandem.engine import EngineState
from tandem.errors import TandemError
from tandem.settings import Settings
from tandem.threads import in_thread
from tandem.vocabulary import Caller, document_id

CORPUS = "tandem-docs"
QUESTION = "What does Tandem say when the documents do not say it?"

_DOCS = Path(tandem.__file__).parent.parent / "docs"
_SAY_EVERY_S = 10.0


async def first_light(app: FastAPI, settings: Settings, *, demo: bool) -> None:
    """Wait for the engine, say where the server is, and show one cited answer."""
    services: Services = app.state.services
    try:
        if demo:
            await ingest_own_docs(app.state.ingestor, services)
        await _engine_ready(services)
        url = f"http://{settings.server.host}:{settings.server.port}"
        if demo:
            await in_thread(_show_answer, url, services.principals.local_key)
        stdout.print(f"\n[bold]Tandem is ready:[/bold] {url}  (Ctrl-C stops it)")
    except TandemError as error:
        # The server goes on: documents can be read and loaded, and questions say what is wrong.
        print_error(error)


async def ingest_own_docs(ingestor: Ingestor, services: Services) -> None:
    """Bring the corpus of Tandem's docs up to date; an installed package without them has none."""
    pages = sorted(_DOCS.glob("*.md"))
    if not pages:
        return
    progress(f"Ingesting Tandem's own docs: {len(pages)} pages")
    caller = Caller()
    uris = {f"tandem:docs/{page.name}": page for page in pages}
    for uri, page in uris.items():
        await ingestor.ingest(caller, CORPUS, Upload(uri=uri, name=page.name, content=page.read_bytes()))
    kept = {document_id(caller.tenant, CORPUS, uri) for uri in uris}
    for record in await in_thread(services.store.documents, caller, CORPUS, limit=1_000):
        if record.id not in kept:
            await ingestor.remove.document(caller, CORPUS, record.id)


async def _engine_ready(services: Services) -> None:
    begun = perf_counter()
    waiting = asyncio.create_task(services.engine.wait_ready())
    try:
        while services.engine.state is not EngineState.READY:
            progress(
                f"vLLM is {services.engine.state.value} ({perf_counter() - begun:.0f} s; about 40 s on a CPU)"
            )
            done, _ = await asyncio.wait([waiting], timeout=_SAY_EVERY_S)
            if done:
                break
        await waiting
    finally:
        waiting.cancel()


def _show_answer(url: str, key: str) -> None:
    stdout.print(f"\n[bold]Q[/bold] {QUESTION}\n[bold]A[/bold] ", end="")
    last: dict[str, Any] = {}
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=url, timeout=120.0, trust_env=False, headers=headers) as client:
        for event in stream_answer(client, QUESTION, [CORPUS], None):
            for choice in event["choices"]:
                print(choice["delta"].get("content", ""), end="", flush=True)
            last = event.get("tandem", last)
    print_sources(last)
