"""Comparisons made by hand: plausible figures of arms that do not exist."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from eval.comparison import (
    Arm,
    Comparison,
    Cost,
    CurvePoint,
    Difference,
    Example,
    Figure,
    Interval,
    MeasureFacts,
    Slice,
)
from eval.measure import Stage
from eval.report.recommending import recommend

MEASURES = (
    MeasureFacts(
        name="token_f1",
        title="F1 of words",
        stage=Stage.GENERATION,
        definition="Harmonic mean of precision and recall of the words of the answer, the best over the references.",
        unit="score",
        better="higher",
    ),
    MeasureFacts(
        name="exact_match",
        title="Exact match",
        stage=Stage.GENERATION,
        definition="Share of answers that are a reference, but for case, punctuation and articles.",
        unit="share",
        better="higher",
    ),
    MeasureFacts(
        name="f1_given_answer",
        title="F1 given the answer",
        stage=Stage.GENERATION,
        definition="F1 of words of the questions whose answer stood in the prompt.",
        unit="score",
        better="higher",
    ),
    MeasureFacts(
        name="answer_in_prompt",
        title="Answer before the model",
        stage=Stage.ASSEMBLY,
        definition="Share of questions of which a reference stands, word for word, in the passages of the prompt.",
        unit="share",
        better="higher",
    ),
    MeasureFacts(
        name="ndcg_at_10",
        title="nDCG@10",
        stage=Stage.RETRIEVAL,
        definition="Normalised discounted cumulative gain of the first ten passages (Järvelin and Kekäläinen 2002).",
        unit="score",
        better="higher",
    ),
    MeasureFacts(
        name="prompt_tokens",
        title="Tokens of the prompt",
        stage=Stage.ASSEMBLY,
        definition="Tokens that the engine read for an answer.",
        unit="tokens",
        better="lower",
    ),
    MeasureFacts(
        name="faithfulness",
        title="Faithfulness",
        stage=Stage.GENERATION,
        definition="Share of the statements of an answer that follow from its passages, as the judge sees it.",
        unit="share",
        better="higher",
        ragas="Faithfulness",
    ),
    MeasureFacts(
        name="citation_support",
        title="Cites what it says",
        stage=Stage.GENERATION,
        definition="Share of citations whose passage has most content words of the answer.",
        unit="share",
        better="higher",
    ),
    MeasureFacts(
        name="unknown_unanswerable",
        title="Right “I don't know”",
        stage=Stage.GENERATION,
        definition="Share of the questions without an answer that got “I don't know”.",
        unit="share",
        better="higher",
    ),
    MeasureFacts(
        name="unknown_answerable",
        title="Wrong “I don't know”",
        stage=Stage.GENERATION,
        definition="Share of the questions with an answer that got “I don't know”.",
        unit="share",
        better="lower",
    ),
    MeasureFacts(
        name="paraphrase_agreement",
        title="Agreement across paraphrases",
        stage=Stage.CONSISTENCY,
        definition="Mean F1 of words between answers to the same question in other words.",
        unit="score",
        better="higher",
    ),
)

LABEL_MEASURES = (
    MeasureFacts(
        name="accuracy",
        title="Accuracy",
        stage=Stage.CLASSIFICATION,
        definition="Share of questions whose class is said.",
        unit="share",
        better="higher",
    ),
)

ARMS: dict[str, dict[str, float | None]] = {
    "base": {
        "token_f1": 0.079, "exact_match": 0.0, "f1_given_answer": None, "answer_in_prompt": None, "ndcg_at_10": None,
        "prompt_tokens": 42, "faithfulness": None, "citation_support": None, "unknown_unanswerable": 0.0,
        "unknown_answerable": 0.0, "paraphrase_agreement": 0.21,
    },
    "prompted": {
        "token_f1": 0.072, "exact_match": 0.0, "f1_given_answer": None, "answer_in_prompt": None, "ndcg_at_10": None,
        "prompt_tokens": 318, "faithfulness": None, "citation_support": None, "unknown_unanswerable": 0.05,
        "unknown_answerable": 0.05, "paraphrase_agreement": 0.24,
    },
    "rag": {
        "token_f1": 0.241, "exact_match": 0.052, "f1_given_answer": 0.312, "answer_in_prompt": 0.716,
        "ndcg_at_10": 0.583, "prompt_tokens": 702, "faithfulness": 0.61, "citation_support": 0.47,
        "unknown_unanswerable": 0.22, "unknown_answerable": 0.06, "paraphrase_agreement": 0.48,
    },
    "tuned": {
        "token_f1": 0.113, "exact_match": 0.013, "f1_given_answer": None, "answer_in_prompt": None,
        "ndcg_at_10": None, "prompt_tokens": 42, "faithfulness": None, "citation_support": None,
        "unknown_unanswerable": 0.38, "unknown_answerable": 0.31, "paraphrase_agreement": 0.33,
    },
    "hybrid": {
        "token_f1": 0.398, "exact_match": 0.228, "f1_given_answer": 0.512, "answer_in_prompt": 0.716,
        "ndcg_at_10": 0.583, "prompt_tokens": 702, "faithfulness": 0.78, "citation_support": 0.69,
        "unknown_unanswerable": 0.83, "unknown_answerable": 0.19, "paraphrase_agreement": 0.66,
    },
}  # fmt: skip
"""Means by measure."""

COSTS: dict[str, tuple[float, float, float | None]] = {
    "base": (2.41, 3.02, 0.067),
    "prompted": (2.66, 3.31, 0.074),
    "rag": (3.18, 4.90, 0.088),
    "tuned": (0.92, 1.71, 0.026),
    "hybrid": (1.84, 3.75, 0.051),
}
"""Seconds at the median and at p95, and the money of 1,000 answers."""

_SLICES = {
    "single-hop": (0.0, 171),
    "multi-hop": (-0.06, 38),
    "table": (-0.11, 23),
    "out-of-domain": (None, 40),
}
_KINDS = ("base", "prompted", "rag", "tuned", "hybrid")


def interval(mean: float, half: float) -> Interval:
    """An interval that reaches so far to either side."""
    return Interval(mean=mean, low=mean - half, high=mean + half)


def figure(measure: str, mean: float | None, cases: int = 232, failed: int = 0, half: float = 0.04) -> Figure:
    """A figure; with `failed`, bounds that follow from it."""
    if mean is None:
        return Figure(measure=measure, estimate=None, cases=0, failed=failed)
    bounds = None
    if failed:
        whole = cases + failed
        bounds = (mean * cases / whole, (mean * cases + failed) / whole)
    width = half * mean if mean > 1 else min(half, mean, 1 - mean)
    return Figure(measure=measure, estimate=interval(mean, width), cases=cases, failed=failed, bounds=bounds)


def difference(
    one: str, other: str, mean: float, verdict: str, measure: str = "token_f1", **more: Any
) -> Difference:
    """A difference whose interval and p-values go with its verdict."""
    shown = verdict in ("better", "worse")
    facts: dict[str, Any] = {
        "estimate": interval(mean, abs(mean) / 2 if shown else abs(mean) + 0.02),
        "cases": 232,
        "p_value": 0.0004 if shown else 0.41,
        "p_adjusted": 0.0036 if shown else 0.82,
        "detectable": 0.083 if verdict == "too few" else 0.034,
        "needed": 640 if verdict == "too few" else 108,
    }
    return Difference(measure=measure, one=one, other=other, verdict=verdict, **(facts | more))


def arm(name: str, means: Mapping[str, float | None], kind: str = "other", **more: Any) -> Arm:
    """An arm with these means, slices of the leading measure, and what its kind has."""
    retrieves, trained = kind in ("rag", "hybrid"), kind in ("tuned", "hybrid")
    p50, p95, price = COSTS.get(kind, (1.5, 2.5, 0.05))
    lead = next(iter(means))
    fields: dict[str, Any] = {
        "name": name,
        "recipe_version": f"{name}@1",
        "kind": kind,
        "model": "SmolLM2-135M-Instruct",
        "adapter": "covidqa@1" if trained else None,
        "retrieves": retrieves,
        "figures": tuple(figure(measure, mean) for measure, mean in means.items()),
        "slices": tuple(_slices(lead, means)),
        "cost": Cost(
            seconds_p50=p50,
            seconds_p95=p95,
            first_token_s_p50=p50 / 5,
            first_token_s_p95=p95 / 4,
            tokens_in=means.get("prompt_tokens") or 40,
            tokens_out=22 if trained else 58,
            tokens_per_s=31.4,
            money_per_1000=price,
            money_basis="USD, 0.10 an hour of this machine" if price is not None else "no price is set",
            training_s=2200.6 if trained else None,
            storage_bytes=(19_600_000 if trained else 0) + (14_200_000 if retrieves else 0) or None,
            set_up_s=(2200.6 if trained else 0) + (74.0 if retrieves else 0) or None,
        ),
        "asked": 272,
        "failed": 0,
        "risk_coverage": _risk(means.get(lead) or 0.1, kind),
        "learning_curve": _CURVE if trained else (),
    }
    return Arm(**(fields | more))


def comparison(
    means: Mapping[str, Mapping[str, float | None]] | None = None,
    verdicts: Mapping[tuple[str, str], str] | None = None,
    **more: Any,
) -> Comparison:
    """Five arms, hybrid the clear winner, or what `means` and `verdicts` (by pair) say; with its recommendation."""
    known = ARMS if means is None else means
    arms = tuple(arm(name, each, name if name in _KINDS else "other") for name, each in known.items())
    lead = next(iter(next(iter(known.values()))))
    fields: dict[str, Any] = {
        "title": "covidqa: five arms on 232 questions",
        "created": "2026-11-28T10:40:00Z",
        "command": "tandem compare --corpus covidqa --set covidqa-dev --arms base,prompted,rag,tuned,hybrid",
        "run": "r-7f3a21",
        "corpora": {"covidqa": {"documents": 147, "chunks": 2647, "version": "5d1c0a"}},
        "eval_set": {
            "name": "covidqa-dev", "version": 1, "hash": "9b7e4c02d5", "cases": 272, "answerable": 232,
            "tags": {"single-hop": 171, "multi-hop": 38, "table": 23, "out-of-domain": 40},
        },
        "leading": lead,
        "measures": MEASURES if lead != "accuracy" else LABEL_MEASURES,
        "arms": arms,
        "differences": tuple(all_pairs(known, verdicts or {}, lead)),
        "examples": EXAMPLES if means is None else (),
        "made_with": {
            "versions": {"tandem": "0.1.0", "vllm": "0.32.0", "ragas": "0.4.3"}, "seed": 0, "temperature": 0.0,
            "processor": "two cores of an x86-64 processor", "at_once": 8,
        },
    }  # fmt: skip
    made = Comparison(**(fields | more))
    return made.model_copy(update={"recommendation": recommend(made)})


def all_pairs(
    means: Mapping[str, Mapping[str, float | None]], verdicts: Mapping[tuple[str, str], str], lead: str
) -> list[Difference]:
    """Of each pair of arms, the later less the earlier; without a verdict of its own, by whether it is 3 points."""
    made = []
    for other, one in combinations(means, 2):
        ours, theirs = means[one][lead], means[other][lead]
        if ours is None or theirs is None:
            continue
        gap = ours - theirs
        own = verdicts.get((one, other))
        seen = ("better" if gap > 0 else "worse") if abs(gap) > 0.03 else "no difference seen"
        made.append(difference(one, other, gap, own or seen, lead))
    if {"hybrid", "rag"} <= set(means) and lead == "token_f1" and means is ARMS:
        made += [
            difference("hybrid", "rag", 0.61, "better", "unknown_unanswerable", cases=40),
            difference("hybrid", "rag", 0.13, "worse", "unknown_answerable"),
            difference("hybrid", "rag", 0.176, "better", "exact_match"),
            difference("hybrid", "rag", 0.17, "better", slice="single-hop", cases=171),
            difference("hybrid", "rag", 0.11, "too few", slice="multi-hop", cases=38, detectable=0.124),
            difference("hybrid", "rag", -0.09, "worse", slice="table", cases=23),
        ]
    return made


def _slices(lead: str, means: Mapping[str, float | None]) -> list[Slice]:
    mean = means[lead]
    if mean is None:
        return []
    made = []
    for tag, (shift, cases) in _SLICES.items():
        if shift is None:
            share = means.get("unknown_unanswerable")
            made.append(
                Slice(
                    tag=tag, cases=cases, figures=(figure("unknown_unanswerable", share, cases, half=0.11),)
                )
            )
            continue
        of_tag = (
            figure(lead, max(mean + shift, 0.01), cases, half=0.06),
            figure("exact_match", means.get("exact_match")),
        )
        made.append(Slice(tag=tag, cases=cases, figures=of_tag))
    return made


def _risk(mean: float, kind: str) -> tuple[CurvePoint, ...]:
    if kind not in ("rag", "hybrid"):
        return ()
    return tuple(CurvePoint(x=n / 20, y=max(0.05, 1 - mean * (1.6 - 0.6 * n / 20))) for n in range(1, 21))


_CURVE = tuple(
    CurvePoint(x=step, y=loss)
    for step, loss in ((0, 1.872), (30, 0.741), (60, 0.681), (90, 0.694), (118, 0.702))
)

EXAMPLES: Sequence[Example] = (
    Example(
        case="q17",
        question="How long does the virus stay infectious on steel?",
        references=("up to 72 hours", "72 hours"),
        answers={
            "base": "The virus can survive on surfaces for a long time, depending on many factors such as temperature.",
            "prompted": "It depends on the surface. Steel is a metal, and metals are cold.",
            "rag": "The passages describe survival on steel and plastic, and on copper it is shorter [1].",
            "tuned": "I don't know.",
            "hybrid": "up to 72 hours [1]",
        },
        scores={"base": 0.0, "prompted": 0.0, "rag": 0.08, "tuned": 0.0, "hybrid": 1.0},
        abstained=("tuned",),
    ),
    Example(
        case="q52",
        question="Which share of the cases in table 2 had a fever?",
        references=("43.8%",),
        answers={
            "base": "About half.",
            "prompted": "Step 1: find the table. Step 2: read it.",
            "rag": "43.8% on admission, 88.7% later [2].",
            "tuned": "80%",
            "hybrid": "88.7% [2]",
        },
        scores={"base": 0.0, "prompted": 0.0, "rag": 0.4, "tuned": 0.0, "hybrid": 0.0},
    ),
)
