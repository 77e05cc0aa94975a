"""One validation from top to bottom: what is asked of which recipe, and what becomes of the answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from finetune.dataset.questions import SourceQuestion
from finetune.validation.asking import Ask, KnowRecipe, Moved, Reply, Wish, ask_all
from finetune.validation.outcome import Outcome, outcome_of
from finetune.validation.plain import Forgetting, forgetting, plain_questions
from tandem.errors import InvalidRequestError


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be asked."""

    questions: tuple[SourceQuestion, ...]
    recipes: tuple[str, ...]
    corpora: tuple[str, ...] = ()
    left_out: bool = False
    """Whether each question that has an answer is asked once more, without its documents."""
    max_tokens: int | None = None
    instructions: str = ""
    at_once: int = 8


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of a plan."""

    outcomes: dict[str, list[Outcome]]
    """By recipe: all questions as they are, then those with their documents left out."""
    versions: dict[str, str]


async def run_plan(
    plan: Plan,
    ask: Ask,
    know: KnowRecipe,
    kept: Path,
    moved: Moved = lambda done, total, tokens: None,
) -> Asked:
    """Ask every question of every recipe; `kept` has the answers as they come, and is read first.

    The recipes take turns question by question, so that none has a quieter machine than the others. Raises what
    `ask` and `know` raise, and `StorageError`.
    """
    known = {recipe: await know(recipe) for recipe in plan.recipes}
    cases = [(question, False) for question in plan.questions]
    if plan.left_out:
        cases += [(one, True) for one in plan.questions if one.answerable and not one.elsewhere]
    wishes = [
        Wish(
            recipe=recipe,
            version=known[recipe].version,
            id=question.id,
            question=question.question,
            # What retrieves nothing answers alike, whatever is left out: it is asked once.
            without=question.documents if left_out and known[recipe].retrieves else (),
            corpora=plan.corpora,
            instructions=plan.instructions,
            max_tokens=plan.max_tokens,
        )
        for question, left_out in cases
        for recipe in plan.recipes
    ]
    replies = iter(await ask_all(wishes, ask, kept, at_once=plan.at_once, moved=moved))
    outcomes: dict[str, list[Outcome]] = {recipe: [] for recipe in plan.recipes}
    for question, left_out in cases:
        for recipe in plan.recipes:
            outcomes[recipe].append(outcome_of(question, next(replies), left_out=left_out))
    return Asked(outcomes, {recipe: one.version for recipe, one in known.items()})


async def run_plain(
    before: str,
    after: str,
    ask: Ask,
    know: KnowRecipe,
    kept: Path,
    *,
    at_once: int = 8,
    moved: Moved = lambda done, total, tokens: None,
) -> Forgetting:
    """Put the plain questions to two recipes, one of them with the adapter.

    Raises as `run_plan`, and `InvalidRequestError` for a recipe that retrieves.
    """
    questions = plain_questions()
    known = {recipe: await know(recipe) for recipe in (before, after)}
    for recipe, one in known.items():
        if one.retrieves:
            raise InvalidRequestError(
                f"The recipe {recipe} retrieves, and plain questions are not of the documents",
                param="plain",
                hint="Name one that does not, such as base or tuned.",
            )
    wishes = [
        Wish(recipe=recipe, version=known[recipe].version, id=one.id, question=one.question, max_tokens=64)
        for recipe in (before, after)
        for one in questions
    ]
    replies: Sequence[Reply] = await ask_all(wishes, ask, kept, at_once=at_once, moved=moved)
    texts = [reply.text for reply in replies]
    return forgetting(questions, texts[: len(questions)], texts[len(questions) :])
