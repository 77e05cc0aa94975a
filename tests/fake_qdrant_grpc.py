"""Answers one call of Qdrant's gRPC interface, counting, to whoever has the key; it holds nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
from qdrant_client import grpc as messages

COUNT = 42
_METHOD = "/qdrant.Points/Count"


class _Handler(grpc.GenericRpcHandler):
    def __init__(self, key: str) -> None:
        self._key = key

    def service(self, details: Any) -> Any:
        allowed = ("api-key", self._key) in [(name, value) for name, value in details.invocation_metadata]

        async def answer(request: bytes, context: Any) -> bytes:
            if not allowed:
                await context.abort(grpc.StatusCode.UNAUTHENTICATED, "Invalid API key or JWT")
            assert messages.CountPoints.FromString(request).exact
            return messages.CountResponse(result=messages.CountResult(count=COUNT)).SerializeToString()

        return grpc.unary_unary_rpc_method_handler(answer) if details.method == _METHOD else None


@asynccontextmanager
async def fake_qdrant_grpc(key: str, certificate: tuple[Path, Path]) -> AsyncIterator[int]:
    """Listens over TLS; gives its port."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((_Handler(key),))
    chain, private = certificate
    credentials = grpc.ssl_server_credentials([(private.read_bytes(), chain.read_bytes())])
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)
