"""`POST /api/backup`: all that this Tandem knows, as one archive."""

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import StreamingResponse

from server.api.identity import operator_of, services_of
from server.services import Services
from tandem.backup import make_backup
from tandem.threads import in_thread
from tandem.vocabulary import Caller

router = APIRouter(prefix="/api", tags=["operations"])


@router.post(
    "/backup",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"application/x-tar": {}}, "description": "The archive; whole only with its end"}
    },
)
async def make_a_backup(
    caller: Annotated[Caller, Depends(operator_of)],
    services: Annotated[Services, Depends(services_of)],
) -> StreamingResponse:
    """Everything of every tenant but models and logs, while all goes on. Its end tells that it is whole."""
    store = services.store
    await in_thread(store.audit, subject=caller.subject, action="backup.made", object="archive")
    pieces = make_backup(store, services.live.collection.index, services.settings)
    return StreamingResponse(pieces, media_type="application/x-tar")
