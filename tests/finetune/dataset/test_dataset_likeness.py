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


def test_the_same_question_about_another_thing_is_another_question() -> None:
    asked = AskedBefore()
    asked.add("When does the gate of the Quorvex depot close?")
    assert asked.near("When does the gate of the Tarnholt depot close?") is None
    assert asked.near("When does the big gate of the Quorvex depot close?") is not None
