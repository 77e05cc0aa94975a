"""`GET /api/corpora`: what the caller can search."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from server.api.identity import reader_of, services_of
from server.services import Services
from tandem.threads import in_thread
from tandem.vocabulary import Caller

router = APIRouter(tags=["documents"])


class CorpusBody(BaseModel):
    """One corpus and its size."""

    name: str
    documents: int
    chunks: int


class CorpusList(BaseModel):
    """The caller's corpora, by name."""

    corpora: list[CorpusBody]


@router.get("/api/corpora")
async def list_corpora(
    caller: Annotated[Caller, Depends(reader_of)], services: Annotated[Services, Depends(services_of)]
) -> CorpusList:
    """All corpora of the caller."""
    found = await in_thread(services.store.corpora, caller)
    return CorpusList(
        corpora=[CorpusBody(name=c.name, documents=c.documents, chunks=c.chunks) for c in found]
    )
