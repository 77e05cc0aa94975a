"""Sets that ask for a class, and figures that are no mean over answers."""

import pytest
from eval_replies import DOWN, case, reply
from sklearn.metrics import precision_recall_fscore_support

from eval.case import EvalCase
from eval.reply import Reply
from eval.suites.classification import confusion_of, score_classification
from eval.suites.wholes import figures_of_whole
from finetune.validation.labels import macro_f1

# Right class and answer. Said: yes, no, nothing, yes, maybe, nothing.
ANSWERS = [
    ("yes", "Yes, it does."),
    ("yes", "No."),
    ("yes", "I don't know."),
    ("no", "yes"),
    ("maybe", "It is maybe so."),
    ("no", "no or maybe"),
]


@pytest.fixture
def asked() -> tuple[list[EvalCase], list[Reply]]:
    cases = [case(f"c{n}", label=label.title()) for n, (label, _) in enumerate(ANSWERS)]
    return cases, [reply(text, f"c{n}") for n, (_, text) in enumerate(ANSWERS)]


def test_classes_are_read_and_counted(asked: tuple[list[EvalCase], list[Reply]]) -> None:
    accuracy, unread = score_classification(*asked)
    assert accuracy.values == {"c0": 1, "c1": 0, "c2": 0, "c3": 0, "c4": 1, "c5": 1}
    assert [case for case, value in unread.values.items() if value] == ["c2"]
    assert confusion_of(*asked) == {
        "maybe": {"maybe": 1, "no": 0, "yes": 0, "": 0},
        "no": {"maybe": 0, "no": 1, "yes": 1, "": 0},
        "yes": {"maybe": 0, "no": 1, "yes": 1, "": 1},
    }


def test_macro_figures_by_hand(asked: tuple[list[EvalCase], list[Reply]]) -> None:
    figures = {figure.measure: figure for figure in figures_of_whole(*asked)}
    means = {name: figures[name].estimate.mean for name in ("macro_precision", "macro_recall", "macro_f1")}
    # maybe: 1 of 1, 1 of 1; no: 1 of 2, 1 of 2; yes: 1 of 2, 1 of 3.
    assert means == pytest.approx(
        {
            "macro_precision": (1 + 1 / 2 + 1 / 2) / 3,
            "macro_recall": (1 + 1 / 2 + 1 / 3) / 3,
            "macro_f1": (1 + 1 / 2 + 2 / 5) / 3,
        }
    )
    wanted = [label for label, _ in ANSWERS]
    said = ["yes", "no", None, "yes", "maybe", "no"]
    assert means["macro_f1"] == pytest.approx(macro_f1(wanted, said))
    for name in means:
        estimate = figures[name].estimate
        assert 0 <= estimate.low <= estimate.mean <= estimate.high <= 1


def test_the_interval_of_a_macro_figure_is_that_of_resampled_cases(
    asked: tuple[list[EvalCase], list[Reply]],
) -> None:
    import numpy as np

    wanted, said = [label for label, _ in ANSWERS] * 5, ["yes", "no", "", "yes", "maybe", "no"] * 5
    cases = [case(f"c{n}", label=label) for n, label in enumerate(wanted)]
    replies = [reply(text or "I don't know.", f"c{n}") for n, text in enumerate(said)]
    figure = next(one for one in figures_of_whole(cases, replies) if one.measure == "macro_f1")
    rng, drawn = np.random.default_rng(1), []
    for _ in range(100):
        places = rng.integers(0, len(wanted), len(wanted))
        drawn.append(
            precision_recall_fscore_support(
                [wanted[n] for n in places],
                [said[n] for n in places],
                labels=["maybe", "no", "yes"],
                average="macro",
                zero_division=0,
            )[2]
        )
    low, high = np.percentile(drawn, [2.5, 97.5])
    assert (figure.estimate.low, figure.estimate.high) == pytest.approx((low, high), abs=0.08)


def test_failed_answers_are_counted_in_a_figure_and_no_class_gives_none(
    asked: tuple[list[EvalCase], list[Reply]],
) -> None:
    cases, replies = asked
    broken = [*replies[:-1], reply(name="c5", failure=DOWN)]
    figure = next(one for one in figures_of_whole(cases, broken) if one.measure == "macro_f1")
    assert (figure.cases, figure.failed) == (5, 1)
    assert figures_of_whole([case("c1")], [reply("x")]) == []


def test_f1_that_is_lost_by_noise_is_over_the_same_questions() -> None:
    cases = [case(f"c{n}", "seven") for n in range(3)]
    replies = [reply("seven", f"c{n}") for n in range(3)]
    replies += [reply("seven", "c0", variant="noise"), reply("eight", "c1", variant="noise")]
    replies.append(reply(name="c2", variant="noise", failure=DOWN))
    figures = {figure.measure: figure for figure in figures_of_whole(cases, replies)}
    lost = figures["noise_f1_drop"]
    assert (lost.estimate.mean, lost.cases, lost.failed) == (0.5, 2, 1)
    assert "counterfactual_f1_drop" not in figures
    assert figures["aurc"].estimate.mean == 0
