"""Puts one question to a Tandem as a chat client does, streamed, and reads what comes of it."""

import json
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx

from eval.reply import CitedPlace, Failure, FoundPassage, Reply
from eval.running.plan import Asking
from finetune.validation.over_http import HEADERS, no_answer, passage_of, patiently, refusal
from tandem.errors import ConflictError, EngineFailedError, TandemError, UnavailableError
from tandem.recipes import MODEL
from tandem.remote_errors import error_of

_DATA = "data: "


@dataclass(slots=True)
class _Stream:
    """What a stream has said so far."""

    text: list[str] = field(default_factory=list)
    first_s: float | None = None
    finish_reason: str = ""
    last: dict[str, Any] = field(default_factory=dict)
    """The event with `tandem` and `usage`."""


async def ask(asking: Asking, http: httpx.AsyncClient, *, buffered: bool = False) -> Reply:
    """The reply to one question. What is wrong with this question alone becomes its `failure`.

    A server that is not ready is asked again, four times in all. `buffered` says that `http` hands a response out
    only when it has ended: the time of the first piece is then the server's.

    Raises `UnavailableError` where none answers, and `ConflictError` where the recipe has become another.
    """
    begun_at = time.time()
    try:
        return await patiently(partial(_asked, asking, http, buffered))
    except (UnavailableError, ConflictError):
        raise
    except TandemError as error:
        failure = Failure(type=error.type, message=error.message)
    except httpx.TimeoutException as error:
        failure = Failure(
            type="timeout", message=f"The server did not answer in time: {type(error).__name__}"
        )
    return _named(asking).model_copy(
        update={"failure": failure, "begun_at": begun_at, "seconds": round(time.time() - begun_at, 3)}
    )


def body_of(asking: Asking) -> dict[str, Any]:
    """The body of the request."""
    messages = [{"role": "system", "content": asking.instructions}] if asking.instructions else []
    messages += [{"role": turn.role, "content": turn.content} for turn in asking.history]
    messages += [{"role": "user", "content": asking.question}]
    tandem: dict[str, Any] = {"passages": True, "degrade": False, "keep": False}
    if asking.corpora:
        tandem["corpora"] = list(asking.corpora)
    if asking.without:
        tandem["without"] = list(asking.without)
    body: dict[str, Any] = {
        "model": f"{MODEL}:{asking.recipe}",
        "messages": messages,
        "stream": True,
        "stream_options": {"include_usage": True},
        "tandem": tandem,
    }
    if asking.max_tokens is not None:
        body["max_tokens"] = asking.max_tokens
    if asking.seed is not None:
        body["seed"] = asking.seed
    return body


async def _asked(asking: Asking, http: httpx.AsyncClient, buffered: bool) -> Reply:
    begun_at, begun = time.time(), time.perf_counter()
    said = _Stream()
    async for event in _events(body_of(asking), http):
        if "error" in event:
            raise error_of(json.dumps(event).encode())
        for choice in event.get("choices") or ():
            delta = choice.get("delta") or {}
            piece = delta.get("content") or delta.get("refusal") or ""
            if piece and said.first_s is None:
                said.first_s = time.perf_counter() - begun
            said.text.append(piece)
            said.finish_reason = choice.get("finish_reason") or said.finish_reason
        if "tandem" in event:
            said.last = event
    seconds = time.perf_counter() - begun
    if not said.last:
        raise EngineFailedError("The stream ended before its last event")
    return _reply(asking, said, begun_at, seconds, buffered)


async def _events(body: dict[str, Any], http: httpx.AsyncClient) -> AsyncIterator[dict[str, Any]]:
    try:
        async with http.stream("POST", "/v1/chat/completions", json=body, headers=HEADERS) as response:
            if not response.is_success:
                raise refusal(await response.aread(), response.headers)
            async for line in response.aiter_lines():
                if line.startswith(_DATA) and line != f"{_DATA}[DONE]":
                    yield _event(line.removeprefix(_DATA))
    except httpx.TimeoutException as error:
        if isinstance(error, httpx.ReadTimeout):
            raise  # this question takes too long; others need not
        raise no_answer(error) from error
    except httpx.TransportError as error:
        raise no_answer(error) from error


def _event(text: str) -> dict[str, Any]:
    try:
        event: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise EngineFailedError("The stream broke off in the middle of an event") from error
    return event


def _reply(asking: Asking, said: _Stream, begun_at: float, seconds: float, buffered: bool) -> Reply:
    tandem, usage = said.last["tandem"], said.last["usage"]
    if tandem["recipe_version"] != asking.recipe_version:
        raise ConflictError(
            f"{asking.recipe} answers as version {tandem['recipe_version']}, not {asking.recipe_version}",
            hint="It was changed while the run went on; begin another run.",
        )
    passages = tandem["passages"] or []
    timings: dict[str, float] = tandem["timings"]
    first_s = said.first_s
    if buffered:
        first_s = timings["first_token"] / 1000 if "first_token" in timings else None
    return _named(asking).model_copy(
        update={
            "text": "".join(said.text),
            "abstained": tandem["abstained"],
            "finish_reason": said.finish_reason,
            "citations": tuple(_cited(one, passages) for one in tandem["citations"]),
            "passages": tuple(_found(one) for one in passages),
            "evidence": tandem["evidence"],
            "tokens_in": usage["prompt_tokens"],
            "tokens_out": usage["completion_tokens"],
            "seconds": round(seconds, 4),
            "first_token_s": None if first_s is None else round(first_s, 4),
            "timings": timings,
            "begun_at": round(begun_at, 3),
            "trace_id": tandem["trace_id"],
        }
    )


def _named(asking: Asking) -> Reply:
    return Reply(
        arm=asking.arm,
        recipe_version=asking.recipe_version,
        case=asking.case,
        variant=asking.variant,
        part=asking.part,
        question=asking.question,
    )


def _cited(citation: Any, passages: Sequence[Any]) -> CitedPlace:
    return CitedPlace(
        n=citation["n"],
        document_id=citation["document_id"],
        uri=citation["uri"],
        start=citation["start"],
        end=citation["end"],
        quote=citation["quote"],
        passage=passage_of(citation, passages),
    )


def _found(passage: Any) -> FoundPassage:
    return FoundPassage(
        id=passage["id"],
        document_id=passage["document_id"],
        uri=passage["uri"],
        text=passage["text"],
        score=passage["score"],
        start=passage["start"],
        end=passage["end"],
        in_prompt=bool(passage["in_prompt"]),
    )
