"""A stand-in for a Qdrant server: the client's own local mode behind the few HTTP routes that Tandem calls.

It shows that several processes write over HTTP, and what. It is not the engine, and proves nothing about it.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from qdrant_client import QdrantClient, models
from running import free_port


@dataclass
class StandIn:
    url: str
    local: QdrantClient
    writers: set[int] = field(default_factory=set)
    """Ports of the connections over which points came."""


@contextmanager
def stand_in() -> Iterator[StandIn]:
    """A listening stand-in, in a thread of this process."""
    port = free_port()
    served = StandIn(f"http://127.0.0.1:{port}", QdrantClient(":memory:"))
    server = uvicorn.Server(uvicorn.Config(_app(served), port=port, log_level="error"))
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
    _add_searches(app, served)
    local, lock = served.local, threading.Lock()

    def answer(result: Any) -> dict[str, Any]:
        plain = json.loads(result.model_dump_json()) if hasattr(result, "model_dump_json") else result
        return {"result": plain, "status": "ok", "time": 0.0}

    @app.get("/collections/{name}/exists")
    def exists(name: str) -> Any:
        return answer({"exists": local.collection_exists(name)})

    @app.get("/collections/{name}")
    def described(name: str) -> Any:
        return answer(local.get_collection(name))

    @app.put("/collections/{name}")
    async def create(name: str, request: Request) -> Any:
        wanted = models.CreateCollection.model_validate(await request.json())
        return answer(
            local.create_collection(
                name,
                vectors_config=wanted.vectors,
                sparse_vectors_config=wanted.sparse_vectors,
                metadata=wanted.metadata,
            )
        )

    @app.put("/collections/{name}/index")
    def index(name: str) -> Any:
        return answer({"operation_id": 0, "status": "completed"})

    @app.put("/collections/{name}/points")
    async def upsert(name: str, request: Request) -> Any:
        wanted = models.PointsList.model_validate(await request.json())
        assert request.client is not None
        with lock:
            served.writers.add(request.client.port)
            return answer(local.upsert(name, wanted.points))

    @app.post("/collections/{name}/points/delete")
    async def delete(name: str, request: Request) -> Any:
        chosen = models.FilterSelector.model_validate(await request.json())
        with lock:
            return answer(local.delete(name, chosen))

    @app.post("/collections/{name}/points/count")
    async def count(name: str, request: Request) -> Any:
        wanted = models.CountRequest.model_validate(await request.json())
        with lock:
            return answer(local.count(name, count_filter=wanted.filter))

    @app.post("/collections/{name}/points/scroll")
    async def scroll(name: str, request: Request) -> Any:
        wanted = models.ScrollRequest.model_validate(await request.json())
        with lock:
            points, after = local.scroll(
                name, limit=wanted.limit or 10, offset=wanted.offset, with_payload=True, with_vectors=True
            )
        return answer(
            {"points": [json.loads(one.model_dump_json()) for one in points], "next_page_offset": after}
        )

    return app


def _add_searches(app: FastAPI, served: StandIn) -> None:
    lock = threading.Lock()

    @app.post("/collections/{name}/points/query/batch")
    async def query(name: str, request: Request) -> Any:
        wanted = models.QueryRequestBatch.model_validate(await request.json())
        with lock:
            found = served.local.query_batch_points(name, wanted.searches)
        return {"result": [json.loads(one.model_dump_json()) for one in found], "status": "ok", "time": 0.0}
