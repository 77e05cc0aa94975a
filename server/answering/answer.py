"""The way of a question, from top to bottom."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from uuid import uuid4

from server.answering.assemble import assemble
from server.answering.cite import Citer
from server.answering.condense import condense
from server.answering.evidence import enough_evidence
from server.answering.generate import generate, sampling_for
from server.answering.retrieve import retrieve
from server.answering.timings import Timings
from server.answering.trace import keep_trace
from server.answering.types import ABSTENTION, Answer, Question, TextDelta
from server.services import Services
from tandem.engine import ChatDelta
from tandem.recipes import Recipe
from tandem.vocabulary import Passage


async def answer(question: Question, services: Services) -> AsyncGenerator[TextDelta | Answer, None]:
    """Answer one question: pieces of text as they may be shown, then the whole `Answer`.

    Raises before the first piece: `NotFoundError` (recipe, corpus), `TooLargeError`, `UnavailableError`;
    after it `EngineFailedError`. Closing the generator aborts the request at the engine.
    """
    timings = Timings()
    recipe = services.recipes.of_model(question.model)
    sampling = sampling_for(recipe, question.sampling)
    passages: list[Passage] = []
    evident = True
    if recipe.retrieval is not None:
        search = condense(question)
        passages = await retrieve(
            question.caller,
            search,
            question.corpora,
            question.where,
            recipe.retrieval,
            services,
            timings,
        )
        evident = enough_evidence(passages, recipe.retrieval.evidence)

    text, last = "", ChatDelta("", "stop", 0, 0)
    citer: Citer | None = None
    if evident:
        with timings.step("assemble"):
            prompt = assemble(question, recipe, passages, sampling.max_tokens, services)
            citer = _citer(recipe, prompt.passages)
        timings.mark("before_engine")
        with timings.step("generate"):
            async with aclosing(generate(prompt.messages, recipe, sampling, services)) as deltas:
                async for delta in deltas:
                    timings.mark("first_token")
                    last = delta
                    shown = citer.feed(delta.text) if citer else delta.text
                    if shown:
                        text += shown
                        yield TextDelta(shown)
                    if citer and citer.loops:
                        break
        rest = citer.finish() if citer else ""
        if rest:
            text += rest
            yield TextDelta(rest)

    abstained = recipe.retrieval is not None and not text
    if abstained:
        text = ABSTENTION
        yield TextDelta(text)
    done = Answer(
        text=text,
        recipe=recipe.name,
        recipe_version=recipe.version,
        prompt_version=recipe.prompt_version,
        trace_id=uuid4().hex,
        finish_reason="stop" if abstained else last.finish_reason or "stop",
        abstained=abstained,
        citations=citer.citations if citer else (),
        passages=tuple(passages),
        timings=timings.finish(),
        tokens_in=last.prompt_tokens or 0,
        tokens_out=last.completion_tokens or 0,
    )
    await keep_trace(question, done, services)
    yield done


def _citer(recipe: Recipe, passages: tuple[Passage, ...]) -> Citer | None:
    """Only answers from passages are cited; the other recipes stream as they come."""
    profile = recipe.retrieval
    return Citer(passages, mode=profile.citing, support=profile.support) if profile else None
