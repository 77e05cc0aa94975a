"""Which documents of a job a caller may see: their names can say as much as their texts."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from tandem.store.access_rows import groups_of
from tandem.store.job_records import Job, JobDocument
from tandem.vocabulary import Caller, document_id


def seen_in_job(
    connection: Connection, caller: Caller, job: Job, documents: Sequence[JobDocument]
) -> list[JobDocument]:
    """Those that have no access groups, neither now nor stated by the job, or one of the caller's."""
    if caller.groups is None:
        return list(documents)
    ids = {one.place: document_id(job.tenant, job.corpus, one.uri) for one in documents}
    known = groups_of(connection, ids.values())
    mine = set(caller.groups)

    def is_seen(one: JobDocument) -> bool:
        now, stated = known.get(ids[one.place], ()), _stated(job, one)
        return all(not groups or not mine.isdisjoint(groups) for groups in (now, stated))

    return [one for one in documents if is_seen(one)]


def _stated(job: Job, document: JobDocument) -> Sequence[str]:
    """The groups that the job gives to a document, which may not be there yet."""
    sources: Sequence[dict[str, Any]] = job.manifest.get("sources", ())
    stated = document.locator.get("groups")
    if stated is None and 0 <= document.source < len(sources):
        stated = sources[document.source].get("groups")
    return stated or ()
