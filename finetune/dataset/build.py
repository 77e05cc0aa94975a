"""A training set from questions, from top to bottom."""

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

from finetune.dataset.leaks import EvalSet, Leaks, find_leaks
from finetune.dataset.located import Located, locate
from finetune.dataset.making import Moved, Tally, make_examples
from finetune.dataset.options import Options
from finetune.dataset.questions import SourceQuestion
from finetune.dataset.serving import Serving
from finetune.dataset.splitting import split_by_document
from finetune.examples import TrainingExample
from tandem.errors import LeakError, TooFewExamplesError
from tandem.vocabulary import Passage


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """What was made, and of what."""

    train: list[TrainingExample]
    validation: list[TrainingExample]
    questions: list[Located]
    trained: Tally
    validated: Tally
    leaks: list[Leaks]


async def build_set(
    questions: Sequence[SourceQuestion],
    held: Sequence[EvalSet],
    serving: Serving,
    options: Options,
    moved: Moved,
    *,
    leaking: str = "refuse",
) -> TrainingSet:
    """Examples to train on and to validate on, no document in both and none of an eval set in a prompt.

    `leaking` questions are refused with the whole set, or `drop`ped, or `keep`t.

    Raises `NotFoundError` for documents that are not in the corpus, `LeakError`, and `TooFewExamplesError`.
    """
    located = locate(questions, serving)
    leaks = [find_leaks(located, one, serving) for one in held]
    if any(leaks) and leaking == "refuse":
        raise LeakError(
            "The questions leak into an eval set: " + "; ".join(one.told() for one in leaks if one),
            param="against",
            hint="Leave them out with --drop-leaks. --force keeps them, and the card will say so.",
        )
    if leaking == "drop":
        gone = frozenset[int]().union(*(one.leaking for one in leaks))
        located = [one for n, one in enumerate(located) if n not in gone]
    train, validation = split_by_document(located, options.validation, options.seed)
    tested = frozenset(
        number
        for one in held
        for document in serving.documents(one.documents).values()
        for number in document.ids
    )
    validating = frozenset(number for one in validation for number in one.ids)
    sources = await _sources(located, serving)
    total = len(located)

    def part(done_before: int) -> Moved:
        return lambda done, of: moved(done_before + done, max(total, done_before + of))

    # A document of the validation is not seen in training either, not even as a distractor.
    trained, tally = await make_examples(train, tested | validating, sources, serving, options, part(0))
    validated, other = await make_examples(validation, tested, sources, serving, options, part(len(trained)))
    if len(trained) < options.least:
        told = ", ".join(f"{many}: {why}" for why, many in tally.dropped.most_common())
        raise TooFewExamplesError(
            f"{len(questions)} questions make {len(trained)} examples to train on; "
            f"at least {options.least} are needed" + (f" ({told})" if told else ""),
            param="questions",
            hint="Bring more questions, or have some made of the corpus with --generate.",
        )
    return TrainingSet(trained, validated, located, tally, other, leaks)


async def _sources(located: Sequence[Located], serving: Serving) -> dict[str, list[Passage]]:
    """The chunks of the questions' documents, by the document's id."""
    wanted = frozenset(number for one in located for number in one.ids)
    found: dict[str, list[Passage]] = {}
    async with aclosing(serving.chunks()) as chunks:
        async for passage in chunks:
            if passage.chunk.document_id in wanted:
                found.setdefault(passage.chunk.document_id, []).append(passage)
    for each in found.values():
        each.sort(key=lambda passage: passage.chunk.start)
    return found
