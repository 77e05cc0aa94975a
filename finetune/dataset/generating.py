"""Questions that a model makes of the corpus, kept only where the retriever finds their way back (round trip).

The filter is that of Alberti et al. 2019 and of Promptagator (Dai et al. 2022): a question that does not bring
back the passage that it was made of is about something else, or about too much.
"""

import asyncio
import random
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from finetune.dataset.generated_file import GeneratedFile, Made
from finetune.dataset.likeness import AskedBefore
from finetune.dataset.questions import SourceQuestion
from finetune.dataset.serving import Serving
from finetune.dataset.texts import folded, likeness, names, nearest_sentence, places, words
from tandem.prompts import Message, prompt_hash, render
from tandem.vocabulary import Passage

Ask = Callable[[list[Message], dict[str, Any]], Awaitable[str]]
"""Asks the model for JSON in OpenAI's `response_format`. Raises `EngineUnavailableError`, `EngineFailedError`."""

_PROMPT = (Path(__file__).parent / "question.jinja").read_text("utf-8")
PROMPT_VERSION = prompt_hash(_PROMPT)[:12]
_AT_ONCE = 8
_TRIES = 5
"""Chunks that are tried for each question that is wanted."""
_SHORTEST, _LONGEST = 30, 60
"""Fewest words of a chunk that is asked about, most words of an answer."""
_SHORTEST_QUESTION = 4
_MEANT = 0.6
"""F1 of words from which a sentence is what an answer means."""
_POINTING = re.compile(
    r"\b(?:this|the|these)\s+(?:text|passage|paragraph|article|document|study|paper|author|authors|section)\b",
    re.I,
)


class _Reply(BaseModel):
    model_config = ConfigDict(extra="ignore")
    question: str
    answer: str


_FORMAT = {
    "type": "json_schema",
    "json_schema": {
        "name": "question",
        "schema": {
            "type": "object",
            "properties": {
                "question": {"type": "string", "maxLength": 240},
                "answer": {"type": "string", "maxLength": 400},
            },
            "required": ["question", "answer"],
            "additionalProperties": False,
        },
    },
}


async def generate_questions(
    wanted: int, serving: Serving, ask: Ask, file: GeneratedFile, seed: int, moved: Callable[[int, int], None]
) -> tuple[list[SourceQuestion], Counter[str]]:
    """At most `wanted` questions, and how many others were dropped, by why.

    `moved` is told how many are kept, of how many. What the model wrote is in `file` as it comes, so that
    the next try asks for the rest. Raises what `ask` raises.
    """
    chunks = await drawn_chunks(wanted * _TRIES, serving, seed)
    kept: list[SourceQuestion] = []
    dropped: Counter[str] = Counter()
    asked = AskedBefore()
    for begin in range(0, len(chunks), _AT_ONCE):
        batch = chunks[begin : begin + _AT_ONCE]
        for passage, made in zip(batch, await _all_written(batch, ask, file), strict=True):
            one = _quoting(made, passage)
            why = _why_not(one, passage, asked) or await _is_lost(one, passage, serving)
            if why:
                dropped[why] += 1
                continue
            asked.add(one.question)
            kept.append(_question(one, passage))
            if len(kept) == wanted:
                return kept, dropped
        moved(len(kept), wanted)
    return kept, dropped


async def drawn_chunks(most: int, serving: Serving, seed: int) -> list[Passage]:
    """A random sample of the corpus's chunks, in random order (algorithm R, Vitter 1985)."""
    draw = random.Random(seed)  # noqa: S311 - a draw that can be made again
    sample: list[Passage] = []
    seen = 0
    async with aclosing(serving.chunks()) as chunks:
        async for passage in chunks:
            if len(words(passage.chunk.text)) < _SHORTEST:
                continue
            seen += 1
            if len(sample) < most:
                sample.append(passage)
            elif (place := draw.randrange(seen)) < most:
                sample[place] = passage
    sample.sort(key=lambda passage: passage.chunk.id)
    draw.shuffle(sample)
    return sample


async def _all_written(batch: Sequence[Passage], ask: Ask, file: GeneratedFile) -> list[Made]:
    tasks = [asyncio.create_task(_written(passage, ask, file)) for passage in batch]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _written(passage: Passage, ask: Ask, file: GeneratedFile) -> Made:
    chunk = passage.chunk
    if known := file.made.get(chunk.id):
        return known
    reply = await ask(render(_PROMPT, title=chunk.title, passage=chunk.text), _FORMAT)
    try:
        told = _Reply.model_validate_json(reply[reply.find("{") : reply.rfind("}") + 1])
        made = Made(chunk.id, " ".join(told.question.split()), " ".join(told.answer.split()))
    except ValidationError:
        made = Made(chunk.id, "", "")
    file.keep(made)
    return made


def _quoting(made: Made, passage: Passage) -> Made:
    """With the sentence of the passage that a small model has meant, where it did not quote."""
    text = passage.chunk.text
    if not made.answer or places(made.answer, text, whole=True):
        return made
    sentence = " ".join(nearest_sentence(text, made.answer).split())
    same = names(made.answer) <= set(words(sentence)) and likeness(sentence, made.answer) >= _MEANT
    return replace(made, answer=sentence) if same else made


def _why_not(made: Made, passage: Passage, asked: AskedBefore) -> str:
    """Why the question is none by its words; empty where it is one."""
    checks: Sequence[tuple[Callable[[], bool], str]] = (
        (lambda: not made.question or not made.answer, "the model wrote no question with an answer"),
        (
            lambda: not made.question.endswith("?") or len(words(made.question)) < _SHORTEST_QUESTION,
            "it is no whole question",
        ),
        (lambda: bool(_POINTING.search(made.question)), "it points at its text"),
        (lambda: len(words(made.answer)) > _LONGEST, "the answer is too long"),
        (lambda: not places(made.answer, passage.chunk.text, whole=True), "the answer is not in the passage"),
        (lambda: folded(made.answer) in folded(made.question), "the question gives the answer"),
        (lambda: bool(asked.same(made.question) or asked.near(made.question)), "it was asked before"),
    )
    return next((why for fails, why in checks if fails()), "")


async def _is_lost(made: Made, passage: Passage, serving: Serving) -> str:
    """Why the way back is not found; empty where it is."""
    found = await serving.retrieve(made.question, frozenset(), serving.passages)
    back = [each for each in found if each.chunk.document_id == passage.chunk.document_id]
    if not back:
        return "the retriever does not find its document"
    if not any(places(made.answer, each.chunk.text, whole=True) for each in back):
        return "the retriever does not find its answer"
    return ""


def _question(made: Made, passage: Passage) -> SourceQuestion:
    chunk = passage.chunk
    at = next(iter(places(made.answer, chunk.text, whole=True)))
    return SourceQuestion(
        id=f"chunk-{chunk.id}",
        question=made.question,
        answers=(made.answer,),
        documents=(chunk.document_id,),
        answer_start=chunk.start + at.start,
    )
