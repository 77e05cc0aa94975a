"""Watches a job from outside, wherever it is done."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tandem.store import Job, JobDocument, Store
from tandem.threads import in_thread
from tandem.vocabulary import Caller

_LOOK_S = 0.25
_OVERLAP = timedelta(seconds=2)
"""Rows may become visible in another order than that of their moments; so far back is looked again."""


@dataclass(frozen=True, slots=True)
class Event:
    """A document of the job has ended, or the job has moved on."""

    job: Job
    document: JobDocument | None = None


async def follow(store: Store, caller: Caller, job_id: str) -> AsyncIterator[Event]:
    """Events until the job has ended; the last one holds the ended job. Raises `NotFoundError`."""
    seen: dict[int, datetime] = {}
    since = datetime.fromtimestamp(0, UTC)
    before: Job | None = None
    while True:
        job = await in_thread(store.job, caller, job_id)
        while fresh := [
            one
            for one in await in_thread(store.ended_documents, caller, job_id, since)
            if one.place not in seen and one.ended_at is not None
        ]:
            for document in fresh:
                seen[document.place] = document.ended_at or since
                yield Event(job, document)
            since = max(seen.values()) - _OVERLAP
            seen = {place: moment for place, moment in seen.items() if moment >= since}
        if job != before:
            yield Event(job)
        if job.ended:
            return
        before = job
        await asyncio.sleep(_LOOK_S)
