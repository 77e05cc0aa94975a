"""Plain questions: each can be answered rightly and wrongly, and forgetting is told."""

import re

import pytest
from pydantic import ValidationError

from finetune.validation.plain import PlainQuestion, forgetting, plain_questions

RIGHT = {
    "add-small": "2 + 2 = 4.", "add-tens": "15 + 27 = 42", "subtract": "10 - 3 = 7.", "multiply": "It is 42.",
    "divide": "20 / 4 = 5", "half": "Nine.", "apples": "He has 3 apples left.", "next-number": "10",
    "larger": "91", "minutes": "There are 60 minutes.", "france": "Paris.", "japan": "Tokyo",
    "sun": "In the east.", "days": "Seven.", "months": "12", "planet": "Earth.", "water": "H2O", "ice": "Ice.",
    "romeo": "William Shakespeare", "sky": "Blue.", "spider": "8", "ocean": "The Pacific Ocean.",
    "language": "Portuguese", "bees": "Honey.", "boiling": "100 °C", "opposite-hot": "Cold.",
    "heart": "The heart.", "triangle": "Three.", "plural": "Children", "past": "went", "capitals": "HELLO WORLD",
    "correct": "receive", "synonym": "Large.", "negate": "The door is closed.", "question-form": "Do you like tea?",
    "translate": "Bonjour", "remove-word": "It is a cold day.", "first-word": "Cats", "yes": "Yes.", "no": "No",
    "repeat": "sun sun sun", "say": "The test has begun.", "colour-of": "Anna's hat is red.",
    "classify": "Positive.", "pick": "Banana is a fruit.", "sort": "apple, fig, pear", "count-letters": "3",
    "odd-one": "Hammer.", "list": "- Red\n- Blue\n- Green", "numbered": "1. Cat\n2. Dog",
    "commas": "cat, dog, horse", "json": '{"name": "Anna"}', "brackets": "[moon]", "date": "2020-03-05",
    "email": "Dear Ms Brown,", "python": "print('hello')",
}  # fmt: skip


def test_there_are_enough_of_each_kind_and_each_is_answered_by_its_right_answer_alone() -> None:
    questions = plain_questions()
    assert {one.id for one in questions} == set(RIGHT)
    assert len(questions) == len(RIGHT) >= 40
    kinds = [one.kind for one in questions]
    assert set(kinds) == {"arithmetic", "knowledge", "rewriting", "instructions", "formats"}
    assert min(kinds.count(kind) for kind in set(kinds)) >= 8
    for one in questions:
        assert one.is_right(RIGHT[one.id]), one.id
        assert not one.is_right("I don't know."), one.id
        assert not one.is_right("1234567"), one.id
        assert not one.is_right(one.question), one.id


def test_a_number_inside_of_another_is_not_accepted() -> None:
    small = next(one for one in plain_questions() if one.id == "add-small")
    assert not small.is_right("14")
    assert not small.is_right("4.5")
    assert small.is_right("The answer is 4.")


def test_what_was_lost_and_gained_is_told_with_an_interval() -> None:
    questions = plain_questions()
    before = [RIGHT[one.id] for one in questions]
    kept = forgetting(questions, before, before)
    assert (kept.before.mean, kept.after.mean, kept.difference.mean) == (1.0, 1.0, 0.0)
    assert kept.same_verdict == 1.0
    assert (kept.lost, kept.gained) == ((), ())
    after = ["I don't know." if one.kind == "arithmetic" else RIGHT[one.id] for one in questions]
    found = forgetting(questions, before, after)
    sums = sum(one.kind == "arithmetic" for one in questions)
    assert len(found.lost) == sums
    assert found.difference.mean == pytest.approx(-sums / len(questions))
    assert found.difference.high < 0
    assert (found.kinds["arithmetic"].before, found.kinds["arithmetic"].after) == (sums, 0)
    assert forgetting(questions, after, before).gained == found.lost
    assert found.alike.mean < 1
    with pytest.raises(ValueError, match=r"shorter|longer"):
        forgetting(questions, before, before[1:])


def test_a_pattern_that_is_none_is_refused() -> None:
    with pytest.raises((ValidationError, re.error)):
        PlainQuestion(id="x", kind="y", question="z", accept=("(",))
