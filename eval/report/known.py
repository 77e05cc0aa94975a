"""Measures that the report speaks of by what they mean, by the names that the suites give them."""

from eval.comparison import Comparison, MeasureFacts

SAYS_UNKNOWN_RIGHTLY = "unknown_unanswerable"
"""Share of the questions without an answer that got "I don't know."."""
SAYS_UNKNOWN_WRONGLY = "unknown_answerable"
"""Share of the questions with an answer that got it, too."""
KEY = (
    "token_f1", "answer_right", "accuracy", "macro_f1", "faithfulness", "answer_in_prompt", "citation_support",
    SAYS_UNKNOWN_RIGHTLY, SAYS_UNKNOWN_WRONGLY, "exact_match",
)  # fmt: skip
"""In this order, measures that the summary shows beside the leading one."""

OUT_OF_DOMAIN = ("out-of-domain", "out_of_domain", "ood")
"""Tags of questions that the corpus is not about."""


def key_measures(comparison: Comparison, most: int = 6) -> list[MeasureFacts]:
    """The leading measure, then those of `KEY` that some arm has a value of, then others of generation."""
    shown = {
        figure.measure for arm in comparison.arms for figure in arm.figures if figure.estimate is not None
    }
    by_name = {one.name: one for one in comparison.measures}
    others = [one.name for one in comparison.measures if one.stage in ("generation", "classification")]
    order = dict.fromkeys((comparison.leading, *KEY, *others))
    return [by_name[name] for name in order if name in by_name and name in shown][:most]
