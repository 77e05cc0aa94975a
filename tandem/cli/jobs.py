"""`tandem jobs`: ingestions, how far they are, and what would not go in."""

from contextlib import closing

from rich.markup import escape

from tandem.cli.output import print_json, stdout
from tandem.errors import InvalidRequestError
from tandem.settings import Settings
from tandem.store import Job, Store, open_store
from tandem.vocabulary import Caller

_PAGE = 1_000


def list_jobs(settings: Settings, corpus: str | None, *, as_json: bool) -> None:
    """Print the latest jobs, newest first."""
    with closing(open_store(settings.store, settings.data_dir)) as store:
        jobs = store.jobs(Caller(), corpus)
    if as_json:
        print_json([_as_json(job) for job in jobs])
        return
    for job in jobs:
        stdout.print(_line(job))


def print_failures(settings: Settings, job_id: str, *, as_json: bool) -> None:
    """Print the documents of a job that failed, and why. Raises `NotFoundError`."""
    with closing(open_store(settings.store, settings.data_dir)) as store:
        failures = list(_failures(store, job_id))
    if as_json:
        print_json(failures)
        return
    for failure in failures:
        stdout.print(f"{escape(failure['uri'])}: {escape(failure['message'])}")
        if failure["hint"]:
            stdout.print(f"    {escape(failure['hint'])}")


def cancel_job(settings: Settings, job_id: str) -> None:
    """Stop a job; what it has done stays. Raises `NotFoundError`."""
    with closing(open_store(settings.store, settings.data_dir)) as store:
        job = store.cancel_job(Caller(), job_id)
    stdout.print("cancelled" if job.state == "cancelled" else "stops at its next document")


def queue_again(settings: Settings, job_id: str) -> None:
    """Let the failed documents of an ended job wait once more. Raises `NotFoundError`, `ConflictError`."""
    with closing(open_store(settings.store, settings.data_dir)) as store:
        waiting = store.retry_job(Caller(), job_id).counts.get("waiting", 0)
    if not waiting:
        raise InvalidRequestError(f"Nothing of the ingestion {job_id} has failed")


def _failures(store: Store, job_id: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    after = -1
    while page := store.job_documents(Caller(), job_id, "failed", after, _PAGE):
        for document in page:
            error = document.error or {}
            found.append(
                {"uri": document.uri, "message": error.get("message", ""), "hint": error.get("hint") or ""}
            )
        after = page[-1].place
    return found


def _line(job: Job) -> str:
    counts = ", ".join(f"{count} {state}" for state, count in sorted(job.counts.items()) if count)
    return f"{job.id}  {job.created_at:%Y-%m-%d %H:%M}  {job.state:<9}  {escape(job.corpus)}  {counts}"


def _as_json(job: Job) -> dict[str, object]:
    return {
        "id": job.id,
        "corpus": job.corpus,
        "state": job.state,
        "created_at": job.created_at.isoformat(),
        "counts": dict(job.counts),
        "chunks": job.chunks,
        "error": job.error,
    }
