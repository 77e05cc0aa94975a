"""Asks a running Tandem as any client does."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import httpx

from finetune.validation.asking import KnownRecipe, Reply, Wish
from tandem.errors import TandemError, UnavailableError
from tandem.remote_errors import error_of

T = TypeVar("T")

_TRIES = 4
_PAUSE_S = 2.0
_LONGEST_PAUSE_S = 30.0
"""Whatever the server says of when it will be ready."""
HEADERS = {"Cache-Control": "no-store"}
"""A kept answer would be measured for its speed, and the answers of a measure are not to be given to others."""


async def ask_over_http(wish: Wish, http: httpx.AsyncClient) -> Reply:
    """The reply of the server behind `http`; one that is not ready is asked again, four times in all.

    Raises what the server answers with, and `UnavailableError` where none answers.
    """
    instructions = [{"role": "system", "content": wish.instructions}] if wish.instructions else []
    body: dict[str, Any] = {
        "model": f"tandem:{wish.recipe}",
        "messages": [*instructions, {"role": "user", "content": wish.question}],
        "tandem": {"passages": True, "degrade": False, "keep": False},
    }
    if wish.corpora:
        body["tandem"]["corpora"] = list(wish.corpora)
    if wish.without:
        body["tandem"]["without"] = list(wish.without)
    if wish.max_tokens is not None:
        body["max_tokens"] = wish.max_tokens
    return await patiently(partial(_asked, body, http))


async def recipe_over_http(recipe: str, http: httpx.AsyncClient) -> KnownRecipe:
    """What the server knows of a recipe, `NAME` or `NAME@VERSION`. Raises `NotFoundError`."""
    known = await saved_recipe(recipe, http)
    return KnownRecipe(known["version"], known["definition"].get("retrieval") is not None)


async def saved_recipe(recipe: str, http: httpx.AsyncClient) -> Any:
    """All that the server says of a recipe. Raises `NotFoundError`."""
    name, _, version = recipe.partition("@")
    return await got(f"/api/recipes/{name}/versions/{version}" if version else f"/api/recipes/{name}", http)


async def got(path: str, http: httpx.AsyncClient) -> Any:
    """The JSON at a path. Raises what the server answers with, and `UnavailableError` where none answers."""
    try:
        response = await http.get(path)
    except httpx.TransportError as error:
        raise no_answer(error) from error
    if not response.is_success:
        raise refusal(response.content, response.headers)
    return response.json()


async def patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """What `ask` gives. Where the server is not ready for it, it is called again: four times in all."""
    for tries in range(1, _TRIES + 1):
        try:
            return await ask()
        except UnavailableError as error:
            if tries == _TRIES:
                raise
            await asyncio.sleep(min(error.retry_after or _PAUSE_S * tries, _LONGEST_PAUSE_S))
    raise AssertionError("unreachable")


def no_answer(error: httpx.TransportError) -> UnavailableError:
    """What a broken connection means."""
    return UnavailableError(
        f"The server does not answer: {type(error).__name__}", hint="Is `tandem up` still running?"
    )


def refusal(content: bytes, headers: Mapping[str, str]) -> TandemError:
    """The error of a response, with the time after which it may be tried again."""
    refused = error_of(content)
    refused.retry_after = _seconds(headers.get("Retry-After"))
    return refused


async def _asked(body: dict[str, Any], http: httpx.AsyncClient) -> Reply:
    begun = time.monotonic()
    try:
        response = await http.post("/v1/chat/completions", json=body, headers=HEADERS)
    except httpx.TransportError as error:
        raise no_answer(error) from error
    if not response.is_success:
        raise refusal(response.content, response.headers)
    return _reply(response.json(), time.monotonic() - begun)


def _seconds(header: str | None) -> int | None:
    return int(header) if header and header.isdecimal() else None


def _reply(said: Any, seconds: float) -> Reply:
    choice, tandem, usage = said["choices"][0], said["tandem"], said["usage"]
    passages = tandem["passages"] or []
    return Reply(
        text=choice["message"]["content"] or choice["message"]["refusal"] or "",
        abstained=tandem["abstained"],
        cited=tuple(passage_of(citation, passages) for citation in tandem["citations"]),
        tokens_in=usage["prompt_tokens"],
        tokens_out=usage["completion_tokens"],
        seconds=round(seconds, 3),
        finish_reason=choice["finish_reason"],
        evidence=tandem["evidence"],
    )


def passage_of(citation: Any, passages: Sequence[Any]) -> str:
    """Text of the best passage that the cited place lies in; the quote alone where it is of none of them.

    Chunks overlap: a place may lie in two, and a reader who follows the citation sees the same of both.
    """
    for passage in passages:
        inside = passage["start"] <= citation["start"] and citation["end"] <= passage["end"]
        if inside and passage["document_id"] == citation["document_id"]:
            return str(passage["text"])
    return str(citation["quote"])
