"""Gives an answer again where the same was asked before and nothing that it depends on has changed.

What an answer depends on is in its key: the caller's tenant, access groups and scope, the documents of that scope, the
recipe's version, the whole conversation and the sampling. A kept answer passes all that a fresh one does
after the engine: it is streamed, cited and traced.
"""

import json
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Literal
from uuid import uuid4

import numpy as np
import structlog
from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError

from server.answering.answer import answer
from server.answering.choose import Choice, choose
from server.answering.find import route_of
from server.answering.generate import sampling_for
from server.answering.timings import Timings
from server.answering.trace import keep_trace
from server.answering.types import Answer, Question, ReasoningDelta, TextDelta
from server.resilience.search_guard import guarded
from server.services import Services
from tandem import __version__
from tandem.errors import StorageError, UnavailableError
from tandem.index import Vector
from tandem.recipes import Recipe
from tandem.recipes.recipe import ABSTAIN, ANSWER
from tandem.store import CachedAnswer, Visible
from tandem.threads import in_thread

Event = TextDelta | ReasoningDelta | Answer
Kind = Literal["exact", "similar"]

log = structlog.get_logger(__name__)

_MIB = 2**20


@dataclass(frozen=True, slots=True)
class _Kept:
    """An answer as it is kept: the pieces in which it was streamed, and the whole."""

    pieces: tuple[tuple[Literal["reasoning", "text", "refusal"], str], ...]
    answer: Answer

    @classmethod
    def of(cls, events: Sequence[TextDelta | ReasoningDelta], answer: Answer) -> "_Kept":
        """What was streamed, and the answer that it came to."""
        return cls(tuple((_kind_of(event), event.text) for event in events), answer)

    def events(self) -> Iterator[TextDelta | ReasoningDelta]:
        """The stream again."""
        for kind, text in self.pieces:
            yield ReasoningDelta(text) if kind == "reasoning" else TextDelta(text, kind == "refusal")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an answer is looked for and kept."""

    tenant: str
    corpora: tuple[str, ...] | None
    family: str
    key: str
    visible: Visible
    vector: Vector | None = None
    """Of the question, where similar ones are looked for."""


_FORM: TypeAdapter[_Kept] = TypeAdapter(_Kept)


async def answer_or_replay(
    question: Question, services: Services, *, look: bool = True, keep: bool = True
) -> AsyncGenerator[Event, None]:
    """As `answer`, from the cache where the settings allow it and it is there.

    Without `look` the question is answered anew; without `keep` its answer is not kept.
    """
    choice = await choose(question, services)
    recipe = choice.recipe
    if not (look or keep) or not _may_be_kept(question, recipe, services):
        async with aclosing(answer(question, services, choice)) as events:
            async for event in events:
                yield event
        return
    timings = Timings()
    with timings.step("cache"):
        # Before the documents are searched: what changes from here on makes this answer's place out of date.
        async with guarded(services.resilience.search, services.store.patience_s):
            place = await _place_of(question, recipe, services)
            found = await _find(place, services) if look else None
    if found is not None:
        kept, kind = found
        for piece in kept.events():
            yield piece
        again = _again(kept.answer, choice, kind, timings)
        await keep_trace(question, again, services)
        yield again
        return
    streamed: list[TextDelta | ReasoningDelta] = []
    async with aclosing(answer(question, services, choice)) as events:
        async for event in events:
            if isinstance(event, Answer):
                # What was late this time need not be the next.
                if keep and not event.degraded and not event.makeshift:
                    await _keep(place, _Kept.of(streamed, event), services)
            else:
                streamed.append(event)
            yield event


def _may_be_kept(question: Question, recipe: Recipe, services: Services) -> bool:
    settings = services.settings.cache
    if not settings.answers:
        return False
    sampling = sampling_for(recipe, question.sampling)
    return settings.sampled or sampling.temperature == 0


async def _place_of(question: Question, recipe: Recipe, services: Services) -> _Place:
    family = _family(question, recipe, services)
    key = sha256(f"{family}\x00{question.text}".encode(errors="surrogatepass")).hexdigest()
    tenant, corpora = question.caller.tenant, question.corpora
    visible = await in_thread(services.store.visible, tenant, corpora)
    place = _Place(tenant, corpora, family, key, visible)
    if services.settings.cache.similar is None:
        return place
    with services.live.reading() as collection:
        return replace(place, vector=await collection.embedder.embed_query(question.text))


def _family(question: Question, recipe: Recipe, services: Services) -> str:
    """Hash of all that shapes the answer, but the question's words and the documents."""
    settings = services.settings
    engine = settings.engine
    shaping = {
        "tandem": __version__,
        "recipe": recipe.version,
        "routed": _route_of(question, recipe, services),
        # A registered adapter's name means the same weights for ever, and is in the recipe's version.
        "adapter": str(engine.adapters.get(recipe.model, "")),
        "context": engine.context_tokens,
        "index": settings.index.model_dump(mode="json", exclude={"api_key"}),
        "collection": services.live.collection.name,
        "tenant": question.caller.tenant,
        "groups": None if question.caller.groups is None else sorted(set(question.caller.groups)),
        "corpora": None if question.corpora is None else sorted(question.corpora),
        "where": asdict(question.where),
        "instructions": question.instructions,
        "history": [asdict(turn) for turn in question.history],
        "sampling": asdict(sampling_for(recipe, question.sampling)),
        "response_format": question.response_format,
    }
    return sha256(json.dumps(shaping, sort_keys=True).encode()).hexdigest()


def _route_of(question: Question, recipe: Recipe, services: Services) -> str:
    """What decides where a question from outside goes; empty where that makes no difference."""
    if recipe.outside == ANSWER:
        return ""
    to = "" if recipe.outside == ABSTAIN else route_of(recipe, services).version
    return f"{to} {services.domains.label(question.caller.tenant, recipe.model)}"


async def _find(place: _Place, services: Services) -> tuple[_Kept, Kind] | None:
    kind: Kind = "exact"
    text = await in_thread(services.store.cached_answer, place.tenant, place.key, place.visible.digest)
    if text is None and place.vector is not None:
        kind = "similar"
        near = await in_thread(_nearest, place, place.vector, services)
        if near is not None:
            text = await in_thread(services.store.cached_answer, place.tenant, near, place.visible.digest)
    services.metrics.looked_up("missed" if text is None else kind)
    return None if text is None else (_FORM.validate_json(text), kind)


def _nearest(place: _Place, vector: Vector, services: Services) -> str | None:
    """Key of the nearest question of the family, if it is near enough. Blocking."""
    kept = services.store.cached_questions(place.tenant, place.family, place.visible.digest)
    if not kept:
        return None
    cosines = np.stack([np.frombuffer(each, dtype=np.float32) for _, each in kept]) @ vector
    best = int(cosines.argmax())
    least = services.settings.cache.similar
    return kept[best][0] if least is not None and cosines[best] >= least else None


async def _keep(place: _Place, kept: _Kept, services: Services) -> None:
    settings = services.settings.cache
    ends_at = datetime.now(UTC) + timedelta(seconds=settings.ttl_s)
    if place.visible.until is not None:
        ends_at = min(ends_at, place.visible.until)
    try:
        text = _FORM.dump_json(kept).decode()
    except PydanticSerializationError:
        return  # half a character, which JSON cannot hold
    entry = CachedAnswer(
        tenant=place.tenant,
        key=place.key,
        family=place.family,
        visible=place.visible.digest,
        corpora=place.corpora,
        ends_at=ends_at,
        vector=None if place.vector is None else place.vector.tobytes(),
        answer=text,
    )
    documents = {passage.chunk.document_id for passage in kept.answer.passages}
    room = int(settings.mb * _MIB)
    try:
        await in_thread(
            services.store.keep_answer, entry, documents, entries=settings.entries, max_bytes=room
        )
    except (StorageError, UnavailableError) as error:
        log.warning("an answer was not kept", error=str(error))  # whoever asked has it all the same


def _kind_of(event: TextDelta | ReasoningDelta) -> Literal["reasoning", "text", "refusal"]:
    if isinstance(event, ReasoningDelta):
        return "reasoning"
    return "refusal" if event.refusal else "text"


def _again(kept: Answer, choice: Choice, kind: Kind, timings: Timings) -> Answer:
    """The kept answer as one of its own; the engine has read and written nothing for it."""
    return replace(
        kept,
        trace_id=uuid4().hex,
        timings=timings.finish(),
        tokens_in=0,
        tokens_out=0,
        cached=kind,
        experiment=choice.experiment,
        arm=choice.arm,
        unit=choice.unit,
    )
