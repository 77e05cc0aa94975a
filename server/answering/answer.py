"""The way of a question, from top to bottom."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from functools import partial
from uuid import uuid4

from server.answering.abstain import inclined, is_supported
from server.answering.assemble import assemble
from server.answering.choose import Choice, choose
from server.answering.degrade import check_switch, degraded
from server.answering.examples import pick_examples
from server.answering.find import find
from server.answering.generate import affinity_of, generate, sampling_for, ticket_of
from server.answering.show import Shown
from server.answering.timings import Timings
from server.answering.trace import keep_failure, keep_trace
from server.answering.types import ABSTENTION, Answer, Question, ReasoningDelta, TextDelta
from server.answering.write import Written
from server.services import Services
from tandem.errors import EngineFailedError, UnavailableError
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

    Where the engine does not write and nothing was shown yet, the best passages stand in for the answer. Where
    they may not, and after the first piece, its fault is raised.

    Raises before the first piece: `NotFoundError` (recipe, corpus), `TooLargeError`, `UnavailableError`,
    `EngineFailedError`; after it `EngineFailedError`. Closing the generator aborts the request at the engine.
    """
    timings = Timings()
    choice = choice or await choose(question, services)
    steps = _answer(question, services, choice, timings, kept=kept, on_found=on_found)
    try:
        async with aclosing(steps) as events:
            async for event in events:
                yield event
    except Exception as error:
        if kept:
            await keep_failure(question, choice, error, timings, services)
        raise


async def _answer(
    question: Question,
    services: Services,
    choice: Choice,
    timings: Timings,
    *,
    kept: bool,
    on_found: Callable[[tuple[Passage, ...]], Awaitable[None]] | None,
) -> AsyncGenerator[TextDelta | ReasoningDelta | Answer, None]:
    found = await find(question, choice.recipe, services, timings)
    recipe, passages, evidence = found.recipe, found.passages, found.evidence
    salt = services.salting.of(question.caller.tenant)
    sampling = inclined(question, recipe, sampling_for(recipe, question.sampling), evidence)
    if on_found is not None and recipe.retrieval is not None:
        await on_found(tuple(passages))

    written, instead = Written(), None
    if is_supported(question, recipe, passages, evidence) and not found.withheld:
        with timings.step("assemble"):
            examples = await pick_examples(question, recipe, services)
            # Tokenizing the passages takes milliseconds, in which no other answer's text would be sent on.
            prompt = await in_thread(
                assemble,
                question,
                recipe,
                passages,
                sampling.max_tokens,
                services,
                examples,
                search=found.search,
            )
            written.prompted = tuple(passage.chunk.id for passage in prompt.passages)
        timings.mark("before_engine")
        try:
            check_switch(recipe, services)
            with timings.step("generate"):
                inclines = any(bias > 0 for _, bias in sampling.logit_bias)
                show = partial(Shown, question, recipe, prompt.passages, services.tokens, inclined=inclines)
                ask = partial(
                    generate,
                    prompt.messages,
                    recipe,
                    sampling,
                    services,
                    question.response_format,
                    ticket=ticket_of(question),
                    salt=salt,
                    affinity=affinity_of(question, recipe, salt),
                )
                async with aclosing(written.follow_anew(ask, show, timings)) as pieces:
                    async for piece in pieces:
                        yield piece
        except (UnavailableError, EngineFailedError) as error:
            if written.text:
                raise
            instead = degraded(question, recipe, passages, error, services)
            written = Written(instead.text, written.reasoning, instead.citations)
            yield TextDelta(instead.text)

    text = written.text
    abstained = (recipe.retrieval is not None or found.withheld) and not text
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
        finish_reason="stop" if abstained else written.last.finish_reason or "stop",
        abstained=abstained,
        evidence=evidence,
        citations=() if abstained else written.citations,
        cited=None if abstained else written.cited,
        passages=tuple(passages),
        timings=timings.finish(),
        tokens_in=written.last.prompt_tokens or 0,
        tokens_out=written.last.completion_tokens or 0,
        reasoning=written.reasoning.strip(),
        refusal=refusal,
        prompted=written.prompted,
        experiment=choice.experiment,
        arm=choice.arm,
        unit=choice.unit,
        degraded=instead is not None,
        degraded_reason=instead.reason if instead else None,
        makeshift=found.makeshift,
        distance=found.domain.distance,
        outside=found.domain.outside,
        routed_from=found.routed_from,
    )
    if kept:
        await keep_trace(question, done, services, found.asked)
    yield done
