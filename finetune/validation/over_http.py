"""Asks a running Tandem as any client does."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import httpx

from finetune.validation.asking import KnownRecipe, Reply, Wish
from tandem.errors import UnavailableError
from tandem.remote_errors import error_of

_TRIES = 4
_PAUSE_S = 2.0
_LONGEST_PAUSE_S = 30.0
"""Whatever the server says of when it will be ready."""
_HEADERS = {"Cache-Control": "no-store"}
"""A kept answer would be measured for its speed, and the answers of a measure are not to be given to others."""


async def ask_over_http(wish: Wish, http: httpx.AsyncClient) -> Reply:
    """The reply of the server behind `http`; one that is not ready is asked again, four times in all.

    Raises what the server answers with, and `UnavailableError` where none answers.
    """
    instructions = [{"role": "system", "content": wish.instructions}] if wish.instructions else []
    body: dict[str, Any] = {
        "model": f"tandem:{wish.recipe}",
        "messages": [*instructions, {"role": "user", "content": wish.question}],
        "tandem": {"passages": True},
    }
    if wish.corpora:
        body["tandem"]["corpora"] = list(wish.corpora)
    if wish.without:
        body["tandem"]["without"] = list(wish.without)
    if wish.max_tokens is not None:
        body["max_tokens"] = wish.max_tokens
    for tries in range(1, _TRIES + 1):
        begun = time.monotonic()
        try:
            said = await _posted(body, http)
        except UnavailableError as error:
            if tries == _TRIES:
                raise
            await asyncio.sleep(min(error.retry_after or _PAUSE_S * tries, _LONGEST_PAUSE_S))
        else:
            return _reply(said, time.monotonic() - begun)
    raise AssertionError("unreachable")


async def recipe_over_http(recipe: str, http: httpx.AsyncClient) -> KnownRecipe:
    """What the server knows of a recipe, `NAME` or `NAME@VERSION`. Raises `NotFoundError`."""
    name, _, version = recipe.partition("@")
    response = await http.get(
        f"/api/recipes/{name}/versions/{version}" if version else f"/api/recipes/{name}"
    )
    if not response.is_success:
        raise error_of(response.content)
    known = response.json()
    return KnownRecipe(known["version"], known["definition"].get("retrieval") is not None)


async def _posted(body: dict[str, Any], http: httpx.AsyncClient) -> Any:
    try:
        response = await http.post("/v1/chat/completions", json=body, headers=_HEADERS)
    except httpx.TransportError as error:
        raise UnavailableError(
            f"The server does not answer: {type(error).__name__}", hint="Is `tandem up` still running?"
        ) from error
    if response.is_success:
        return response.json()
    refused = error_of(response.content)
    refused.retry_after = _seconds(response.headers.get("Retry-After"))
    raise refused


def _seconds(header: str | None) -> int | None:
    return int(header) if header and header.isdecimal() else None


def _reply(said: Any, seconds: float) -> Reply:
    choice, tandem, usage = said["choices"][0], said["tandem"], said["usage"]
    passages = tandem["passages"] or []
    return Reply(
        text=choice["message"]["content"] or choice["message"]["refusal"] or "",
        abstained=tandem["abstained"],
        cited=tuple(_passage_of(citation, passages) for citation in tandem["citations"]),
        tokens_in=usage["prompt_tokens"],
        tokens_out=usage["completion_tokens"],
        seconds=round(seconds, 3),
        finish_reason=choice["finish_reason"],
        evidence=tandem["evidence"],
    )


def _passage_of(citation: Any, passages: Sequence[Any]) -> str:
    """Text of the best passage that the cited place lies in; the quote alone where it is of none of them.

    Chunks overlap: a place may lie in two, and a reader who follows the citation sees the same of both.
    """
    for passage in passages:
        inside = passage["start"] <= citation["start"] and citation["end"] <= passage["end"]
        if inside and passage["document_id"] == citation["document_id"]:
            return str(passage["text"])
    return str(citation["quote"])
