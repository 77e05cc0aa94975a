import json
import threading
from pathlib import Path

import numpy as np
import pytest

from eval.consistency import Case, Told, jaccard, measure, read_cases, token_f1
from tandem.errors import InvalidRequestError, UnavailableError
from tandem.index import Vector
from tandem.resampling import bootstrap_mean


def told(text: str, *documents: str, abstained: bool = False) -> Told:
    return Told(text, frozenset(documents), abstained)


def embed(texts: list[str]) -> Vector:
    """A fake embedder with a direction for each first word."""
    words = sorted({text.split()[0] for text in texts})
    return np.eye(len(words), dtype=np.float32)[[words.index(text.split()[0]) for text in texts]]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("The gate closes.", "the GATE closes [1]", 1.0),
        ("a b c d", "a b", 2 / 3),
        ("a a b", "a b b", 2 / 3),
        ("a", "b", 0.0),
        ("", "!", 1.0),
        ("", "a", 0.0),
    ],
)
def test_f1_counts_shared_words(one: str, other: str, expected: float) -> None:
    assert token_f1(one, other) == pytest.approx(expected)
    assert token_f1(other, one) == pytest.approx(expected)


def test_jaccard() -> None:
    assert jaccard(frozenset("ab"), frozenset("bc")) == pytest.approx(1 / 3)
    assert jaccard(frozenset(), frozenset()) == 1
    assert jaccard(frozenset(), frozenset("a")) == 0


def test_one_who_always_says_the_same_is_wholly_consistent() -> None:
    cases = [Case("1", ("p", "q")), Case("2", ("r", "s"))]
    found = measure(cases, lambda question: told("yes it is [1]", "a"), embed, 3)
    assert (found.cases, found.answers) == (2, 12)
    for side in (found.paraphrases, found.runs):
        assert {estimate.mean for estimate in side.values()} == {1.0}


def test_paraphrases_and_runs_are_told_apart() -> None:
    """One who goes by the words alone is the same in each run, and another with each wording."""
    said = {"p": told("yes", "a"), "q": told("no", "b"), "r": told("yes", abstained=True)}
    found = measure([Case("1", ("p", "q", "r"))], said.__getitem__, embed, 2)
    assert found.runs["score"].mean == 1
    assert found.paraphrases["score"].mean == pytest.approx(1 / 3)  # p and r agree, of three pairs
    assert found.paraphrases["citations"].mean == 0
    assert found.paraphrases["abstention"].mean == pytest.approx(1 / 3)


def test_a_dice_is_inconsistent_from_run_to_run() -> None:
    lock, count = threading.Lock(), iter(range(100))

    def ask(question: str) -> Told:
        with lock:
            return told(f"word{next(count)}")

    found = measure([Case("1", ("p",))], ask, embed, 4)
    assert found.runs["score"].mean == 0
    assert found.paraphrases == {}


def test_a_case_counts_once_however_many_paraphrases_it_has() -> None:
    cases = [Case("1", ("p", "q")), Case("2", tuple("abcdef"))]
    found = measure(cases, lambda question: told("yes" if question in "pq" else question), embed, 1)
    assert found.paraphrases["f1"].mean == pytest.approx(0.5)
    assert found.paraphrases["f1"].low == 0
    assert found.paraphrases["f1"].high == 1


def test_what_cannot_be_compared_is_refused_before_anybody_is_asked() -> None:
    with pytest.raises(InvalidRequestError, match="compared"):
        measure([Case("1", ("p",))], lambda question: pytest.fail("asked"), embed, 1)


def test_a_server_that_fails_ends_it() -> None:
    def ask(question: str) -> Told:
        raise UnavailableError("away")

    with pytest.raises(UnavailableError):
        measure([Case("1", ("p", "q"))], ask, embed, 2)


def test_a_file_is_read_with_and_without_ids(tmp_path: Path) -> None:
    file = tmp_path / "cases.jsonl"
    file.write_text('{"questions": ["a", " b "], "id": "x"}\n\n{"questions": ["c"]}\n')
    assert read_cases(file) == [Case("x", ("a", "b")), Case("3", ("c",))]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no cases"),
        ("{", "line 1"),
        ('{"questions": ["a"]}\n[]', "line 2"),
        ('{"questions": "a"}', "line 1"),
        ('{"questions": []}', "line 1"),
        ('{"questions": ["a", " "]}', "line 1"),
        ('{"questions": [1]}', "line 1"),
        ('{"questions": ["a"], "id": 1}\n{"questions": ["a"], "id": "1"}', "same id"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "cases.jsonl"
    file.write_text(text)
    with pytest.raises(InvalidRequestError, match=said):
        read_cases(file)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError):
        read_cases(tmp_path / "nosuch.jsonl")
    (tmp_path / "binary").write_bytes(b"\xff\xfe" + json.dumps({}).encode("utf-16"))
    with pytest.raises(InvalidRequestError):
        read_cases(tmp_path / "binary")


def test_the_interval_holds_the_mean_and_shrinks_with_more_cases() -> None:
    few, many = bootstrap_mean([0.0, 1.0] * 5), bootstrap_mean([0.0, 1.0] * 500)
    assert few.low < few.mean == 0.5 < few.high
    assert many.high - many.low < (few.high - few.low) / 5
    with pytest.raises(ValueError, match="nothing"):
        bootstrap_mean([])
