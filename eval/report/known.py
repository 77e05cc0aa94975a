"""Measures that the report speaks of by what they mean, by the names that the suites give them."""

from eval.comparison import Comparison, MeasureFacts

SAYS_UNKNOWN_RIGHTLY = ("abstention_recall", "unknown_unanswerable")
"""Share of the questions without an answer that got "I don't know."."""
SAYS_UNKNOWN_WRONGLY = ("false_abstention", "unknown_answerable")
"""Share of the questions with an answer that got it, too."""
ANSWER_FOUND = ("answer_recall", "answer_in_passages")
"""Share of the questions whose passages hold the answer."""
F1_GIVEN_ANSWER = ("f1_given_answer",)
"""F1 of words, of questions whose answer stood in the prompt."""

KEY = (
    "token_f1", "exact_match", "label_accuracy", "macro_f1", *ANSWER_FOUND, "faithfulness", "citation_recall",
    "citation_precision", *SAYS_UNKNOWN_RIGHTLY, *SAYS_UNKNOWN_WRONGLY,
)  # fmt: skip
"""In this order, measures that the summary shows beside the leading one."""

OUT_OF_DOMAIN = ("out-of-domain", "out_of_domain", "ood")
"""Tags of questions that the corpus is not about."""


def first_known(comparison: Comparison, names: tuple[str, ...]) -> MeasureFacts | None:
    """The first of these measures that the comparison has."""
    return next((one for name in names for one in comparison.measures if one.name == name), None)


def key_measures(comparison: Comparison, most: int = 6) -> list[MeasureFacts]:
    """The leading measure, then those of `KEY` that some arm has a value of, then others of generation."""
    shown = {
        figure.measure for arm in comparison.arms for figure in arm.figures if figure.estimate is not None
    }
    by_name = {one.name: one for one in comparison.measures}
    others = [one.name for one in comparison.measures if one.stage in ("generation", "classification")]
    order = dict.fromkeys((comparison.leading, *KEY, *others))
    return [by_name[name] for name in order if name in by_name and name in shown][:most]
