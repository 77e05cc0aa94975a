"""The corpora of a run: what they hold, and what it took to have them."""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path

from eval.running.facts import ArmFacts, CorpusFacts
from tandem.errors import InvalidRequestError, NotFoundError
from tandem.settings import Settings
from tandem.store import Store
from tandem.vocabulary import Caller

_PAGE = 1_000


def corpora_of(store: Store, names: Sequence[str], *, searching: bool) -> tuple[CorpusFacts, ...]:
    """The corpora of these names, or all, as they are now. Raises `NotFoundError`, and `InvalidRequestError` where
    there is none to search.
    """
    known = {one.name: one for one in store.corpora(Caller())}
    if missing := [name for name in names if name not in known]:
        raise NotFoundError(
            f"There is no corpus {missing[0]!r}",
            param="corpus",
            hint=f"Known: {', '.join(known)}." if known else "Ingest one: tandem ingest PATH --corpus NAME",
        )
    if searching and not known:
        raise InvalidRequestError(
            "There is no corpus to search", param="corpus", hint="tandem ingest PATH --corpus NAME"
        )
    return tuple(
        CorpusFacts(
            name=name,
            documents=known[name].documents,
            chunks=known[name].chunks,
            version=_version_of(store, name),
        )
        for name in names or known
    )


def with_corpora(arm: ArmFacts, corpora: Sequence[CorpusFacts], store: Store, settings: Settings) -> ArmFacts:
    """The arm with what it took to have what it searches."""
    if not arm.retrieves:
        return arm
    seconds = [_ingestion_s(store, one) for one in corpora]
    told = [one for one in seconds if one is not None]
    return arm.model_copy(
        update={
            "ingestion_s": round(sum(told), 1) if len(told) == len(seconds) else None,
            "index_bytes": _index_bytes(store, corpora, settings),
        }
    )


def _version_of(store: Store, corpus: str) -> str:
    """Digest of the current versions of the corpus's documents."""
    digest, offset = sha256(), 0
    while page := store.documents(Caller(), corpus, limit=_PAGE, offset=offset):
        for document in page:
            digest.update(f"{document.uri}\x00{document.version}\n".encode())
        offset += len(page)
    return digest.hexdigest()[:12]


def _ingestion_s(store: Store, corpus: CorpusFacts) -> float | None:
    """Seconds of the jobs that wrote its chunks; `None` where those that are still known did not write them all."""
    jobs = [one for one in store.jobs(Caller(), corpus.name, limit=_PAGE) if one.started_at and one.ended_at]
    if sum(one.chunks for one in jobs) < corpus.chunks:
        return None
    spent = (one.ended_at - one.started_at for one in jobs if one.ended_at and one.started_at)
    return sum(each.total_seconds() for each in spent)


def _index_bytes(store: Store, corpora: Iterable[CorpusFacts], settings: Settings) -> int | None:
    """The share of these corpora in the embedded index, by chunks; `None` where it is at a server."""
    active = store.active_collection()
    total = sum(one.chunks for one in store.corpora(Caller()))
    if settings.index.url is not None or active is None or not total:
        return None
    folder: Path = settings.data_dir / "index" / active.name
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return round(size * sum(one.chunks for one in corpora) / total)
