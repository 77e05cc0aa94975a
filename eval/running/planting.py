"""Puts the passages that mislead into corpora of their own, beside the one that is searched."""

from collections.abc import Sequence

import httpx

from eval.case import EvalCase
from eval.running.facts import RunFacts
from eval.suites.contexts import CutDocument
from eval.suites.planting import planted_corpus, planted_documents
from finetune.validation.over_http import no_answer, refusal
from tandem.store import DocumentRecord, Store
from tandem.vocabulary import Caller, document_id


async def plant(facts: RunFacts, cases: Sequence[EvalCase], http: httpx.AsyncClient, store: Store) -> int:
    """Ingest what the run needs; what is there already stays. How many documents that are.

    Raises what the server answers with.
    """
    planted = 0
    for corpus in facts.searched:
        # Where the answers stand decides; how the documents are cut does not.
        whole = [CutDocument(one.as_document(), ()) for one in documents_of(cases, [corpus], store)]
        for planting in facts.planted:
            for document in planted_documents(cases, whole, planting):
                await _put(planted_corpus(corpus, planting), document.uri, document.text, http)
                planted += 1
    return planted


def documents_of(cases: Sequence[EvalCase], corpora: Sequence[str], store: Store) -> list[DocumentRecord]:
    """The documents that the cases name, as the corpora have them now, with their texts."""
    caller = Caller()
    found: dict[str, DocumentRecord] = {}
    for name in dict.fromkeys(name for case in cases for name in case.documents):
        for corpus in corpora:
            for known in (name, document_id(caller.tenant, corpus, name)):
                if known not in found and store.document_or_none(caller, corpus, known) is not None:
                    found[known] = store.document(caller, corpus, known)
    return list(found.values())


async def _put(corpus: str, uri: str, text: str, http: httpx.AsyncClient) -> None:
    file = {"file": (uri.rpartition("/")[2], text.encode())}
    try:
        response = await http.post(f"/api/corpora/{corpus}/documents", files=file, data={"uri": uri})
    except httpx.TransportError as error:
        raise no_answer(error) from error
    if not response.is_success:
        raise refusal(response.content, response.headers)
