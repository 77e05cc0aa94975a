"""A fake engine: it says one sentence at once, and notes when each request arrived.

It stands in for vLLM where the time before the engine is measured, so that the engine's own time is not.
"""

import json
import sys
import time
from collections.abc import Iterator

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

arrivals: list[int] = []
"""Of each chat request, in nanoseconds of the machine's monotonic clock."""


bodies: list[object] = []
"""Of each chat request, as it came."""


async def chat(request: Request) -> Response:
    """One sentence, streamed as vLLM does."""
    bodies.append(await request.json())

    def events() -> Iterator[bytes]:
        head = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "base"}
        for delta, finish in (({"role": "assistant", "content": "I don't know."}, None), ({}, "stop")):
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            yield b"data: " + json.dumps(head | {"choices": [choice]}).encode() + b"\n\n"
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        yield b"data: " + json.dumps(head | {"choices": [], "usage": usage}).encode() + b"\n\n"
        yield b"data: [DONE]\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


async def told(request: Request) -> Response:
    """The arrivals so far."""
    return JSONResponse(arrivals)


async def recorded(request: Request) -> Response:
    """The requests so far."""
    return JSONResponse(bodies)


async def health(request: Request) -> Response:
    """Always healthy."""
    return Response()


async def models(request: Request) -> Response:
    """The base model alone."""
    return JSONResponse(
        {"object": "list", "data": [{"id": "base", "object": "model", "created": 0, "owned_by": "x"}]}
    )


_routes = Starlette(
    routes=[
        Route("/v1/chat/completions", chat, methods=["POST"]),
        Route("/arrivals", told),
        Route("/bodies", recorded),
        Route("/health", health),
        Route("/v1/models", models),
    ]
)


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Notes the arrival before anything else, so that the fake's own time does not count."""
    if scope["type"] == "http" and scope["path"] == "/v1/chat/completions":
        arrivals.append(time.monotonic_ns())
    await _routes(scope, receive, send)


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
