"""Makes the thresholds of a tenant: from the answers of its reference, or from questions that are searched for."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from server.drift.conformal import fewest
from server.drift.distance import combined, to_all, to_known
from server.drift.domains import BOTH, CORPUS, QUESTIONS
from server.drift.sample import Sample, bytes_of, kept_sample
from tandem.errors import NotFoundError, TooFewExamplesError
from tandem.store import DriftReference, OutsideCalibration

_SEED = 5
_MOST_KNOWN = 1_000
"""Known questions, more of which would cost each question time and bring it no nearer."""


def calibration_of(
    sample: Sample, embedder: str, tenant: str, rate: float, source: str, author: str
) -> OutsideCalibration:
    """Half of the questions count as known; the distances of the other half, which were not, give the thresholds.

    Which half is drawn by chance, so that both are of the same time. Raises `TooFewExamplesError` where the
    thresholds could not hold the rate, not even a recipe's with two distances, which get half of it each.
    """
    count, least = len(sample.vectors), 2 * fewest(rate / 2)
    if count < least:
        raise TooFewExamplesError(
            f"There are {count} questions with vectors; for {rate:.0%} false alarms it takes {least}",
            param="false_alarms",
            hint="Wait until more were asked, name an eval set, or raise drift.false_alarms.",
        )
    drawn = np.random.default_rng(_SEED).permutation(count)
    known, others = drawn[: min(count // 2, _MOST_KNOWN)], drawn[count // 2 :]
    vectors, bank = sample.vectors[others], sample.vectors[known]
    similarity, evidence = sample.similarity[others], sample.evidence[others]
    searched = sample.similarity > -1
    distances = {
        CORPUS: combined(1 - sample.similarity[searched], sample.evidence[searched]),
        QUESTIONS: to_known(vectors, bank),
        BOTH: to_all(vectors, bank, similarity, evidence)[similarity > -1],
    }
    return OutsideCalibration(
        tenant=tenant,
        number=0,
        embedder=embedder,
        false_alarms=rate,
        questions=count,
        source=source,
        author=author,
        made_at=datetime.now(UTC),
        dimension=bank.shape[1],
        known=bytes_of(bank),
        distances={kind: np.sort(np.asarray(values)).tolist() for kind, values in distances.items()},
    )


def calibration_of_reference(
    reference: DriftReference | None, tenant: str, rate: float, author: str
) -> OutsideCalibration:
    """From the answers that the tenant's reference is of. Raises `NotFoundError`, and as `calibration_of`."""
    if reference is None or reference.complete_at is None:
        raise NotFoundError(
            "There is no reference yet, or not all of it",
            hint="Name an eval set (--set NAME), or wait until drift.reference questions were answered.",
        )
    sample = kept_sample(reference)
    return calibration_of(sample, reference.embedder, tenant, rate, reference.source, author)


def sample_of_searched(
    vectors: Sequence[np.ndarray], similarity: Sequence[float], evidence: Sequence[float]
) -> Sample:
    """Questions that were searched for and not answered."""
    now = datetime.now(UTC)
    return Sample(
        len(vectors),
        now,
        now,
        {"similarity": list(similarity), "evidence": list(evidence), "answer_chars": [], "abstained": []},
        np.stack(vectors).astype(np.float32) if vectors else np.zeros((0, 0), np.float32),
        np.array(similarity, np.float32),
        np.array(evidence, np.float32),
        (),
    )
