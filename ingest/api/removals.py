"""Deletion of corpora and of all that a tenant has, and the receipts of what was deleted."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel

from ingest.accept import check_corpus
from ingest.pipeline import Ingestor
from tandem.errors import InvalidRequestError
from tandem.store import Receipt, Store
from tandem.threads import in_thread
from tandem.vocabulary import Caller


class ReceiptBody(BaseModel):
    """What a deletion has removed, and where."""

    id: str
    corpus: str | None
    document_id: str | None
    created_at: datetime
    removed: dict[str, int]


class ReceiptList(BaseModel):
    """Receipts, newest first."""

    receipts: list[ReceiptBody]


def receipt_body(receipt: Receipt) -> ReceiptBody:
    """A receipt as it is sent."""
    return ReceiptBody.model_validate(receipt, from_attributes=True)


def removals_router(
    ingestor: Ingestor,
    store: Store,
    caller_of: Callable[[Request], Awaitable[Caller]],
    admin_of: Callable[[Request], Awaitable[Caller]] | None = None,
) -> APIRouter:
    """The routes that delete more than one document, and those of receipts; `admin_of` gives whoever may remove
    all that a tenant has.
    """
    admin_of = admin_of or caller_of
    router = APIRouter(prefix="/api", tags=["documents"])

    @router.delete("/corpora/{corpus}")
    async def delete_corpus(corpus: str, caller: Annotated[Caller, Depends(caller_of)]) -> ReceiptBody:
        """Remove a corpus with all of its documents, jobs and settings."""
        check_corpus(corpus)
        return receipt_body(await ingestor.remove.corpus(caller, corpus))

    @router.delete("/tenant")
    async def delete_tenant(
        caller: Annotated[Caller, Depends(admin_of)],
        confirm: Annotated[str, Query(description="The tenant's name, so that nobody does it by mistake.")],
    ) -> ReceiptBody:
        """Remove all that the caller's tenant has: corpora, jobs, traces and receipts."""
        if confirm != caller.tenant:
            raise InvalidRequestError(
                "confirm is not the name of your tenant", param="confirm", hint="Nothing was removed."
            )
        return receipt_body(await ingestor.remove.tenant(caller))

    @router.get("/receipts")
    async def list_receipts(caller: Annotated[Caller, Depends(caller_of)]) -> ReceiptList:
        """What was deleted lately."""
        found = await in_thread(store.receipts, caller)
        return ReceiptList(receipts=[receipt_body(receipt) for receipt in found])

    @router.get("/receipts/{receipt_id}")
    async def get_receipt(receipt_id: str, caller: Annotated[Caller, Depends(caller_of)]) -> ReceiptBody:
        """One receipt."""
        return receipt_body(await in_thread(store.receipt, caller, receipt_id))

    return router
