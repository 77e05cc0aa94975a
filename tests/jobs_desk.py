"""Jobs on a folder of files, done by real parts."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from ingest_parts import Parts

from ingest import Ingestor, Upload
from ingest.jobs import JobWorker
from ingest.jobs.entries import entry_of_upload
from tandem.index import Query
from tandem.settings import IngestSettings
from tandem.store import Job
from tandem.vocabulary import Caller, Scope, Where

CALLER = Caller("acme")
SCOPE = Scope.of(CALLER)
QUICK: dict[str, object] = {"retry_wait_s": 0.01, "tries": 2, "near_duplicates": 0.0}


def text_of(word: str) -> bytes:
    return f"The {word} stands in the northern hall, and nobody has moved it for years.".encode()


def mail(subject: str, *files: tuple[str, bytes], text: str = "") -> bytes:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, "a@example.com", "b@example.com"
    message.set_content(text or f"Please read the {subject} before Monday.")
    for name, content in files:
        message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()


class Desk:
    """Real parts, a folder of files, and jobs on it."""

    def __init__(self, parts: Parts, folder: Path) -> None:
        self.parts, self.store, self.folder = parts, parts.store, folder
        folder.mkdir()

    def write(self, name: str, content: bytes | str) -> str:
        """Write a file; returns its address."""
        file = self.folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file.as_uri()

    def job(self, *, sync: bool = False, files: tuple[Upload, ...] = (), **source: Any) -> Job:
        """A job on the folder, or of files that were handed in."""
        sources = [] if files else [{"kind": "files", "paths": [str(self.folder)], **source}]
        entries = [entry_of_upload(upload) for upload in files]
        manifest = {"corpus": "docs", "sources": sources}
        return self.store.create_job(CALLER, "docs", manifest, sync=sync, files=entries)

    def worker(self, name: str = "w1", **settings: object) -> tuple[Ingestor, JobWorker]:
        self.store.seen_worker(name)
        chosen = IngestSettings(**{**QUICK, **settings})  # type: ignore[arg-type]
        ingestor = Ingestor(self.store, self.parts.live, chosen, name)
        return ingestor, JobWorker(self.store, ingestor, chosen, name)

    async def do(self, job: Job, **settings: object) -> Job:
        """Do a job to its end."""
        ingestor, worker = self.worker(**settings)
        try:
            async with asyncio.timeout(60):
                await worker.run_one(CALLER, job.id)
        finally:
            await ingestor.close()
        return self.store.job(CALLER, job.id)

    def states(self, job: Job) -> dict[str, str]:
        """State of each document, by the end of its address."""
        return {
            one.uri.rpartition("/")[2]: one.state
            for one in self.store.job_documents(CALLER, job.id, limit=1_000)
        }

    async def found(self, question: str, where: Where | None = None) -> set[str]:
        """Names of the documents in which something is found."""
        query = Query(question, await self.parts.embedder.embed_query(question), 50)
        passages = await self.parts.index.search(Scope.of(CALLER, None, where), query)
        current = self.store.current_versions("acme", [p.chunk.document_id for p in passages])
        assert all(current.get(p.chunk.document_id) == p.chunk.version for p in passages)
        return {p.chunk.uri.rpartition("/")[2] for p in passages}


@asynccontextmanager
async def working(desk: Desk, name: str = "w1", **settings: object) -> AsyncIterator[JobWorker]:
    """A worker that goes on by itself until the block ends."""
    ingestor, worker = desk.worker(name, **settings)
    task = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        task.cancel()
        await asyncio.wait([task])
        await ingestor.close()


async def until(met: Callable[[], object], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not met():
            await asyncio.sleep(0.02)
