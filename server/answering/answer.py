"""The way of a question, from top to bottom."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing
from uuid import uuid4

from server.answering.assemble import assemble
from server.answering.choose import Choice, choose
from server.answering.condense import condense
from server.answering.evidence import evidence_of
from server.answering.examples import pick_examples
from server.answering.expand import find_passages
from server.answering.generate import generate, sampling_for
from server.answering.reasoning import Piece
from server.answering.show import Shown
from server.answering.timings import Timings
from server.answering.trace import keep_trace
from server.answering.types import ABSTENTION, Answer, Question, ReasoningDelta, TextDelta
from server.services import Services
from tandem.engine import ChatDelta
from tandem.threads import in_thread
from tandem.vocabulary import Passage


async def answer(
    question: Question,
    services: Services,
    choice: Choice | None = None,
    *,
    kept: bool = True,
    on_found: Callable[[tuple[Passage, ...]], Awaitable[None]] | None = None,
) -> AsyncGenerator[TextDelta | ReasoningDelta | Answer, None]:
    """Answer one question: pieces of text as they may be shown, then the whole `Answer`.

    `choice` answers in place of the recipe that the question names. What is not `kept` leaves no trace and is
    not counted. `on_found` hears of the passages before the model is asked, where the recipe retrieves some.

    Raises before the first piece: `NotFoundError` (recipe, corpus), `TooLargeError`, `UnavailableError`;
    after it `EngineFailedError`. Closing the generator aborts the request at the engine.
    """
    timings = Timings()
    choice = choice or await choose(question, services)
    recipe = choice.recipe
    sampling = sampling_for(recipe, question.sampling)
    passages: list[Passage] = []
    evidence: float | None = None
    if recipe.retrieval is not None:
        with timings.step("condense"):
            search = await condense(question, recipe, services)
        passages = await find_passages(question, search, recipe, services, timings)
        with timings.step("evidence"):
            evidence = evidence_of(search, passages, services.calibration)
        if on_found is not None:
            await on_found(tuple(passages))

    text, reasoning, last = "", "", ChatDelta("", "stop", 0, 0)
    shown: Shown | None = None
    prompted: tuple[str, ...] = ()
    if recipe.retrieval is None or (passages and (evidence or 0.0) >= recipe.retrieval.evidence):
        with timings.step("assemble"):
            examples = await pick_examples(question, recipe, services)
            # Tokenizing the passages takes milliseconds, in which no other answer's text would be sent on.
            prompt = await in_thread(
                assemble, question, recipe, passages, sampling.max_tokens, services, examples
            )
            prompted = tuple(passage.chunk.id for passage in prompt.passages)
            shown = Shown(question, recipe, prompt.passages, services.tokens)
        timings.mark("before_engine")
        with timings.step("generate"):
            async with aclosing(
                generate(prompt.messages, recipe, sampling, services, question.response_format)
            ) as deltas:
                async for delta in deltas:
                    timings.mark("first_token")
                    last = delta
                    piece = shown.feed(delta)
                    reasoning, text = reasoning + piece.reasoning, text + piece.answer
                    for event in _events(piece):
                        yield event
                    if shown.loops:
                        break
        piece = shown.finish()
        reasoning, text = reasoning + piece.reasoning, text + piece.answer
        for event in _events(piece):
            yield event

    abstained = recipe.retrieval is not None and not text
    refusal = abstained and question.response_format is not None
    if abstained:
        text = ABSTENTION
        yield TextDelta(text, refusal)
    done = Answer(
        text=text,
        recipe=recipe.name,
        recipe_version=recipe.version,
        prompt_version=recipe.prompt_version,
        trace_id=uuid4().hex,
        finish_reason="stop" if abstained else last.finish_reason or "stop",
        abstained=abstained,
        evidence=evidence,
        citations=shown.citations if shown and not abstained else (),
        cited=shown.cited if shown and not abstained else None,
        passages=tuple(passages),
        timings=timings.finish(),
        tokens_in=last.prompt_tokens or 0,
        tokens_out=last.completion_tokens or 0,
        reasoning=reasoning.strip(),
        refusal=refusal,
        prompted=prompted,
        experiment=choice.experiment,
        arm=choice.arm,
        unit=choice.unit,
    )
    if kept:
        await keep_trace(question, done, services)
    yield done


def _events(piece: Piece) -> Iterator[TextDelta | ReasoningDelta]:
    if piece.reasoning:
        yield ReasoningDelta(piece.reasoning)
    if piece.answer:
        yield TextDelta(piece.answer)
