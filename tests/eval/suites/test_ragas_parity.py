"""Our numbers are Ragas's: each metric called on the same rows through Ragas's own public entry point."""

import asyncio
import math
import os
import random
from collections.abc import Iterator

import numpy as np
import pytest
from eval_replies import case, found, reply

from eval.case import EvalCase
from eval.measure import Scores
from eval.reply import Reply
from eval.suites import MEASURES
from eval.suites.generation import score_generation
from eval.suites.retrieval import score_retrieval

os.environ["RAGAS_DO_NOT_TRACK"] = "true"

TEXT = "the gate of depot closes at seven opens keys are kept in box nine virus protein β-sheet 42% naïve"
WORDS = TEXT.split()
ANSWERS = ["", "I don't know.", "The gate closes at seven.", "seven", "Öffnet um 7 — nie!", "§", "gate " * 60]


def embed(texts: list[str]) -> np.ndarray:
    """Vectors of counts of letters: real numbers that differ, whatever they mean."""
    return np.array([[text.count(letter) + 0.5 for letter in "abcdefgst"] for text in texts], np.float32)


class Rows:
    """Forty varied rows; the last of them are corner cases."""

    def __init__(self) -> None:
        draw = random.Random(7)
        self.cases: list[EvalCase] = []
        self.replies: list[Reply] = []
        self.contexts: dict[str, list[str]] = {}
        for n in range(40):
            text = self._text(draw, 12)
            references = [self._text(draw, 6) for _ in range(1 + n % 3)]
            if n % 4 == 0:
                references[-1] = text
            if n < len(ANSWERS):
                text = ANSWERS[n]
            near = [f"{references[0]} {self._text(draw, 4)}" for _ in range(n % 3)]
            passages = [found(each, f"d{draw.randrange(6)}") for each in (*near, self._text(draw, 20))]
            passages = passages[::-1] if n % 2 else passages
            if n in (8, 30):
                passages = []
            name = f"c{n}"
            documents = tuple(f"d{draw.randrange(6)}" for _ in range(1 + n % 2))
            self.cases.append(case(name, *references, documents=documents))
            self.replies.append(reply(text, name, passages=tuple(passages)))
            other = references[0] if n % 5 == 0 else self._text(draw, 15)
            self.contexts[name] = [f"{references[0]} {self._text(draw, 3)}", other]

    def _text(self, draw: random.Random, most: int) -> str:
        return " ".join(draw.choice(WORDS) for _ in range(draw.randint(1, most)))


ROWS = Rows()


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def scores() -> dict[str, Scores]:
    suites = [
        *score_generation(ROWS.cases, ROWS.replies, embed=embed),
        *score_retrieval(ROWS.cases, ROWS.replies, contexts=ROWS.contexts),
    ]
    return {one.measure.name: one for one in suites}


def same(ours: Scores, direct: dict[str, float]) -> None:
    """Every row: the same number, and a failure where Ragas gives none."""
    assert len(direct) >= 36
    numbers = {key: value for key, value in direct.items() if not math.isnan(value)}
    assert ours.values == pytest.approx(numbers, abs=1e-12)
    assert set(ours.failed) == set(direct) - set(numbers)
    assert len({round(value, 6) for value in numbers.values()}) > 2, "rows that all score alike prove nothing"


@pytest.mark.parametrize("name", ["rouge_l", "string_similarity", "semantic_similarity"])
def test_a_number_of_an_answer_is_what_ragas_gives_for_its_best_reference(
    name: str, scores: dict[str, Scores], loop: asyncio.Runner
) -> None:
    from ragas.embeddings.base import BaseRagasEmbedding
    from ragas.metrics import collections

    class Counting(BaseRagasEmbedding):
        def embed_text(self, text: str, **kwargs: object) -> list[float]:
            return [float(each) for each in embed([text])[0]]

        async def aembed_text(self, text: str, **kwargs: object) -> list[float]:
            return self.embed_text(text)

    made = getattr(collections, str(MEASURES[name].ragas))
    metric = made(embeddings=Counting()) if name == "semantic_similarity" else made()
    direct = {
        one.id: max(
            loop.run(metric.ascore(reference=reference, response=given.text.strip())).value
            for reference in one.references
        )
        for one, given in zip(ROWS.cases, ROWS.replies, strict=True)
    }
    same(scores[name], direct)


@pytest.mark.parametrize("name", ["id_context_precision", "id_context_recall"])
def test_a_number_by_documents_is_what_ragas_gives_for_the_ids(
    name: str, scores: dict[str, Scores], loop: asyncio.Runner
) -> None:
    import ragas.metrics
    from ragas import SingleTurnSample

    metric = getattr(ragas.metrics, str(MEASURES[name].ragas))()
    direct = {
        one.id: loop.run(
            metric.single_turn_ascore(
                SingleTurnSample(
                    retrieved_context_ids=[passage.document_id for passage in given.passages],
                    reference_context_ids=list(one.documents),
                )
            )
        )
        for one, given in zip(ROWS.cases, ROWS.replies, strict=True)
    }
    same(scores[name], direct)
    assert scores[name].failed.keys() == ({"c8", "c30"} if name == "id_context_precision" else set())


@pytest.mark.parametrize("name", ["text_context_precision", "text_context_recall"])
def test_a_number_by_texts_is_what_ragas_gives_for_the_contexts(
    name: str, scores: dict[str, Scores], loop: asyncio.Runner
) -> None:
    import ragas.metrics
    from ragas import SingleTurnSample

    metric = getattr(ragas.metrics, str(MEASURES[name].ragas))()

    def number(one: EvalCase, given: Reply) -> float:
        sample = SingleTurnSample(
            retrieved_contexts=[passage.text for passage in given.passages],
            reference_contexts=ROWS.contexts[one.id],
        )
        try:
            return float(loop.run(metric.single_turn_ascore(sample)))
        except ValueError:  # of the greatest of no passages
            return float("nan")

    same(
        scores[name],
        {one.id: number(one, given) for one, given in zip(ROWS.cases, ROWS.replies, strict=True)},
    )


def test_the_measures_that_name_a_class_of_ragas_are_those_that_are_compared_here() -> None:
    assert {name for name, measure in MEASURES.items() if measure.ragas} == {
        *("rouge_l", "string_similarity", "semantic_similarity"),
        *("id_context_precision", "id_context_recall", "text_context_precision", "text_context_recall"),
    }


def test_ragas_is_told_not_to_phone_home() -> None:
    from ragas._analytics import do_not_track

    assert os.environ["RAGAS_DO_NOT_TRACK"] == "true"
    assert do_not_track()
