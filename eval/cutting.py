"""Cuts the documents that hold the answers anew, to know what a perfect search would have found."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from eval.case import EvalCase
from eval.running.planting import documents_of
from eval.suites.contexts import CutDocument, reference_contexts
from ingest.chunking import Chunker
from tandem.settings import Settings
from tandem.store import Store

if TYPE_CHECKING:
    from tandem.embedding import Embedder


def contexts_of(
    cases: Sequence[EvalCase], corpora: Sequence[str], store: Store, settings: Settings, embedder: "Embedder"
) -> dict[str, tuple[str, ...]]:
    """By case id, the texts of the chunks that hold its answer whole. Blocking: seconds for hundreds of documents."""
    chunker = Chunker(store, lambda: embedder, settings.ingest)
    cut = [
        CutDocument(document, chunker.split(document, record.version).chunks)
        for record in documents_of(cases, corpora, store)
        for document in [record.as_document()]
    ]
    return reference_contexts(cases, cut)
