"""`POST /v1/chat/completions`: ask a question, streamed or not."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, aclosing
from typing import Annotated, Any, TypeVar
from uuid import uuid4

import anyio
from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from server.answering import Answer, Question, ReasoningDelta, TextDelta, answer, answer_or_replay
from server.answering.leaving_out import answer_without
from server.api.chat_request import ChatRequest
from server.api.chat_response import ChatCompletion, ChunkWriter, completion
from server.api.description import EVENTS
from server.api.identity import chatter_of, evaluator_of, services_of
from server.limiting.admitting import admit
from server.services import Services
from tandem.errors import TandemError
from tandem.vocabulary import Caller

router = APIRouter(tags=["chat"])

Event = TextDelta | ReasoningDelta | Answer
Events = AsyncGenerator[Event, None]
T = TypeVar("T")


@router.post(
    "/v1/chat/completions",
    response_model=ChatCompletion,
    responses={200: {"description": "The answer, whole or as events", "content": EVENTS}},
)
async def chat_completions(
    body: ChatRequest,
    request: Request,
    caller: Annotated[Caller, Depends(chatter_of)],
    services: Annotated[Services, Depends(services_of)],
) -> Response:
    """Answer the last message from the caller's documents, in OpenAI's shapes."""
    if not body.keeps:  # nobody who only chats asks unseen
        evaluator_of.check(caller)
    question = body.question(caller, services.settings.server, services.settings.limits)
    completion_id, created = f"chatcmpl-{uuid4().hex}", int(time.time())
    async with AsyncExitStack() as admission:
        admitted = await admission.enter_async_context(admit(question, services))
        events = _events_of(admitted.question, body, request, services)
        if not body.stream:
            done = await _unless_client_leaves(_last_event(events), request)
            if done is None:
                return Response(status_code=499)  # the client has gone; nobody reads this
            whole = completion(
                done,
                completion_id,
                created,
                body.model,
                passages=body.wants_passages,
                feedback_token=_signer(question, body, services)(done),
            )
            return JSONResponse(whole.model_dump(), headers=admitted.headers)
        # The first event is awaited here, so that what fails before any text gets its HTTP status.
        first = await _unless_client_leaves(_first_event(events), request)
        if first is None:
            return Response(status_code=499)
        include_usage = bool(body.stream_options and body.stream_options.include_usage)
        sign = _signer(question, body, services)
        writer = ChunkWriter(completion_id, created, body.model, passages=body.wants_passages, sign=sign)
        written = _written(first, events, writer, include_usage, services)
        return _EventStream(events, written, admission.pop_all(), admitted.headers)


def _events_of(question: Question, body: ChatRequest, request: Request, services: Services) -> Events:
    """The answer's events, until the server stops and waits no longer."""
    events = services.tracing.watched(
        _answering(question, body, request, services), question, request.headers
    )
    return services.resilience.drain.until_cut(events)


def _answering(question: Question, body: ChatRequest, request: Request, services: Services) -> Events:
    """`Cache-Control: no-cache` asks for a fresh answer, `no-store` keeps none either."""
    if body.without:
        return _counted(answer_without(question, body.without, services), services)
    if not body.keeps:
        return _counted(answer(question, services, kept=False), services)
    wanted = {word.strip().lower() for word in request.headers.get("cache-control", "").split(",")}
    keep = "no-store" not in wanted
    return answer_or_replay(question, services, look=keep and "no-cache" not in wanted, keep=keep)


async def _counted(events: Events, services: Services) -> Events:
    """An evaluation is load, if nothing else."""
    async with aclosing(events) as answering:
        async for event in answering:
            if isinstance(event, Answer):
                services.metrics.unkept()
            yield event


def _signer(question: Question, body: ChatRequest, services: Services) -> Callable[[Answer], str | None]:
    """Signs the answer's id for who asked, where the answer is one that is kept."""
    tokens, caller = services.tracing.tokens, question.caller

    def sign(answer: Answer) -> str | None:
        if not body.keeps or answer.shadow:
            return None
        return tokens.sign(caller.tenant, answer.trace_id, tokens.voter(caller, question.user))

    return sign


async def _unless_client_leaves(work: Coroutine[Any, Any, T], request: Request) -> T | None:
    """What the work comes to, or `None` if the client went away; then the engine's work is aborted too."""
    answering = asyncio.create_task(work)
    leaving = asyncio.create_task(_client_leaves(request))
    try:
        await asyncio.wait((answering, leaving), return_when=asyncio.FIRST_COMPLETED)
        return await answering if answering.done() else None
    finally:
        # Also where this request is cancelled: nothing may be left behind.
        for task in (answering, leaving):
            task.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.wait((answering, leaving))


async def _first_event(events: Events) -> Event:
    return await anext(events)


async def _last_event(answering: Events) -> Answer:
    async with aclosing(answering) as events:
        async for event in events:
            if isinstance(event, Answer):
                return event
    raise RuntimeError("an answer without an end")


async def _client_leaves(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _written(
    first: Event, events: Events, writer: ChunkWriter, include_usage: bool, services: Services
) -> AsyncIterator[bytes]:
    """The stream as server-sent events; an error in its middle becomes its last event."""
    yield _sse(writer.role())
    event: Event | None = first
    try:
        while event is not None:
            if isinstance(event, ReasoningDelta):
                yield _sse(writer.reasoning(event.text))
            elif isinstance(event, TextDelta):
                yield _sse(writer.text(event))
            else:
                for last in writer.end(event, include_usage=include_usage):
                    yield _sse(last)
            event = await anext(events, None)
    except TandemError as error:
        services.metrics.failed(error.type)
        yield _sse(error.body())
        return
    yield b"data: [DONE]\n\n"


class _EventStream(StreamingResponse):
    """A stream that closes its answer however it ends, so that no engine request outlives its client.

    `admission` is closed after it.
    """

    def __init__(
        self,
        events: Events,
        body: AsyncIterator[bytes],
        admission: AsyncExitStack,
        headers: Mapping[str, str],
    ) -> None:
        sent = {"Cache-Control": "no-store", **headers}
        super().__init__(body, media_type="text/event-stream", headers=sent)
        self._admission = admission
        self._events = events
        self._body = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            with anyio.CancelScope(shield=True):
                await self._body.aclose()  # type: ignore[attr-defined]
                await self._events.aclose()
                await self._admission.aclose()


def _sse(event: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"
