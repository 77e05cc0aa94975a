"""The five recipes that the settings make: the arms of the question that Tandem exists for."""

from dataclasses import replace

from tandem.abstention import Abstaining
from tandem.engine import Sampling
from tandem.errors import SettingsError
from tandem.examples import FewShot
from tandem.prompts import PromptLibrary
from tandem.recipes.book import RecipeBook
from tandem.recipes.recipe import ReasoningMarks, Recipe
from tandem.retrieval_profile import RetrievalProfile, retrieval_profile
from tandem.settings import Settings


def builtin_recipes(
    settings: Settings,
    prompts: PromptLibrary,
    examples: str | None = None,
    calibration: str = "",
    adapter: str | None = None,
    abstaining: Abstaining | None = None,
) -> RecipeBook:
    """`base`, `prompted`, `rag`, and with an adapter `tuned` and `hybrid`.

    The adapter is the first of `engine.adapters`; without any it is `adapter`, a registered `NAME@NUMBER`, whose
    `abstaining` `hybrid` takes over.

    `examples` is the digest of the few-shot examples in `answer.examples`; all recipes but `base` and
    `tuned` show some. `calibration` is the digest of the evidence's calibration. Raises `SettingsError` for an
    unknown champion or prompt.
    """
    retrieving = settings.answer.prompt
    if retrieving not in prompts.names():
        raise SettingsError(
            f"answer.prompt is {retrieving!r}, which is not a prompt here",
            param="answer.prompt",
            hint=f"Known: {', '.join(prompts.names())}.",
        )
    sampling = Sampling(max_tokens=settings.answer.answer_tokens)
    chosen = settings.answer
    marks = ReasoningMarks(chosen.reasoning_opens, chosen.reasoning_closes)
    reasoning = marks if marks.closes else None
    few_shot = FewShot(examples, chosen.examples_shown, chosen.examples_picked) if examples else None
    weights = settings.engine.address or settings.engine.model
    profile = replace(retrieval_profile(settings), calibration=calibration)

    def recipe(name: str, prompt: str, model: str, retrieval: RetrievalProfile | None) -> Recipe:
        return Recipe(
            name=name,
            prompt=prompt,
            prompt_version=prompts.version(prompt),
            template=prompts.text(prompt),
            model=model,
            weights=weights,
            retrieval=retrieval,
            sampling=sampling,
            reasoning=reasoning,
            few_shot=few_shot if prompt != "base" else None,
        )

    base = settings.engine.served_name
    recipes = [
        recipe("base", "base", base, None),
        recipe("prompted", "prompted", base, None),
        recipe("rag", retrieving, base, profile),
    ]
    if settings.engine.adapters:
        adapter, abstaining = next(iter(settings.engine.adapters)), None
    if adapter is not None:
        hybrid = replace(recipe("hybrid", retrieving, adapter, profile), abstaining=abstaining)
        recipes += [recipe("tuned", "base", adapter, None), hybrid]
    return RecipeBook(recipes, settings.answer.champion)
