from collections.abc import Mapping

from eval.case import EvalCase
from eval.comparison import Example
from eval.measure import Measure, Scores, Stage
from eval.reply import Failure, Reply
from eval.report import examples_of

F1 = Measure("token_f1", "F1 of words", Stage.GENERATION, "", "score")


def _examples(values: Mapping[str, list[float]], most: int = 12, **questions: str) -> tuple[Example, ...]:
    number = len(next(iter(values.values())))
    cases = [
        EvalCase(id=f"q{n}", question=questions.get(f"q{n}", f"Question {n}?"), references=("yes",))
        for n in range(number)
    ]
    replies = [
        Reply(arm=arm, recipe_version="1", case=case.id, question=case.question, text=f"{arm} says {case.id}")
        for arm in values
        for case in cases
    ]
    scores = {arm: Scores(F1, {f"q{n}": one for n, one in enumerate(each)}) for arm, each in values.items()}
    return examples_of(cases, replies, scores, most)


def test_each_pair_of_neighbours_is_shown_in_both_directions() -> None:
    picked = _examples(
        {
            "best": [1.0, 0.2, 0.9, 0.9, 0.9],
            "middle": [0.0, 0.8, 0.9, 0.1, 0.9],
            "worst": [0.0, 0.8, 0.0, 0.5, 0.9],
        }
    )
    assert {one.case for one in picked} == {"q0", "q1", "q2", "q3"}


def test_the_furthest_apart_come_first_and_equal_ones_not_at_all() -> None:
    picked = _examples({"one": [0.5, 0.9, 0.6, 0.3], "other": [0.5, 0.1, 0.2, 0.2]})
    assert [one.case for one in picked] == ["q1", "q2", "q3"]
    assert picked[0].scores == {"one": 0.9, "other": 0.1}
    assert picked[0].answers == {"one": "one says q1", "other": "other says q1"}


def test_there_are_at_most_so_many_and_the_same_each_time() -> None:
    values = {"one": [n / 50 for n in range(50)], "other": [0.0] * 50}
    assert len(_examples(values)) == 12
    assert _examples(values) == _examples(values)
    assert len(_examples(values, most=3)) == 3


def test_the_same_question_under_another_id_is_shown_once() -> None:
    picked = _examples({"one": [0.9, 0.8], "other": [0.0, 0.0]}, q0="What is  it?", q1="what is it?")
    assert [one.case for one in picked] == ["q0"]


def test_a_class_stands_for_the_reference_and_who_abstained_is_told() -> None:
    case = EvalCase(id="a", question="Is it?", label="yes")
    replies = [
        Reply(arm="one", recipe_version="1", case="a", question="Is it?", text="yes"),
        Reply(
            arm="other", recipe_version="1", case="a", question="Is it?", text="I don't know.", abstained=True
        ),
        Reply(arm="other", recipe_version="1", case="a", question="Is it?", text="no", variant="repeat"),
        Reply(
            arm="third",
            recipe_version="1",
            case="a",
            question="Is it?",
            failure=Failure(type="x", message="y"),
        ),
    ]
    scores = {
        "one": Scores(F1, {"a": 1.0}),
        "other": Scores(F1, {"a": 0.0}),
        "third": Scores(F1, {}, {"a": "failed"}),
    }
    (example,) = examples_of([case], replies, scores)
    assert example.references == ("yes",)
    assert example.abstained == ("other",)
    assert example.answers == {"one": "yes", "other": "I don't know."}
