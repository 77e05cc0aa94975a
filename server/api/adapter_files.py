"""`/api/adapter-files`: an adapter as one file, for who does not see the data folder, such as the machine that trained it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

from fastapi import APIRouter, Request

from server.api.adapters import AdapterBody, Name, Operator, Registry, adapter_body
from tandem.adapters import AdapterRegistry, AdapterVersion
from tandem.adapters.bundle import import_adapter
from tandem.adapters.naming import check_adapter_name
from tandem.errors import TooLargeError
from tandem.models.disk import require_space, storage_errors
from tandem.threads import in_thread

PREFIX = "/api/adapter-files/"
"""Of uploads that may be larger than other requests."""

router = APIRouter(prefix=PREFIX.rstrip("/"), tags=["adapters"])

_MOST_BYTES = 16 * 1024**3
"""More than the highest rank takes on the largest models that one machine serves."""
_PIECE = 1024 * 1024
"""Bytes that are written at a time, in a thread."""
_FILE = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post("/{name}", status_code=201, openapi_extra=_FILE)
async def upload_adapter(name: Name, request: Request, caller: Operator, registry: Registry) -> AdapterBody:
    """Register a file of `tandem adapters export` as the next version of a name.

    It is checked as `tandem adapters import` checks it; what is torn or foreign leaves nothing.
    """
    check_adapter_name(name)

    def register(file: Path) -> AdapterVersion:
        return import_adapter(registry, file, author=caller.subject, name=name)

    async with _workplace(registry) as folder:
        file = folder / "upload"
        await _receive(request, file)
        return adapter_body(await in_thread(register, file))


@asynccontextmanager
async def _workplace(registry: AdapterRegistry) -> AsyncIterator[Path]:
    """The registry's, made and removed beside the event loop: gigabytes are not gone at once."""
    place = registry.workplace()
    folder = await in_thread(place.__enter__)
    try:
        yield folder
    finally:
        await in_thread(place.__exit__, None, None, None)


async def _receive(request: Request, file: Path) -> None:
    """Write the body as it comes. Raises `TooLargeError`, and `StorageError` where the disk refuses."""
    length = request.headers.get("content-length", "")
    if length.isdecimal():
        _check_size(int(length))
        require_space(file.parent, int(length))
    with storage_errors(file.parent), await in_thread(file.open, "xb") as out:
        written, waiting = 0, bytearray()
        async for part in request.stream():
            waiting += part
            if len(waiting) >= _PIECE:
                written += await in_thread(_write, out, waiting)
                _check_size(written)
                waiting = bytearray()
        await in_thread(_write, out, waiting)


def _write(out: BinaryIO, piece: bytearray) -> int:
    return out.write(piece)


def _check_size(size: int) -> None:
    if size > _MOST_BYTES:
        raise TooLargeError(f"An adapter's file is at most {_MOST_BYTES // 1024**3} GiB", param="file")
