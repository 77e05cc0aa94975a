"""Where answers stand in texts."""

from hypothesis import given
from hypothesis import strategies as st

from finetune.dataset.texts import (
    Place,
    nearest,
    places,
    sentence_around,
    sentences,
    stands_in,
    without_marks,
)

TEXT = "In 2013 three gates were built. They close at\nseven [3]. Nobody (Dr. Berta alone) has 3 keys."


def test_an_answer_is_found_across_lines_and_letter_case() -> None:
    (place,) = places("CLOSE at seven", TEXT)
    assert TEXT[place.start : place.end] == "close at\nseven"


def test_a_whole_word_is_not_found_inside_of_another() -> None:
    assert len(places("3", TEXT)) == 3
    assert [TEXT[p.start - 1] for p in places("3", TEXT, whole=True)] == ["[", " "]


def test_of_several_places_the_nearest_to_the_start_counts() -> None:
    assert nearest([Place(0, 2), Place(9, 11)], 7) == Place(9, 11)
    assert nearest([Place(0, 2), Place(9, 11)], None) == Place(0, 2)
    assert nearest([], 7) is None


def test_a_short_answer_stands_in_a_text_by_accident() -> None:
    assert not stands_in("3", TEXT)
    assert stands_in("three gates", TEXT)
    assert not stands_in("three gate", TEXT)


def test_the_whole_sentence_is_found_around_a_place() -> None:
    (place,) = places("seven", TEXT)
    assert sentence_around("He came. They close at seven. He went.", Place(9, 28)) == "They close at seven."
    assert sentence_around(TEXT, place) == "seven [3]."  # a line's end ends a sentence: it may be a heading


def test_marks_of_an_article_are_taken_out() -> None:
    assert (
        without_marks("It rose [12], then fell [3, 4]\nand rested [5-7].") == "It rose, then fell and rested."
    )


@given(st.text(max_size=200))
def test_sentences_hold_all_text_but_white_space(text: str) -> None:
    kept = "".join(text[one.start : one.end] for one in sentences(text))
    assert "".join(kept.split()) == "".join(text.split())
