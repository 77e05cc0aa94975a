"""Examples as in RAFT (Zhang et al. 2024): the passage that answers among others that the retriever really brings."""

import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

from finetune.dataset.located import Located
from finetune.dataset.options import Options
from finetune.dataset.serving import Prompt, Serving
from finetune.dataset.texts import folded, likeness, nearest_sentence, without_marks, words
from finetune.dataset.wanted import wanted_answer
from finetune.examples import Kind, TrainingExample
from tandem.errors import TooLargeError
from tandem.vocabulary import Passage

_DEEPER = 3
"""Times as many passages as a prompt shows, from which the copies of an example draw theirs."""

Moved = Callable[[int, int], None]
"""Is told how many examples are done, of how many."""


@dataclass
class Tally:
    """What happened to the questions."""

    dropped: Counter[str] = field(default_factory=Counter)
    searched: int = 0
    """Questions that have an answer and were searched for."""
    source_found: int = 0
    """Of these, the ones with a passage of a source document among those that the recipe shows."""
    answer_found: int = 0
    """Of these, the ones with a passage that holds the answer."""
    withheld: int = 0
    """Of these, the ones that serving would not ask the model, since the evidence is too weak."""
    put: int = 0
    """Examples into which the passage that holds the answer was put, because the retriever had missed it."""


async def make_examples(
    questions: Sequence[Located],
    hidden: frozenset[str],
    sources: Mapping[str, Sequence[Passage]],
    serving: Serving,
    options: Options,
    moved: Moved,
) -> tuple[list[TrainingExample], Tally]:
    """The examples of these questions, in random order, and what happened to the others.

    `hidden` are ids of documents that no prompt may show, `sources` the chunks of each document by its id.
    """
    draw, tally = random.Random(options.seed), Tally()  # noqa: S311 - a draw that can be made again
    answerable = [one for one in questions if one.question.answerable]
    made: list[TrainingExample] = []
    total = _expected(len(answerable), len(questions) - len(answerable), options)
    for one in answerable:
        async for example in _grounded(one, hidden, sources, serving, options, draw, tally):
            made.append(example)
        moved(len(made), total)
    wanted = round(len(made) * _per_other(options.unanswerable))
    made += await _unanswerable(
        questions, wanted, hidden, serving, draw, tally, lambda n: moved(len(made) + n, total)
    )
    closed = round(len(made) * _per_other(options.closed))
    made += [_closed(one, serving, options) for one in draw.sample(answerable, min(closed, len(answerable)))]
    draw.shuffle(made)
    return made, tally


async def _grounded(
    one: Located,
    hidden: frozenset[str],
    sources: Mapping[str, Sequence[Passage]],
    serving: Serving,
    options: Options,
    draw: random.Random,
    tally: Tally,
) -> AsyncIterator[TrainingExample]:
    shown = serving.passages
    most = shown * _DEEPER if options.copies > 1 else shown
    pool = await serving.retrieve(one.question.question, hidden - one.ids, most)
    top = pool[:shown]
    found = next((passage for passage in top if one.holds(passage)), None)
    tally.searched += 1
    tally.source_found += any(one.is_source(passage) for passage in top)
    tally.answer_found += found is not None
    tally.withheld += not await serving.asks(one.question.question, top)
    if found is None and options.missed == "drop":
        tally.dropped["the retriever missed it"] += 1
        return
    source = found or _source_chunk(one, sources)
    if source is None:
        tally.dropped["the answer stands whole in no chunk"] += 1
        return
    for copy in range(options.copies):
        if copy == 0 and found is not None:
            passages = list(top)
        else:
            others = [passage for passage in pool if not one.holds(passage)]
            chosen = others[: shown - 1] if copy == 0 else draw.sample(others, min(shown - 1, len(others)))
            passages = _with(chosen, source, draw)
        example = _answered(one, passages, source, serving, options, copy)
        if isinstance(example, str):
            tally.dropped[example] += 1
            continue
        tally.put += found is None
        yield example


def _answered(
    one: Located, passages: list[Passage], source: Passage, serving: Serving, options: Options, copy: int
) -> TrainingExample | str:
    """The example, or why there is none."""
    prompt = _assembled(one, passages, source, serving)
    if prompt is None:
        return "the passage does not fit into the prompt"
    holding = [n for n, passage in enumerate(prompt.passages) if one.holds(passage)]
    if one.place is None or one.question.label is not None:
        # Any passage of the document may carry it: that which says most of it comes first.
        holding.sort(key=lambda n: -_nearness(prompt.passages[n], one.reference))
    bare = options.style == "label" and one.question.label is not None
    for n in holding:
        answer = wanted_answer(one, prompt.passages[n], options.style, n + 1 if serving.numbered else None)
        if bare or _is_kept(answer, prompt.passages[n], prompt, serving):
            return _example(one, Kind.GROUNDED, prompt, answer, copy)
    return "serving would not show the answer whole and cited"


def _nearness(passage: Passage, reference: str) -> float:
    return likeness(nearest_sentence(passage.chunk.text, reference), reference)


def _assembled(one: Located, passages: list[Passage], source: Passage, serving: Serving) -> Prompt | None:
    """With the passage that holds the answer; as the best of all, or the sentences of it that do, where else it
    would be cut off."""
    others = [passage for passage in passages if passage.chunk.id != source.chunk.id]
    for order in (passages, [source, *others], [one.cut(source), *others]):
        try:
            prompt = serving.assemble(one.question.question, order)
        except TooLargeError:
            return None
        if any(one.holds(passage) for passage in prompt.passages):
            return prompt
    return None


def _is_kept(answer: str, source: Passage, prompt: Prompt, serving: Serving) -> bool:
    """Whether serving shows the answer to its last word, and quotes it from the passage that holds it."""
    cited, chunk = serving.cite(answer, prompt.passages), source.chunk
    return folded(without_marks(cited.text)) == folded(without_marks(answer)) and any(
        document == chunk.document_id and chunk.start <= start and end <= chunk.end
        for document, start, end in cited.quotes
    )


async def _unanswerable(
    questions: Sequence[Located],
    wanted: int,
    hidden: frozenset[str],
    serving: Serving,
    draw: random.Random,
    tally: Tally,
    moved: Callable[[int], None],
) -> list[TrainingExample]:
    """Questions whose documents are left out of the search, so that every passage is a real distractor.

    Those that have no answer come first, in any number. Of the others, those of which serving would not ask
    the model come last: it need not learn what it is never asked.
    """
    without = [one for one in questions if not one.question.answerable]
    others = [one for one in questions if one.question.answerable]
    made: list[TrainingExample] = []
    easy: list[TrainingExample] = []
    for one in [*without, *draw.sample(others, len(others))]:
        if one.question.answerable and len(made) >= wanted:
            break
        text = one.question.question
        passages = await serving.retrieve(text, hidden | one.ids, serving.passages)
        if one.question.elsewhere or any(one.is_told_by(passage) for passage in passages):
            tally.dropped["another document answers it, too"] += 1
            continue
        if not passages:
            tally.dropped["no passage but its own"] += 1
            continue
        example = _example(one, Kind.UNANSWERABLE, serving.assemble(text, passages), serving.abstention)
        asked = not one.question.answerable or await serving.asks(text, passages)
        (made if asked else easy).append(example)
        moved(len(made))
    return made + easy[: max(0, wanted - len(made))]


def _closed(one: Located, serving: Serving, options: Options) -> TrainingExample:
    label = one.question.label
    answer = without_marks(one.reference) if label is None else f"{label.capitalize()}."
    return _example(one, Kind.CLOSED, serving.closed(one.question.question), answer)


def _example(one: Located, kind: Kind, prompt: Prompt, answer: str, copy: int = 0) -> TrainingExample:
    name = sha256(f"{one.question.id}\0{one.question.question}\0{kind}\0{copy}".encode()).hexdigest()[:16]
    return TrainingExample(
        id=name,
        kind=kind,
        messages=prompt.messages,
        answer=answer,
        question=one.question.question,
        references=() if kind is Kind.UNANSWERABLE else _references(one),
        documents=one.uris,
        passages=tuple(passage.chunk.id for passage in prompt.passages),
        elsewhere=one.question.elsewhere,
    )


def _references(one: Located) -> tuple[str, ...]:
    label = one.question.label
    return one.question.answers if label is None else (label, *one.question.answers)


def _source_chunk(one: Located, sources: Mapping[str, Sequence[Passage]]) -> Passage | None:
    """The chunk that holds the answer; of those that might, the one with most of the reference's words."""
    meant = set(words(one.reference))
    chunks = [passage for each in sorted(one.ids) for passage in sources.get(each, ()) if one.holds(passage)]
    return max(chunks, key=lambda passage: len(meant & set(words(passage.chunk.text))), default=None)


def _with(others: list[Passage], source: Passage, draw: random.Random) -> list[Passage]:
    at = draw.randrange(len(others) + 1)
    return [*others[:at], replace(source), *others[at:]]


def _per_other(share: float) -> float:
    """How many there must be for each of the others, so that they are this share of all."""
    return share / (1 - share)


def _expected(answerable: int, without: int, options: Options) -> int:
    grounded = answerable * options.copies
    return grounded + max(without, round(grounded * _per_other(options.unanswerable)))
