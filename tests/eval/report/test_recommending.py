import re
from collections.abc import Iterator

import pytest
from comparisons import ARMS, arm, comparison, difference, figure

from eval.comparison import Comparison, Cost, Difference, Figure, Sentence
from eval.report import recommend
from eval.report.given import lost
from eval.report.references import catalogue, mean_of
from eval.report.wording import money

_LABELS = {"base": {"accuracy": 0.52}, "rag": {"accuracy": 0.55}}
_CONFUSION = {"yes": {"yes": 80, "no": 20, "": 10}, "no": {"yes": 50, "no": 30}, "maybe": {"yes": 9, "no": 1}}


def _failing() -> Comparison:
    made = comparison()
    figures = (figure("token_f1", 0.41, 220, failed=12), *made.arms[-1].figures[1:])
    arms = (*made.arms[:-1], made.arms[-1].model_copy(update={"figures": figures, "failed": 12}))
    changed = made.model_copy(update={"arms": arms, "partial": True})
    return changed.model_copy(update={"recommendation": recommend(changed)})


def _labels() -> Comparison:
    arms = tuple(arm(name, each, name, confusion=_CONFUSION) for name, each in _LABELS.items())
    return comparison(_LABELS, {("rag", "base"): "no difference seen"}, arms=arms)


_WORSE = ARMS | {
    "tuned": {**ARMS["tuned"], "token_f1": 0.041},
    "hybrid": {**ARMS["hybrid"], "token_f1": 0.192},
}

CASES = {
    "winner": comparison(),
    "near": comparison(verdicts={("hybrid", "rag"): "no difference seen"}),
    "too few": comparison(verdicts={("hybrid", "rag"): "too few", ("hybrid", "tuned"): "too few"}),
    "worse": comparison(_WORSE),
    "failing": _failing(),
    "labels": _labels(),
    "one": comparison({"rag": ARMS["rag"]}),
    "unpriced": comparison(arms=tuple(arm(name, each, "other") for name, each in ARMS.items())),
}


def _said(made: Comparison, topic: str) -> str:
    return " ".join(one.text for one in made.recommendation if one.topic == topic)


@pytest.mark.parametrize("made", CASES.values(), ids=CASES)
def test_every_sentence_names_figures_that_are_there(made: Comparison) -> None:
    known = catalogue(made)
    assert made.recommendation
    for sentence in made.recommendation:
        assert sentence.figures, sentence.text
        assert set(sentence.figures) <= set(known), sentence.text


@pytest.mark.parametrize("made", CASES.values(), ids=CASES)
def test_every_number_that_is_said_is_one_of_the_named_figures(made: Comparison) -> None:
    for sentence in made.recommendation:
        assert _numbers(sentence.text, made) <= set(_known(sentence, made)), sentence.text


def test_a_number_of_no_figure_would_be_noticed() -> None:
    made = CASES["winner"]
    sentence = made.recommendation[0]
    wrong = sentence.model_copy(update={"text": sentence.text.replace("39.8", "41.7")})
    assert wrong.text != sentence.text
    assert _numbers(wrong.text, made) - set(_known(wrong, made)) == {"41.7"}


def test_a_clear_winner_is_to_be_served() -> None:
    first = CASES["winner"].recommendation[0]
    assert first.text.startswith(
        "Serve hybrid: it has the best F1 of words, 39.8 (95% interval 35.8 to 43.8)"
    )
    assert "token_f1:hybrid-rag" in first.figures
    assert "earns its place" in _said(CASES["winner"], "cost")


def test_of_two_that_are_not_told_apart_the_one_that_asks_for_less_is_to_be_served() -> None:
    choice = _said(CASES["near"], "choice")
    assert choice.startswith("Serve rag, with F1 of words of 24.1")
    assert "hybrid has the highest mean, but no difference from rag is seen" in choice
    assert "rag asks for least: it needs no training" in choice
    assert "would show a difference of 3.4 points" in choice
    assert "Fine-tuning on top of retrieval is not worth its cost here" in _said(CASES["near"], "cost")


def test_with_too_few_questions_no_arm_is_called_best_and_their_number_is_said() -> None:
    choice = _said(CASES["too few"], "choice")
    assert choice.startswith("There are not enough questions to say which arm is best")
    assert "Serve" not in choice
    assert "about 640" in _said(CASES["too few"], "next")
    assert "not enough questions to say" in _said(CASES["too few"], "parts")
    assert "cannot be said with so few questions" in _said(CASES["too few"], "cost")


def test_training_that_makes_it_worse_is_called_so() -> None:
    assert _said(CASES["worse"], "choice").startswith("Serve rag: it has the best F1 of words")
    assert "is not worth its cost here: after 37 min of training, F1 of words is worse" in _said(
        CASES["worse"], "cost"
    )
    assert "(tuned against base) worsens F1 of words" in _said(CASES["worse"], "parts")


def test_a_part_of_a_run_and_failed_cases_are_said_with_their_bounds() -> None:
    limits = _said(CASES["failing"], "limits")
    assert "The run was ended before everything was asked" in limits
    assert "12 of 232 questions gave no F1 of words of hybrid" in limits
    assert "lies between 38.9 and 44.1" in limits


def test_a_difference_that_failed_cases_could_turn_is_not_called_better() -> None:
    doubtful = difference("rag", "base", 0.2, "too few", doubtful=True)
    made = comparison({name: ARMS[name] for name in ("base", "rag")}, differences=(doubtful,))
    assert "but the failed cases could turn this" in _said(made, "parts")
    assert "improves" not in _said(made, "parts")


def test_classes_are_set_beside_the_commonest_one() -> None:
    assert "always saying yes, the commonest class, would be right in 55.0% of 200 questions" in _said(
        CASES["labels"], "limits"
    )


def test_a_slice_where_another_arm_is_better_is_named() -> None:
    slices = _said(CASES["winner"], "slices")
    assert "On the 23 questions tagged table, rag is better than hybrid" in slices
    assert "The weakest slice of hybrid is table" in slices
    assert "multi-hop" not in slices


def test_it_is_said_where_answers_are_lost() -> None:
    assert "lacks the answer, word for word, to 28.4% of the questions" in _said(CASES["winner"], "next")
    assert "Better use of what is found comes first" in _said(CASES["winner"], "next")
    means = {name: dict(each) for name, each in ARMS.items()}
    means["hybrid"]["answer_in_prompt"] = 0.3
    assert "Better retrieval comes first" in _said(comparison(means), "next")


def test_i_do_not_know_is_said_of_questions_with_and_without_an_answer() -> None:
    unknown = _said(CASES["winner"], "unknown")
    assert "do not answer, “I don't know” is said, rightly, to 0.0% with base, 5.0% with prompted" in unknown
    assert "outside the domain" in unknown


def test_the_same_comparison_gives_the_same_sentences() -> None:
    assert recommend(CASES["winner"]) == CASES["winner"].recommendation


def test_one_arm_alone_is_not_recommended() -> None:
    assert CASES["one"].recommendation[0].text.startswith("Only rag has a value of F1 of words")


def _numbers(text: str, made: Comparison) -> set[str]:
    """Numbers of the text, without those of names, of what a price rests on, and of "95% interval"."""
    names = [one.title for one in made.measures] + [one.name for one in made.arms]
    names += [one.cost.money_basis for one in made.arms] + [
        part.tag for one in made.arms for part in one.slices
    ]
    for name in [*sorted(names, key=len, reverse=True), "95% interval"]:
        text = text.replace(name, "")
    return set(re.findall(r"\d[\d,]*(?:\.\d+)?", text))


def _known(sentence: Sentence, made: Comparison) -> Iterator[str]:
    """Every way in which a value of the sentence's figures may be written."""
    known = catalogue(made)
    for name in sentence.figures:
        for value in _values(known[name]):
            size = abs(value)
            yield from (f"{100 * size:.1f}", f"{size:.1f}", f"{size:.2f}", f"{size:.3f}", f"{size:,.0f}")
            yield from (f"{size / 60:.0f}", f"{size / 3600:.1f}", f"{size / 1e6:.1f}", money(size))
    for each in made.arms:
        found, given = mean_of(each, "answer_in_prompt"), mean_of(each, "f1_given_answer")
        if f"answer_in_prompt:{each.name}" in sentence.figures and found is not None:
            yield f"{100 * (1 - found):.1f}"
            yield from (f"{100 * one:.1f}" for one in lost(found, given or 0.0))


def _values(found: object) -> list[float]:
    if isinstance(found, Figure):
        ends = [found.estimate.mean, found.estimate.low, found.estimate.high] if found.estimate else []
        return [*ends, *(found.bounds or ()), found.cases, found.failed, found.cases + found.failed]
    if isinstance(found, Difference):
        ends = [found.estimate.mean, found.estimate.low, found.estimate.high]
        return [*ends, found.cases, found.p_adjusted, found.detectable, found.needed]
    if isinstance(found, Cost):
        return [one for one in found.model_dump().values() if isinstance(one, int | float)]
    assert isinstance(found, dict)
    rows = [sum(row.values()) for row in found.values() if isinstance(row, dict)]
    return [*rows, sum(rows), *(one / sum(rows) for one in rows)]
