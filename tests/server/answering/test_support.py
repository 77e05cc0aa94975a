from hypothesis import given
from hypothesis import strategies as st

from server.answering.support import SupportJudge, best_quote, content_words, sentences


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
