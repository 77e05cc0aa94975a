"""Pairs, their split, their hard negatives and their batches: what an embedder is shown, and what it is not."""

import asyncio
import json
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.embedder.haystack import haystack_of
from finetune.embedder.measuring import gained, measure, verdict
from finetune.embedder.mining import mine
from finetune.embedder.options import TuningOptions, numbers
from finetune.embedder.pairs import Asked, Pair, pair_up
from finetune.embedder.questions import hash_of, read_asked, read_set
from finetune.embedder.splitting import split_pairs
from finetune.embedder.training import Lesson, batches, right_of
from finetune.examples import Kind, TrainingExample, write_examples
from tandem.errors import InvalidRequestError
from tandem.index import Fusion, Leg
from tandem.resampling import bootstrap_mean
from tandem.vocabulary import Chunk


def chunk_of(place: int, document: str, text: str) -> Chunk:
    return Chunk(
        id=f"00000000-0000-0000-0000-{place:012}",
        tenant="default",
        corpus="docs",
        document_id=f"id-{document}",
        version="v1",
        ordinal=place,
        text=text,
        start=0,
        end=len(text),
        title=document,
        uri=document,
    )


def pair_of(question: str, right: Sequence[int], *documents: str, holders: Sequence[int] = ()) -> Pair:
    return Pair(question, tuple(right), frozenset(right) | frozenset(holders), frozenset(documents))


CHUNKS = [
    chunk_of(0, "a", "The tank holds nine\n litres of water."),
    chunk_of(1, "a", "The pump is blue."),
    chunk_of(2, "b", "A tank holds Nine Litres here as well."),
]


def test_a_pair_is_of_the_documents_that_are_named_and_knows_all_that_hold_the_answer() -> None:
    asked = [Asked("How much?", ("nine litres",), ("a",)), Asked("Which colour?", ("green",), ("a",))]
    (pair,) = pair_up(asked, CHUNKS)
    assert (pair.right, pair.holders, pair.documents) == ((0,), {0, 2}, {"id-a"})


def test_a_document_is_known_by_its_id_too_and_without_a_name_every_document_counts() -> None:
    by_id, by_none = pair_up(
        [Asked("How much?", ("nine litres",), ("id-b",)), Asked("How much?", ("nine litres",))], CHUNKS
    )
    assert (by_id.right, by_none.right) == ((2,), (0, 2))


def test_an_empty_answer_stands_in_no_chunk() -> None:
    assert pair_up([Asked("How much?", (" ",), ("a",))], CHUNKS) == []


@given(st.lists(st.sets(st.sampled_from("abcdefgh"), min_size=1, max_size=2), min_size=1, max_size=40))
def test_no_document_and_no_question_is_on_both_sides(documents: list[set[str]]) -> None:
    pairs = [pair_of(f"Question {n % 7}?", [n], *names) for n, names in enumerate(documents)]
    split = split_pairs(pairs, 0.3, seed=1)
    assert sorted(pair.right for pair in [*split.train, *split.validation]) == [pair.right for pair in pairs]
    for of in (lambda pair: pair.documents, lambda pair: {pair.question}):
        sides = [set().union(*(of(pair) for pair in side)) for side in (split.train, split.validation)]
        assert not sides[0] & sides[1]


def test_about_the_share_that_is_asked_for_is_held_out() -> None:
    pairs = [pair_of(f"Question {n}?", [n], f"document {n // 5}") for n in range(100)]
    assert len(split_pairs(pairs, 0.2, seed=3).validation) == 20


def mined(pair: Pair, chunks: list[Chunk], vectors: list[list[float]], **options: object) -> tuple[int, ...]:
    found = np.array(vectors, dtype=np.float32)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    asked = np.array([[1, 0, 0]], dtype=np.float32)
    wanted = TuningOptions(hard=4, **options)  # type: ignore[arg-type]
    return asyncio.run(mine([pair], chunks, found, asked, Fusion(), wanted))[0]


def test_negatives_are_near_to_the_question_and_hold_no_answer() -> None:
    chunks = [
        chunk_of(0, "a", "The tank holds nine litres."),
        chunk_of(1, "b", "Elsewhere a tank holds nine litres, too."),
        chunk_of(2, "c", "A tank is often round."),
        chunk_of(3, "d", "Something else."),
    ]
    vectors = [[1, 0.1, 0], [1, 0, 0.5], [0.7, 1, 0], [0, 0, 1]]
    assert mined(pair_of("tank?", [0], "id-a", holders=[1]), chunks, vectors)[0] == 2
    assert 1 not in mined(pair_of("tank?", [0], "id-a", holders=[1]), chunks, vectors)


def test_what_is_nearer_than_the_margin_or_a_copy_of_the_right_chunk_is_no_negative() -> None:
    chunks = [chunk_of(n, "abcd"[n], f"A tank, number {n}.") for n in range(4)]
    nearer, copy, wrong = [1, 0.2, 0], [0.5, 1.02, 0], [0.4, 0, 1]
    assert mined(pair_of("tank?", [0], "id-a"), chunks, [[0.5, 1, 0], nearer, copy, wrong]) == (3,)


def test_chunks_of_the_answering_document_are_mined_only_where_that_is_wanted() -> None:
    chunks = [chunk_of(0, "a", "The tank holds nine litres."), chunk_of(1, "a", "The tank is round.")]
    pair, vectors = pair_of("tank?", [0], "id-a"), [[1.0, 0, 0], [0.5, 1, 0]]
    assert mined(pair, chunks, vectors) == (1,)
    assert mined(pair, chunks, vectors, same_document=False) == ()


def lessons_of(drawn: list[tuple[set[int], int]]) -> list[Lesson]:
    return [
        Lesson(pair_of(f"Question {n}?", sorted(right), f"document {n}"), () if wrong in right else (wrong,))
        for n, (right, wrong) in enumerate(drawn)
    ]


@given(
    st.lists(st.tuples(st.sets(st.integers(0, 12), min_size=1, max_size=3), st.integers(0, 12)), max_size=40),
    st.integers(2, 8),
)
def test_no_batch_calls_an_answer_wrong_and_every_lesson_comes_once(
    drawn: list[tuple[set[int], int]], size: int
) -> None:
    lessons = lessons_of(drawn)
    made = list(batches(lessons, size, 1, random.Random(0)))
    for batch in made:
        assert len(batch) <= size
        for one in batch:
            for other in batch:
                if one is not other:
                    assert not {right_of(other.pair, 1), *other.wrong} & one.pair.holders
    seen = [lesson.pair.question for batch in made for lesson in batch]
    assert len(seen) == len(set(seen))
    # Only one that has nothing to be told from may be left out.
    left = [lesson for lesson in lessons if lesson.pair.question not in seen]
    assert not any(lesson.wrong for lesson in left)


def test_right_chunks_take_turns() -> None:
    assert [right_of(pair_of("?", [4, 7], "id-a"), epoch) for epoch in (1, 2, 3)] == [7, 4, 7]


def test_the_haystack_has_the_validation_documents_whole_and_others_up_to_its_size() -> None:
    chunks = [chunk_of(n, f"document {n // 4}", f"Text {n}") for n in range(100)]
    pairs, kept = haystack_of(
        chunks, [pair_of("?", [42], "id-document 10", holders=[99])], TuningOptions(haystack=10)
    )
    assert len(kept) == 10
    assert [chunk.ordinal for chunk in kept[:4]] == [40, 41, 42, 43]
    assert kept[pairs[0].right[0]].ordinal == 42


def test_figures_are_of_the_rank_of_the_first_right_chunk() -> None:
    chunks = [chunk_of(n, f"{n // 2}", f"word{n}") for n in range(4)]
    vectors = np.eye(4, dtype=np.float32)
    asked = np.array([[0.9, 0.3, 0.2, 0.1], [0.9, 0.3, 0.2, 0.1]], dtype=np.float32)
    pairs = [pair_of("nothing", [0], "id-0"), pair_of("nothing", [2], "id-1")]
    ranks = asyncio.run(measure(pairs, chunks, vectors, asked, Fusion()))
    assert ranks.by_leg[Leg.DENSE].tolist() == [1, 3]
    assert ranks.figures()["dense"] == {"recall@1": 0.5, "recall@5": 1, "recall@10": 1, "mrr": 0.6667}
    of_documents = asyncio.run(measure(pairs, chunks, vectors, asked, Fusion(), documents=True))
    assert of_documents.by_leg[Leg.DENSE].tolist() == [1, 2]
    gain = gained(ranks, of_documents, bootstrap_mean)
    assert gain["dense"]["mrr"][0] == pytest.approx((1 / 2 - 1 / 3) / 2, abs=1e-4)


@pytest.mark.parametrize(
    ("low", "high", "helps", "said"),
    [(0.01, 0.2, True, "It helps"), (-0.1, 0.2, False, "not surely"), (-0.2, -0.1, False, "worse")],
)
def test_it_helps_only_where_the_interval_says_so(low: float, high: float, helps: bool, said: str) -> None:
    row = [(low + high) / 2, low, high]
    found, text = verdict({"hybrid": {"recall@5": row, "mrr": row}}, Leg.HYBRID)
    assert found is helps
    assert said in text


def test_questions_come_from_a_file_and_a_bad_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "questions.jsonl"
    lines = [
        {"question": "How much?", "answers": ["nine"], "doc_ids": ["a"], "extra": 1},
        {"question": "What?", "answerable": False},
    ]
    file.write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    assert read_asked(file) == [Asked("How much?", ("nine",), ("a",))]
    file.write_text('{"question": "How much?", "answers": ["nine"]}\n{"answers": []}\n')
    with pytest.raises(InvalidRequestError, match="line 2"):
        read_asked(file)
    with pytest.raises(InvalidRequestError, match="cannot be read"):
        read_asked(tmp_path / "none.jsonl")


def test_questions_come_from_a_training_set_each_once_and_only_the_grounded(tmp_path: Path) -> None:
    def example(name: str, kind: Kind) -> TrainingExample:
        return TrainingExample(name, kind, (), "nine. [1]", "How much?", ("nine",), ("a",))

    write_examples(tmp_path / "train.jsonl", [example("1", Kind.GROUNDED), example("2", Kind.GROUNDED)])
    write_examples(tmp_path / "validation.jsonl", [example("3", Kind.CLOSED)])
    assert read_set(tmp_path) == ([Asked("How much?", ("nine",), ("a",))], [])


def test_the_order_of_questions_does_not_change_their_hash_but_an_answer_does() -> None:
    one, other = Asked("A?", ("a",)), Asked("B?", ("b",))
    assert hash_of([one, other]) == hash_of([other, one])
    assert hash_of([one]) != hash_of([Asked("A?", ("b",))])


@pytest.mark.parametrize(
    "wrong", [{"epochs": 0}, {"lr": 5.0}, {"mix": (0.0,)}, {"temperature": 0.0}, {"matryoshka": (0,)}]
)
def test_settings_out_of_bounds_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidRequestError):
        TuningOptions(**wrong)  # type: ignore[arg-type]


def test_numbers_are_read_between_commas() -> None:
    assert numbers("384, 256,", "matryoshka") == (384, 256)
    with pytest.raises(InvalidRequestError, match="--mix"):
        numbers("half", "mix")
