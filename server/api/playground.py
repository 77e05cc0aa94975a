"""`POST /api/playground`: recipes side by side on questions, streamed; the winner is saved as a version."""

import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Depends, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.types import Receive, Scope, Send

from server.answering import Answer, Question, ReasoningDelta, TextDelta, Turn
from server.api.chat_request import TandemOptions, check_length
from server.api.description import EVENTS
from server.api.identity import evaluator_of, operator_of, services_of
from server.api.recipes import RecipeVersionBody, recipe_body
from server.playground import Found, Told, cost_of, play
from server.services import Services
from tandem.errors import InvalidRequestError, TandemError, TooLargeError
from tandem.prompts import check_name, check_prompt
from tandem.recipes import MODEL, Recipe, RecipeChanges
from tandem.recipes.keeping import check_recipe_name, derive, save_recipe
from tandem.threads import in_thread
from tandem.vocabulary import Caller, Passage, Where

router = APIRouter(prefix="/api/playground", tags=["playground"])

Parts = Annotated[Services, Depends(services_of)]
_DRAFT = "draft"
_MOST_ANSWERS = 2_000


class Variant(BaseModel):
    """A recipe, `NAME` or `NAME@VERSION`, perhaps with changes, perhaps with a prompt that is not saved yet."""

    model_config = ConfigDict(extra="forbid")
    recipe: str | None = Field(None, max_length=130, description="The champion by default.")
    changes: RecipeChanges = Field(default_factory=RecipeChanges)
    text: str | None = Field(None, description="Text of a prompt, in place of `changes.prompt`.")
    label: str | None = Field(None, max_length=200, description="What to call it in the events.")

    @model_validator(mode="after")
    def _has_one_prompt(self) -> "Variant":
        if self.text is not None and self.changes.prompt is not None:
            raise ValueError("name a prompt or give a text, not both")
        return self


class PlayTurn(BaseModel):
    """An earlier message of a conversation."""

    model_config = ConfigDict(extra="forbid")
    role: Annotated[str, Field(pattern="^(user|assistant)$")]
    content: str


class Case(BaseModel):
    """A question, with what came before it."""

    model_config = ConfigDict(extra="forbid")
    question: str = Field(min_length=1)
    instructions: str = ""
    history: list[PlayTurn] = Field(default_factory=list)


class PlayBody(BaseModel):
    """What to run: each variant answers the question, or each of the cases."""

    model_config = ConfigDict(extra="forbid")
    variants: list[Variant] = Field(min_length=1, max_length=32)
    question: str | None = Field(None, min_length=1)
    cases: list[Case] = Field(default_factory=list, max_length=1_000)
    at_once: int = Field(4, ge=1, le=32, description="Most answers at a time.")
    tandem: TandemOptions = Field(default_factory=TandemOptions)

    @model_validator(mode="after")
    def _has_something_to_ask(self) -> "PlayBody":
        if (self.question is None) == (not self.cases):
            raise ValueError("name either a question or cases")
        return self


class SaveVariantBody(BaseModel):
    """The variant to save as the recipe `name`; a text becomes a version of the prompt `prompt_name`."""

    model_config = ConfigDict(extra="forbid")
    variant: Variant
    name: str
    prompt_name: str | None = Field(None, description="That of the recipe by default.")
    note: str = Field("", max_length=2_000)


@router.post(
    "", response_class=StreamingResponse, responses={200: {"description": "Events", "content": EVENTS}}
)
async def play_recipes(
    body: PlayBody, caller: Annotated[Caller, Depends(evaluator_of)], services: Parts
) -> Response:
    """Server-sent events: `start`; of each variant and case `delta`, `reasoning`, `passages`, and `done` or
    `error`; `end`. Nothing of it is kept.
    """
    questions = _questions(body, caller, services)
    if len(questions) * len(body.variants) > _MOST_ANSWERS:
        raise TooLargeError(
            f"{len(body.variants)} variants of {len(questions)} cases are over {_MOST_ANSWERS:,} answers",
            param="cases",
            hint="Run fewer cases at a time.",
        )
    recipes = [await _recipe_or_error(variant, services) for variant in body.variants]
    return _ClosedStream(_written(body, recipes, questions, services))


@router.post("/save", status_code=201, responses={200: {"description": "The newest version says this"}})
async def save_variant(
    body: SaveVariantBody,
    response: Response,
    caller: Annotated[Caller, Depends(operator_of)],
    services: Parts,
) -> RecipeVersionBody:
    """Save a variant as a version of a recipe; its text, if it has one, as a version of a prompt."""
    check_recipe_name(body.name)
    prompt = body.prompt_name or body.name
    check_name(prompt)
    recipe = await _recipe(body.variant, services, name=body.name, prompt=prompt)
    store = services.store
    if body.variant.text is not None:
        await in_thread(store.save_prompt, prompt, recipe.template, caller.subject, body.note)
    _, made = await in_thread(save_recipe, recipe, store, caller.subject, body.note)
    await in_thread(services.recipes.follow, store, services.adapters.is_everywhere)
    response.status_code = 201 if made else 200
    return recipe_body(recipe, services)


def _questions(body: PlayBody, caller: Caller, services: Services) -> list[Question]:
    cases = body.cases or [Case(question=body.question or "")]
    limits = services.settings.server
    for n, case in enumerate(cases):
        if not case.question.strip():
            raise InvalidRequestError("A question must not be empty", param=f"cases.{n}.question")
        if len(case.question) > limits.max_question_chars:
            raise TooLargeError(
                f"The question has {len(case.question):,} characters; the limit is "
                f"{limits.max_question_chars:,}",
                param=f"cases.{n}.question",
            )
        if len(case.history) > limits.max_history_messages:
            raise TooLargeError(
                f"The conversation has {len(case.history)} messages; the limit is "
                f"{limits.max_history_messages}",
                param=f"cases.{n}.history",
            )
        said = [case.question, case.instructions, *(turn.content for turn in case.history)]
        check_length(said, services.settings.limits)
    corpora = tuple(dict.fromkeys(body.tandem.corpora)) if body.tandem.corpora else None
    where: Where = body.tandem.where()
    return [
        Question(
            caller=caller,
            model=MODEL,
            text=case.question.strip(),
            history=tuple(Turn(turn.role, turn.content) for turn in case.history),
            instructions=case.instructions,
            corpora=corpora,
            where=where,
            may_degrade=False,
            background=bool(body.cases),  # of many at a time each may wait
        )
        for case in cases
    ]


async def _recipe_or_error(variant: Variant, services: Services) -> Recipe | TandemError:
    try:
        return await _recipe(variant, services)
    except TandemError as error:
        return error


async def _recipe(
    variant: Variant, services: Services, *, name: str | None = None, prompt: str = _DRAFT
) -> Recipe:
    text = None if variant.text is None else await in_thread(check_prompt, variant.text)
    base = variant.recipe or services.recipes.champion
    draft = None if text is None else (prompt, text)
    return await in_thread(
        derive, base, variant.changes, name, services.recipes, services.store, services.settings, draft
    )


async def _written(
    body: PlayBody, recipes: list[Recipe | TandemError], questions: list[Question], services: Services
) -> AsyncIterator[bytes]:
    yield _sse("start", {"variants": [_head(*pair) for pair in zip(body.variants, recipes, strict=True)]})
    events = play(recipes, questions, body.at_once, services)
    try:
        async for told in events:
            name, value = _body(told, services)
            yield _sse(name, {"variant": told.variant, "case": told.case, **value})
        yield _sse("end", {})
    finally:
        with anyio.CancelScope(shield=True):
            await events.aclose()


def _head(variant: Variant, recipe: Recipe | TandemError) -> dict[str, Any]:
    if isinstance(recipe, TandemError):
        return {"label": variant.label or variant.recipe or MODEL, **recipe.body()}
    return {
        "label": variant.label or recipe.name,
        "recipe": recipe.name,
        "version": recipe.version,
        "definition": recipe.definition(),
    }


def _body(told: Told, services: Services) -> tuple[str, dict[str, Any]]:
    match told.what:
        case Found(passages=passages):
            return "passages", {"passages": [_passage(one) for one in passages]}
        case TextDelta(text=text):
            return "delta", {"text": text}
        case ReasoningDelta(text=text):
            return "reasoning", {"text": text}
        case Answer() as done:
            return "done", _done(done, services)
        case error:
            return "error", error.body()


def _passage(passage: Passage) -> dict[str, Any]:
    chunk = passage.chunk
    return {
        "document_id": chunk.document_id,
        "corpus": chunk.corpus,
        "title": chunk.title,
        "uri": chunk.uri,
        "page": chunk.page,
        "section": chunk.section,
        "start": chunk.start,
        "end": chunk.end,
        "text": chunk.text,
        "score": passage.score,
        "similarity": passage.similarity,
    }


def _done(done: Answer, services: Services) -> dict[str, Any]:
    return {
        "answer": done.text,
        "reasoning": done.reasoning,
        "abstained": done.abstained,
        "finish_reason": done.finish_reason,
        "citations": [asdict(citation) for citation in done.citations],
        "tokens_in": done.tokens_in,
        "tokens_out": done.tokens_out,
        "timings": done.timings,
        "cost": cost_of(done, services),
    }


class _ClosedStream(StreamingResponse):
    """Server-sent events whose answers end with them, also where the client leaves."""

    def __init__(self, body: AsyncIterator[bytes]) -> None:
        super().__init__(body, media_type="text/event-stream", headers={"Cache-Control": "no-store"})
        self._body = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            with anyio.CancelScope(shield=True):
                await self._body.aclose()  # type: ignore[attr-defined]


def _sse(name: str, value: dict[str, Any]) -> bytes:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return f"event: {name}\ndata: {text}\n\n".encode()
