"""`/api/playground`."""

from fastapi import APIRouter

router = APIRouter(prefix="/api/playground", tags=["playground"])
