"""The card of a training set: all that one needs to know to trust it, or to make it again."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

from finetune.dataset.build import TrainingSet
from finetune.dataset.leaks import Leaks
from finetune.dataset.making import Tally
from finetune.dataset.options import Options
from finetune.dataset.serving import Serving
from finetune.examples import Kind, TrainingExample
from tandem import __version__


class Lengths(BaseModel):
    """Of one number over all examples, in tokens of the model."""

    mean: float
    median: int
    p95: int
    longest: int
    total: int


class Part(BaseModel):
    """What is in one file."""

    examples: int
    kinds: dict[str, int]
    questions: int
    documents: int
    prompt_tokens: Lengths
    answer_tokens: Lengths


class Searches(BaseModel):
    """What the live retriever brought of the questions that have an answer, and why others are no example."""

    questions: int
    source_among_the_passages: int
    answer_among_the_passages: int
    withheld: int
    """Of the questions, those of which the model would not be asked: the evidence is too weak."""
    put_in: int
    dropped: dict[str, int]


class Leak(BaseModel):
    """What an eval set shares with the questions."""

    eval_set: str
    same_questions: int
    near_questions: int
    shared_documents: int
    examples: list[str]
    """Some of the eval set's questions that are the same or nearly so."""


class Card(BaseModel):
    """Everything about a training set but its examples."""

    data_hash: str
    """SHA-256, in hex, over train.jsonl and then validation.jsonl."""
    made_at: datetime
    tandem: str
    source: str
    """Where the questions come from: `questions`, `feedback` or `generated`."""
    corpus: str
    recipe: dict[str, Any]
    """The recipe whose retrieval and prompt these are, the embedder, and the model whose tokens are counted."""
    options: dict[str, Any]
    train: Part
    validation: Part
    searches: dict[str, Searches]
    not_taken: dict[str, int]
    """Feedback or made questions that never came to a search, by why."""
    licences: dict[str, int]
    """Documents of the questions, by the licence that their metadata names."""
    leaks: list[Leak]
    leaking: str
    """What was done with leaking questions: `none`, `dropped` or `kept`."""
    inputs: dict[str, str]
    """SHA-256, in hex, of each file that was read."""
    outputs: dict[str, str]
    """The same of each file that was written."""


def part_of(examples: Sequence[TrainingExample], serving: Serving) -> Part:
    """Counts and lengths of one file. Blocking: it counts the tokens of every example."""
    counted = [serving.count(one.messages, one.answer) for one in examples]
    kinds = Counter(one.kind for one in examples)
    return Part(
        examples=len(examples),
        kinds={kind.value: kinds[kind] for kind in Kind},
        questions=len({one.question for one in examples}),
        documents=len({document for one in examples for document in one.documents}),
        prompt_tokens=_lengths([prompt for prompt, _ in counted]),
        answer_tokens=_lengths([answer for _, answer in counted]),
    )


def make_card(
    made: TrainingSet,
    serving: Serving,
    options: Options,
    *,
    data_hash: str,
    outputs: dict[str, str],
    source: str,
    corpus: str,
    recipe: dict[str, Any],
    not_taken: dict[str, int],
    leaking: str,
    inputs: dict[str, str],
) -> Card:
    """The card. Blocking, as `part_of`."""
    documents = {one.uri: one for question in made.questions for one in question.documents}
    licences = Counter(one.licence or "not named" for one in documents.values())
    return Card(
        data_hash=data_hash,
        made_at=datetime.now(UTC),
        tandem=__version__,
        source=source,
        corpus=corpus,
        recipe=recipe,
        options=asdict(options),
        train=part_of(made.train, serving),
        validation=part_of(made.validation, serving),
        searches={"train": _searches(made.trained), "validation": _searches(made.validated)},
        not_taken=not_taken,
        licences=dict(sorted(licences.items())),
        leaks=[_leak(one) for one in made.leaks],
        leaking={"drop": "dropped", "keep": "kept"}.get(leaking, "none") if any(made.leaks) else "none",
        inputs=inputs,
        outputs=outputs,
    )


def as_markdown(card: Card) -> str:
    """The card for people."""
    rows = [
        ("examples", card.train.examples, card.validation.examples),
        *((kind.value, card.train.kinds[kind], card.validation.kinds[kind]) for kind in Kind),
        ("questions", card.train.questions, card.validation.questions),
        ("documents", card.train.documents, card.validation.documents),
        *_length_rows(card),
    ]
    searched = [
        ("questions searched for", *(one.questions for one in card.searches.values())),
        ("source among the passages", *(one.source_among_the_passages for one in card.searches.values())),
        ("answer among the passages", *(one.answer_among_the_passages for one in card.searches.values())),
        ("withheld for weak evidence", *(one.withheld for one in card.searches.values())),
        ("examples it was put into", *(one.put_in for one in card.searches.values())),
    ]
    reasons = sorted({why for one in card.searches.values() for why in one.dropped})
    dropped = [(why, *(one.dropped.get(why, 0) for one in card.searches.values())) for why in reasons]
    parts = [
        f"# Training set of the corpus {card.corpus}",
        _kept_leaks(card),
        f"Made {card.made_at:%Y-%m-%d} by Tandem {card.tandem} from {card.source}. Data hash `{card.data_hash}`.",
        _table(("", "train", "validation"), rows),
        "## What the retriever brought\n\n" + _table(("", "train", "validation"), searched),
        "## Questions that are no example, by why\n\n"
        + _table(
            ("", "train", "validation"),
            [*dropped, *((why, many, "") for why, many in card.not_taken.items())],
        ),
        "## Leak check\n\n"
        + _table(
            ("eval set", "same questions", "nearly the same", "shared documents", "leaking questions were"),
            [
                (one.eval_set, one.same_questions, one.near_questions, one.shared_documents, card.leaking)
                for one in card.leaks
            ],
        ),
        "## Licences of the documents\n\n" + _table(("licence", "documents"), card.licences.items()),
        "## Recipe and options\n\n" + _table(("", ""), [*card.recipe.items(), *card.options.items()]),
        "## Files\n\n" + _table(("file", "SHA-256"), [*card.inputs.items(), *card.outputs.items()]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _kept_leaks(card: Card) -> str:
    if card.leaking != "kept":
        return ""
    return (
        "**This set leaks into an eval set, and was made all the same (`--force`).** "
        "What a model that is trained on it reaches there proves nothing."
    )


def _length_rows(card: Card) -> list[tuple[object, ...]]:
    pairs = [
        ("prompt", card.train.prompt_tokens, card.validation.prompt_tokens),
        ("answer", card.train.answer_tokens, card.validation.answer_tokens),
    ]
    told = (("mean", "mean"), ("95th percentile", "p95"), ("longest", "longest"), ("all", "total"))
    return [
        (f"{name} tokens, {word}", getattr(train, field), getattr(validation, field))
        for name, train, validation in pairs
        for word, field in told
    ]


def _table(head: Sequence[str], rows: Any) -> str:
    lines = [tuple(map(_cell, row)) for row in rows]
    if not lines:
        return "None."
    return "\n".join(f"| {' | '.join(each)} |" for each in [head, ["---"] * len(head), *lines])


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def _lengths(counts: list[int]) -> Lengths:
    if not counts:
        return Lengths(mean=0, median=0, p95=0, longest=0, total=0)
    ordered = sorted(counts)
    at = {share: ordered[min(len(ordered) - 1, int(share * len(ordered)))] for share in (0.5, 0.95)}
    return Lengths(
        mean=round(sum(ordered) / len(ordered), 1),
        median=at[0.5],
        p95=at[0.95],
        longest=ordered[-1],
        total=sum(ordered),
    )


def _searches(tally: Tally) -> Searches:
    return Searches(
        questions=tally.searched,
        source_among_the_passages=tally.source_found,
        answer_among_the_passages=tally.answer_found,
        withheld=tally.withheld,
        put_in=tally.put,
        dropped=dict(tally.dropped.most_common()),
    )


def _leak(leaks: Leaks) -> Leak:
    return Leak(
        eval_set=leaks.file.name,
        same_questions=len(leaks.same),
        near_questions=len(leaks.near),
        shared_documents=len(leaks.documents),
        examples=[text for _, text in (*leaks.same, *leaks.near)][:10],
    )
