"""Where answers are lost: before the prompt, or by the model that had the answer before it."""

from eval.measure import Measure, Scores, Stage

ANSWER_IN_PROMPT = Measure(
    "answer_in_prompt",
    "Answer before the model",
    Stage.ASSEMBLY,
    "Share of questions of which a reference stands, word for word, in the passages of the prompt.",
    needs=frozenset({"references", "passages"}),
)
F1_GIVEN_ANSWER = Measure(
    "f1_given_answer",
    "F1 given the answer",
    Stage.GENERATION,
    "F1 of words of the questions of which a reference stood, word for word, in the prompt.",
    "score",
    needs=frozenset({"references", "passages"}),
)


def given_answer(f1: Scores, found: Scores, kept: Scores) -> list[Scores]:
    """The two measures above, of one arm.

    `f1` is its F1 of words, `found` whether a reference stands in one of the passages, `kept` whether one stands in
    the prompt, of those where one was found: `token_f1`, `answer_recall_10` and `answer_kept`. An arm that does not
    retrieve has no values of either.
    """
    in_prompt = {case: kept.values.get(case, 0.0) for case in found.values}
    had = [case for case, value in in_prompt.items() if value]
    passed_over = {case: "the answer was not in the prompt" for case, value in in_prompt.items() if not value}
    return [
        Scores(ANSWER_IN_PROMPT, in_prompt, found.failed, found.passed_over),
        Scores(
            F1_GIVEN_ANSWER,
            {case: f1.values[case] for case in had if case in f1.values},
            {case: f1.failed[case] for case in had if case in f1.failed},
            {**found.passed_over, **passed_over},
        ),
    ]


def lost(found: float, given: float) -> tuple[float, float]:
    """What is lost before the prompt and in the model, of a score in [0, 1].

    With `found` as the share of questions whose answer is in the prompt and `given` as the score of those, having
    every answer there would add (1 - found) * given, and using rightly what is there up to found * (1 - given).
    """
    return (1 - found) * given, found * (1 - given)
