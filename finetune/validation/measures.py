"""The figures of one recipe over many questions, and of two recipes over the same ones."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from finetune.validation.labels import accuracy, macro_f1, majority
from finetune.validation.outcome import Outcome
from tandem.resampling import Estimate, bootstrap_difference, bootstrap_mean, bootstrap_ratio


@dataclass(frozen=True, slots=True)
class Citations:
    """Of the citations of answers to answerable questions; the shares are `None` where none was given."""

    given: int
    reference: Estimate | None
    """Share whose passage has a reference, word after word."""
    reference_words: Estimate | None
    """Share whose passage has most content words of a reference."""
    answer_words: Estimate | None
    """Share whose passage has most content words of the answer that cites it."""


@dataclass(frozen=True, slots=True)
class Labels:
    """Of questions that ask for a class."""

    accuracy: Estimate
    macro_f1: float
    majority: str
    """The most frequent class."""
    majority_accuracy: float
    unread: int
    """Answers that name no class, or several."""


@dataclass(frozen=True, slots=True)
class Measures:
    """What one recipe did. Intervals are those of 95% under resampling of the questions."""

    answerable: int
    unanswerable: int
    exact_match: Estimate | None
    """Shares in [0, 1] of answerable questions, here and below; `None` without any."""
    f1: Estimate | None
    contains: Estimate | None
    unknown_answerable: Estimate | None
    """Share of answerable questions that were answered by "I don't know."."""
    unknown_unanswerable: Estimate | None
    """The same of those without an answer: here it is right."""
    citations: Citations
    labels: Labels | None
    tokens_in: float
    """Mean of an answer."""
    tokens_out: float
    seconds: float
    """Median of an answer, with others asked at the same time."""


@dataclass(frozen=True, slots=True)
class Differences:
    """Of ours less theirs over the same questions; `None` where there are none of the kind."""

    exact_match: Estimate | None
    f1: Estimate | None
    contains: Estimate | None
    unknown_answerable: Estimate | None
    unknown_unanswerable: Estimate | None
    accuracy: Estimate | None


def measure(outcomes: Sequence[Outcome]) -> Measures:
    """The figures of one recipe. Raises `ValueError` for no outcomes."""
    if not outcomes:
        raise ValueError("there is nothing to measure")
    there = [one for one in outcomes if one.answerable]
    missing = [one for one in outcomes if not one.answerable]
    return Measures(
        answerable=len(there),
        unanswerable=len(missing),
        exact_match=_mean(there, _exact),
        f1=_mean(there, _f1),
        contains=_mean(there, _contains),
        unknown_answerable=_mean(there, _unknown),
        unknown_unanswerable=_mean(missing, _unknown),
        citations=_citations(there),
        labels=_labels(there),
        tokens_in=statistics.fmean(one.tokens_in for one in outcomes),
        tokens_out=statistics.fmean(one.tokens_out for one in outcomes),
        seconds=statistics.median(one.seconds for one in outcomes),
    )


def compare(ours: Sequence[Outcome], theirs: Sequence[Outcome]) -> Differences:
    """Ours less theirs. Raises `ValueError` where they are not of the same questions in the same order."""
    if [(one.id, one.answerable) for one in ours] != [(one.id, one.answerable) for one in theirs]:
        raise ValueError("only answers to the same questions can be compared")
    there = [pair for pair in zip(ours, theirs, strict=True) if pair[0].answerable]
    missing = [pair for pair in zip(ours, theirs, strict=True) if not pair[0].answerable]
    labelled = [pair for pair in there if pair[0].label is not None]
    return Differences(
        exact_match=_difference(there, _exact),
        f1=_difference(there, _f1),
        contains=_difference(there, _contains),
        unknown_answerable=_difference(there, _unknown),
        unknown_unanswerable=_difference(missing, _unknown),
        accuracy=_difference(labelled, _is_right_class),
    )


def _exact(one: Outcome) -> float:
    return one.exact


def _f1(one: Outcome) -> float:
    return one.f1


def _contains(one: Outcome) -> float:
    return one.contains


def _unknown(one: Outcome) -> float:
    return float(one.unknown)


def _is_right_class(one: Outcome) -> float:
    return float(one.label == one.said_label)


def _mean(outcomes: Sequence[Outcome], value: Callable[[Outcome], float]) -> Estimate | None:
    return bootstrap_mean([value(one) for one in outcomes]) if outcomes else None


def _difference(
    pairs: Sequence[tuple[Outcome, Outcome]], value: Callable[[Outcome], float]
) -> Estimate | None:
    if not pairs:
        return None
    return bootstrap_difference([value(one) for one, _ in pairs], [value(other) for _, other in pairs])


def _citations(there: Sequence[Outcome]) -> Citations:
    counts = [one.citations for one in there]
    given = [float(one.given) for one in counts]
    if not sum(given):
        return Citations(0, None, None, None)
    return Citations(
        int(sum(given)),
        bootstrap_ratio([one.reference for one in counts], given),
        bootstrap_ratio([one.reference_words for one in counts], given),
        bootstrap_ratio([one.answer_words for one in counts], given),
    )


def _labels(there: Sequence[Outcome]) -> Labels | None:
    labelled = [(one.label, one.said_label) for one in there if one.label is not None]
    if not labelled:
        return None
    wanted, said = [label for label, _ in labelled], [label for _, label in labelled]
    most = majority(wanted)
    return Labels(
        accuracy=bootstrap_mean([float(one == other) for one, other in labelled]),
        macro_f1=macro_f1(wanted, said),
        majority=most,
        majority_accuracy=accuracy(wanted, [most] * len(wanted)),
        unread=said.count(None),
    )
