"""Searches for further texts beside the question, written by the model, and fuses what they find."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace

from server.admission import Ticket
from server.answering.asked import AskedVector
from server.answering.generate import ticket_of
from server.answering.retrieve import retrieve
from server.answering.rewrite import rewrite
from server.answering.timings import Timings
from server.answering.types import Question
from server.services import Services
from tandem.recipes import Recipe
from tandem.retrieval_profile import RetrievalProfile
from tandem.vocabulary import Passage

_K = 60
_WORDING_TOKENS = 32
_PASSAGE_TOKENS = 96
_BULLET = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)])\s*")


async def find_passages(
    question: Question,
    search: str,
    recipe: Recipe,
    services: Services,
    timings: Timings,
    asked: AskedVector | None = None,
) -> list[Passage]:
    """The passages for the text `search`, and where the recipe expands it for further texts, best first.

    The question is searched for while the model writes. Where it fails or takes too long, that search is all.
    `asked` gets the vector of `search`.
    Raises as `retrieve` does.
    """
    profile = recipe.retrieval
    if profile is None:
        return []
    if profile.rewriting.expand == "off":
        return await _find(question, search, profile, services, timings, asked)
    salt = services.salting.of(question.caller.tenant)
    writing = asyncio.create_task(further_texts(search, recipe, services, ticket_of(question), salt))
    try:
        found = [await _find(question, search, profile, services, timings, asked)]
        with timings.step("expand"):
            texts = await writing
        for text in texts:
            found.append(await _find(question, text, profile, services, timings))
    finally:
        writing.cancel()
    # Where nothing more was searched for, ranks say less than the scores that there are.
    return fuse(found, profile.rewriting.scored_by)[: profile.passages] if texts else found[0]


async def further_texts(
    search: str, recipe: Recipe, services: Services, ticket: Ticket, salt: str | None = None
) -> list[str]:
    """Other wordings of the question, or a passage as one that answers it may read; none where that fails."""
    if recipe.retrieval is None:
        return []
    rewriting = recipe.retrieval.rewriting
    if rewriting.expand == "hyde":
        text = await rewrite(
            "hyde", search, recipe, services, max_tokens=_PASSAGE_TOKENS, ticket=ticket, salt=salt
        )
        return [text] if text else []
    most = rewriting.wordings
    text = await rewrite(
        "multi_query",
        search,
        recipe,
        services,
        max_tokens=most * _WORDING_TOKENS,
        count=most,
        ticket=ticket,
        salt=salt,
    )
    lines = (_BULLET.sub("", line).strip() for line in (text or "").splitlines())
    different = dict.fromkeys(line for line in lines if line and line.casefold() != search.casefold())
    return list(different)[:most]


def fuse(rankings: Sequence[Sequence[Passage]], scored_by: str) -> list[Passage]:
    """One ranking of several, by reciprocal rank fusion with k = 60 (Cormack, Clarke and Büttcher 2009).

    A passage keeps its highest cosine; its score is that of the fusion, which is called `scored_by`.
    """
    scores: dict[tuple[str, int, int], float] = {}
    best: dict[tuple[str, int, int], Passage] = {}
    for ranking in rankings:
        for rank, passage in enumerate(ranking, start=1):
            place = (passage.chunk.document_id, passage.chunk.start, passage.chunk.end)
            scores[place] = scores.get(place, 0.0) + 1 / (_K + rank)
            if place not in best or passage.similarity > best[place].similarity:
                best[place] = passage
    order = sorted(scores, key=lambda place: -scores[place])
    return [replace(best[place], score=scores[place], scored_by=scored_by) for place in order]


async def _find(
    question: Question,
    text: str,
    profile: RetrievalProfile,
    services: Services,
    timings: Timings,
    asked: AskedVector | None = None,
) -> list[Passage]:
    ticket = ticket_of(question)
    if asked is not None and services.admission.searches_wait:
        await _embed_meanwhile(text, asked, ticket, services, timings)
    async with services.admission.search(ticket):
        return await retrieve(
            question.caller, text, question.corpora, question.where, profile, services, timings, asked
        )


async def _embed_meanwhile(
    text: str, asked: AskedVector, ticket: Ticket, services: Services, timings: Timings
) -> None:
    """Embed what has to wait for its search anyway, with others that wait: together they take a third of the time."""
    async with services.admission.embedding(ticket):
        with services.live.reading() as collection, timings.step("embed"):
            await asked.of(text, collection.embedder)
