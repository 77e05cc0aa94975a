"""Finds what a question is answered from: its passages, how sure they are, and whether it is of the domain at all.

A recipe may say what becomes of a question from outside: nothing (`answer`), an abstention, or another recipe.
"""

from dataclasses import dataclass

import structlog

from server.answering.asked import AskedVector
from server.answering.condense import condense
from server.answering.expand import find_passages
from server.answering.generate import ticket_of
from server.answering.judge import judge
from server.answering.timings import Timings
from server.answering.types import Question
from server.drift.domains import Asked, Judged
from server.services import Services
from tandem.errors import NotFoundError
from tandem.recipes import Recipe
from tandem.recipes.recipe import ABSTAIN, ANSWER
from tandem.vocabulary import Passage

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """What there is before the model is asked."""

    recipe: Recipe
    """The one that answers."""
    passages: list[Passage]
    """Best first; none where the recipe retrieves nothing."""
    evidence: float | None
    """`None` where the recipe retrieves nothing."""
    search: str
    """What was searched for: the question, or what a follow-up was made into."""
    asked: AskedVector
    domain: Judged
    routed_from: str | None = None
    """The recipe that handed the question on, `NAME@VERSION`."""
    withheld: bool = False
    """Whether the recipe does not answer, because the question is from outside."""
    half_judged: bool = False
    """Whether the evidence lacks what the model should have said of the question."""

    @property
    def makeshift(self) -> bool:
        """Whether something else scored the passages, or their evidence, than does where all goes well."""
        profile = self.recipe.retrieval
        if profile is None:
            return False
        return self.half_judged or any(each.scored_by != profile.scored_by for each in self.passages[:1])


async def find(question: Question, recipe: Recipe, services: Services, timings: Timings) -> Found:
    """Search, judge the evidence and the distance, and route. Raises as `find_passages` does.

    A recipe that retrieves nothing has its question embedded only if something may follow from it.
    """
    asked = AskedVector()
    found = await _search(question, recipe, asked, services, timings)
    if recipe.retrieval is None and recipe.outside != ANSWER:
        with timings.step("embed"), services.live.reading() as collection:
            await asked.of(question.text, collection.embedder)
    with timings.step("domain"):
        domain = _judged(question, recipe, asked, found, services)
    if not domain.outside or recipe.outside == ANSWER:
        return found.of(recipe, asked, domain)
    if recipe.outside == ABSTAIN:
        return found.of(recipe, asked, domain, withheld=True)
    other = route_of(recipe, services)
    if other.retrieval != recipe.retrieval:
        found = await _search(question, other, asked, services, timings)
    return found.of(other, asked, domain, routed_from=f"{recipe.name}@{recipe.version}")


@dataclass(frozen=True, slots=True)
class _Searched:
    """What one search brought."""

    text: str
    passages: list[Passage]
    evidence: float | None
    half_judged: bool = False

    def of(
        self,
        recipe: Recipe,
        asked: AskedVector,
        domain: Judged,
        *,
        routed_from: str | None = None,
        withheld: bool = False,
    ) -> Found:
        """With what else there is before the model is asked."""
        return Found(
            recipe=recipe,
            passages=self.passages,
            evidence=self.evidence,
            search=self.text,
            asked=asked,
            domain=domain,
            routed_from=routed_from,
            withheld=withheld,
            half_judged=self.half_judged,
        )


async def _search(
    question: Question, recipe: Recipe, asked: AskedVector, services: Services, timings: Timings
) -> _Searched:
    if recipe.retrieval is None:
        return _Searched(question.text, [], None)
    with timings.step("condense"):
        search = await condense(question, recipe, services)
    passages = await find_passages(question, search, recipe, services, timings, asked)
    with timings.step("evidence"):
        salt = services.salting.of(question.caller.tenant)
        judged = await judge(search, passages, services, ticket=ticket_of(question), salt=salt)
        return _Searched(search, passages, judged.evidence, judged.makeshift)


def _judged(
    question: Question,
    recipe: Recipe,
    asked: AskedVector,
    found: _Searched,
    services: Services,
) -> Judged:
    similarity = max((passage.similarity for passage in found.passages), default=0.0)
    known = Asked(
        asked.embedder, asked.vector, None if recipe.retrieval is None else similarity, found.evidence or 0.0
    )
    return services.domains.judge(question.caller.tenant, recipe.model, known)


def route_of(recipe: Recipe, services: Services) -> Recipe:
    """The recipe that gets the question; it keeps it, wherever it is from. The same one where that has gone."""
    try:
        return services.recipes.find(recipe.outside)
    except NotFoundError as error:
        log.warning("route_not_found", recipe=recipe.name, outside=recipe.outside, error=error.message)
        return recipe
