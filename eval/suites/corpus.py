"""The documents of a corpus as they were read, and their chunks as they are indexed, without the index.

The index belongs to the server's process, and the same text is cut the same way again, so a server may run meanwhile.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from eval.suites.contexts import CutDocument
from ingest.chunking import Chunker
from tandem.embedding import Embedder
from tandem.settings import IngestSettings
from tandem.store import Store
from tandem.vocabulary import Caller

_PAGE = 500


@dataclass(slots=True)
class CutCorpus:
    """What is searched of a corpus."""

    documents: list[CutDocument] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    """Addresses of documents that are indexed in another number of chunks than they would be cut into now."""
    duplicates: int = 0
    """Documents that are not searched, since another one says the same."""


def read_corpus(
    store: Store,
    embedder: Embedder,
    settings: IngestSettings,
    corpus: str,
    *,
    caller: Caller | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> CutCorpus:
    """All documents of a corpus. `embedder` is the one whose tokens the chunks are counted by.

    Blocking: about the time that splitting takes when they are ingested. Raises `NotFoundError` for an unknown corpus.
    """
    who = caller or Caller()
    chunker = Chunker(store, lambda: embedder, settings)
    found = CutCorpus()
    for done, identity in enumerate(_ids(store, who, corpus, found), start=1):
        record = store.document(who, corpus, identity)
        document = record.as_document()
        chunks = chunker.split(document, record.version).chunks
        if len(chunks) != record.chunks:
            found.changed.append(record.uri)
        found.documents.append(CutDocument(document, chunks))
        progress(done)
    return found


def read_documents(store: Store, corpus: str, caller: Caller | None = None) -> Iterator[CutDocument]:
    """All documents of a corpus that are searched, without their chunks. Raises `NotFoundError`."""
    who = caller or Caller()
    for identity in _ids(store, who, corpus, CutCorpus()):
        yield CutDocument(store.document(who, corpus, identity).as_document(), ())


def _ids(store: Store, caller: Caller, corpus: str, found: CutCorpus) -> Iterator[str]:
    """Ids of the documents that are searched; the others are counted."""
    offset = 0
    while listed := store.documents(caller, corpus, limit=_PAGE, offset=offset):
        for record in listed:
            if record.duplicate_of is None:
                yield record.id
            else:
                found.duplicates += 1
        offset += len(listed)
