"""Looks for the passages of a question and says how sure they are, without an answer: for calibration."""

from collections.abc import Sequence
from dataclasses import dataclass

from server.admission import Ticket
from server.answering.evidence import evidence_of
from server.answering.evidence_features import features
from server.answering.expand import find_passages
from server.answering.explained import explained
from server.answering.leaving_out import leaving_out, versions_of
from server.answering.timings import Timings
from server.answering.types import Question
from server.calibration import NOT_ASKED, Explained
from server.services import Services
from tandem.errors import EngineUnavailableError, InvalidRequestError
from tandem.recipes import MODEL
from tandem.threads import in_thread
from tandem.vocabulary import Caller, Passage

_PATIENCE_S = 60.0
"""Nobody waits for an answer here, and the engine may have other questions, or its first ones, to do."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a question brings."""

    features: tuple[float, ...]
    """In the order of `server.calibration.FEATURES`; none without passages."""
    evidence: float
    """Probability that the passages hold the answer, by the calibration that serves."""
    passages: tuple[Passage, ...]
    documents: tuple[str, ...]
    """Ids of the documents that were named, and of those that are searched in their place."""
    embedder: str
    """Fingerprint of the embedder that the cosines are of."""
    scored_by: str
    """What made the passages' scores; empty without passages."""
    model: str
    """The engine's, which is asked for the likelihood."""


async def look(
    caller: Caller,
    question: str,
    corpus: str,
    documents: Sequence[str],
    services: Services,
    *,
    leave_out: bool,
    recipe: str | None = None,
    likelihood: bool = False,
) -> Look:
    """The passages that a recipe (by default the champion) finds; with `leave_out` none of `documents`.

    It searches for further texts where the recipe does, and the engine can be asked. With `likelihood` the engine is
    asked how much of the question the best passage explains, which is 0 among the features otherwise.
    Raises `NotFoundError` for an unknown corpus, recipe or document (its id or its address), and
    `InvalidRequestError` for a recipe that retrieves nothing, `EngineUnavailableError` where the engine is to say
    something and does not.
    """
    model = f"{MODEL}:{recipe}" if recipe else MODEL
    chosen = services.recipes.of_model(model)
    if chosen.retrieval is None:
        raise InvalidRequestError(
            f"The recipe {chosen.name} retrieves nothing", param="recipe", hint="Name one that does: rag."
        )
    named = await in_thread(versions_of, caller, (corpus,), documents, services.store)
    with leaving_out(services, frozenset(named.items()) if leave_out else frozenset()) as narrowed:
        asked = Question(caller, model, question, corpora=(corpus,))
        found = await find_passages(asked, question, chosen, narrowed, Timings())
        embedder = narrowed.live.collection.embedder.fingerprint
    scored_by = found[0].scored_by if found else ""
    serving = services.calibration.where_scored_by(scored_by)
    said = await _explained(asked, found[0], services) if likelihood and found else None
    return Look(
        features(question, found, serving.words, said or NOT_ASKED) if found else (),
        evidence_of(question, found, services.calibration, said),
        tuple(found),
        tuple(named),
        embedder,
        scored_by,
        services.settings.engine.model,
    )


async def _explained(question: Question, passage: Passage, services: Services) -> Explained:
    ticket = Ticket(question.caller.tenant, background=True)
    said = await explained(question.text, passage, services, ticket=ticket, timeout_s=_PATIENCE_S)
    if said is None:
        raise EngineUnavailableError(
            "The engine did not say how likely the question is", hint="See the server's log; try it again."
        )
    return said
