"""Judges the evidence as the calibration that serves wants it: by the passages alone, or also by what a model says."""

from collections.abc import Sequence
from dataclasses import dataclass

from server.admission import Ticket
from server.answering.evidence import evidence_of
from server.answering.explained import explained
from server.services import Services
from tandem.vocabulary import Passage


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was judged of the passages of a question."""

    evidence: float
    """The probability that they hold the answer, as `evidence_of` gives it."""
    makeshift: bool = False
    """Whether the engine did not say what the calibration weighs."""


async def judge(
    question: str,
    passages: Sequence[Passage],
    services: Services,
    *,
    ticket: Ticket,
    salt: str | None = None,
) -> Judgement:
    """The engine is asked only where the calibration was fitted with what its model says."""
    calibration = services.calibration
    model = calibration.where_scored_by(passages[0].scored_by).model if passages else ""
    asks, said = bool(model) and model == services.settings.engine.model, None
    if asks:
        said = await explained(question, passages[0], services, ticket=ticket, salt=salt)
    return Judgement(evidence_of(question, passages, calibration, said), asks and said is None)
