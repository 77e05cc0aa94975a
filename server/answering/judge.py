"""Judges the evidence as the calibration that serves wants it: by the passages alone, or also by what a model says."""

from collections.abc import Sequence

from server.admission import Ticket
from server.answering.evidence import evidence_of
from server.answering.explained import explained
from server.services import Services
from tandem.vocabulary import Passage


async def judge(
    question: str,
    passages: Sequence[Passage],
    services: Services,
    *,
    ticket: Ticket,
    salt: str | None = None,
) -> float:
    """The probability that the passages hold the answer, as `evidence_of` gives it.

    The engine is asked only where the calibration was fitted with what its model says.
    """
    calibration = services.calibration
    model = calibration.where_scored_by(passages[0].scored_by).model if passages else ""
    said = None
    if model and model == services.settings.engine.model:
        said = await explained(question, passages[0], services, ticket=ticket, salt=salt)
    return evidence_of(question, passages, calibration, said)
