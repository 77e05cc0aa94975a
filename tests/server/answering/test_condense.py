import pytest

from server.answering.condense import condense
from server.answering.types import Question, Turn
from tandem.vocabulary import Caller

EARLIER = (Turn("user", "How do I clean the filter?"), Turn("assistant", "With water."))


@pytest.mark.parametrize(
    "follow_up", ["And on Windows?", "How often should I do that with the machine running?"]
)
def test_a_follow_up_takes_the_question_before_along(follow_up: str) -> None:
    question = Question(Caller(), "tandem", follow_up, EARLIER)
    assert condense(question) == f"How do I clean the filter?\n{follow_up}"


def test_a_question_that_stands_alone_stays_alone() -> None:
    question = Question(Caller(), "tandem", "Which noise level does the pump have when running?", EARLIER)
    assert condense(question) == question.text


def test_a_first_question_stays_as_it_is() -> None:
    assert condense(Question(Caller(), "tandem", "Why?")) == "Why?"
