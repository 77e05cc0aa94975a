"""The HTTP resources of the ingestion service, as routers that the server mounts."""

from ingest.api.documents import documents_router
from ingest.api.ingestions import ingestions_router
from ingest.api.reindexing import reindexing_router
from ingest.api.removals import removals_router

__all__ = ["documents_router", "ingestions_router", "reindexing_router", "removals_router"]
