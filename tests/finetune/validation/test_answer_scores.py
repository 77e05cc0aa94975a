"""Scores of answers, beside examples worked by hand from SQuAD's definitions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.validation.scores import (
    contains,
    exact_match,
    normalised,
    overlap_f1,
    says_unknown,
    token_f1,
    without_marks,
)

texts = st.text(st.sampled_from("ab The an,.-[1] \n"), max_size=40)
words = st.lists(st.sampled_from(["cat", "sat", "mat", "on"]), max_size=8)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The  Cat, sat!", "cat sat"),
        ("a well-known anthem", "wellknown anthem"),
        ("An apple a day", "apple day"),
        ("theatre", "theatre"),
        ("U.S.A.", "usa"),
        ("the a an", ""),
    ],
)
def test_a_text_is_normalised_as_squad_does_it(text: str, expected: str) -> None:
    assert normalised(text) == expected


def test_marks_are_no_part_of_what_an_answer_says() -> None:
    assert without_marks("It closes at seven [1][2, 3].") == "It closes at seven."
    assert exact_match("The Gate [12]", ["gate"])
    assert without_marks("see [a] and [2020]") == "see [a] and [2020]"


def test_the_best_reference_counts() -> None:
    assert exact_match("seven", ["eight", "Seven."])
    assert not exact_match("seven o'clock", ["eight", "Seven."])
    # said: "it closes at seven" (4 words), reference "at seven evening": 2 shared of 4 and 3.
    assert token_f1("It closes at seven.", ["noon", "at seven the evening"]) == pytest.approx(4 / 7)


def test_a_word_counts_as_often_as_both_have_it() -> None:
    assert overlap_f1(["no", "no", "no"], ["no", "no"]) == pytest.approx(4 / 5)


def test_without_words_only_nothing_is_right() -> None:
    assert token_f1("The.", ["a"]) == 1.0
    assert token_f1("", ["cat"]) == 0.0
    assert token_f1("cat", [""]) == 0.0
    with pytest.raises(ValueError, match="reference"):
        token_f1("cat", [])
    with pytest.raises(ValueError, match="reference"):
        exact_match("cat", [])


@given(words, words)
def test_f1_is_symmetric_within_bounds_and_does_not_see_the_order(one: list[str], other: list[str]) -> None:
    score = overlap_f1(one, other)
    assert 0.0 <= score <= 1.0
    assert score == overlap_f1(other, one) == overlap_f1(one[::-1], sorted(other))
    assert (score == 1.0) == (sorted(one) == sorted(other))


@given(texts, st.lists(texts, min_size=1, max_size=3))
def test_an_exact_match_has_f1_1_and_contains_what_it_matches(answer: str, references: list[str]) -> None:
    if exact_match(answer, references):
        assert token_f1(answer, references) == 1.0
        assert contains(answer, references) == any(
            normalised(one) and normalised(one) == normalised(without_marks(answer)) for one in references
        ) or contains(answer, references)
    assert token_f1(answer, references) == max(token_f1(answer, [one]) for one in references)


@given(texts)
def test_normalising_twice_changes_no_more_than_an_article_that_came_to_light(text: str) -> None:
    once = normalised(text)
    assert once == " ".join(once.split()) == once.lower()
    assert exact_match(once, [once])


def test_a_reference_is_contained_word_after_word_and_not_inside_of_words() -> None:
    assert contains("The gate closes at seven, always.", ["Closes at seven"])
    assert not contains("The gate encloses at seven", ["closes at seven"])
    assert not contains("at seven it closes", ["closes at seven"])
    assert not contains("anything", ["the", ""])


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("I don't know.", True),
        ("I don’t know", True),
        ("  I do not know what that is, but perhaps seven.", True),
        ("The passages do not say.", True),
        ("Seven. I don't know why.", False),
        ("I know.", False),
        ("", False),
    ],
)
def test_an_answer_that_begins_by_not_knowing_is_none(text: str, unknown: bool) -> None:
    assert says_unknown(text) is unknown
    assert says_unknown(text, abstained=True)
