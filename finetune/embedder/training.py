"""The loop: batches of questions, each with its right chunk and hard negatives.

sentence-transformers' trainer wants the package `datasets`, which nothing else here needs; its losses do not.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from math import ceil, isfinite
from typing import TYPE_CHECKING, Any

from finetune.embedder.model import half_precision, not_finite, on_device
from finetune.embedder.options import TuningOptions
from finetune.embedder.pairs import Pair
from tandem.embedding.embedder import Prompts

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_WARM = 0.1
_DECAY = 0.01
_LONGEST = 1.0
"""Norm to which a gradient is shortened."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """A pair with its mined negatives, as places of chunks."""

    pair: Pair
    wrong: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far training is."""

    epoch: int
    """From 1."""
    step: int
    steps: int
    """Of all epochs."""
    loss: float
    pairs_per_s: float


class Trainer:
    """A model in training. Each call of `epoch` goes once through the lessons."""

    def __init__(
        self,
        model: "SentenceTransformer",
        lessons: Sequence[Lesson],
        texts: Sequence[str],
        prompts: Prompts,
        options: TuningOptions,
    ) -> None:
        """`texts` are those of all chunks, as they are indexed."""
        import torch
        from transformers import get_linear_schedule_with_warmup

        self._model = model
        self._lessons = lessons
        self._texts = texts
        self._prompts = prompts
        self._options = options
        self._loss = _loss_of(model, options)
        self._half = options.precision == "auto"
        self._columns = 1 + min((len(one.wrong) for one in lessons), default=0)
        self._optimizer = torch.optim.AdamW(model.parameters(), lr=options.lr, weight_decay=_DECAY)
        self._steps = options.epochs * ceil(len(lessons) / options.batch_size)
        self._schedule = get_linear_schedule_with_warmup(
            self._optimizer, max(1, round(_WARM * self._steps)), self._steps
        )
        self._step = 0
        torch.manual_seed(options.seed)

    def epoch(self, number: int, report: Callable[[Progress], None]) -> float:
        """Train epoch `number`, from 1; returns the mean loss. Raises `InvalidRequestError` once it is not finite."""
        chance = random.Random(f"{self._options.seed}/{number}")  # noqa: S311 - an order that can be made again
        losses, done, begun = [], 0, time.perf_counter()
        self._model.train()
        for batch in batches(self._lessons, self._options.batch_size, number, chance):
            losses.append(self._learn(batch, number))
            done += len(batch)
            self._step = min(self._step + 1, self._steps)
            rate = done / (time.perf_counter() - begun)
            report(Progress(number, self._step, self._steps, losses[-1], rate))
        self._model.eval()
        return sum(losses) / max(1, len(losses))

    def _learn(self, batch: Sequence[Lesson], epoch: int) -> float:
        import torch

        columns = [[one.pair.question for one in batch]]
        columns.append([self._texts[right_of(one.pair, epoch)] for one in batch])
        for number in range(min(len(one.wrong) for one in batch)):
            columns.append([self._texts[one.wrong[number]] for one in batch])
        prompts = [self._prompts.query] + [self._prompts.document] * (len(columns) - 1)
        features = [
            on_device(self._model.preprocess(column, prompt=prompt or None), self._model.device)
            for column, prompt in zip(columns, prompts, strict=True)
        ]
        # Not within autocast as a whole: similarities in bf16 have three digits, and the loss scales them up.
        with half_encoder(self._model) if self._half else nullcontext():
            loss = self._loss(features, torch.empty(0))
        value = float(loss.detach())
        if not isfinite(value):
            raise not_finite("the loss")
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), _LONGEST)
        self._optimizer.step()
        self._schedule.step()
        self._optimizer.zero_grad()
        return value


@contextmanager
def half_encoder(model: "SentenceTransformer") -> Iterator[None]:
    """Within the block the model's first step, its transformer, computes in half precision where it can."""
    first = model[0]
    whole = first.forward

    def forward(*given: Any, **named: Any) -> Any:
        with half_precision(model):
            return whole(*given, **named)

    first.forward = forward
    try:
        yield
    finally:
        del first.forward


def right_of(pair: Pair, epoch: int) -> int:
    """The right chunk that is shown in this epoch: they take turns."""
    return pair.right[epoch % len(pair.right)]


def batches(
    lessons: Sequence[Lesson], size: int, epoch: int, chance: random.Random
) -> Iterator[list[Lesson]]:
    """All lessons in batches of at most `size`, so that no chunk of a batch answers another question of it.

    Every chunk of a batch counts as wrong for all questions but its own, so a lesson that would make a wrong
    one of an answer waits for a later batch. A batch of one has nothing to tell it from and is left out, unless
    a negative was mined.
    """
    waiting = list(lessons)
    chance.shuffle(waiting)
    while waiting:
        batch, later = list[Lesson](), list[Lesson]()
        shown, answers = set[int](), set[int]()
        for lesson in waiting:
            own = {right_of(lesson.pair, epoch), *lesson.wrong}
            if len(batch) < size and not own & answers and not lesson.pair.holders & shown:
                batch.append(lesson)
                shown |= own
                answers |= lesson.pair.holders
            else:
                later.append(lesson)
        waiting = later
        if len(batch) > 1 or batch[0].wrong:
            yield batch


def _loss_of(model: "SentenceTransformer", options: TuningOptions) -> Any:
    """InfoNCE over the batch, with its gradient cached so that memory is bounded by a mini-batch.

    L. Gao et al., Scaling deep contrastive learning batch size under memory limited setup, 2021. The result is
    that of the plain loss.
    """
    from sentence_transformers.sentence_transformer.losses import (
        CachedMultipleNegativesRankingLoss,
        MatryoshkaLoss,
        MultipleNegativesRankingLoss,
    )

    scale = 1 / options.temperature
    if options.batch_size <= options.mini_batch:
        loss: Any = MultipleNegativesRankingLoss(model, scale=scale)
    else:
        loss = CachedMultipleNegativesRankingLoss(model, scale=scale, mini_batch_size=options.mini_batch)
    if options.matryoshka:
        loss = MatryoshkaLoss(model, loss, matryoshka_dims=sorted(options.matryoshka, reverse=True))
    return loss
