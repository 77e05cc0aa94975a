import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.answering.support import SupportJudge, best_quote, content_words, sentences
from server.answering.wording import place_of


def test_a_sentence_is_wholly_supported_by_itself() -> None:
    assert SupportJudge(["Clean the filter weekly."]).support("Clean the filter weekly.", 0) == 1.0


def test_other_words_do_not_support() -> None:
    assert SupportJudge(["Clean the filter weekly."]).support("Elephants remember.", 0) == 0.0


def test_a_sentence_of_function_words_has_no_support() -> None:
    assert SupportJudge(["It is what it is."]).support("It is so.", 0) == 0.0


def test_words_that_every_passage_has_decide_less_than_rare_ones() -> None:
    judge = SupportJudge(["device filter", "device pump", "device hose"])
    assert judge.best("the device with the pump")[0] == 1


def test_forms_of_a_word_are_one_word() -> None:
    assert content_words("cleaned cleaning cleans") == content_words("clean clean clean")


def test_the_quote_is_the_nearest_sentence() -> None:
    text = "Switch it off. Clean the filter with water. Let it dry."
    span = best_quote("The filter is cleaned with water", text)
    assert text[span.start : span.end] == "Clean the filter with water."


@given(st.text(max_size=300))
def test_sentences_hold_all_text_but_white_space(text: str) -> None:
    kept = "".join(text[span.start : span.end] for span in sentences(text))
    assert "".join(kept.split()) == "".join(text.split())


def test_of_passages_with_all_the_words_the_one_that_says_it_to_the_letter_is_best() -> None:
    judge = SupportJudge(["Valves with a pump drain the tank.", "Drain the tank with pump and valves."])
    assert judge.best("drain the tank") == (0, 1.0)
    assert judge.best("pump and valves") == (1, 1.0)


@pytest.mark.parametrize(
    ("said", "passage"),
    [
        ("salt", "It is a salt-rich brine."),
        ("rich brine", "Ships carry rich-brine tanks."),
        ("flows in, and out", "It flows in [3, 4] , and\nout of the tank."),
        ("the owner’s key", "Use the owner's key."),
    ],
)
def test_what_a_passage_says_to_the_letter_it_carries_however_the_words_are_joined(
    said: str, passage: str
) -> None:
    assert SupportJudge([passage]).support(said, 0) == 1.0


@pytest.mark.parametrize(
    ("said", "passage"),
    [
        ("toxic", "The paint is non-toxic."),
        ("salt", "It is a salt-free brine."),
        ("valve", "It has two valvelike lips."),
    ],
)
def test_a_part_of_a_word_or_of_its_opposite_is_not_said(said: str, passage: str) -> None:
    assert place_of(said, passage) is None
    assert SupportJudge([passage]).support(said, 0) < 1.0


@pytest.mark.parametrize(
    ("figure", "carried"), [("2.2", True), ("2.2.9", True), ("2", False), ("2.9", False), ("3", False)]
)
def test_a_figure_is_itself_with_a_footnote_at_its_end(figure: str, carried: bool) -> None:
    judge = SupportJudge(["They put the rate at 2.2.9 The plant at Graz puts it at 3.14 Bar."])
    assert judge.has_figures(f"The rate is {figure}.", [0]) is carried


def test_the_quote_holds_all_lines_of_what_is_said_to_the_letter() -> None:
    text = "Read this first. Open these valves:\nnorth\nsouth\nThen start the pump."
    span = best_quote("Open these valves: north south", text)
    assert text[span.start : span.end] == "Open these valves:\nnorth\nsouth"
