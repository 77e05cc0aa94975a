"""One tuning, from pairs to weights that validation has chosen."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from finetune.embedder.haystack import among, haystack_of
from finetune.embedder.measuring import Ranks, measure
from finetune.embedder.mining import mine
from finetune.embedder.model import embed, memory_errors, mixed, set_weights, weights_of
from finetune.embedder.options import TuningOptions
from finetune.embedder.pairs import Pair
from finetune.embedder.splitting import Split
from finetune.embedder.training import Lesson, Progress, Trainer
from tandem.embedding.embedder import Prompts
from tandem.errors import TooFewExamplesError
from tandem.index import Fusion
from tandem.vocabulary import Chunk

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a tuning ended with; its model has the weights that did best on validation."""

    before: Ranks
    after: Ranks
    best_epoch: int
    """From 1; 0 where no epoch did better than the base."""
    share: float
    """Of the tuned weights in the mixture that was kept."""
    curve: list[dict[str, Any]]
    """Loss, figures and seconds of each epoch."""
    tried: list[dict[str, Any]]
    """Figures of each mixture."""
    negatives: int
    seconds: float


@dataclass(frozen=True, slots=True)
class _Validation:
    """The chunks to search, the pairs with their places among these, and how questions and chunks are embedded."""

    pairs: list[Pair]
    chunks: list[Chunk]
    prompts: Prompts
    fusion: Fusion

    def measure(self, model: "SentenceTransformer") -> Ranks:
        vectors = embed(model, [chunk.indexed_text for chunk in self.chunks], self.prompts.document)
        asked = embed(model, [pair.question for pair in self.pairs], self.prompts.query)
        return asyncio.run(measure(self.pairs, self.chunks, vectors, asked, self.fusion))


def tune(
    model: "SentenceTransformer",
    chunks: Sequence[Chunk],
    split: Split,
    prompts: Prompts,
    fusion: Fusion,
    options: TuningOptions,
    say: Callable[[str], None] = lambda _: None,
    report: Callable[[Progress], None] = lambda _: None,
) -> Tuned:
    """Train `model` on `split.train`, choose epoch and mixture on `split.validation`. Blocks for minutes.

    `chunks` are those of the corpus, and the pairs' places are in this list. Where nothing does better than
    the base, the model is left as the base was. Raises `TooFewExamplesError`, and `InvalidRequestError` where
    numbers run away or memory does not suffice; whatever the end, nothing was written.
    """
    _require_enough(split, options)
    begun = time.perf_counter()
    with memory_errors():
        validation = _Validation(*haystack_of(chunks, split.validation, options), prompts, fusion)
        say(f"Measuring the base on {len(validation.pairs)} questions among {len(validation.chunks)} chunks")
        before = validation.measure(model)
        say(f"Base: {_said(before)}")
        lessons = _lessons(model, chunks, split.train, prompts, fusion, options, say)
        base = weights_of(model)
        trainer = Trainer(model, lessons, [chunk.indexed_text for chunk in chunks], prompts, options)
        best = _Best(before.score, base, before)
        curve = list(_epochs(trainer, model, validation, best, options, say, report))
        tried = list(_mixtures(model, base, validation, best, options, say)) if best.epoch else []
        set_weights(model, best.weights)
    return Tuned(
        before, best.ranks, best.epoch, best.share, curve, tried,
        sum(len(one.wrong) for one in lessons), round(time.perf_counter() - begun, 1),
    )  # fmt: skip


@dataclass(slots=True)
class _Best:
    score: float
    weights: "dict[str, torch.Tensor]"
    ranks: Ranks
    epoch: int = 0
    share: float = 1.0

    def offer(self, model: "SentenceTransformer", ranks: Ranks) -> bool:
        """Take the model's weights if they did better."""
        if ranks.score <= self.score:
            return False
        self.score, self.weights, self.ranks = ranks.score, weights_of(model), ranks
        return True


def _require_enough(split: Split, options: TuningOptions) -> None:
    if len(split.train) < options.least or len(split.validation) < 2:
        raise TooFewExamplesError(
            f"There are {len(split.train)} questions to train on and {len(split.validation)} to validate on, "
            f"and {options.least} and 2 are needed; only questions whose answer is whole in a chunk count",
            hint="Add questions of several documents, with answers in the documents' own words.",
            param="questions",
        )


def _lessons(
    model: "SentenceTransformer",
    chunks: Sequence[Chunk],
    pairs: Sequence[Pair],
    prompts: Prompts,
    fusion: Fusion,
    options: TuningOptions,
    say: Callable[[str], None],
) -> list[Lesson]:
    """Pairs with negatives from the documents that are trained on: those of validation stay unseen."""
    if options.negatives == "in-batch":
        return [Lesson(pair, ()) for pair in pairs]
    places = among(chunks, set().union(*(pair.documents for pair in pairs)))
    say(f"Mining negatives among {len(places)} chunks")
    seen = {place: number for number, place in enumerate(places)}
    local = [
        replace(
            pair,
            right=tuple(seen[place] for place in pair.right),
            holders=frozenset(seen[place] for place in pair.holders if place in seen),
        )
        for pair in pairs
    ]
    own = [chunks[place] for place in places]
    vectors = embed(model, [chunk.indexed_text for chunk in own], prompts.document)
    asked = embed(model, [pair.question for pair in pairs], prompts.query)
    mined = asyncio.run(mine(local, own, vectors, asked, fusion, options))
    return [
        Lesson(pair, tuple(places[one] for one in wrong)) for pair, wrong in zip(pairs, mined, strict=True)
    ]


def _epochs(
    trainer: Trainer,
    model: "SentenceTransformer",
    validation: _Validation,
    best: _Best,
    options: TuningOptions,
    say: Callable[[str], None],
    report: Callable[[Progress], None],
) -> Iterator[dict[str, Any]]:
    """Train until the epochs are done or `options.patience` of them brought nothing. Figures of each."""
    stale = 0
    for number in range(1, options.epochs + 1):
        begun = time.perf_counter()
        loss = trainer.epoch(number, report)
        seconds = round(time.perf_counter() - begun, 1)
        ranks = validation.measure(model)
        if best.offer(model, ranks):
            best.epoch, stale = number, 0
        else:
            stale += 1
        say(f"Epoch {number}: loss {loss:.3f}, {seconds:.0f} s; {_said(ranks)}")
        yield {"epoch": number, "loss": round(loss, 4), "seconds": seconds, "validation": ranks.figures()}
        if stale == options.patience:
            say(f"No better for {stale} epochs: stopped")
            return


def _mixtures(
    model: "SentenceTransformer",
    base: "dict[str, torch.Tensor]",
    validation: _Validation,
    best: _Best,
    options: TuningOptions,
    say: Callable[[str], None],
) -> Iterator[dict[str, Any]]:
    """Try mixtures of the base and the best epoch. Figures of each."""
    tuned = best.weights
    for share in options.mix:
        set_weights(model, mixed(base, tuned, share))
        ranks = validation.measure(model)
        if best.offer(model, ranks):
            best.share = share
        say(f"{share:g} of the tuned weights: {_said(ranks)}")
        yield {"share": share, "validation": ranks.figures()}


def _said(ranks: Ranks) -> str:
    return "; ".join(
        f"{leg} recall@5 {100 * row['recall@5']:.1f}%, MRR {100 * row['mrr']:.1f}%"
        for leg, row in ranks.figures().items()
    )
