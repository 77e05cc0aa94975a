"""A stand-in for a Qdrant server: the client's own local mode behind the few HTTP routes that Tandem calls.

It shows that several processes write over HTTP, and what. It is not the engine, and proves nothing about it. What
the local mode forgets of a collection (its parts, its payload indexes) is noted here as it was asked for.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import PlainTextResponse, Response
from qdrant_client import QdrantClient, models
from running import free_port


@dataclass
class StandIn:
    url: str
    local: QdrantClient
    key: str | None = None
    """Requests without it are refused."""
    writers: set[int] = field(default_factory=set)
    """Ports of the connections over which points came."""
    made: dict[str, dict[str, Any]] = field(default_factory=dict)
    """How many parts of each collection were asked for, and how often each is to be kept."""
    indexed: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The payload indexes of each collection."""
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def stand_in(*, key: str | None = None, certificate: tuple[Path, Path] | None = None) -> Iterator[StandIn]:
    """A listening stand-in, in a thread of this process; with `certificate` (and its key) over TLS."""
    port = free_port()
    scheme = "http" if certificate is None else "https"
    served = StandIn(f"{scheme}://127.0.0.1:{port}", QdrantClient(":memory:"), key)
    chain, private = certificate or (None, None)
    config = uvicorn.Config(
        _app(served), port=port, log_level="error", ssl_certfile=chain, ssl_keyfile=private
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield served
    finally:
        server.should_exit = True
        thread.join(20)


def _app(served: StandIn) -> FastAPI:
    app = FastAPI()

    @app.middleware("http")
    async def guard(request: Request, pass_on: Any) -> Response:
        if served.key is not None and request.headers.get("api-key") != served.key:
            return PlainTextResponse("Invalid API key or JWT", 401)
        answer: Response = await pass_on(request)
        return answer

    for routes in (_collections(served), _writes(served), _reads(served)):
        app.include_router(routes, prefix="/collections/{name}")
    return app


def _answer(result: Any) -> dict[str, Any]:
    plain = json.loads(result.model_dump_json()) if hasattr(result, "model_dump_json") else result
    return {"result": plain, "status": "ok", "time": 0.0}


def _collections(served: StandIn) -> APIRouter:
    routes, local = APIRouter(), served.local

    @routes.get("/exists")
    def exists(name: str) -> Any:
        return _answer({"exists": local.collection_exists(name)})

    @routes.get("")
    def described(name: str) -> Any:
        known = json.loads(local.get_collection(name).model_dump_json(exclude_none=True))
        known["config"]["params"] |= served.made.get(name, {})
        known["payload_schema"] = served.indexed.get(name, {})
        return _answer(known)

    @routes.put("")
    async def create(name: str, request: Request) -> Any:
        wanted = models.CreateCollection.model_validate(await request.json())
        parts = {"shard_number", "replication_factor", "write_consistency_factor", "on_disk_payload"}
        served.made[name] = wanted.model_dump(include=parts, exclude_none=True)
        return _answer(
            local.create_collection(
                name,
                vectors_config=wanted.vectors,
                sparse_vectors_config=wanted.sparse_vectors,
                metadata=wanted.metadata,
            )
        )

    @routes.delete("")
    def drop(name: str) -> Any:
        served.indexed.pop(name, None)
        return _answer(local.delete_collection(name))

    @routes.put("/index")
    async def index(name: str, request: Request) -> Any:
        wanted = models.CreateFieldIndex.model_validate(await request.json()).model_dump(mode="json")
        schema = wanted["field_schema"]
        kind = (
            {"data_type": schema}
            if isinstance(schema, str)
            else {"data_type": schema["type"], "params": schema}
        )
        served.indexed.setdefault(name, {})[wanted["field_name"]] = kind | {"points": 0}
        return _answer({"operation_id": 0, "status": "completed"})

    return routes


def _writes(served: StandIn) -> APIRouter:
    routes, local = APIRouter(), served.local

    @routes.put("/points")
    async def upsert(name: str, request: Request) -> Any:
        wanted = models.PointsList.model_validate(await request.json())
        assert request.client is not None
        with served.lock:
            served.writers.add(request.client.port)
            return _answer(local.upsert(name, wanted.points))

    @routes.post("/points/delete")
    async def delete(name: str, request: Request) -> Any:
        chosen = models.FilterSelector.model_validate(await request.json())
        with served.lock:
            return _answer(local.delete(name, chosen))

    @routes.post("/points/payload")
    async def set_payload(name: str, request: Request) -> Any:
        wanted = models.SetPayload.model_validate(await request.json())
        assert wanted.filter is not None
        with served.lock:
            return _answer(
                local.set_payload(name, wanted.payload, models.FilterSelector(filter=wanted.filter))
            )

    @routes.post("/points/payload/delete")
    async def delete_payload(name: str, request: Request) -> Any:
        wanted = models.DeletePayload.model_validate(await request.json())
        assert wanted.filter is not None
        with served.lock:
            return _answer(
                local.delete_payload(name, wanted.keys, models.FilterSelector(filter=wanted.filter))
            )

    return routes


def _reads(served: StandIn) -> APIRouter:
    routes, local = APIRouter(), served.local

    @routes.post("/points/count")
    async def count(name: str, request: Request) -> Any:
        wanted = models.CountRequest.model_validate(await request.json())
        with served.lock:
            return _answer(local.count(name, count_filter=wanted.filter))

    @routes.post("/points/scroll")
    async def scroll(name: str, request: Request) -> Any:
        wanted = models.ScrollRequest.model_validate(await request.json())
        with served.lock:
            points, after = local.scroll(
                name,
                limit=wanted.limit or 10,
                offset=wanted.offset,
                with_payload=wanted.with_payload is not False,
                with_vectors=wanted.with_vector or False,
            )
        listed = [json.loads(one.model_dump_json()) for one in points]
        return _answer({"points": listed, "next_page_offset": after})

    @routes.post("/points/query")
    async def query(name: str, request: Request) -> Any:
        wanted = models.QueryRequest.model_validate(await request.json())
        with served.lock:
            return _answer(local.query_batch_points(name, [wanted])[0])

    @routes.post("/points/query/batch")
    async def query_batch(name: str, request: Request) -> Any:
        wanted = models.QueryRequestBatch.model_validate(await request.json())
        with served.lock:
            found = local.query_batch_points(name, wanted.searches)
        return _answer([json.loads(one.model_dump_json()) for one in found])

    return routes
