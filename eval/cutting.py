"""Cuts the documents that hold the answers anew, to know what a perfect search would have found."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from eval.case import EvalCase
from eval.suites.contexts import reference_contexts
from ingest.chunking import Chunker
from tandem.settings import Settings
from tandem.store import Store
from tandem.vocabulary import Caller, Chunk, Document, document_id

if TYPE_CHECKING:
    from tandem.embedding import Embedder


def contexts_of(
    cases: Sequence[EvalCase], corpora: Sequence[str], store: Store, settings: Settings, embedder: "Embedder"
) -> dict[str, tuple[str, ...]]:
    """By case id, the texts of the chunks that hold its answer whole. Blocking: seconds for hundreds of documents."""
    chunker = Chunker(store, lambda: embedder, settings.ingest)
    return reference_contexts(cases, cut_documents(cases, corpora, store, chunker))


def cut_documents(
    cases: Sequence[EvalCase], corpora: Sequence[str], store: Store, chunker: Chunker
) -> list[tuple[Document, Sequence[Chunk]]]:
    """The documents that the cases name, as the corpora have them now, with their chunks."""
    caller, cut = Caller(), {}
    for name in dict.fromkeys(name for case in cases for name in case.documents):
        for corpus in corpora:
            for known in (name, document_id(caller.tenant, corpus, name)):
                if known in cut or store.document_or_none(caller, corpus, known) is None:
                    continue
                record = store.document(caller, corpus, known)
                document = record.as_document()
                cut[known] = (document, chunker.split(document, record.version).chunks)
    return list(cut.values())
