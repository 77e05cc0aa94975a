"""Questions that were asked before."""

from finetune.dataset.likeness import AskedBefore


def known() -> AskedBefore:
    asked = AskedBefore()
    asked.add("What is the main cause of HIV-1 infection in children?")
    asked.add("When does the gate close?")
    return asked


def test_letter_case_and_punctuation_make_no_other_question() -> None:
    assert known().same("when does the gate close") == "When does the gate close?"
    assert known().same("When does the gate open?") is None


def test_a_question_in_nearly_the_same_words_is_found() -> None:
    found = known().near("What is the main cause of HIV-1 infections in young children?")
    assert found == "What is the main cause of HIV-1 infection in children?"


def test_another_question_is_not_near() -> None:
    assert known().near("Who treats HIV-1 infection in adults, and where?") is None
