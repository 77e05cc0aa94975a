"""All measures that need no judge, and one function that applies them."""

from collections.abc import Callable, Sequence

from eval.case import EvalCase
from eval.measure import Measure, Scores
from eval.reply import Reply
from eval.suites import (
    abstention,
    assembly,
    citations,
    classification,
    consistency,
    cost,
    generation,
    ingestion,
    ranking,
    retrieval,
    robustness,
    wholes,
)
from eval.suites.embed import Embed
from eval.suites.retrieval import Contexts

MEASURES: dict[str, Measure] = {
    measure.name: measure
    for stage in (
        ingestion,
        retrieval,
        ranking,
        assembly,
        generation,
        citations,
        abstention,
        classification,
        consistency,
        robustness,
        cost,
        wholes,
    )
    for measure in stage.MEASURES
}
"""By name, in the order of the way of a question."""


def score_all(
    cases: Sequence[EvalCase],
    replies: Sequence[Reply],
    *,
    embed: Embed | None = None,
    contexts: Contexts | None = None,
    count_tokens: Callable[[str], int] | None = None,
    judge_scores: Sequence[Scores] = (),
) -> list[Scores]:
    """Every measure that has a value an answer, of one arm, and then `judge_scores` as they are.

    A measure that does not apply is there all the same, without values, with the reason for each case. `embed` gives
    vectors of texts, `contexts` the texts that hold the answers (see `eval.suites.contexts`), `count_tokens` the
    tokens of a text for the model; what needs one that is `None` is passed over. Figures that are no mean over
    answers are those of `figures_of_whole`. Blocking, for a thread without an event loop.

    Raises `ValueError` for replies of several arms, `SettingsError` without the extra `eval`.
    """
    arms = {reply.arm for reply in replies}
    if len(arms) > 1:
        raise ValueError(f"replies of one arm are scored at a time, not of {', '.join(sorted(arms))}")
    return [
        *retrieval.score_retrieval(cases, replies, contexts=contexts),
        *assembly.score_assembly(cases, replies, count_tokens=count_tokens),
        *generation.score_generation(cases, replies, embed=embed),
        *abstention.score_abstention(cases, replies),
        *classification.score_classification(cases, replies),
        *consistency.score_consistency(cases, replies, embed=embed),
        *robustness.score_robustness(cases, replies),
        *cost.score_cost(cases, replies),
        *judge_scores,
    ]


def measures_table() -> str:
    """All measures as a table in Markdown, for the docs."""
    lines = [
        "| measure | name | stage | better | Ragas | what it says |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {measure.title} | `{measure.name}` | {measure.stage} | {measure.better} "
        f"| {f'`{measure.ragas}`' if measure.ragas else ''} | {measure.definition} |"
        for measure in MEASURES.values()
    ]
    return "\n".join(lines) + "\n"
