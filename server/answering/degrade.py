"""What stands in for an answer that the engine cannot write: the best passages, and a plain word that it is so."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from server.answering.cite import citation_of
from server.answering.types import Question
from server.services import Services
from tandem.engine import EngineState
from tandem.errors import EngineFailedError, EngineUnavailableError, TandemError, UnavailableError
from tandem.recipes import Recipe
from tandem.vocabulary import Citation, Passage

DegradedReason = Literal[
    "starting",
    "restarting",
    "failed",
    "stopped",
    "down",
    "hung",
    "overloaded",
    "garbled",
    "breaker_open",
    "switched",
]
"""Why the engine did not write: its state, what its last try came to, or that somebody has decided so."""

_REASONS = frozenset(get_args(DegradedReason))
_SHOWN = 5
_LONGEST_QUOTE = 400
# Without brackets a quote holds no link, no image and no mark of another passage, and without angles no element.
_PLAIN = str.maketrans({"[": "(", "]": ")", "<": "‹", ">": "›"})
_SAID = (
    "The answer could not be written: the language model is not available now. "
    "These passages of the documents fit the question best."
)


@dataclass(frozen=True, slots=True)
class Degraded:
    """The text in place of an answer, and the places that its marks stand for."""

    text: str
    citations: tuple[Citation, ...]
    reason: DegradedReason


def degraded(
    question: Question,
    recipe: Recipe,
    passages: Sequence[Passage],
    error: UnavailableError | EngineFailedError,
    services: Services,
) -> Degraded:
    """The passages, best first, each with the sentence that fits the question best.

    Raises `error` itself where nothing may stand in: the recipe retrieves nothing, JSON was asked for, or the
    settings or the request want the error.
    """
    if (
        recipe.retrieval is None
        or not passages
        or question.response_format is not None
        or not question.may_degrade
        or services.settings.answer.degraded == "error"
    ):
        raise error
    best = enumerate(passages[:_SHOWN], start=1)
    citations = tuple(citation_of(passage, n, question.text) for n, passage in best)
    return Degraded("\n\n".join((_SAID, *map(_line, citations))), citations, reason_of(error, services))


def reason_of(error: TandemError, services: Services) -> DegradedReason:
    """One of a few words for why the engine did not write."""
    if isinstance(error, EngineFailedError):
        return "garbled"
    if not isinstance(error, EngineUnavailableError):
        return "overloaded"  # of what guards the engine
    state = services.engine.state
    word = error.reason if error.reason != "down" or state is EngineState.READY else state.value
    return word if word in _REASONS else "down"  # type: ignore[return-value]


def check_switch(recipe: Recipe, services: Services) -> None:
    """Raises `EngineUnavailableError` where somebody has switched to passages alone."""
    if recipe.retrieval is not None and services.resilience.passages_only:
        raise EngineUnavailableError(
            "Answers are switched to passages alone",
            hint="Whoever did so can switch back.",
            reason="switched",
        )


def _line(citation: Citation) -> str:
    quote = " ".join(citation.quote.split())
    quote = quote if len(quote) <= _LONGEST_QUOTE else f"{quote[:_LONGEST_QUOTE].rstrip()} …"
    place = citation.title or citation.uri
    if citation.page is not None:
        place += f", page {citation.page}"
    return f"[{citation.n}] " + f"{place}: “{quote}”".translate(_PLAIN)
