"""Classes read from answers, and their scores beside examples worked by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.validation.labels import YES_NO_MAYBE, accuracy, macro_f1, majority, read_label


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("Yes: it does [1].", "yes"),
        ("No.", "no"),
        ("maybe", "maybe"),
        ("The answer is maybe.", "maybe"),
        ("Yes, there was no difference.", "yes"),
        ("It may be yes or no.", None),
        ("There was nothing notable.", None),
        ("", None),
    ],
)
def test_the_first_word_is_the_class_or_the_only_one_named(answer: str, label: str | None) -> None:
    assert read_label(answer) == label


def test_scores_beside_a_confusion_matrix_by_hand() -> None:
    wanted = ["yes", "yes", "yes", "no", "maybe"]
    said = ["yes", "no", None, "no", "yes"]
    assert accuracy(wanted, said) == pytest.approx(2 / 5)
    # yes: 1 right of 3 wanted and 2 said: 2/5; no: 1 of 1 and 2: 2/3; maybe: 0.
    assert macro_f1(wanted, said) == pytest.approx((2 / 5 + 2 / 3 + 0) / 3)
    assert majority(wanted) == "yes"
    assert majority(["b", "a"]) == "a"
    with pytest.raises(ValueError, match="nothing"):
        accuracy([], [])
    with pytest.raises(ValueError, match=r"shorter|longer"):
        macro_f1(["yes"], [])


@given(st.lists(st.tuples(st.sampled_from(YES_NO_MAYBE), st.sampled_from([*YES_NO_MAYBE, None])), min_size=1))
def test_scores_lie_within_bounds_and_agree_on_what_is_perfect(pairs: list[tuple[str, str | None]]) -> None:
    wanted, said = [one for one, _ in pairs], [other for _, other in pairs]
    known = sorted(set(wanted))
    assert 0.0 <= macro_f1(wanted, said) <= 1.0
    assert (accuracy(wanted, said) == 1.0) == (macro_f1(wanted, said, known) == pytest.approx(1.0))
    assert accuracy(wanted, [majority(wanted)] * len(wanted)) >= 1 / len(known)
